// Goal: nothing is sent twice and nothing forgotten: by a service that fails for a while, one that fails for
// good, a process that dies between sending and saying so, two that send at once, a database that goes
// away, a limit. Over a real store and real requests.

import { pino } from 'pino'
import t, { type Test } from 'tap'
import { deliveryPolicy } from '../../server/addresses.ts'
import { channelKindOf } from '../../server/alarms/notify/channels.ts'
import { type CourierParts, createCourier } from '../../server/alarms/notify/courier.ts'
import { createOutward } from '../../server/alarms/notify/outward.ts'
import { AppError } from '../../server/model/errors.ts'
import type { Lease } from '../../server/store/contract.ts'
import type { NoticeStore } from '../../server/store/notice-contract.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'
import { item, type Receiver, startReceiver, T0 } from './notify-kit.ts'

const log = pino({ level: 'silent' })
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const never = new AbortController().signal

interface Bench {
  notices: NoticeStore
  lease: Lease
  receiver: Receiver
  clock: { now: number }
  courier(
    holder?: string,
    more?: Partial<Parameters<typeof createCourier>[0]>,
  ): ReturnType<typeof createCourier>
  add(...alarms: string[]): Promise<void>
  addTo(channel: string, ...alarms: string[]): Promise<void>
  /** Ids as the service heard them, in order. */
  heard(): string[]
}

async function bench(t: Test): Promise<Bench> {
  const { url } = await sqlitePlace(t)
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const lease = await store.leases.take('judge', 'one', null)
  if (!lease) throw new Error('no lease')
  const receiver = await startReceiver(t)
  const clock = { now: T0 }
  const kind = channelKindOf('webhook')
  if (!kind) throw new Error('no webhook')
  const addTo = async (channel: string, ...alarms: string[]) => {
    const additions = alarms.map(alarm => ({
      ...{ dedup: alarm, route: 'r', channel, kind: 'raised' as const, groupKey: alarm },
      ...{ dueAt: clock.now, item: item({ alarm }) },
    }))
    await store.notices.add(lease, { cursor: null, additions, decisions: [] }, clock.now)
  }
  return {
    ...{ notices: store.notices, lease, receiver, clock },
    courier: (holder = 'a', more = {}) =>
      createCourier({
        ...{ notices: store.notices, site: 'main', publicUrl: null, holder, log },
        channel: async () => ({ kind, config: { url: receiver.url }, enabled: true }),
        perHour: async () => 1000,
        tools: { outward: createOutward(deliveryPolicy(['127.0.0.0/8'])), publish: async () => {} },
        clock: () => clock.now,
        ...more,
      }),
    add: (...alarms) => addTo('c', ...alarms),
    addTo,
    heard: () => receiver.heard.map(one => JSON.parse(one.body).items[0]?.alarm),
  }
}

t.test('a service that fails for a while: again with growing pauses, then once', async t => {
  const b = await bench(t)
  await b.add('a1')
  b.receiver.answer = response => response.writeHead(503).end()
  const courier = b.courier()
  const due: number[] = []
  for (let i = 0; i < 9; i++) {
    t.equal(await courier.run(never), 1)
    t.equal(await courier.run(never), 0, 'not before its time')
    const next = (await b.notices.nextDue()) ?? 0
    due.push(next - b.clock.now)
    b.clock.now = next
  }
  t.same(
    due,
    [10, 20, 40, 80, 160, 320, 640, 900, 900].map(s => s * 1000),
  )
  t.equal(new Set(b.receiver.heard.map(one => one.headers['idempotency-key'])).size, 1)
  b.receiver.answer = response => response.writeHead(429, { 'retry-after': '1800' }).end()
  await courier.run(never)
  t.equal(await b.notices.nextDue(), b.clock.now + 1_800_000, 'as long as it asks for')
  b.clock.now += 1_800_000
  b.receiver.answer = response => response.end()
  await courier.run(never)
  t.match(await b.notices.list({}), [{ state: 'sent', tries: 11 }])
  b.clock.now += HOUR
  t.equal(await courier.run(never), 0)
})

t.test('one that never comes back is given up after a day; one that refuses at once', async t => {
  const b = await bench(t)
  await b.add('a1')
  b.receiver.answer = response => response.destroy()
  const courier = b.courier()
  await courier.run(never)
  b.clock.now += 25 * HOUR
  await courier.run(never)
  t.match(await b.notices.list({}), [{ state: 'failed', said: /given up after 2 tries/ }])
  await b.add('a2')
  b.receiver.answer = response => response.writeHead(401).end('who are you')
  await courier.run(never)
  const [refused] = await b.notices.list({ alarm: 'a2' })
  t.match(refused, { state: 'failed', tries: 1, said: /401.*who are you.*token/ })
  for (const [channel, said] of [
    [async () => null, /deleted/],
    [async () => ({ kind: channelKindOf('mqtt'), config: {}, enabled: false }), /switched off/],
  ] as const) {
    await b.add(String(said))
    await b.courier('a', { channel: channel as CourierParts['channel'] }).run(never)
    t.match(await b.notices.list({ alarm: String(said) }), [{ state: 'failed', said }])
  }
})

t.test('a channel that hangs keeps back nobody but itself', async t => {
  const b = await bench(t)
  await b.addTo('stuck', ...Array.from({ length: 50 }, (_, i) => `s${i}`))
  b.clock.now += 1000
  await b.addTo('well', ...Array.from({ length: 10 }, (_, i) => `w${i}`))
  const stop = new AbortController()
  b.receiver.answer = (response, { body }) => {
    if (JSON.parse(body).items[0].alarm.startsWith('w')) response.end()
  }
  let done = 0
  const courier = b.courier('a', { onDone: () => done++ })
  for (const arrived of [4, 8, 10]) {
    await courier.begin(stop.signal)
    await until(() => done === arrived, `${arrived} messages of the other channel`)
  }
  t.equal(await courier.begin(stop.signal), 0, 'its lane is full, and nothing else is due')
  const stuck = () => b.heard().filter(alarm => alarm.startsWith('s'))
  await until(() => stuck().length === 4, 'four of its messages on their way')
  t.equal((await b.notices.list({ states: ['sent'] })).length, 10)
  stop.abort()
  await courier.idle()
  t.equal((await b.notices.list({ states: ['waiting'], limit: 100 })).length, 50)
})

t.test(
  'a database that goes away in the middle of a claim: sent as soon as it is back',
  async t => {
    const b = await bench(t)
    await b.add('a1', 'a2')
    let isAway = true
    const courier = b.courier('a', {
      async perHour() {
        if (isAway) throw new AppError('E_STORE_UNAVAILABLE', 'away', { passing: true })
        return 1000
      },
    })
    await t.rejects(courier.run(never), { code: 'E_STORE_UNAVAILABLE' })
    t.match(await b.notices.list({}), [{ state: 'sending' }, { state: 'sending' }], 'claimed')
    await t.rejects(courier.run(never), { code: 'E_STORE_UNAVAILABLE' })
    isAway = false
    t.equal(await courier.run(never), 2, 'and not five minutes later')
    t.same(b.heard().toSorted(), ['a1', 'a2'])
  },
)

t.test('two processes at once: each message once', async t => {
  const b = await bench(t)
  const alarms = Array.from({ length: 40 }, (_, i) => `p${i}`)
  await b.add(...alarms)
  const [one, two] = [b.courier('one'), b.courier('two')]
  for (let left = 1; left > 0; ) {
    left = (await Promise.all([one.run(never), two.run(never)])).reduce((sum, n) => sum + n)
  }
  t.same(b.heard().toSorted(), alarms.toSorted())
})

t.test('one that dies while it sends: another sends it again, under the same id', async t => {
  const b = await bench(t)
  await b.add('a1')
  b.receiver.answer = () => undefined
  const stop = new AbortController()
  const dying = b.courier('dead', {
    notices: { ...b.notices, settle: () => new Promise(() => undefined) },
  })
  void dying.run(stop.signal)
  await until(() => b.receiver.heard.length === 1, 'the first request')
  stop.abort()
  b.receiver.answer = response => response.end()
  const other = b.courier('other')
  t.equal(await other.run(never), 0, 'it may still be sending')
  b.clock.now += 5 * MINUTE + 1
  t.equal(await other.run(never), 1)
  t.equal(new Set(b.receiver.heard.map(one => one.headers['idempotency-key'])).size, 1)
  t.match(await b.notices.list({}), [{ state: 'sent' }])
})

t.test('the database is away when it was sent: not again', async t => {
  const b = await bench(t)
  await b.add('a1')
  let failures = 0
  const courier = b.courier('a', {
    notices: {
      ...b.notices,
      settle: (...args) =>
        failures++ < 2
          ? Promise.reject(new AppError('E_STORE_UNAVAILABLE', 'away', { passing: true }))
          : b.notices.settle(...args),
    },
  })
  await courier.run(never)
  t.equal(failures, 3)
  t.match(await b.notices.list({}), [{ state: 'sent' }])
  t.equal(b.receiver.heard.length, 1)
})

t.test('over the limit: held, and one summary when there is room', async t => {
  const b = await bench(t)
  await b.add(...Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, '0')}`))
  const courier = b.courier('a', { perHour: async () => 5 })
  while ((await courier.run(never)) > 0) b.clock.now += 1000
  t.ok(b.receiver.heard.length >= 5 && b.receiver.heard.length <= 12, 'those at once may exceed it')
  const sent = b.receiver.heard.length
  t.same(await b.notices.heldPairs(), [{ route: 'r', channel: 'c' }])
  b.clock.now += HOUR
  await b.notices.sum(b.lease, 'r', 'c', b.clock.now)
  await courier.run(never)
  t.equal(b.receiver.heard.length, sent + 1)
  const summary = JSON.parse(b.receiver.heard.at(-1)?.body ?? '')
  t.equal(summary.kind, 'summary')
  t.equal(summary.items.length, 30 - sent)
  t.match(summary.subject, /^held back/)
})
