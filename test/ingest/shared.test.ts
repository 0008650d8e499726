// Goal: two ingesters of one share over one Mosquitto and one MariaDB. Each collection goes to one of
// them; one of them is cut off in the middle; the sender loses nothing and the database holds nothing twice.

import t from 'tap'
import { createSender } from '../../server/bus/sender.ts'
import { ackTopic, sampleTopic } from '../../server/bus/topics.ts'
import type { Ingest } from '../../server/ingest/contract.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import type { Live } from '../../server/live/contract.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import type { DeviceLookup, KnownDevice } from '../../server/model/accepted.ts'
import type { Ack } from '../../server/model/collection.ts'
import type { Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import {
  embeddedBroker,
  mosquittoBroker,
  SITE,
  silentLog,
  type TestBroker,
} from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { device, lookup, silent } from './messages.ts'
import { addDevice, sqlite } from './store.ts'

const DEVICES = 20
const COLLECTIONS = 20_000
const SHARE = 'ingest'

t.setTimeout(600_000)

/** An ingester with a connection, and where given a store, of its own. */
async function ingester(
  t: Teardown,
  broker: TestBroker,
  {
    store,
    devices,
    live = createMemoryLive(),
  }: { store: Store; devices: DeviceLookup; live?: Live },
) {
  const bus = broker.connect()
  await until(() => bus.connected, 'an ingester to connect')
  const ingest = createIngest({
    ...{ bus, site: SITE, store, live, devices, consumers: [], log: silent, share: SHARE },
  })
  t.teardown(() => ingest.close())
  await ingest.start()
  return { ingest, bus, live }
}

async function openedStore(t: Teardown, url: string): Promise<Store> {
  const store = await openStore({ url, log: silentLog })
  t.teardown(() => store.close())
  return store
}

const settled = ({ ingest }: { ingest: Ingest }) => {
  const { stored, duplicate } = ingest.stats()
  return { stored, duplicate }
}

t.test('two share the load, one dies in the middle: nothing lost, nothing twice', async t => {
  const [broker, database] = await Promise.all([mosquittoBroker(t), anyMariaDb(t)])
  const url = await database.createDatabase()
  const first = await openedStore(t, url)
  const second = await openedStore(t, url)
  const known: KnownDevice[] = []
  for (let i = 0; i < DEVICES; i++) {
    known.push(device(`dev-${i}`, await addDevice(first, `dev-${i}`)))
  }
  const devices = lookup(...known)
  const a = await ingester(t, broker, { store: first, devices })
  const b = await ingester(t, broker, { store: second, devices })
  const senderBus = broker.connect()
  const sender = await createSender({
    ...{ bus: senderBus, site: SITE, dir: await tempDir(t), log: silentLog },
    ...{ resend: { msMin: 500, msMax: 5000 }, perSecondMax: 50_000 },
  })
  t.teardown(() => sender.close())

  const from = Date.now() - COLLECTIONS
  for (let i = 0; i < COLLECTIONS; i++) {
    const body = {
      at: from + i,
      ok: true,
      rows: ['x', 'y'],
      metrics: { in: [i, i % 7], name: ['n', `${i % 50}`] },
    }
    const topic = sampleTopic(SITE, `dev-${i % DEVICES}`, 'interface')
    sender.send(topic, Buffer.from(JSON.stringify(body)))
  }
  await until(() => sender.ledger.stored > COLLECTIONS / 3, 'a third to be stored', 90_000)
  const [half, other] = [settled(a), settled(b)]
  t.ok(half.stored > 1000 && other.stored > 1000, `both work: ${half.stored} and ${other.stored}`)
  t.ok(half.duplicate + other.duplicate < COLLECTIONS / 20, 'each gets its own')
  // Gone as by a kill: its connection ends, what it holds is not written and not acknowledged.
  await a.bus.close()
  await first.close()
  await until(() => sender.ledger.waiting === 0, 'all acknowledgements', 120_000)
  t.same(sender.ledger, {
    ...{ sent: COLLECTIONS, stored: COLLECTIONS, refused: 0, dropped: 0, waiting: 0 },
  })
  const [row] = await rawRows(
    url,
    'select count(*) as polls, count(distinct stream_id, ts) as times, count(distinct stream_id) as streams from poll',
  )
  t.match(row, { polls: COLLECTIONS, times: COLLECTIONS, streams: DEVICES })
  for (const { uid } of [known[0], known[DEVICES - 1]].flatMap(one => one ?? [])) {
    const query = { deviceUid: uid, group: 'interface', metrics: ['in', 'name'], rows: ['x', 'y'] }
    const series = await second.samples.read({ ...query, from, to: from + COLLECTIONS })
    t.equal(series.length, 4)
    const wrong = series.flatMap(({ metric, row, points }) =>
      points.filter(({ at, value }) => {
        const i = at - from
        const wanted = metric === 'in' ? (row === 'x' ? i : i % 7) : row === 'x' ? 'n' : `${i % 50}`
        return value !== wanted
      }),
    )
    t.same(wrong.slice(0, 3), [], 'each value is the one that was sent')
    t.ok(series.every(({ points }) => points.length === COLLECTIONS / DEVICES))
  }
  t.comment(`${sender.stats.resent} sent again; survivor ${JSON.stringify(settled(b))}`)
})

/** One read in parts, whose rows are 0 … 99, 100 … 199, …; a column without gaps, and one with. */
const part = (i: number, n: number, at: number) => ({
  ...{ v: 1, src: 'node-1', boot: 'b1', seq: i, at, ok: true, part: [i, n] },
  rows: Array.from({ length: 100 }, (_, row) => `r${(i - 1) * 100 + row}`),
  metrics: {
    in: Array.from({ length: 100 }, (_, row) => (i - 1) * 100 + row),
    out: Array.from({ length: 100 }, (_, row) => (row === 0 ? null : row)),
  },
  gaps: { out: Array.from({ length: 100 }, (_, row) => (row === 0 ? 'reset' : null)) },
})

t.test('parts that reach different ingesters are one read, in the store and in live', async t => {
  const broker = await mosquittoBroker(t)
  const url = await (await anyMariaDb(t)).createDatabase()
  const stores = [await openedStore(t, url), await openedStore(t, url)] as const
  const uid = await addDevice(stores[0], 'sw-1')
  const devices = lookup(device('sw-1', uid))
  const live = createMemoryLive()
  const a = await ingester(t, broker, { store: stores[0], devices, live })
  const b = await ingester(t, broker, { store: stores[1], devices, live })
  const bus = broker.connect()
  await until(() => bus.connected, 'the sender to connect')
  const acks: Ack[] = []
  await bus.subscribe(ackTopic(SITE, 'node-1'), ({ payload }) => {
    acks.push(JSON.parse(payload.toString()))
  })
  const at = Date.now() - 60_000
  const parts = [1, 2, 3, 4].map(i => part(i, 4, at))
  // Twice, as after lost acknowledgements; an even number goes by turns to the same ingesters.
  for (const i of [3, 2, 1, 4, 3, 2, 1, 4]) {
    await bus.publish(sampleTopic(SITE, 'sw-1', 'interface'), JSON.stringify(parts[i - 1]))
  }
  const both = () => [a, b].map(settled)
  await until(
    () => both().reduce((sum, { stored, duplicate }) => sum + stored + duplicate, 0) === 8,
    'all eight to be settled',
  )
  t.ok(
    both().every(({ stored, duplicate }) => stored + duplicate > 0),
    JSON.stringify(both()),
  )
  await until(() => acks.flatMap(({ seq }) => seq).length > 0, 'acknowledgements')
  t.same(
    acks.flatMap(({ refused }) => refused),
    [],
  )
  const rows = Array.from({ length: 400 }, (_, i) => `r${i}`)
  const query = { deviceUid: uid, group: 'interface', metrics: ['in', 'out'], rows }
  const series = await stores[0].samples.read({ ...query, from: 0, to: Date.now() })
  t.equal(series.length, 800)
  const wanted = (metric: string, row: string) => {
    const i = Number(row.slice(1))
    if (metric === 'in') return { value: i, gap: null }
    return i % 100 === 0 ? { value: null, gap: 'reset' } : { value: i % 100, gap: null }
  }
  const wrong = series.filter(({ metric, row, points: [point, ...more] }) => {
    const { value, gap } = wanted(metric, row ?? '')
    return more.length > 0 || point?.value !== value || (point?.gap ?? null) !== gap
  })
  t.same(wrong, [], 'no good value has a gap over it')
  const newest = await live.latest(uid)
  t.equal(newest.length, 800)
  t.same(
    newest.filter(({ metric, row, value, gap }) => {
      const right = wanted(metric, row ?? '')
      return value !== right.value || gap !== right.gap
    }),
    [],
  )
})

t.test('a broker that shares nothing: both get all, and it is stored once', async t => {
  const broker = await embeddedBroker(t)
  const store = await sqlite(t)
  const devices = lookup(device('sw-1', await addDevice(store, 'sw-1')))
  const a = await ingester(t, broker, { store, devices })
  const b = await ingester(t, broker, { store, devices })
  const sender = await createSender({
    ...{ bus: broker.connect(), site: SITE, dir: await tempDir(t), log: silentLog },
  })
  t.teardown(() => sender.close())
  const from = Date.now() - 60_000
  for (let i = 0; i < 100; i++) {
    const body = JSON.stringify({ at: from + i, ok: true, metrics: { load: i } })
    sender.send(sampleTopic(SITE, 'sw-1', 'host'), Buffer.from(body))
  }
  await until(() => [a, b].every(({ ingest }) => ingest.stats().received >= 100), 'both to hear')
  await until(() => [a, b].every(({ ingest }) => ingest.stats().waiting === 0), 'both to store')
  await until(() => sender.ledger.waiting === 0, 'all acknowledgements')
  t.match(sender.ledger, { sent: 100, stored: 100, refused: 0 })
  const stored = settled(a).stored + settled(b).stored
  t.equal(stored, 100, 'stored by one of them')
})

t.test('a device that only the other ingester knows yet is not refused at once', async t => {
  const broker = await mosquittoBroker(t)
  const store = await sqlite(t)
  let devices = lookup()
  const late: DeviceLookup = { get: id => devices.get(id), all: () => devices.all() }
  const { ingest } = await ingester(t, broker, { store, devices: late })
  const sender = await createSender({
    ...{ bus: broker.connect(), site: SITE, dir: await tempDir(t), log: silentLog },
    resend: { msMin: 300, msMax: 1000 },
  })
  t.teardown(() => sender.close())
  const body = JSON.stringify({ at: Date.now() - 1000, ok: true, metrics: { load: 1 } })
  sender.send(sampleTopic(SITE, 'new-1', 'host'), Buffer.from(body))
  await until(() => ingest.stats().dropped > 0, 'the message of an unknown device')
  t.match(sender.ledger, { refused: 0, waiting: 1 })
  devices = lookup(device('new-1', await addDevice(store, 'new-1')))
  await until(() => sender.ledger.stored === 1, 'it to be stored when it is known')
  t.match(ingest.stats(), { waiting: 0, refused: { 'unknown-device': 0 } })
})
