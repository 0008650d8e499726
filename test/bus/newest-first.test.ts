// Goal: a sender that is told so sends what is newest first after an outage; every record comes once with
// its own number, over files, memory and former boots; and no old retained message replaces a newer one.

import t from 'tap'
import type { Bus } from '../../server/bus/contract.ts'
import { openSpool } from '../../server/bus/spool.ts'
import { ackTopic, rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { eachBroker, embeddedBroker, SITE, silentLog } from '../parts/broker.ts'
import { tempDir } from '../parts/find.ts'
import { type Received, standInIngest } from '../parts/ingest.ts'
import { balanced, send, senderIn, until } from './sending.ts'

t.setTimeout(600_000)

const order = 'newest'
/** Files of a few records each. */
const spool = { segmentBytes: 20_000 }

/** A bus that notes the numbers of what is published, in that order: a broker may lose the first ones. */
function noting(bus: Bus): { bus: Bus; numbers: number[] } {
  const numbers: number[] = []
  const publish: Bus['publish'] = (topic, payload, options) => {
    const pieces = Array.isArray(payload) ? payload : [payload]
    const bytes = Buffer.concat(pieces.map(piece => Buffer.from(piece)))
    numbers.push(JSON.parse(bytes.toString()).n)
    return bus.publish(topic, payload, options)
  }
  return { bus: Object.create(bus, { publish: { value: publish } }), numbers }
}

/** Each number's first sight. */
const firstSeen = (received: readonly Received[]) => [...new Set(received.map(({ n }) => n))]
/** How far a list is from falling, in neighbours that rise across more than one taking of 256. */
const risesBeyond = (numbers: readonly number[], chunk: number) =>
  numbers.filter((n, i) => numbers.slice(0, i).some(before => n - before >= chunk)).length

t.test('the newest first, all of it once, from files, memory and a former boot', t =>
  eachBroker(t, async (t, broker) => {
    const dir = await tempDir(t)
    await broker.kill()
    const before = await senderIn(t, broker.connect(), dir, { order, spool })
    send(before, 1, 2000)
    await before.flush()
    await before.close()
    const { bus, numbers } = noting(broker.connect())
    const sender = await senderIn(t, bus, dir, { order, spool })
    send(sender, 2001, 4000)
    await sender.flush()
    // What is in memory alone when the broker comes back.
    send(sender, 4001, 4050)
    await broker.start()
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected, 'the ingest')
    const ingest = await standInIngest(ingestBus, SITE)
    await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
    t.ok(balanced(sender.ledger))
    t.match(sender.ledger, { stored: 4050, dropped: 0, refused: 0 })
    t.equal(ingest.stored.size, 4050)
    const seen = [...new Set(numbers)]
    t.equal(seen.length, 4050)
    t.equal(risesBeyond(seen, 257), 0, 'newest first, but for neighbours')
    t.ok(seen.indexOf(4050) < 257)
    t.ok(seen.indexOf(1) > 3500)
    t.ok(
      ingest.received.every(({ n, seq }) => seq === (n <= 2000 ? n : n - 2000)),
      'each with its own number',
    )
  }),
)

t.test('what is sent while the past drains comes before it', async t => {
  const broker = await embeddedBroker(t)
  await broker.kill()
  const bus = broker.connect()
  const sender = await senderIn(t, bus, await tempDir(t), { order, spool, perSecondMax: 400 })
  send(sender, 1, 1500)
  await sender.flush()
  await broker.start()
  const ingestBus = broker.connect()
  await until(() => ingestBus.connected, 'the ingest')
  const ingest = await standInIngest(ingestBus, SITE)
  await until(() => ingest.received.length >= 100, 'the drain begins')
  send(sender, 1501, 1510)
  await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
  const seen = firstSeen(ingest.received)
  t.equal(seen.length, 1510)
  t.ok(seen.indexOf(1510) < seen.indexOf(1), 'now before then')
  t.ok(balanced(sender.ledger))
})

t.test('a spool that is full drops the past, a file that went is counted', async t => {
  const broker = await embeddedBroker(t)
  await broker.kill()
  const options = { order, spool: { bytesMax: 50_000 } } as const
  const sender = await senderIn(t, broker.connect(), await tempDir(t), options)
  for (let i = 0; i < 40; i++) {
    send(sender, i * 100 + 1, i * 100 + 100)
    await sender.flush()
  }
  const { dropped, waiting } = sender.ledger
  t.ok(dropped > 2000 && waiting > 100)
  await broker.start()
  const ingestBus = broker.connect()
  await until(() => ingestBus.connected, 'the ingest')
  const ingest = await standInIngest(ingestBus, SITE)
  await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
  t.equal(ingest.stored.size, waiting)
  t.same(sender.ledger, { sent: 4000, stored: waiting, refused: 0, dropped, waiting: 0 })
  const least = Math.min(...ingest.received.map(({ n }) => n))
  t.equal(least, 4000 - waiting + 1, 'the oldest went')
})

t.test('numbers that are in no file, between numbers that are', async t => {
  const dir = await tempDir(t)
  const limits = { memoryBytesMax: 20_000 }
  const spool = await openSpool({ dir, boot: 'a'.repeat(12), log: silentLog, order, limits })
  t.teardown(() => spool.close())
  const put = (from: number, to: number) => {
    const payload = Buffer.from(`{"a":"${'x'.repeat(900)}"}`)
    for (let seq = from; seq <= to; seq++) spool.append({ seq, retain: false, topic: 't', payload })
  }
  const seen: number[] = []
  const take = async (count: number) => {
    const records = await spool.take(count, 1_000_000)
    seen.push(...records.map(({ seq }) => seq))
    return records.length > 0
  }
  put(1, 10)
  await spool.flush()
  await take(100)
  // More than memory holds, in one turn: the oldest of them never come to the disk.
  put(11, 60)
  await spool.flush()
  const { dropped, waiting } = spool.stats
  t.ok(dropped > 0 && waiting === 60 - dropped)
  while (await take(3));
  t.equal(seen.length, waiting)
  const kept = (n: number) => n <= 10 || n > 10 + dropped
  const all = Array.from({ length: 60 }, (_, i) => i + 1)
  t.same(
    seen.toSorted((a, b) => a - b),
    all.filter(kept),
    'each once, and none is left',
  )
})

t.test('the retained list of rows is the newest one', async t => {
  const broker = await embeddedBroker(t)
  await broker.kill()
  const sender = await senderIn(t, broker.connect(), await tempDir(t), { order, spool })
  const topic = rowsTopic(SITE, 'd1', 'g')
  for (let n = 1; n <= 900; n++) {
    sender.send(topic, Buffer.from(`{"n":${n}}`), { retain: true })
    sender.send(sampleTopic(SITE, 'd1', 'g'), Buffer.from(`{"n":${n}}`))
  }
  await sender.flush()
  await broker.start()
  const bus = broker.connect()
  await until(() => bus.connected, 'the ingest')
  await standInIngest(bus, SITE)
  const seen: number[] = []
  await bus.subscribe(topic, async ({ payload }) => {
    const { n, boot, seq } = JSON.parse(payload.toString())
    seen.push(n)
    const ack = JSON.stringify({ boot, seq: [[seq, seq]], refused: [] })
    await bus.publish(ackTopic(SITE, sender.src), ack)
  })
  await until(() => new Set(seen).size === 900, 'every list, plain or retained')
  const later = broker.connect()
  const kept: number[] = []
  await later.subscribe(topic, ({ payload }) => {
    kept.push(JSON.parse(payload.toString()).n)
  })
  await until(() => kept.length > 0, 'what the broker kept')
  t.same(kept.slice(0, 1), [900])
})
