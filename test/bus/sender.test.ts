// The sender over both brokers, with a stand-in ingest: acknowledgements, resending, bounds and lies;
// the ledger balances throughout.

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { ackTopic, rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { eachBroker, embeddedBroker, SITE } from '../parts/broker.ts'
import { tempDir } from '../parts/find.ts'
import { standInIngest } from '../parts/ingest.ts'
import { balanced, orderKept, send, senderIn, until } from './sending.ts'

t.test('what ingest acknowledges is stored, what it refuses is counted with its reason', t =>
  eachBroker(t, async (t, broker) => {
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected, 'the ingest')
    const ingest = await standInIngest(ingestBus, SITE)
    ingest.refuse = ({ n }) => (n % 10 === 0 ? 'unknown-device' : null)
    const sender = await senderIn(t, broker.connect(), await tempDir(t))
    t.equal(sender.send(sampleTopic(SITE, 'd1', 'g'), Buffer.from('{"n":1,"x":"ä"}')), 1)
    send(sender, 2, 1000)
    t.ok(balanced(sender.ledger))
    await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
    t.same(sender.ledger, { sent: 1000, stored: 900, refused: 100, dropped: 0, waiting: 0 })
    t.same(sender.stats.refusedBy, { 'unknown-device': 100 })
    t.match(ingest.received[0], { v: 1, src: sender.src, seq: 1, n: 1, x: 'ä' })
    t.ok(orderKept(ingest.received))
  }),
)

t.test('no acknowledgement: sent again until there is one, never more than 256 at a time', t =>
  eachBroker(t, async (t, broker) => {
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected, 'the ingest')
    const ingest = await standInIngest(ingestBus, SITE)
    ingest.acknowledging = false
    const sender = await senderIn(t, broker.connect(), await tempDir(t))
    send(sender, 1, 1000)
    await until(() => ingest.received.length >= 256, 'the window')
    await until(() => sender.stats.resent > 0, 'a resend')
    t.equal(new Set(ingest.received.map(message => message.seq)).size, 256)
    t.match(sender.ledger, { sent: 1000, stored: 0, waiting: 1000 })
    ingest.acknowledging = true
    await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
    t.equal(ingest.stored.size, 1000)
    t.same(sender.ledger, { sent: 1000, stored: 1000, refused: 0, dropped: 0, waiting: 0 })
  }),
)

t.test('a spool that is too small drops the oldest, and the ledger says so', async t => {
  const broker = await embeddedBroker(t)
  await broker.kill()
  const sender = await senderIn(t, broker.connect(), await tempDir(t), {
    spool: { bytesMax: 50_000 },
  })
  for (let i = 0; i < 40; i++) {
    send(sender, i * 100 + 1, i * 100 + 100)
    await sender.flush()
    if (!balanced(sender.ledger)) t.fail('out of balance')
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
})

t.test(
  'what no broker will ever take is dropped and counted, and does not stop the rest',
  async t => {
    const broker = await embeddedBroker(t)
    const bus = broker.connect({ packetBytesMax: 10_000 })
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected && bus.connected, 'both')
    await standInIngest(ingestBus, SITE)
    const sender = await senderIn(t, bus, await tempDir(t))
    const topic = sampleTopic(SITE, 'd', 'g')
    sender.send(topic, Buffer.from(`{"n":1,"x":"${'y'.repeat(20_000)}"}`))
    sender.send(topic, Buffer.from('{"n":2}'))
    sender.send(topic, Buffer.from(`{"n":3,"x":"${'y'.repeat(10 * 1024 * 1024)}"}`))
    await until(() => sender.ledger.waiting === 0, 'the rest')
    t.same(sender.ledger, { sent: 3, stored: 1, refused: 0, dropped: 2, waiting: 0 })
    t.throws(() => sender.send(topic, Buffer.from('[]')), { code: 'E_BODY' })
    t.throws(() => sender.send(topic, Buffer.from('')), { code: 'E_BODY' })
  },
)

t.test('acknowledgements that lie or cannot be read change nothing', async t => {
  const broker = await embeddedBroker(t)
  const bus = broker.connect()
  const other = broker.connect()
  await until(() => bus.connected && other.connected, 'both')
  const sender = await senderIn(t, bus, await tempDir(t))
  send(sender, 1, 10)
  await until(() => sender.stats.inflight === 10, 'the records to be on their way')
  const seen: string[] = []
  await bus.subscribe(ackTopic(SITE, sender.src), message => void seen.push(message.topic))
  const lies = [
    '',
    '{',
    'null',
    '[]',
    '{"boot":5,"seq":[],"refused":[]}',
    '{"boot":"other","seq":[[1,10]],"refused":[[1,"x"]]}',
    '{"boot":"__proto__","seq":[[1,10]],"refused":[]}',
    '{"boot":"x","seq":[[10,1],[-5,-1],[1,9007199254740991]],"refused":[]}',
  ]
  for (const lie of lies) await other.publish(ackTopic(SITE, sender.src), lie)
  await until(() => seen.length === lies.length, 'the lies')
  t.same(sender.ledger, { sent: 10, stored: 0, refused: 0, dropped: 0, waiting: 10 })
})

t.test('a list of rows that is sent again does not replace a newer one', async t => {
  const broker = await embeddedBroker(t)
  const bus = broker.connect()
  const other = broker.connect()
  await until(() => bus.connected && other.connected, 'both')
  const resend = { msMin: 100, msMax: 200 }
  const sender = await senderIn(t, bus, await tempDir(t), { resend })
  const topic = rowsTopic(SITE, 'd', 'g')
  const seen: number[] = []
  // The newer one alone is acknowledged: the older one is sent again and again.
  await other.subscribe(topic, async ({ payload }) => {
    const { n, boot, seq } = JSON.parse(payload.toString())
    seen.push(n)
    if (n < 2) return
    const ack = JSON.stringify({ boot, seq: [[seq, seq]], refused: [] })
    await other.publish(ackTopic(SITE, sender.src), ack)
  })
  for (const n of [1, 2]) sender.send(topic, Buffer.from(`{"n":${n}}`), { retain: true })
  await until(() => seen.filter(n => n === 1).length > 3, 'the older one, sent again')
  const kept: number[] = []
  const late = broker.connect()
  await late.subscribe(topic, ({ payload, retained }) => {
    if (retained) kept.push(JSON.parse(payload.toString()).n)
  })
  await until(() => kept.length > 0, 'what the broker kept')
  t.equal(kept[0], 2, 'the newest')
})

t.test('the id of a sender is kept; a broken one is replaced', async t => {
  const broker = await embeddedBroker(t)
  const dir = path.join(await tempDir(t), 'a', 'b')
  await mkdir(dir, { recursive: true })
  await writeFile(path.join(dir, 'src'), 'not a valid id!\n')
  const one = await senderIn(t, broker.connect(), dir)
  t.match(one.src, /^[A-Za-z0-9._-]{8,64}$/)
  await one.close()
  const two = await senderIn(t, broker.connect(), dir)
  t.equal(two.src, one.src)
})
