// The sender over both brokers, with a stand-in ingest: acknowledgements, resending, outages,
// restarts and kills; the ledger balances throughout.

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Bus, SenderLedger } from '../../server/bus/contract.ts'
import { createSender, type SenderOptions, type SpoolingSender } from '../../server/bus/sender.ts'
import { ackTopic, sampleTopic } from '../../server/bus/topics.ts'
import { eachBroker, embeddedBroker, SITE, silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until as untilWithin } from '../parts/find.ts'
import { type Received, standInIngest } from '../parts/ingest.ts'

/** With patience: on a busy machine everything takes its time, and nothing is asserted of it. */
const until: typeof untilWithin = (probe, what) => untilWithin(probe, what, 60_000)

const CHILD = fileURLToPath(new URL('./sending-child.ts', import.meta.url))

const balanced = ({ sent, stored, refused, dropped, waiting }: SenderLedger) =>
  sent === stored + refused + dropped + waiting

async function senderIn(
  t: Teardown,
  bus: Bus,
  dir: string,
  options: Partial<SenderOptions> = {},
): Promise<SpoolingSender> {
  const sender = await createSender({
    bus,
    site: SITE,
    dir,
    log: silentLog,
    resend: { msMin: 300, msMax: 2000 },
    ...options,
  })
  t.teardown(() => sender.close())
  return sender
}

function send(sender: SpoolingSender, from: number, to: number): void {
  for (let n = from; n <= to; n++) {
    sender.send(sampleTopic(SITE, `d${n % 10}`, 'g'), Buffer.from(`{"n":${n}}`))
  }
}

/** Is each topic's first sight of every message in the order of sending? */
function orderKept(received: readonly Received[]): boolean {
  const last = new Map<string, number>()
  const seen = new Set<number>()
  for (const { topic, n } of received) {
    if (seen.has(n)) continue
    seen.add(n)
    if (n < (last.get(topic) ?? 0)) return false
    last.set(topic, n)
  }
  return true
}

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

t.test('a broker that is away and forgets everything: nothing lost, order kept', t =>
  eachBroker(t, async (t, broker) => {
    // One connection for both: what is published before ingest is back would be sent again later,
    // after its successors.
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    const ingest = await standInIngest(bus, SITE)
    const sender = await senderIn(t, bus, await tempDir(t))
    let unbalanced = 0
    const watch = setInterval(() => {
      if (!balanced(sender.ledger)) unbalanced++
    }, 1)
    t.teardown(() => clearInterval(watch))
    send(sender, 1, 500)
    await until(() => sender.ledger.stored > 50, 'some acknowledgements')
    await broker.kill()
    send(sender, 501, 3000)
    await sender.flush()
    t.ok(balanced(sender.ledger))
    await broker.start()
    send(sender, 3001, 3100)
    await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
    t.same(sender.ledger, { sent: 3100, stored: 3100, refused: 0, dropped: 0, waiting: 0 })
    t.equal(new Set(ingest.received.map(message => message.n)).size, 3100)
    t.ok(orderKept(ingest.received))
    t.equal(unbalanced, 0)
  }),
)

t.test('a restart sends what waits, under its own boot, before anything new', t =>
  eachBroker(t, async (t, broker) => {
    const dir = await tempDir(t)
    await broker.kill()
    const first = await senderIn(t, broker.connect(), dir)
    send(first, 1, 700)
    await first.close()
    await first.close()
    await broker.start()
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected, 'the ingest')
    const ingest = await standInIngest(ingestBus, SITE)
    const second = await senderIn(t, broker.connect(), dir)
    t.equal(second.src, first.src)
    t.match(second.ledger, { sent: 700, waiting: 700 })
    send(second, 701, 900)
    t.ok(balanced(second.ledger))
    await until(() => second.ledger.waiting === 0, 'all acknowledgements')
    t.same(second.ledger, { sent: 900, stored: 900, refused: 0, dropped: 0, waiting: 0 })
    t.ok(orderKept(ingest.received))
    t.same(
      ingest.received.filter(message => message.n > 700).map(message => message.seq)[0],
      1,
      'a new boot numbers from 1',
    )
    t.equal(new Set(ingest.received.map(message => message.boot)).size, 2)
    await second.close()
    const third = await senderIn(t, broker.connect(), dir)
    t.match(third.ledger, { sent: 0, waiting: 0 }, 'nothing is sent again')
  }),
)

t.test('kill -9 in the middle: everything that was synced is sent by the next start', t =>
  eachBroker(t, async (t, broker) => {
    const dir = await tempDir(t)
    const ingestBus = broker.connect()
    await until(() => ingestBus.connected, 'the ingest')
    const ingest = await standInIngest(ingestBus, SITE)
    ingest.acknowledging = false
    let synced = 0
    for (let round = 1; round <= 3; round++) {
      const child = spawn(
        process.execPath,
        [CHILD, broker.url, broker.user, broker.password, dir, '100000'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      t.teardown(() => child.kill('SIGKILL'))
      let last = 0
      child.stdout.on('data', (chunk: Buffer) => {
        last = Number(/synced (\d+)\n$/.exec(chunk.toString())?.[1] ?? last)
      })
      await until(() => last >= 100 * round, 'synced records')
      const ended = new Promise(resolve => child.once('close', resolve))
      child.kill('SIGKILL')
      await ended
      synced += last
    }
    ingest.acknowledging = true
    const sender = await senderIn(t, broker.connect(), dir)
    const { sent } = sender.ledger
    t.ok(sent >= synced, `${sent} recovered of ${synced} synced`)
    t.equal(sender.ledger.dropped, sender.stats.spool.lost)
    await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
    t.equal(ingest.stored.size + sender.ledger.dropped, sent)
    t.ok(balanced(sender.ledger))
    // Each boot numbered from 1: no number below the last synced one may be missing.
    const boots = Map.groupBy(ingest.stored, key => key.split(' ')[0])
    for (const keys of boots.values()) {
      const seqs = keys.map(key => Number(key.split(' ')[1])).sort((a, b) => a - b)
      t.same(
        seqs,
        seqs.map((_, i) => i + 1),
      )
    }
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
