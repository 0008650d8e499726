// Goal: the shipped profiles read a real net-snmp agent: chosen by what it has, and the numbers are
// those that Debian's own client sees.

import t from 'tap'
import { readGroups } from '../../server/collectors/snmp-read.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { chooseProfiles } from '../../server/profiles/choose.ts'
import { createEvaluator } from '../../server/profiles/evaluator.ts'
import type { FetchRequest } from '../../server/profiles/face.ts'
import { deviceFacts, factRequests } from '../../server/profiles/facts.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import { openSession } from '../../server/snmp/open.ts'
import { startSnmpd } from '../parts/snmpd.ts'
import { START } from './kit.ts'

const shippedDir = new URL('../../oids', import.meta.url).pathname
const UP = '1.3.6.1.2.1.1.3.0'

t.test('a host with net-snmp', async t => {
  const agent = await startSnmpd(t)
  t.teardown(() => agent.stop())
  const { address, port, community } = agent
  const credentials = { version: '2c' as const, community }
  const session = openSession({ address, port, credentials, timeoutMs: 3000, retries: 1 })
  t.teardown(() => session.close())
  const catalogue = buildCatalogue(await loadSources({ shippedDir }))
  const { profiles } = await chooseProfiles(catalogue, ['auto'], {
    source: 'snmp',
    sysObjectID: '',
    sysDescr: '',
    async exists(oids) {
      const found = await session.getNext(oids)
      return new Set(oids.filter((oid, i) => `${found[i]?.oid}.`.startsWith(`${oid}.`)))
    },
  })
  t.ok(
    ['system', 'if-mib', 'ucd-snmp-mib'].every(id => profiles.includes(id)),
    profiles.join(),
  )
  const plan = compilePlan(catalogue, profiles)
  const evaluator = createEvaluator(plan)
  const read = async (requests: readonly FetchRequest[]) => {
    const { groups, failures } = await readGroups(session, requests, AbortSignal.timeout(20_000))
    t.same([...failures.keys()], [])
    const [up] = await session.get([UP])
    const upTicks = up?.value.type === 'ticks' ? up.value.value : null
    return { at: Date.now(), monotonicMs: performance.now(), upTicks, groups }
  }
  t.match(deviceFacts(plan, await read(factRequests(plan))), {
    name: 'pollux-test',
    location: 'rack 7',
  })

  const first = evaluator.evaluate(await read(evaluator.due(START, 60_000)), 1)
  const names = first.rows.find(({ group }) => group === 'interface')?.body.rows ?? []
  t.ok(
    names.some(row => row.key === 'lo'),
    'the loopback interface is there',
  )
  const memory = first.collections.find(({ group }) => group === 'hr_memory')?.body
  const sizes = memory?.metrics.size
  const [line = ''] = await agent.client('snmpget', [
    '-v2c',
    '-c',
    community,
    '1.3.6.1.4.1.2021.4.5.0',
  ])
  t.equal(
    Array.isArray(sizes) ? sizes[memory?.rows?.indexOf('Physical memory') ?? -1] : null,
    Number(/INTEGER: (\d+)/.exec(line)?.[1]) * 1024,
    'two MIBs agree on the size of main memory',
  )

  const second = evaluator.evaluate(await read(evaluator.due(START + 60_000, 60_000)), 1)
  const body = second.collections.find(({ group }) => group === 'interface')?.body
  const values = body?.metrics.in
  const value = Array.isArray(values) ? values[body?.rows?.indexOf('lo') ?? -1] : null
  // The agent looks at its counters every few seconds only, so 0 is as right as any.
  t.type(value, 'number', 'the second read gives a rate')
  for (const {
    group,
    body: { metrics, gaps },
  } of second.collections) {
    for (const [id, values] of Object.entries(metrics)) {
      const gap = gaps?.[id]
      const cells = Array.isArray(values) ? values : [values]
      const reasons = Array.isArray(gap) ? gap : [gap ?? null]
      const bad = cells.findIndex((cell, i) => (cell === null) !== ((reasons[i] ?? null) !== null))
      t.equal(bad, -1, `${group}.${id}: a null has a gap, a value has none`)
    }
  }
})
