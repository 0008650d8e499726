// How fast the store is: writing batches of 100 polls of 100 series, and reading a chart of 24 hours of
// 10 series. `node bench/store.ts [sqlite|mariadb] [batches]`; not a test, nothing depends on it.

import path from 'node:path'
import { pino } from 'pino'
import type { AcceptedCollection } from '../server/model/accepted.ts'
import type { Store } from '../server/store/contract.ts'
import { openStore } from '../server/store/open.ts'
import { tempDir } from '../test/parts/find.ts'
import { startMariaDb } from '../test/parts/mariadb.ts'

const DEVICES = 100
const SERIES = 100
const MINUTE = 60_000

const ends: (() => unknown)[] = []
const t = { teardown: (fn: () => unknown) => ends.push(fn) }
const say = (line: string) => process.stdout.write(`${line}\n`)
const rows = Array.from({ length: SERIES / 4 }, (_, index) => `Gi1/0/${index}`)

/** Error rates that are mostly 0, states, rates of five digits, and percentages. */
function poll(deviceUid: number, at: number): AcceptedCollection {
  const noise = (row: number) => ((at / MINUTE) * 7919 + row * 104_729) % 99_991
  const column = (make: (row: number) => number) => rows.map((_, row) => make(row))
  return {
    deviceUid,
    group: 'interface',
    at,
    rows,
    metrics: new Map([
      ['errors', column(() => 0)],
      ['oper', column(row => (row % 7 ? 1 : 2))],
      ['in', column(row => noise(row) * 10 ** (row % 5))],
      ['load', column(row => (noise(row) % 1000) / 10)],
    ]),
    gaps: new Map(),
    failed: null,
  }
}

const quantile = (sorted: readonly number[], q: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0).toFixed(1)

async function timed(times: number, run: (index: number) => Promise<unknown>): Promise<number[]> {
  const took: number[] = []
  for (let index = 0; index < times; index++) {
    const begin = performance.now()
    await run(index)
    took.push(performance.now() - begin)
  }
  return took
}

function report(what: string, took: readonly number[], polls: number): void {
  const total = took.reduce((sum, ms) => sum + ms, 0) / 1000
  const sorted = [...took].sort((a, b) => a - b)
  const rate = Math.round(polls / total)
  say(
    `${what}: ${rate} rows/s, ${rate * SERIES} samples/s; batch p50 ${quantile(sorted, 0.5)} ms, ` +
      `p99 ${quantile(sorted, 0.99)} ms, max ${quantile(sorted, 1)} ms`,
  )
}

async function bench(name: string, store: Store, batches: number): Promise<void> {
  const uids: number[] = []
  for (let index = 0; index < DEVICES; index++) {
    const id = `dev-${index}`
    const config = {
      ...{ id, name: id, kind: 'snmp' as const, profiles: ['auto'], every: '60s' },
      ...{ timeout: '2s', retries: 1, enabled: true },
    }
    uids.push((await store.devices.create(config, 'api', 0)).uid)
  }
  const batch = (minute: number) => uids.map(uid => poll(uid, minute * MINUTE))
  report(
    `${name} first batch (registers)`,
    await timed(1, () => store.samples.write(batch(0))),
    DEVICES,
  )
  let lag = 0
  let last = performance.now()
  const ticker = setInterval(() => {
    lag = Math.max(lag, performance.now() - last - 10)
    last = performance.now()
  }, 10)
  const cpu = process.cpuUsage()
  const writing = await timed(batches, index => store.samples.write(batch(index + 1)))
  const used = process.cpuUsage(cpu)
  clearInterval(ticker)
  report(`${name} write`, writing, batches * DEVICES)
  const million = (batches * DEVICES * SERIES) / 1e6
  say(
    `${name} process CPU ${((used.user + used.system) / 1e6 / million).toFixed(2)} s per million samples; ` +
      `event loop held up at most ${lag.toFixed(0)} ms`,
  )
  report(
    `${name} again`,
    await timed(20, index => store.samples.write(batch(index + 1))),
    20 * DEVICES,
  )
  await chart(name, store, uids[0] ?? 0)
}

async function chart(name: string, store: Store, deviceUid: number): Promise<void> {
  const day = 1440
  for (let minute = 10_000; minute < 10_000 + day; minute += 100) {
    const count = Math.min(100, 10_000 + day - minute)
    await store.samples.write(
      Array.from({ length: count }, (_, index) => poll(deviceUid, (minute + index) * MINUTE)),
    )
  }
  const query = {
    ...{ deviceUid, group: 'interface', metrics: ['in'], rows: rows.slice(0, 10) },
    ...{ from: 10_000 * MINUTE, to: (10_000 + day) * MINUTE },
  }
  const print = (what: string, took: number[]) => {
    const sorted = took.sort((a, b) => a - b)
    say(`${name} ${what}: p50 ${quantile(sorted, 0.5)} ms, p99 ${quantile(sorted, 0.99)} ms`)
  }
  print(
    'chart 24 h x 10 series, 288 points',
    await timed(40, () => store.samples.read({ ...query, points: 288 })),
  )
  print('chart 24 h x 10 series, raw', await timed(40, () => store.samples.read(query)))
  print('latest of 100 series', await timed(40, () => store.samples.latest(deviceUid)))
}

const [only, batches = '150'] = process.argv.slice(2)
const log = pino({ level: 'warn' })
for (const name of ['sqlite', 'mariadb']) {
  if (only && only !== name) continue
  const url =
    name === 'sqlite'
      ? `sqlite:${path.join(await tempDir(t), 'bench.db')}`
      : await (await startMariaDb(t, { durable: true })).createDatabase()
  const store = await openStore({ url, log })
  await bench(name, store, Number(batches))
  await store.close()
}
for (const end of ends.reverse()) await end()
