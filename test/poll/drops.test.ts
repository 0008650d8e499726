// Goal: what the poll threads drop of SNMP is added up over all of them, and shown as a counter.

import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import t from 'tap'
import { counter, createRegistry } from '../../server/metrics.ts'
import { createPoller } from '../../server/poll/poller.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { addDrops, dropsSince, noDrops } from '../../server/snmp/drops.ts'
import { honestly, integer, octets, startHostileAgent } from '../parts/hostile-agent.ts'
import { eventually, target } from './bench.ts'

t.test('each is told once', async t => {
  const now = { ...noDrops(), late: 3, stale: 1 }
  const before = noDrops()
  t.same(dropsSince(before, now), now)
  now.late = 5
  const since = dropsSince(before, now)
  t.same(since, { ...noDrops(), late: 2 })
  t.same(dropsSince(before, now), noDrops())
  const sum = { ...noDrops(), late: 10, weak: 1 }
  addDrops(sum, since)
  t.same(sum, { ...noDrops(), late: 12, weak: 1 })
})

t.test('answers that come twice, and with another community', async t => {
  const honest = honestly({
    '1.3.6.1.2.1.1.1.0': octets('a switch'),
    '1.3.6.1.2.1.1.3.0': integer(500, 0x43),
    '1.3.6.1.2.1.1.5.0': octets('sw1'),
  })
  const agent = await startHostileAgent(t, r => [
    { ...honest(r), community: 'private' },
    honest(r),
    honest(r),
  ])
  const shippedDir = fileURLToPath(new URL('../../oids', import.meta.url))
  const poller = createPoller({
    node: 'node-1',
    targets: async () => [
      target(
        'twice',
        {},
        {
          address: agent.address,
          port: agent.port,
          credentials: { version: '2c', community: { secret: 'twice.community' } },
          secrets: { 'twice.community': 'public' },
        },
      ),
    ],
    catalogue: buildCatalogue(await loadSources({ shippedDir })),
    networks: ['127.0.0.0/8'],
    onCollection: () => {},
    onReceipt: () => {},
    log: pino({ level: 'silent' }),
    threadsMin: 1,
    threadsMax: 1,
  })
  t.teardown(() => poller.close())
  await poller.start()
  await eventually(() => {
    const { weak, duplicate } = poller.stats().snmpDrops
    return weak > 0 && duplicate > 0
  }, 'both are counted')
  t.match(poller.stats().snmpDrops, { forged: 0, malformed: 0, stale: 0 })
})

t.test('a counter says what it reads, however often it is asked', async t => {
  const registry = createRegistry()
  let value = 7
  const read = () => [{ labels: { reason: 'late' }, value }]
  counter(registry, 'pollux_test_total', 'A test', read, ['reason'])
  const line = async () =>
    (await registry.getSingleMetricAsString('pollux_test_total')).split('\n').slice(1)
  t.same(await line(), ['# TYPE pollux_test_total counter', 'pollux_test_total{reason="late"} 7'])
  value = 9
  t.equal((await line())[1], 'pollux_test_total{reason="late"} 9')
})
