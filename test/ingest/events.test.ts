// Goal: over both brokers and a real SQLite, an event is stored once and acknowledged after the commit;
// what is wrong is refused with the reason; a device that tells too much is bounded and counted.

import t from 'tap'
import type { MqttBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import { ackTopic, eventTopic } from '../../server/bus/topics.ts'
import { acceptEvent, eventBytesMax } from '../../server/ingest/accept.ts'
import type { Ingest } from '../../server/ingest/contract.ts'
import { createFlood, eventsPerMinuteMax } from '../../server/ingest/flood.ts'
import { createIngest, type IngestOptions } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { Ack } from '../../server/model/collection.ts'
import type { EventBody } from '../../server/model/event.ts'
import type { Store, StoredEvent } from '../../server/store/contract.ts'
import { eachBroker, embeddedBroker, SITE, type TestBroker } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { context, device, lookup, message, NOW, silent } from './messages.ts'
import { addDevice, type Door, door, sqlite, unavailable } from './store.ts'

t.setTimeout(600_000)

const START = Date.now() - 3_600_000

const body = (i: number, more: Partial<EventBody> = {}): EventBody => ({
  ...{ at: START + i, kind: 'docker', severity: 'info', name: 'die', text: `container ${i} died` },
  ...more,
})

interface Rig {
  store: Store
  door: Door
  ingest: Ingest
  acks: Ack[]
  bus: MqttBus
  send(document: unknown, id?: string): Promise<void>
  stored(): Promise<StoredEvent[]>
}

async function rig(
  t: Teardown,
  broker: TestBroker,
  more: Partial<IngestOptions> = {},
): Promise<Rig> {
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw-1')
  const opened = door(store)
  const acks: Ack[] = []
  const bus = broker.connect()
  await until(() => bus.connected, 'the sender to connect')
  await bus.subscribe(ackTopic(SITE, 'node-1'), ({ payload }) => {
    acks.push(JSON.parse(payload.toString()))
  })
  const ingestBus = broker.connect()
  await until(() => ingestBus.connected, 'ingest to connect')
  const ingest = createIngest({
    ...{ bus: ingestBus, site: SITE, store: opened, live: createMemoryLive(), log: silent },
    ...{ devices: lookup(device('sw-1', uid)), consumers: [], ...more },
  })
  t.teardown(() => ingest.close())
  await ingest.start()
  return {
    ...{ store, door: opened, ingest, acks, bus },
    send(document, id = 'sw-1') {
      const text = typeof document === 'string' ? document : JSON.stringify(document)
      return bus.publish(eventTopic(SITE, id), text)
    },
    stored: () => store.events.list({}),
  }
}

const numbered = (seq: number, more: Record<string, unknown> = {}) => ({
  ...{ v: 1, src: 'node-1', boot: 'k3x9', seq, ...body(seq) },
  ...more,
})

const doneOf = (acks: readonly Ack[]) =>
  acks.flatMap(({ seq }) => seq).reduce((sum, [from, to]) => sum + to - from + 1, 0)
const refusedOf = (acks: readonly Ack[]) =>
  acks.flatMap(({ refused }) => refused).sort((a, b) => a[0] - b[0])

function balance({ ingest }: Rig): [came: number, settled: number] {
  const { received, stored, duplicate, refused, dropped, waiting } = ingest.stats()
  const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0)
  return [received, stored + duplicate + refusals + dropped + waiting]
}

t.test('stored and acknowledged; twice, by number or by content, is once', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    for (let i = 1; i <= 50; i++) await r.send(numbered(i))
    await until(() => doneOf(r.acks) === 50, 'the acknowledgements')
    for (let i = 1; i <= 50; i++) await r.send(numbered(i))
    await r.send({ v: 1, ...body(1) })
    await r.send(numbered(51, body(2)))
    await until(() => r.ingest.stats().duplicate === 52, 'the duplicates')
    await until(() => doneOf(r.acks) === 101, 'and their acknowledgements')
    t.equal((await r.stored()).length, 50)
    t.match((await r.stored())[49], { ...body(1), device: 'sw-1' })
    t.equal(...balance(r))
  }),
)

t.test('refused with the reason; the good ones pass', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const line = 'x'.repeat(1024 * 1024)
    await r.send(numbered(1, { at: Date.now() + 3_600_000 }))
    await r.send(numbered(2, { at: 86_400_000 }))
    await r.send(numbered(3), 'nobody')
    await r.send(numbered(4, { text: line }))
    await r.send(numbered(5, { text: 'x'.repeat(1025) }))
    await r.send(numbered(6, { kind: 'gossip' }))
    await r.send(numbered(7, { text: '\u001b[2J\u0000\u202e' }))
    await r.send(`${JSON.stringify(numbered(8)).slice(0, -1)},`)
    await r.send(numbered(9, { fields: { a: 5 } }))
    await r.send(numbered(10, { name: '<img>' }))
    const fields = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 'ä'.repeat(510)]))
    await r.send(numbered(11, { fields: fields(4) }))
    await r.send(numbered(12, { fields: fields(5) }))
    await r.send(numbered(13, { kind: 'comment', fields: { by: 'admin' } }))
    await until(() => doneOf(r.acks) === 1, 'the good one')
    await until(() => refusedOf(r.acks).length === 12, 'the refusals')
    t.same(refusedOf(r.acks), [
      [1, 'device-clock'],
      [2, 'too-old'],
      [3, 'unknown-device'],
      [4, 'too-large'],
      ...[5, 6, 7].map(seq => [seq, 'schema']),
      [8, 'json'],
      ...[9, 10].map(seq => [seq, 'schema']),
      [12, 'too-large'],
      [13, 'schema'],
    ])
    t.equal(r.ingest.stats().refused['too-large'], 2, 'counted')
    t.equal((await r.stored()).length, 1)
    t.equal(...balance(r))
  }),
)

t.test('the database is away: nothing is acknowledged, nothing is lost', async t => {
  const r = await rig(t, await embeddedBroker(t))
  const sender = await createSender({
    ...{ bus: r.bus, site: SITE, dir: await tempDir(t), log: silent },
    resend: { msMin: 200, msMax: 400 },
  })
  t.teardown(() => sender.close())
  r.door.error = unavailable()
  const topic = eventTopic(SITE, 'sw-1')
  for (let i = 1; i <= 300; i++) sender.send(topic, Buffer.from(JSON.stringify(body(i))))
  await until(() => r.ingest.stats().waiting >= 200, 'the window to be full')
  t.equal(sender.ledger.stored, 0)
  r.door.error = null
  await until(() => sender.ledger.waiting === 0, 'all to be stored')
  t.match(sender.ledger, { sent: 300, stored: 300, refused: 0, dropped: 0 })
  t.equal((await r.stored()).length, 300)
})

t.test('10,000 events at once of one device: bounded, counted, and told', async t => {
  let later = 0
  const r = await rig(t, await embeddedBroker(t), { now: () => Date.now() + later })
  const all = 10_000
  for (let i = 1; i <= all; i++) await r.send(numbered(i))
  await until(() => r.ingest.stats().stored === eventsPerMinuteMax, 'those that are stored')
  await until(() => doneOf(r.acks) + refusedOf(r.acks).length === all, 'an answer for each')
  t.equal(r.ingest.stats().refused.flood, all - eventsPerMinuteMax)
  later = 61_000
  await until(async () => (await r.stored()).length === eventsPerMinuteMax + 1, 'the summary')
  const [summary] = await r.stored()
  t.match(summary, { name: 'flood', severity: 'warning', fields: { left: '9400' } })
  t.match(summary?.text, /^9,400 more events/)
  await r.send(numbered(all + 1))
  await until(() => r.ingest.stats().stored === eventsPerMinuteMax + 1, 'the next minute')
  t.equal(...balance(r))
})

t.test('a flood of one device leaves the others alone; a clock that goes back ends it', t => {
  const flood = createFlood(2)
  const event = body(1)
  t.same(
    [1, 2, 3, 4].map(() => flood.takes(7, event, NOW)),
    [true, true, false, false],
  )
  t.ok(flood.takes(8, event, NOW))
  t.same(flood.over(NOW + 59_999), [])
  t.same(
    flood.over(NOW + 60_000).map(({ deviceUid, event: { fields } }) => [deviceUid, fields?.left]),
    [[7, '2']],
  )
  t.same(flood.over(NOW + 120_000), [], 'told once')
  for (let i = 0; i < 3; i++) flood.takes(7, event, NOW)
  t.equal(flood.over(NOW - 1).length, 1)
  t.end()
})

t.test('texts are one clean line; what names a row stays as it is', t => {
  const topic = eventTopic('main', 'sw-1')
  const take = (more: Record<string, unknown>) =>
    acceptEvent(message({ v: 1, ...body(1), at: NOW, ...more }, topic), context())
  const hostile = {
    text: '\u001b[31m<img src=x onerror=alert(1)>\u001b[0m\r\n\u202egnp.exe\u2066 \u0007',
    group: 'container',
    row: 'a|\u202eb\n',
    fields: { 'k\u0000ey': '\u001b]0;title\u0007value\n' },
    unknown: 'key',
  }
  const accepted = take(hostile)
  t.match(accepted, {
    refused: null,
    event: { text: '<img src=x onerror=alert(1)> gnp.exe', row: 'a|\u202eb\n' },
  })
  t.same('event' in accepted && accepted.event.fields, { 'k ey': 'value' })
  t.match(take({ row: 'alone' }), { event: { row: undefined } }, 'a row without its group is none')
  t.match(take({ fields: JSON.parse('{"__proto__":"x"}') }), { refused: null })
  t.notOk('x' in Object.prototype)
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, '']))
  t.match(take({ fields: many }), { refused: 'schema' })
  t.match(take({ at: 1.5 }), { refused: 'schema' })
  const group = acceptEvent(message(body(1), `${topic}/group`), context())
  t.match(group, { refused: 'topic' })
  const large = acceptEvent(message(' '.repeat(eventBytesMax + 1), topic), context())
  t.match(large, { refused: 'too-large' })
  t.end()
})
