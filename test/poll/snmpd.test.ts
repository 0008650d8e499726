// Goal: the whole chain in a real thread: shipped profiles, the SNMP collector and a real snmpd give
// samples, and its silence gives a reason.

import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import t from 'tap'
import type { Receipt } from '../../server/model/collection.ts'
import { createPoller } from '../../server/poll/poller.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { startSnmpd } from '../parts/snmpd.ts'
import { eventually, target } from './bench.ts'

t.test('a real snmpd is identified, read, lost and found again', async t => {
  const snmpd = await startSnmpd(t)
  const shippedDir = fileURLToPath(new URL('../../oids', import.meta.url))
  const catalogue = buildCatalogue(await loadSources({ shippedDir }))
  const groups = new Map<string, { ok: boolean; reason?: string; metrics?: object }[]>()
  const receipts: Receipt[] = []
  const poller = createPoller({
    node: 'node-1',
    targets: async () => [
      target(
        'real',
        {},
        {
          address: snmpd.address,
          port: snmpd.port,
          credentials: { version: '2c', community: { secret: 'real.community' } },
          secrets: { 'real.community': snmpd.community },
          every: '2s',
          timeout: '1s',
          retries: 0,
        },
      ),
    ],
    catalogue,
    networks: ['127.0.0.0/8'],
    onCollection: ({ group, channel }, body) => {
      if (channel !== 'samples') return
      groups.set(group, [...(groups.get(group) ?? []), JSON.parse(Buffer.from(body).toString())])
    },
    onReceipt: (_device, receipt) => receipts.push(receipt),
    log: pino({ level: 'silent' }),
    threadsMax: 1,
  })
  t.teardown(() => poller.close())
  await poller.start()
  const stages = () => receipts.map(one => one.stage)
  await eventually(() => stages().includes('first-good'), 'the first good read')
  t.same(stages(), ['loaded', 'identified', 'first-good'])
  await eventually(
    () => (groups.get('interface') ?? []).filter(one => one.ok).length >= 3,
    'interfaces',
  )
  t.ok(Object.keys(groups.get('interface')?.at(-1)?.metrics ?? {}).includes('in'))
  t.notOk([...groups.values()].flat().some(one => !one.ok))

  await snmpd.stop()
  await eventually(() => stages().at(-1) === 'failed', 'the silence is told')
  const reasons = [...groups.values()].map(all => all.at(-1)?.reason)
  t.ok(reasons.some(reason => reason === 'timeout' || reason === 'unreachable'))

  await startSnmpd(t, { port: snmpd.port })
  const good = (groups.get('interface') ?? []).filter(one => one.ok).length
  t.ok(poller.pollNow('real'))
  await eventually(
    () => (groups.get('interface') ?? []).filter(one => one.ok).length > good,
    'back',
  )
})
