// Goal: hostile and broken publishers over both brokers: each message is refused with its reason and
// counted, nothing crashes, memory stays bounded, and every good collection in between is stored once.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t, { type Test } from 'tap'
import type { MqttBus } from '../../server/bus/client.ts'
import type { SpoolingSender } from '../../server/bus/sender.ts'
import { createSender } from '../../server/bus/sender.ts'
import { ackTopic, sampleTopic } from '../../server/bus/topics.ts'
import type { Ingest } from '../../server/ingest/contract.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { REFUSAL_REASONS } from '../../server/model/accepted.ts'
import type { Store } from '../../server/store/contract.ts'
import { eachBroker, SITE, type TestBroker } from '../parts/broker.ts'
import { tempDir, until } from '../parts/find.ts'
import { type Hostile, hostileMessages } from './hostile.ts'
import { device, lookup, silent } from './messages.ts'
import { addDevice, sqlite } from './store.ts'

const ROUNDS = 4
const GOOD_PER_ROUND = 200
/** What the heap may grow by over three rounds after the first, bytes. */
const heapGrowthMax = 32 * 1024 * 1024

t.setTimeout(600_000)
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

interface Rig {
  store: Store
  ingest: Ingest
  evil: MqttBus
  sender: SpoolingSender
  uid: number
  /** Times of a device's stored reads of one metric. */
  stored(group: string, metric: string, row: string): Promise<number[]>
}

async function rig(t: Test, broker: TestBroker): Promise<Rig> {
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw-1')
  const [ingestBus, evil, senderBus] = [broker.connect(), broker.connect(), broker.connect()]
  for (const bus of [ingestBus, evil, senderBus]) await until(() => bus.connected, 'the broker')
  const ingest = createIngest({
    ...{ bus: ingestBus, site: SITE, store, live: createMemoryLive(), log: silent },
    ...{ devices: lookup(device('sw-1', uid)), consumers: [] },
  })
  t.teardown(() => ingest.close())
  await ingest.start()
  const sender = await createSender({
    ...{ bus: senderBus, site: SITE, dir: await tempDir(t), log: silent },
    resend: { msMin: 1000, msMax: 5000 },
  })
  t.teardown(() => sender.close())
  return {
    ...{ store, ingest, evil, sender, uid },
    async stored(group, metric, row) {
      const query = { deviceUid: uid, group, metrics: [metric], rows: [row] }
      const found = await store.samples.read({ ...query, from: 0, to: Date.now() })
      return found.flatMap(({ points }) => points.map(({ at }) => at))
    },
  }
}

const text = (body: unknown) => JSON.stringify(body)
const refusals = (ingest: Ingest) =>
  Object.values(ingest.stats().refused).reduce((sum, count) => sum + count, 0)

async function refusedAlone(t: Test, { evil, ingest }: Rig, one: Hostile): Promise<void> {
  const before = ingest.stats()
  await evil.publish(one.topic, one.payload)
  await until(() => ingest.stats().received > before.received, one.what)
  await until(() => ingest.stats().waiting === 0, `${one.what} to be settled`)
  const { refused, stored } = ingest.stats()
  if (one.reason === null) t.equal(stored, before.stored + 1, `${one.what}: stored`)
  else t.equal(refused[one.reason], before.refused[one.reason] + 1, `${one.what}: ${one.reason}`)
}

t.test('each is refused with its reason; what is good in between is stored', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const from = Date.now() - 3_600_000
    const wanted = Object.fromEntries(REFUSAL_REASONS.map(reason => [reason, 0]))
    const heaps: number[] = []
    let sent = 0
    let harmless = 0
    for (let round = 0; round < ROUNDS; round++) {
      for (const one of hostileMessages('sw-1', from + round * 1000)) {
        // One at a time, so that a wrong reason names its message.
        if (round === 0) await refusedAlone(t, r, one)
        else await r.evil.publish(one.topic, one.payload)
        sent++
        if (one.reason === null) harmless++
        else wanted[one.reason] = (wanted[one.reason] ?? 0) + 1
      }
      for (let i = 0; i < GOOD_PER_ROUND; i++) {
        const at = from + round * GOOD_PER_ROUND + i
        const body = { at, ok: true, rows: ['a'], metrics: { in: [i] } }
        r.sender.send(sampleTopic(SITE, 'sw-1', 'good'), Buffer.from(text(body)))
      }
      await until(() => r.sender.ledger.waiting === 0, 'the good ones', 30_000)
      collectGarbage()
      heaps.push(process.memoryUsage().heapUsed)
    }
    const good = ROUNDS * GOOD_PER_ROUND
    await until(() => r.ingest.stats().received >= sent + good, 'all of them')
    await until(() => r.ingest.stats().waiting === 0, 'all to be settled')
    const { refused, stored, duplicate, dropped } = r.ingest.stats()
    t.same(refused, wanted)
    t.equal(stored, good + harmless)
    t.equal(duplicate + dropped, 0)
    t.same(r.sender.ledger, { sent: good, stored: good, refused: 0, dropped: 0, waiting: 0 })
    t.equal((await r.stored('good', 'in', 'a')).length, good)
    const [first = 0] = heaps
    t.ok(
      (heaps.at(-1) ?? 0) - first < heapGrowthMax,
      `heap: ${heaps.map(bytes => Math.round(bytes / 1e6))} MB`,
    )
    t.comment(`${broker.kind}: sent ${sent}, stored ${harmless}, refused ${text(refused)}`)
  }),
)

t.test('a message with a million rows: too large or cut off; the others go on', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const rows = Array.from({ length: 1_000_000 }, (_, i) => i.toString(36))
    const body = { v: 1, at: Date.now() - 1000, ok: true, rows, metrics: {} }
    const other = broker.connect({ packetBytesMax: 64 * 1024 * 1024 })
    await until(() => other.connected, 'the other to connect')
    await other.publish(sampleTopic(SITE, 'sw-1', 'million'), text(body)).catch(() => undefined)
    const names = rows.map(key => ({ key, index: key, name: key, labels: {} }))
    await other
      .publish(
        `pollux/${SITE}/devices/sw-1/rows/million`,
        text({ ...body, units: {}, rows: names }),
      )
      .catch(() => undefined)
    r.sender.send(
      sampleTopic(SITE, 'sw-1', 'good'),
      Buffer.from(text({ at: Date.now() - 1000, ok: true, rows: ['a'], metrics: { in: [1] } })),
    )
    await until(() => r.sender.ledger.stored === 1, 'a good one after it')
    const { stored, refused } = r.ingest.stats()
    t.equal(stored, 1)
    t.equal(refused['too-large'], 1, 'the one that the broker let through')
    t.equal(refusals(r.ingest), 1, text(refused))
    t.same(await r.store.samples.rows(r.uid), [])
    t.comment(
      `${broker.kind}: refused as too large ${refused['too-large']}, else cut by the broker`,
    )
  }),
)

t.test('the same hour twice: stored once', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const from = Date.now() - 3_700_000
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 360; i++) {
        const body = {
          v: 1,
          at: from + i * 10_000,
          ok: true,
          rows: ['a'],
          metrics: { in: [i + round] },
        }
        await r.evil.publish(sampleTopic(SITE, 'sw-1', 'hour'), text(body))
      }
    }
    await until(() => r.ingest.stats().received === 720, 'all of them')
    await until(() => r.ingest.stats().waiting === 0, 'all to be settled')
    t.match(r.ingest.stats(), { stored: 360, duplicate: 360, dropped: 0 })
    const query = { deviceUid: r.uid, group: 'hour', metrics: ['in'], rows: ['a'] }
    const [series] = await r.store.samples.read({ ...query, from: 0, to: Date.now() })
    t.same(
      series?.points.map(({ value }) => value),
      Array.from({ length: 360 }, (_, i) => i),
      'the first of two values stays',
    )
  }),
)

t.test('more series than a device may have: refused by the store, the others stay', async t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const from = Date.now() - 60_000
    const body = (i: number) => {
      const names = Array.from({ length: 15_000 }, (_, m) => [`m${i}_${m}`, 1])
      return { v: 1, at: from + i, ok: true, metrics: Object.fromEntries(names) }
    }
    for (let i = 0; i < 5; i++)
      await r.evil.publish(sampleTopic(SITE, 'sw-1', 'many'), text(body(i)))
    await until(() => r.ingest.stats().received === 5, 'all of them', 60_000)
    await until(() => r.ingest.stats().waiting === 0, 'all to be settled', 60_000)
    t.match(r.ingest.stats(), { stored: 3, refused: { 'store-refused': 2 } })
    await r.evil.publish(sampleTopic(SITE, 'sw-1', 'many'), text({ ...body(0), at: from + 100 }))
    await until(() => r.ingest.stats().stored === 4, 'the series that are there go on')
  }),
)

t.test('numbers of somebody else: what that sender keeps is not forgotten for them', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const boots = new Set<string>()
    await r.evil.subscribe(ackTopic(SITE, r.sender.src), ({ payload }) => {
      boots.add(JSON.parse(payload.toString()).boot)
    })
    const from = Date.now() - 3_600_000
    // The forger knows the name, but not the number of the start: 48 random bits.
    for (let seq = 1; seq <= 300; seq++) {
      const forged = {
        v: 1,
        src: r.sender.src,
        boot: 'abcdef012345',
        seq,
        at: from + seq,
        ok: true,
      }
      await r.evil.publish(
        sampleTopic(SITE, 'sw-1', 'forged'),
        text({ ...forged, metrics: { a: 1 } }),
      )
      const body = { at: from + seq, ok: true, rows: ['a'], metrics: { in: [seq] } }
      r.sender.send(sampleTopic(SITE, 'sw-1', 'good'), Buffer.from(text(body)))
    }
    // And an acknowledgement of its own, of everything.
    await r.evil.publish(
      ackTopic(SITE, r.sender.src),
      text({ boot: 'abcdef012345', seq: [[1, 1e9]], refused: [[1, 'schema']] }),
    )
    await until(() => r.sender.ledger.waiting === 0, 'the good ones')
    t.match(r.sender.ledger, { sent: 300, stored: 300, refused: 0 })
    t.equal((await r.stored('good', 'in', 'a')).length, 300, 'what it counts as stored is stored')
    t.ok(boots.has('abcdef012345'), 'the forged ones were acknowledged under their own start')
  }),
)

t.test('a flood of senders: the one good sender among them is acknowledged', t =>
  eachBroker(t, async (t, broker) => {
    const r = await rig(t, broker)
    const from = Date.now() - 3_600_000
    const flood: Promise<void>[] = []
    for (let i = 0; i < 1500; i++) {
      const body = {
        v: 1,
        src: `s${i}`,
        boot: 'b',
        seq: 1,
        at: from + i,
        ok: true,
        metrics: { a: i },
      }
      flood.push(r.evil.publish(sampleTopic(SITE, 'sw-1', 'flood'), text(body)))
      if (i % 10 > 0) continue
      const good = { at: from + i, ok: true, rows: ['a'], metrics: { in: [i] } }
      r.sender.send(sampleTopic(SITE, 'sw-1', 'good'), Buffer.from(text(good)))
    }
    await Promise.all(flood)
    await until(() => r.sender.ledger.waiting === 0, 'the good ones')
    t.same(r.sender.ledger, { sent: 150, stored: 150, refused: 0, dropped: 0, waiting: 0 })
    await until(() => r.ingest.stats().waiting === 0, 'all to be settled')
    t.equal(r.ingest.stats().stored, 1650)
    t.equal(r.ingest.stats().acksLost, 0)
  }),
)
