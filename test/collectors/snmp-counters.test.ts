// Goal: a counter's rate is right, whatever the counter and the device do between two reads, or it is a
// gap with the right reason: never negative, never a spike, never a silent zero.
// Longer than most: the table of what counters do is here, beside the device that does it.
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Collected, Surroundings, Target } from '../../server/collectors/collector.ts'
import { createSnmpCollector } from '../../server/collectors/snmp.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Teardown } from '../parts/find.ts'
import { type Faults, type QuirkyAgent, startQuirkyAgent } from '../parts/quirky-agent.ts'
import { value } from '../parts/quirky-objects.ts'

const UPTIME = '1.3.6.1.2.1.1.3.0'
const IF = '1.3.6.1.2.1.2.2.1'
const IFX = '1.3.6.1.2.1.31.1.1.1'
const GIGABIT = 1_000_000_000
const WRAP = 2 ** 32
const rate = (oid: string) => ({
  title: oid,
  unit: 'bit/s',
  kind: 'rate',
  scale: 8,
  max: 'speed',
  resetOn: 'discontinuity',
  oid,
})

const catalogue = buildCatalogue([
  {
    id: 'ports',
    file: 'oids/ports.json',
    from: 'shipped',
    text: JSON.stringify({
      title: 'Ports',
      type: 'base',
      tables: {
        port: {
          title: 'Ports',
          section: 'interfaces',
          index: ['n'],
          columns: {
            name: { oid: `${IF}.2` },
            speed: { oid: `${IF}.5` },
            discontinuity: { oid: `${IFX}.19`, as: 'ticks' },
          },
          key: ['name'],
          name: ['name'],
          metrics: {
            oper: { title: 'State', oid: `${IF}.8`, states: { '1': 'up' } },
            in32: rate(`${IF}.10`),
            in64: rate(`${IFX}.6`),
          },
        },
      },
    }),
  },
])
const surroundings: Surroundings = { catalogue, addresses: addressPolicy(['127.0.0.0/8']) }
const collector = createSnmpCollector()
const never = new AbortController().signal

/** A port's counters; one that is null has no instance. */
interface Port {
  in32: number | null
  in64: bigint | null
  discontinuity?: number
}

function setPort({ objects }: QuirkyAgent, row: number, port: Port): void {
  const put = (oid: string, wire: ReturnType<typeof value.ticks> | null) => {
    if (wire) objects.set(oid, wire)
    else objects.delete(oid)
  }
  put(`${IF}.2.${row}`, value.octets(`port${row}`))
  put(`${IF}.5.${row}`, value.gauge32(GIGABIT))
  put(`${IF}.8.${row}`, value.integer(1))
  put(`${IF}.10.${row}`, port.in32 === null ? null : value.counter32(port.in32))
  put(`${IFX}.6.${row}`, port.in64 === null ? null : value.counter64(port.in64))
  put(`${IFX}.19.${row}`, value.ticks(port.discontinuity ?? 0))
}

interface Read {
  collected: Collected
  from: number
  to: number
}

/** A device with one port per name, read as often as the test likes. */
async function start(t: Teardown, ports: readonly Port[], faults: Faults = {}) {
  const agent = await startQuirkyAgent(t, {
    '1.3.6.1.2.1.1.1.0': value.octets('switch'),
    '1.3.6.1.2.1.1.2.0': value.oid('1.3.6.1.4.1.99999.7'),
    [UPTIME]: value.ticks(1_000_000),
  })
  agent.faults = faults
  const target: Target = {
    version: 1,
    secrets: {},
    identity: null,
    config: {
      id: 'sw1',
      name: 'sw1',
      kind: 'snmp',
      address: agent.address,
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      profiles: ['ports'],
      every: '60s',
      timeout: '1s',
      retries: 2,
      enabled: true,
    },
  }
  const reader = collector.open(target, surroundings)
  t.teardown(() => reader.close())
  let at = 1_795_320_000_000
  const set = (changed: readonly Port[], ticks: number) => {
    for (const [i, port] of changed.entries()) setPort(agent, i + 1, port)
    agent.objects.set(UPTIME, value.ticks(ticks))
  }
  set(ports, 1_000_000)
  const read = async (): Promise<Read> => {
    // Long against what a read takes, so that the bounds of a rate are near one another.
    await new Promise(resolve => setTimeout(resolve, 300))
    const from = performance.now()
    at += 60_000
    const collected = await reader.collect(at, never)
    return { collected, from, to: performance.now() }
  }
  return { agent, set, read }
}

/** A value, or the reason why there is none, by metric and port. */
function cellOf({ collected }: Read, metric: string, port: number): number | string {
  const body = collected.collections.find(({ group }) => group === 'port')?.body
  if (!body) return 'no collection'
  if (!body.ok) return body.reason
  const row = body.rows?.indexOf(`port${port}`) ?? -1
  if (row < 0) return 'no row'
  const found = [body.metrics[metric]].flat()[row] ?? null
  return typeof found === 'number' ? found : ([body.gaps?.[metric]].flat()[row] ?? 'no reason')
}

/** Whether a rate is that of so many octets: the clock was read somewhere within each of the reads. */
function isRateOf(octets: number, before: Read, after: Read, found: number | string): boolean {
  if (typeof found !== 'number') return false
  const least = (octets * 8000) / (after.to - before.from)
  const most = (octets * 8000) / (after.from - before.to)
  // A rate is kept to some digits.
  return found >= least * 0.999 && found <= most * 1.001
}

/** By port: from, to, and the octets between, or the reason of the gap that must be. */
const BETWEEN: Record<string, [Port, Port, in32: number | string, in64: number | string]> = {
  'counts on': [{ in32: 1000, in64: 1000n }, { in32: 6000, in64: 9000n }, 5000, 8000],
  'stands still': [{ in32: 77, in64: 77n }, { in32: 77, in64: 77n }, 0, 0],
  'wraps at 2^32': [
    { in32: WRAP - 100, in64: BigInt(WRAP - 100) },
    { in32: 4900, in64: BigInt(WRAP + 4900) },
    5000,
    5000,
  ],
  'wraps to zero': [{ in32: WRAP - 1, in64: 0n }, { in32: 0, in64: 1n }, 1, 1],
  'is beyond 2^53, and 2^63': [
    { in32: 0, in64: 2n ** 63n - 100n },
    { in32: 1, in64: 2n ** 63n + 300n },
    1,
    400,
  ],
  'is at the end of 64 bits': [
    { in32: 0, in64: 2n ** 64n - 1001n },
    { in32: 0, in64: 2n ** 64n - 1n },
    0,
    1000,
  ],
  'goes backwards': [
    { in32: 3_000_000_000, in64: 3_000_000_000n },
    { in32: 5, in64: 5n },
    'wrap-unsure',
    'reset',
  ],
  'goes back by one': [
    { in32: 5000, in64: 5000n },
    { in32: 4999, in64: 4999n },
    'wrap-unsure',
    'reset',
  ],
  'wraps at 2^64, which none does': [
    { in32: 0, in64: 2n ** 64n - 10n },
    { in32: 0, in64: 10n },
    0,
    'reset',
  ],
  'says that it was restarted': [
    { in32: 1000, in64: 1000n, discontinuity: 5 },
    { in32: 6000, in64: 6000n, discontinuity: 900_000 },
    'reset',
    'reset',
  ],
  'jumps beyond what the line can carry': [
    { in32: 0, in64: 0n },
    { in32: 4_000_000_000, in64: 2n ** 62n },
    'range',
    'range',
  ],
  'has no instance any more': [
    { in32: 1000, in64: 1000n },
    { in32: null, in64: null },
    'no-such-object',
    'no-such-object',
  ],
  'has an instance at last': [
    { in32: null, in64: null },
    { in32: 1000, in64: 1000n },
    'first',
    'first',
  ],
}

const WAYS: Record<string, Faults> = {
  'over a good way': {},
  'by GETNEXT': { noBulk: 'genErr' },
  'in small answers': { messageMax: 484 },
  'with the last answer before each': { late: 'first', duplicate: 0.5 },
}

for (const [way, faults] of Object.entries(WAYS)) {
  t.test(`a counter that changes between two reads, ${way}`, async t => {
    const scenes = Object.entries(BETWEEN)
    const { set, read } = await start(
      t,
      scenes.map(([, [from]]) => from),
      faults,
    )
    await read()
    const before = await read()
    set(
      scenes.map(([, [, to]]) => to),
      1_000_100,
    )
    const after = await read()
    for (const [i, [what, [, , in32, in64]]] of scenes.entries()) {
      for (const [metric, expected] of Object.entries({ in32, in64 })) {
        const found = cellOf(after, metric, i + 1)
        const name = `${metric} ${what}: ${found}`
        if (typeof expected === 'string') t.equal(found, expected, name)
        else t.ok(isRateOf(expected, before, after, found), name)
      }
    }
  })
}

const low: Port = { in32: 2000, in64: 2000n }
const high: Port = { in32: 3_000_000, in64: 3_000_000n }

t.test('a restart is a gap, whether the counters are lower or higher after it', async t => {
  const { set, read } = await start(t, [high, low])
  await read()
  set([low, high], 50)
  const restarted = await read()
  for (const metric of ['in32', 'in64']) {
    for (const port of [1, 2])
      t.equal(cellOf(restarted, metric, port), 'reset', `${metric} ${port}`)
  }
  t.ok(restarted.collected.identity, 'identified again')
  const grown = { in32: 3_000_800, in64: 3_000_800n }
  set([low, grown], 100)
  const next = await read()
  for (const metric of ['in32', 'in64']) {
    t.equal(cellOf(next, metric, 1), 0, metric)
    t.ok(isRateOf(800, restarted, next, cellOf(next, metric, 2)), `${metric} goes on`)
  }
})

t.test('a restart at each read gives no rate, ever', async t => {
  const { set, read } = await start(t, [low])
  await read()
  for (const [n, port] of [high, low, high, low].entries()) {
    set([port], 1000 - 10 * n)
    t.equal(cellOf(await read(), 'in64', 1), 'reset', `read ${n}`)
  }
})

t.test('sysUpTime that wraps after 497 days is no restart', async t => {
  const { set, read } = await start(t, [low])
  set([low], WRAP - 20)
  await read()
  const before = await read()
  set([{ in32: 6000, in64: 6000n }], 30)
  const after = await read()
  for (const metric of ['in32', 'in64']) {
    t.ok(isRateOf(4000, before, after, cellOf(after, metric, 1)), metric)
  }
})

t.test('a restart between the clock and the counters of one read', async t => {
  const { agent, set, read } = await start(t, [high])
  await read()
  await read()
  agent.before = request => {
    if (!request.oids.some(oid => oid.startsWith(IF))) return
    agent.before = null
    set([low], 5)
  }
  const torn = await read()
  t.equal(cellOf(torn, 'in64', 1), 'reset')
  t.match(String(cellOf(torn, 'in32', 1)), /^(wrap-unsure|reset)$/)
  set([{ in32: 2400, in64: 2400n }], 60)
  const next = await read()
  t.match(String(cellOf(next, 'in64', 1)), /^reset$/, 'the clock is seen to have gone back')
  set([{ in32: 2800, in64: 2800n }], 120)
  const after = await read()
  t.ok(isRateOf(400, next, after, cellOf(after, 'in64', 1)), 'and then it goes on')
})

t.test('reads that fail are gaps; the rate after them is that of the whole time', async t => {
  const { agent, set, read } = await start(t, [low])
  await read()
  const before = await read()
  agent.faults = { drop: 1 }
  const lost = await read()
  t.equal(cellOf(lost, 'in64', 1), 'timeout')
  agent.faults = {}
  set([{ in32: 9000, in64: 9000n }], 1_002_000)
  const after = await read()
  for (const metric of ['in32', 'in64']) {
    t.ok(isRateOf(7000, before, after, cellOf(after, metric, 1)), metric)
  }
})

t.test('a row that goes and comes', async t => {
  const { agent, set, read } = await start(t, [low, low, low])
  await read()
  for (const column of [`${IF}.2`, `${IF}.5`, `${IF}.8`, `${IF}.10`, `${IFX}.6`, `${IFX}.19`]) {
    agent.objects.delete(`${column}.2`)
  }
  const without = await read()
  t.equal(cellOf(without, 'in64', 1), 0)
  t.equal(cellOf(without, 'in64', 3), 0, 'its neighbours keep their places')
  t.notOk(typeof cellOf(without, 'in64', 2) === 'number', `${cellOf(without, 'in64', 2)}`)
  set([low, low, { in32: 2100, in64: 2100n }], 1_000_300)
  const again = await read()
  t.ok(isRateOf(100, without, again, cellOf(again, 'in64', 3)))
  const back = cellOf(again, 'in64', 2)
  t.ok(back === 0 || back === 'first', `${back}`)
})
