// The sender over both brokers: brokers that go, restarts and kills lose nothing and keep the order.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { eachBroker, SITE } from '../parts/broker.ts'
import { tempDir } from '../parts/find.ts'
import { standInIngest } from '../parts/ingest.ts'
import { balanced, orderKept, send, senderIn, until } from './sending.ts'

t.jobs = 3

const CHILD = fileURLToPath(new URL('./sending-child.ts', import.meta.url))

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
    for (let round = 1; round <= 2; round++) {
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
      await until(() => last >= 40 * round, 'synced records')
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
