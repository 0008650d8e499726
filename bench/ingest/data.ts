// What a stored fleet looks like, for the benchmarks of ingest and store: of each 100 series 28 error
// rates that are nearly always 0, 7 states, 30 octet rates of which a third idle, 15 percentages, 10
// temperatures and 10 integer gauges.

/** A generator of numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const digits5 = (value: number) => Number(value.toPrecision(5))

/** Metric → share of the series, and a value of it. */
const KINDS: Record<
  string,
  { share: number; value: (random: () => number, row: number) => number }
> = {
  errors: { share: 0.28, value: random => (random() < 0.995 ? 0 : digits5(random())) },
  oper: { share: 0.07, value: random => (random() < 0.999 ? 1 : 2) },
  octets: {
    share: 0.3,
    value: (random, row) =>
      row % 3 === 0 ? 0 : digits5(10 ** (4 + (row % 5)) * (0.8 + 0.4 * random())),
  },
  percent: { share: 0.15, value: random => Math.round(300 + 100 * random()) / 10 },
  temperature: { share: 0.1, value: random => 40 + Math.round(4 * random()) / 2 },
  gauge: { share: 0.1, value: random => Math.round(1000 + 50 * random()) },
}

/** The rest of a collection after its head: rows of the largest metric, null where a metric has fewer. */
export function collectionText(seed: number, series: number): string {
  const random = randomOf(seed)
  const metrics: Record<string, number[]> = {}
  const rows = Math.ceil(series / Object.keys(KINDS).length)
  const names = Array.from({ length: rows }, (_, row) => `Gi1/0/${row}`)
  for (const [name, { value }] of Object.entries(KINDS))
    metrics[name] = names.map((_, row) => value(random, row))
  return JSON.stringify({ took: 41, ok: true, rows: names, metrics }).slice(1)
}
