// Goal: what was heard of an engine's clock outlives a restart, so that an old trap is not believed after it;
// bounded, and without belief in what is stored.

import path from 'node:path'
import t from 'tap'
import { clocksMax, createEngineClocks, readClocks } from '../../server/receive/engine-clocks.ts'
import { createSenders } from '../../server/receive/senders.ts'
import { tempDir, until } from '../parts/find.ts'
import { BY, snmpSender, startReceiving } from './kit.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

const DAY = 86_400_000
const one = { device: 'sw', engine: '8000000001', boots: 5, time: 1000, at: 1_000_000 }

t.test('a stored text that is none gives none; one that is too long gives the newest', async t => {
  for (const text of [
    null,
    '',
    'null',
    '{}',
    '[{}]',
    '[1]',
    '[',
    JSON.stringify([{ ...one, boots: -1 }]),
  ]) {
    t.same(readClocks(text), [], `${text}`)
  }
  t.same(readClocks(JSON.stringify([one])), [one])
  const many = Array.from({ length: clocksMax + 10 }, (_, i) => ({
    ...one,
    device: `d${i}`,
    at: i,
  }))
  const clocks = createEngineClocks(many)
  clocks.forget('d20')
  const kept = clocks.take({ steady: 0, unix: 1000 })
  t.equal(kept?.length, clocksMax)
  t.equal(kept?.[0]?.device, `d${clocksMax + 9}`)
  t.equal(clocks.take({ steady: 0, unix: 1000 }), null, 'nothing changed')
})

t.test('old clocks go; a clock of ours that was set back takes no time away', async t => {
  const clocks = createEngineClocks([one, { ...one, device: 'old', at: 0 }])
  const at = (unix: number) => clocks.of('sw', { steady: 500_000, unix }).get(one.engine)
  t.same(at(1_060_000), { boots: 5, time: 1000, heardAt: 440_000 })
  t.same(at(0), { boots: 5, time: 1000, heardAt: 500_000 })
  t.equal(clocks.of('nobody', { steady: 0, unix: 0 }).size, 0)
  clocks.forget('nobody')
  t.equal(clocks.take({ steady: 0, unix: 90 * DAY + 1 }), null)
  createEngineClocks([]).forget('sw')
  clocks.forget('sw')
  t.same(clocks.take({ steady: 0, unix: 90 * DAY + 1 }), [])
})

t.test('new credentials begin anew; a device that is not known yet keeps its own', async t => {
  const clocks = createEngineClocks([one, { ...one, device: 'later' }])
  const now = () => ({ steady: 0, unix: one.at })
  const senders = createSenders([], clocks, now)
  const sender = (key: string) => ({
    ...{ device: 'sw', addresses: ['192.0.2.1'], names: [] },
    credentials: {
      ...{ version: '3' as const, user: 'ops', level: 'authNoPriv' as const },
      auth: { protocol: 'sha' as const, key },
    },
  })
  senders.set([sender('a long key')])
  t.equal(senders.byAddress('192.0.2.1')[0]?.user?.kept.get(one.engine)?.boots, 5)
  t.equal(senders.clocks(), null)
  senders.set([sender('another long key')])
  t.equal(senders.byAddress('192.0.2.1')[0]?.user?.kept.size, 0)
  t.match(senders.clocks(), [{ device: 'later' }])
})

t.test('an old trap is not believed after a restart, a newer one is', async t => {
  const dataDir = path.join(await tempDir(t), 'data')
  const send = await snmpSender(t)
  const trap = (port: number, clock: string, oid: string) =>
    send('snmptrap', [
      ...['-v3', '-l', 'authNoPriv', '-u', 'ops', '-a', 'SHA', '-A', 'a long key for this'],
      ...['-e', '0x8000000001020304', '-Z', clock, `udp:127.0.0.1:${port}`, '1', oid],
    ])
  const before = await startReceiving(t, { dataDir })
  await before.program.devices.create(
    {
      ...{ id: 'sw', kind: 'snmp', address: '127.0.0.1', port: 9, every: '1h' },
      credentials: {
        ...{ version: '3', user: 'ops', level: 'authNoPriv' },
        auth: { protocol: 'sha', key: 'a long key for this' },
      },
    },
    BY,
    'api',
  )
  await until(async () => {
    await trap(before.ports.trap, '5,5000', '1.3.6.1.4.1.99999.0.1')
    return (await before.events('device=sw&kind=trap')).length > 0
  }, 'the first trap')
  await before.program.stop()
  const after = await startReceiving(t, { dataDir })
  await until(async () => {
    await trap(after.ports.trap, '5,4000', '1.3.6.1.4.1.99999.0.2')
    return (await after.settings()).includes('older than the time window')
  }, 'the old one to be set aside')
  await trap(after.ports.trap, '5,9000', '1.3.6.1.4.1.99999.0.3')
  const told = await until(async () => {
    const found = await after.events('device=sw&kind=trap')
    return found.some(({ text }) => text.includes('99999.0.3')) ? found : null
  }, 'the newer one')
  t.notOk(told.some(({ text }) => text.includes('99999.0.2')))
})
