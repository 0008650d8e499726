// Goal: over both brokers and a real SQLite, what ingest took is stored once and acknowledged after
// the commit, whatever the store, the broker or a sender does; and the ledger balances.

import t from 'tap'
import type { MqttBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import { ackTopic, rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import type { Ingest } from '../../server/ingest/contract.ts'
import { createIngest, type IngestOptions } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Ack } from '../../server/model/collection.ts'
import { AppError } from '../../server/model/errors.ts'
import type { Store } from '../../server/store/contract.ts'
import { eachBroker, embeddedBroker, SITE, type TestBroker } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { device, good, lookup, silent } from './messages.ts'
import { addDevice, type Door, door, sqlite, unavailable } from './store.ts'

// A machine with other work.
t.setTimeout(600_000)

interface Rig {
  store: Store
  door: Door
  ingest: Ingest
  live: ReturnType<typeof createMemoryLive>
  accepted: AcceptedCollection[]
  acks: Ack[]
  uid: number
  bus: MqttBus
  send(body: Record<string, unknown> | string, group?: string): Promise<void>
  /** Times of the stored points of `interface.in[a]`. */
  stored(): Promise<number[]>
}

const START = Date.now() - 3_600_000

async function rig(
  t: Teardown,
  broker: TestBroker,
  more: Partial<IngestOptions> = {},
): Promise<Rig> {
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw-1')
  const opened = door(store)
  const live = createMemoryLive()
  const accepted: AcceptedCollection[] = []
  const acks: Ack[] = []
  const bus = broker.connect()
  await until(() => bus.connected, 'the sender to connect')
  await bus.subscribe(ackTopic(SITE, 'node-1'), ({ payload }) => {
    acks.push(JSON.parse(payload.toString()))
  })
  const ingestBus = broker.connect()
  await until(() => ingestBus.connected, 'ingest to connect')
  const ingest = createIngest({
    ...{ bus: ingestBus, site: SITE, store: opened, live, log: silent },
    devices: lookup(device('sw-1', uid)),
    consumers: [{ onAccepted: collection => accepted.push(collection) }],
    ...more,
  })
  t.teardown(() => ingest.close())
  await ingest.start()
  return {
    ...{ store, door: opened, ingest, live, accepted, acks, uid, bus },
    send(body, group = 'interface') {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return bus.publish(sampleTopic(SITE, 'sw-1', group), text)
    },
    async stored() {
      const query = { deviceUid: uid, group: 'interface', metrics: ['in'], rows: ['a'] }
      const found = await store.samples.read({ ...query, from: 0, to: Date.now() })
      return found.flatMap(({ points }) => points.map(({ at }) => at))
    },
  }
}

const collection = (i: number, more: Record<string, unknown> = {}) =>
  good({ seq: i, at: START + i, metrics: { in: [i, null] }, ...more })

/** Numbers that were acknowledged as done, and how often. */
function done(acks: readonly Ack[]): Map<number, number> {
  const found = new Map<number, number>()
  for (const { seq } of acks) {
    for (const [from, to] of seq) {
      for (let i = from; i <= to; i++) found.set(i, (found.get(i) ?? 0) + 1)
    }
  }
  return found
}

/** What came, and what became of it all: the ledger balances when they are equal. */
function balance({ ingest }: Pick<Rig, 'ingest'>): [came: number, settled: number] {
  const { received, stored, duplicate, refused, dropped, waiting } = ingest.stats()
  const refusals = Object.values(refused).reduce((sum, count) => sum + count, 0)
  return [received, stored + duplicate + refusals + dropped + waiting]
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

t.test('stored, live, told, acknowledged; a resend is a duplicate', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    for (const i of range(1, 300)) await r.send(collection(i))
    await until(() => done(r.acks).size === 300, 'all to be acknowledged')
    t.same(
      await r.stored(),
      range(1, 300).map(i => START + i),
    )
    t.equal(r.accepted.length, 300)
    const [newest] = await r.live.latest(r.uid)
    t.match(newest, { metric: 'in', row: 'a', value: 300, at: START + 300 })
    t.ok(Math.max(...r.door.batches) > 1, 'written in batches')
    t.match(r.ingest.stats(), { received: 300, stored: 300, duplicate: 0, waiting: 0 })

    for (const i of range(1, 50)) await r.send(collection(i))
    await until(() => r.ingest.stats().duplicate === 50, 'the resend to be known')
    await until(() => [...done(r.acks).values()].filter(n => n === 2).length === 50, 'its acks')
    t.equal((await r.stored()).length, 300)
    t.equal(...balance(r))
    t.same(
      r.acks.flatMap(({ refused }) => refused),
      [],
    )
    t.ok(r.acks.every(({ boot }) => boot === 'k3x9'))
  }),
)

t.test('refused: acknowledged with the reason; senders without numbers are stored', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    await r.send(collection(1, { at: Date.now() + 3_600_000 }))
    await r.send(collection(2, { rows: ['a', 'a'] }))
    await r.send(`${JSON.stringify(collection(3)).slice(0, -1)},`)
    await r.bus.publish(sampleTopic(SITE, 'gone', 'interface'), JSON.stringify(collection(4)))
    const { src: _src, boot: _boot, seq: _seq, ...plain } = collection(5)
    await r.send(plain)
    await until(() => r.acks.flatMap(({ refused }) => refused).length === 4, 'the refusals')
    t.same(
      r.acks.flatMap(({ refused }) => refused).sort((a, b) => a[0] - b[0]),
      [
        [1, 'device-clock'],
        [2, 'duplicate-row'],
        [3, 'json'],
        [4, 'unknown-device'],
      ],
    )
    await until(() => r.ingest.stats().stored === 1, 'the plain one')
    t.same(await r.stored(), [START + 5])
    t.equal(done(r.acks).size, 0)
    t.equal(...balance(r))
  }),
)

t.test('rows are stored and acknowledged; a group of unknown rows is none the worse', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const row = { key: 'a', index: '1', name: 'Gi1/0/1', labels: { mac: '00:11' } }
    const body = { v: 1, src: 'node-1', boot: 'k3x9', seq: 7, at: START, units: {}, rows: [row] }
    const topic = rowsTopic(SITE, 'sw-1', 'interface')
    await r.bus.publish(topic, JSON.stringify(body), { retain: true })
    await until(() => done(r.acks).has(7), 'its acknowledgement')
    t.match(await r.store.samples.rows(r.uid), [{ group: 'interface', name: 'Gi1/0/1' }])
    await r.bus.publish(topic, JSON.stringify({ ...body, seq: 8, rows: [row, row] }))
    await until(() => r.acks.some(({ refused }) => refused[0]?.[0] === 8), 'the refusal')
    t.equal(...balance(r))
  }),
)

t.test('acknowledged after the commit only', async t => {
  const r = await rig(t, await embeddedBroker(t))
  const { promise, resolve } = Promise.withResolvers<void>()
  r.door.hold = promise
  for (const i of range(1, 5)) await r.send(collection(i))
  await until(() => r.accepted.length === 5, 'all to be accepted')
  await r.send(collection(9, { rows: ['a', 'a'] }))
  await until(() => r.acks.length > 0, 'the refusal, which waits for no commit')
  t.equal(done(r.acks).size, 0)
  t.equal(r.ingest.stats().waiting, 5)
  t.equal((await r.live.latest(r.uid)).length, 2, 'live does not wait')
  for (const i of range(1, 5)) await r.send(collection(i))
  await until(() => r.ingest.stats().duplicate === 5, 'resends of what waits')
  t.equal(done(r.acks).size, 0, 'are not acknowledged either')
  t.equal(...balance(r))
  r.door.hold = null
  resolve()
  await until(() => done(r.acks).size === 5, 'the acknowledgements')
  t.equal((await r.stored()).length, 5)
  t.equal(...balance(r))
})

t.test('the store is away for three seconds: nothing is lost, nothing acknowledged early', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    r.door.error = unavailable()
    const until3s = Date.now() + 3000
    let sent = 0
    await until(async () => {
      for (const i of range(sent + 1, sent + 20)) await r.send(collection(i))
      sent += 20
      t.equal(done(r.acks).size, 0)
      t.equal(...balance(r))
      return Date.now() > until3s
    }, 'three seconds')
    t.match(r.ingest.stats().storeError, /connection refused/)
    r.door.error = null
    await until(() => done(r.acks).size === sent, 'all of them', 20_000)
    t.equal((await r.stored()).length, sent)
    t.equal(r.ingest.stats().storeError, null)
    t.equal(...balance(r))
  }),
)

t.test('one that the store chokes on is refused, the others of its batch are stored', async t => {
  const r = await rig(t, await embeddedBroker(t))
  const { promise, resolve } = Promise.withResolvers<void>()
  r.door.hold = promise
  r.door.poison = at => at === START + 37
  for (const i of range(1, 100)) await r.send(collection(i))
  await until(() => r.accepted.length === 100, 'one batch')
  r.door.hold = null
  resolve()
  await until(() => r.ingest.stats().stored === 99, 'the others')
  await until(() => r.acks.some(({ refused }) => refused.length > 0), 'the refusal')
  t.same(
    r.acks.flatMap(({ refused }) => refused),
    [[37, 'store-error']],
  )
  await until(() => done(r.acks).size === 99, 'their acknowledgements')
  t.notOk((await r.stored()).includes(START + 37))
  t.equal(...balance(r))
})

t.test('a store that refuses everything is not taken for bad collections', async t => {
  const r = await rig(t, await embeddedBroker(t))
  r.door.error = new AppError('E_STORE_ACCESS', 'Access denied')
  for (const i of range(1, 3)) await r.send(collection(i))
  await until(() => r.ingest.stats().storeError !== null, 'the first failure')
  await r.send(collection(4))
  await until(() => r.accepted.length === 4, 'the next one')
  t.equal(r.ingest.stats().refused['store-error'], 0)
  r.door.error = null
  await until(() => done(r.acks).size === 4, 'all of them')
  t.equal((await r.stored()).length, 4)
})

t.test('parts are stored as one collection, and acknowledged together', async t => {
  const r = await rig(t, await embeddedBroker(t))
  const part = (i: number, rows: string[]) =>
    collection(i, { at: START, part: [i, 2], rows, metrics: { in: rows.map(() => i) }, gaps: {} })
  await r.send(part(2, ['c', 'd']))
  await until(() => r.ingest.stats().partsHeld === 1, 'the first part')
  t.equal(r.accepted.length, 0)
  t.equal(...balance(r))
  await r.send(part(1, ['a', 'b']))
  await until(() => done(r.acks).size === 2, 'both acknowledgements')
  t.equal(r.acks.filter(({ seq }) => seq.length > 0).length, 1)
  t.same(r.accepted[0]?.rows, ['a', 'b', 'c', 'd'])
  t.match(r.ingest.stats(), { stored: 2, partsHeld: 0, partsIncomplete: 0 })
  const query = { deviceUid: r.uid, group: 'interface', metrics: ['in'], from: 0, to: Date.now() }
  t.equal((await r.store.samples.read(query)).length, 4)
})

t.test('a full queue takes no more, and loses nothing when the store is back', async t => {
  const r = await rig(t, await embeddedBroker(t), { queueMax: 10 })
  r.door.error = unavailable()
  const sends = range(1, 100).map(i => r.send(collection(i)))
  await Promise.all(sends)
  await until(() => r.ingest.stats().received >= 11, 'it to be full')
  t.equal(r.ingest.stats().queued, 10)
  t.equal(...balance(r))
  r.door.error = null
  await until(() => done(r.acks).size === 100, 'all of them', 20_000)
  t.equal((await r.stored()).length, 100)
  t.match(r.ingest.stats(), { stored: 100, dropped: 0, waiting: 0 })
})

t.test('a live or a consumer that fails stops nothing', async t => {
  const r = await rig(t, await embeddedBroker(t), {
    live: { put: () => Promise.reject(new Error('live is broken')) },
    consumers: [
      {
        onAccepted() {
          throw new Error('a broken consumer')
        },
      },
    ],
  })
  await r.send(collection(1))
  await until(() => done(r.acks).size === 1, 'its acknowledgement')
  t.match(r.ingest.stats(), { stored: 1, liveErrors: 1, consumerErrors: 1 })
})

t.test(
  'close writes and acknowledges what it has; what it could not write it did not ack',
  async t => {
    const r = await rig(t, await embeddedBroker(t))
    for (const i of range(1, 20)) await r.send(collection(i))
    await until(() => r.accepted.length === 20, 'all to be accepted')
    await r.ingest.close()
    await r.ingest.close()
    t.equal((await r.stored()).length, 20)
    await until(() => done(r.acks).size === 20, 'the last acknowledgements')
    await r.send(collection(21))
    t.equal(...balance(r))

    const other = await rig(t, await embeddedBroker(t))
    other.door.error = unavailable()
    await other.send(collection(1))
    await until(() => other.accepted.length === 1, 'it to be accepted')
    await other.ingest.close()
    t.match(other.ingest.stats(), { dropped: 1, waiting: 0 })
    t.equal(done(other.acks).size, 0)
    t.equal(...balance(other))
  },
)

t.test('the broker dies: what was sent is sent again and stored once', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    for (const i of range(1, 20)) await r.send(collection(i))
    await until(() => done(r.acks).size === 20, 'the first ones')
    await broker.kill()
    await until(() => !r.bus.connected, 'the sender to notice')
    await broker.start()
    await until(async () => {
      for (const i of range(1, 40)) await r.send(collection(i)).catch(() => {})
      return done(r.acks).size === 40
    }, 'all of them')
    t.equal((await r.stored()).length, 40)
    t.equal(...balance(r))
  }),
)

t.test('a real sender forgets what is committed, and what is refused', async t => {
  const r = await rig(t, await embeddedBroker(t))
  const sender = await createSender({ bus: r.bus, site: SITE, dir: await tempDir(t), log: silent })
  t.teardown(() => sender.close())
  const send = (at: number) => {
    const body = { at, took: 1, ok: true, rows: ['a'], metrics: { in: [at] } }
    sender.send(sampleTopic(SITE, 'sw-1', 'interface'), Buffer.from(JSON.stringify(body)))
  }
  r.door.error = unavailable()
  for (const i of range(1, 400)) send(START + i)
  send(Date.now() + 3_600_000)
  await until(() => r.ingest.stats().waiting >= 200, 'the window to be full')
  t.match(sender.ledger, { sent: 401, stored: 0, refused: 0 })
  r.door.error = null
  await until(() => sender.ledger.waiting === 0, 'all to be settled', 20_000)
  t.match(sender.ledger, { sent: 401, stored: 400, refused: 1, dropped: 0 })
  t.equal((await r.stored()).length, 400)
  t.equal(...balance(r))
})

t.test('close without start', async t => {
  const store = await sqlite(t)
  const broker = await embeddedBroker(t)
  const ingestBus = broker.connect()
  await until(() => ingestBus.connected, 'ingest to connect')
  const ingest = createIngest({
    ...{ bus: ingestBus, site: SITE, store, live: createMemoryLive(), log: silent },
    ...{ devices: lookup(), consumers: [] },
  })
  await ingest.close()
  await ingest.start()
  t.equal(ingest.stats().received, 0)
})
