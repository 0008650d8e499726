// The subscriber: which messages it hears, and how many. Time stands still, so that all messages fall
// into one second however slow the machine is.

import t from 'tap'
import { startForeign } from '../../server/ingest/foreign.ts'
import type { Device } from '../../server/model/device.ts'
import { embeddedBroker, silentLog } from '../parts/broker.ts'
import { until } from '../parts/find.ts'
import { mapping, START } from './kit.ts'

const catalogue = mapping({
  tables: {
    room: {
      title: 'Rooms',
      message: { row: ['topic:-1'] },
      metrics: { temperature: { title: 'Temperature', unit: 'Cel', path: 't' } },
    },
  },
})

function device(uid: number, id: string, topics: string[]): Device {
  return {
    uid,
    config: {
      ...{ id, name: id, kind: 'mqtt', topics, profiles: ['auto'] },
      ...{ every: '60s', timeout: '2s', retries: 1, enabled: true },
    },
    ...{ version: 1, source: 'api', identity: null, tuning: null, createdAt: 0, updatedAt: 0 },
  }
}

t.setTimeout(600_000)

t.test('a flood on one topic is cut; the others, and other devices, are heard', async t => {
  const broker = await embeddedBroker(t)
  const bus = broker.connect()
  const sensor = broker.connect()
  await until(() => bus.connected && sensor.connected, 'both are connected')
  const sent: string[] = []
  const setAside: string[] = []
  const foreign = await startForeign({
    bus,
    devices: {
      all: () => [device(1, 'wide', ['#']), device(2, 'narrow', ['hall/+', 'pollux/#'])],
      onRefresh: () => () => false,
    },
    catalogue: () => catalogue,
    send: (id, channel, group, body) => {
      if (channel === 'samples') sent.push(`${id} ${group} ${JSON.stringify(body)}`)
    },
    onReceipt: () => undefined,
    setAside: (reason, topic) => setAside.push(`${reason} ${topic}`),
    log: silentLog,
    now: () => START,
  })
  t.teardown(() => foreign.close())
  await sensor.publish('pollux/test/devices/x/samples/room', '{"t": 99}', { qos: 1 })
  for (let i = 0; i < 1200; i++) await sensor.publish('hall/mad', '{"t": 1}')
  await sensor.publish('hall/calm', '{"t": 2}', { qos: 1 })
  await until(() => foreign.stats.received >= 2402, 'all were heard, by both devices')
  const { received, mapped } = foreign.stats
  t.equal(received, 2402, 'what is under pollux/ is nobody’s sensor')
  t.equal(mapped + foreign.stats.setAside.rate, received, 'each was mapped or set aside')
  t.ok(foreign.stats.setAside.rate >= 1400, 'of 1,201 twice at most 1,000 were let in')
  t.ok(setAside.every(noted => noted === 'rate hall/mad' || noted === 'rate hall/calm'))
  await until(
    () => sent.some(text => /^wide/.test(text)) && sent.some(text => /^narrow/.test(text)),
    'both are told of',
  )
  t.notMatch(sent.join('\n'), /99/)
})

t.test('filters that overlap, neither covering the other: a message is mapped once', async t => {
  const broker = await embeddedBroker(t)
  const bus = broker.connect()
  const sensor = broker.connect()
  await until(() => bus.connected && sensor.connected, 'both are connected')
  const foreign = await startForeign({
    bus,
    devices: {
      all: () => [
        device(1, 'one', ['hall/+/a', 'hall/north/+', '+/north/a']),
        device(2, 'two', ['hall/#']),
      ],
      onRefresh: () => () => false,
    },
    catalogue: () => catalogue,
    send: () => undefined,
    onReceipt: () => undefined,
    log: silentLog,
    now: () => START,
  })
  t.teardown(() => foreign.close())
  await sensor.publish('hall/north/a', '{"t": 1}', { qos: 1 })
  await sensor.publish('hall/north/a', '{"t": 1}', { qos: 1 })
  await sensor.publish('roof/north/a', '{"t": 2}', { qos: 1 })
  await until(() => foreign.stats.received >= 5, 'all were heard')
  await sensor.publish('hall/south/b', '{"t": 3}', { qos: 1 })
  await until(() => foreign.stats.received >= 6, 'and the last')
  t.equal(foreign.stats.received, 6, 'twice the two, and one for each of the others')
  t.equal(foreign.stats.mapped, 6)
})
