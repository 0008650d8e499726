// Goal: a device whose answers slow down while it is read is read less often, says so, and is read as
// before when it has recovered; it costs a calm device next to nothing.

import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Collected } from '../../server/collectors/collector.ts'
import { createSnmpCollector } from '../../server/collectors/snmp.ts'
import type { TuningPins } from '../../server/model/device.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import {
  type AgentReply,
  type AgentRequest,
  honestly,
  integer,
  octets,
  oidValue,
  startHostileAgent,
} from '../parts/hostile-agent.ts'

const MINUTE = 60_000
const AT = 1_795_320_000_000
const never = new AbortController().signal
const IF_ENTRY = '1.3.6.1.2.1.2.2.1'
const ROWS = Array.from({ length: 60 }, (_, i) => i + 1)

const PROFILES = {
  system: {
    title: 'System',
    type: 'base',
    scalars: {
      system: {
        title: 'System',
        section: 'system',
        metrics: {
          uptime: { title: 'Uptime', unit: 's', oid: '1.3.6.1.2.1.1.3.0', as: 'ticks' },
          cpu: { title: 'CPU', unit: '%', oid: '1.3.6.1.4.1.9.1.0', role: 'cpu.usage' },
        },
      },
    },
  },
  interfaces: {
    title: 'Interfaces',
    type: 'feature',
    match: [{ exists: '1.3.6.1.2.1.2.2' }],
    tables: {
      interface: {
        title: 'Interfaces',
        section: 'interfaces',
        index: ['if_index'],
        columns: { if_descr: { oid: `${IF_ENTRY}.2` } },
        key: ['if_descr'],
        name: ['if_descr'],
        metrics: {
          in: { title: 'In', unit: 'bit/s', kind: 'rate', oid: `${IF_ENTRY}.10` },
          oper: { title: 'State', oid: `${IF_ENTRY}.8`, states: { '1': 'up', '2': 'down' } },
        },
      },
    },
  },
}
const catalogue = buildCatalogue(
  Object.entries(PROFILES).map(([id, profile]) => ({
    id,
    file: `oids/${id}.json`,
    text: JSON.stringify(profile),
    from: 'shipped' as const,
  })),
)
const surroundings = { catalogue, addresses: addressPolicy(['127.0.0.0/8']) }

/** A switch whose answers take longer the more it was asked in this read, while it is `weak`. */
async function weakSwitch() {
  const state = { weak: true, cpu: 20, values: 0, requests: 0, alive: true }
  const agent = await startHostileAgent(t, request => {
    if (!state.alive) return null
    if (isHeartbeat(request)) state.values = 0
    state.requests++
    const reply = answer(state.cpu, request)
    state.values += reply.varbinds?.length ?? 0
    return state.weak && state.values > 20 ? { ...reply, delayMs: 0.8 * state.values } : reply
  })
  return { state, agent }
}

/** A minute has gone by: it has recovered from the read before. */
const isHeartbeat = ({ oids }: AgentRequest) =>
  oids.includes('1.3.6.1.2.1.1.2.0') && oids.includes('1.3.6.1.2.1.1.3.0')

const columns = Object.fromEntries(
  ROWS.flatMap(row => [
    [`${IF_ENTRY}.2.${row}`, octets(`eth${row}`)],
    [`${IF_ENTRY}.8.${row}`, integer(1)],
    [`${IF_ENTRY}.10.${row}`, integer(1000 + row, 0x41)],
  ]),
)
const honest = (cpu: number) =>
  honestly({
    '1.3.6.1.2.1.1.1.0': octets('weak switch'),
    '1.3.6.1.2.1.1.2.0': oidValue('1.3.6.1.4.1.9.7'),
    '1.3.6.1.2.1.1.3.0': integer(360_000, 0x43),
    '1.3.6.1.4.1.9.1.0': integer(cpu, 0x42),
    ...columns,
  })

/** Answers that were given before: finding them anew would slow this process down. */
const given = new Map<string, AgentReply>()
const answer = (cpu: number, request: AgentRequest): AgentReply => {
  const key = [cpu, request.type, request.repetitions, ...request.oids].join()
  const reply = given.get(key) ?? honest(cpu)(request)
  given.set(key, reply)
  return reply
}

function polled(port: number, tuning?: TuningPins) {
  const collector = createSnmpCollector(async () => 'unknown')
  const reader = collector.open(
    {
      version: 1,
      secrets: {},
      identity: null,
      config: {
        id: 'sw1',
        name: 'sw1',
        kind: 'snmp',
        address: '127.0.0.1',
        port,
        credentials: { version: '2c', community: 'public' },
        profiles: ['auto'],
        every: '60s',
        timeout: '1s',
        retries: 1,
        enabled: true,
        ...(tuning && { tuning }),
      },
    },
    surroundings,
  )
  t.teardown(() => reader.close())
  const factors: number[] = []
  let at = AT
  return {
    factors,
    async read(options = { probe: false }): Promise<Map<string, string>> {
      at += MINUTE
      const read = await reader.collect(at, never, options)
      if (read.tuning) factors.push(read.tuning.kindness.factor)
      return reasons(read)
    },
  }
}

/** Group → `good`, or why not. */
const reasons = ({ collections }: Collected) =>
  new Map(collections.map(({ group, body }) => [group, body.ok ? 'good' : body.reason]))

t.test('weak: less and less of its tables, all of its scalars; recovered: as before', async t => {
  const { state, agent } = await weakSwitch()
  const device = polled(agent.port)
  const seen: Map<string, string>[] = []
  for (let i = 0; i < 120 && device.factors.at(-1) !== 8; i++) seen.push(await device.read())
  t.same(
    [...new Set(device.factors)].filter(factor => factor > 1),
    [2, 4, 8],
    'told step by step',
  )
  t.ok(seen.every(groups => groups.get('system') === 'good'))
  const tables = seen.map(groups => groups.get('interface'))
  t.same(new Set(tables), new Set(['good', 'shed']))
  t.ok(tables.slice(0, 5).every(reason => reason === 'good'))

  state.weak = false
  const back: (string | undefined)[] = []
  for (let i = 0; i < 600 && device.factors.at(-1) !== 1; i++) {
    back.push((await device.read()).get('interface'))
  }
  t.equal(device.factors.at(-1), 1)
  // An answer that comes late on a busy machine may lead one step back up.
  const steps = device.factors.slice(device.factors.indexOf(8))
  t.ok(
    steps.every((factor, i) => i === 0 || [0.5, 1, 2].includes(factor / (steps[i - 1] ?? 0))),
    `back step by step: ${steps}`,
  )
  t.ok(back.includes('shed'))
  for (let i = 0; i < 20; i++) t.equal((await device.read()).get('interface'), 'good')
})

t.test('pinned off: read at every interval, and nothing is measured', async t => {
  const { state, agent } = await weakSwitch()
  state.cpu = 99
  const device = polled(agent.port, { kindness: 'off' })
  // The session first learns how much it may ask for at once.
  for (let i = 0; i < 5; i++) await device.read()
  state.requests = 0
  await device.read()
  const perRead = state.requests
  state.requests = 0
  for (let i = 0; i < 20; i++) t.equal((await device.read()).get('interface'), 'good')
  // Fewer than one more in each: what is asked again on a busy machine is no measuring.
  t.ok(state.requests >= 20 * perRead && state.requests < 20 * (perRead + 1))
})

t.test('a calm device is hardly asked more, and one that dies is not spared for it', async t => {
  const { state, agent } = await weakSwitch()
  state.weak = false
  const free = polled(agent.port, { kindness: 'off' })
  const calm = polled(agent.port)
  for (const device of [free, calm]) for (let i = 0; i < 3; i++) await device.read()
  const cost = async (device: typeof calm) => {
    state.requests = 0
    for (let i = 0; i < 50; i++) t.equal((await device.read()).get('interface'), 'good')
    return state.requests
  }
  const [without, with_] = [await cost(free), await cost(calm)]
  t.ok(with_ - without <= 12, `${without} requests without, ${with_} with`)

  state.alive = false
  t.equal((await calm.read()).get('interface'), 'timeout')
  t.equal((await calm.read({ probe: true })).size, 0)
  state.alive = true
  t.equal((await calm.read({ probe: true })).get('interface'), 'good')
  t.equal((await calm.read()).get('interface'), 'good')
})

t.test('a CPU that is high because of us', async t => {
  const { state, agent } = await weakSwitch()
  state.weak = false
  const device = polled(agent.port)
  let wasHeavy = true
  let shed = 0
  for (let i = 0; i < 80; i++) {
    state.cpu = wasHeavy ? 95 : 30
    wasHeavy = (await device.read()).get('interface') === 'good'
    if (!wasHeavy) shed++
  }
  t.ok(shed > 30, `${shed} of 80 reads spared it`)
  t.ok((device.factors.at(-1) ?? 0) > 1)
})
