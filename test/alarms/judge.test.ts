// Goal: over a real broker and SQLite, each transition is one row and then one message, whatever dies or
// is away meanwhile, and however many judges there are.

import t from 'tap'
import { createAnnouncer } from '../../server/alarms/announce.ts'
import { createDesk } from '../../server/alarms/desk.ts'
import { type AlarmJudge, createAlarmJudge, type JudgeOptions } from '../../server/alarms/judge.ts'
import { bookOf } from '../../server/alarms/rulebook.ts'
import { createAudit } from '../../server/audit.ts'
import type { MqttBus } from '../../server/bus/client.ts'
import { alarmsFilter, statusTopic } from '../../server/bus/topics.ts'
import type { AppError } from '../../server/model/errors.ts'
import type { EventBody } from '../../server/model/event.ts'
import type { Rule } from '../../server/model/rule.ts'
import type { Store } from '../../server/store/contract.ts'
import { silent } from '../ingest/messages.ts'
import { addDevice, sqlite, unavailable } from '../ingest/store.ts'
import { eachBroker, embeddedBroker, SITE, type TestBroker } from '../parts/broker.ts'
import { type Teardown, until } from '../parts/find.ts'
import { CONFIG, device, MINUTE, metric, rule, START, sample } from './kit.ts'

interface Ground {
  store: Store
  bus: MqttBus
  uid: number
  clock: { mono: number }
  /** Set: the database is away. */
  door: { error: AppError | null }
  told: EventBody[]
}

async function ground(t: Teardown, broker: TestBroker): Promise<Ground> {
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw')
  const bus = broker.connect()
  await until(() => bus.connected, 'a client to connect')
  return { store, bus, uid, clock: { mono: 0 }, door: { error: null }, told: [] }
}

async function judge(
  t: Teardown,
  { store, bus, uid, clock, door, told }: Ground,
  holder: string,
  more: Partial<JudgeOptions> = {},
  people: readonly Rule[] = [rule({ warning: '> 80', critical: '> 95' })],
): Promise<AlarmJudge> {
  const sw = device('sw', uid)
  const { rules } = bookOf({ config: CONFIG, version: 1, metrics: [metric()], people })
  const guarded = {
    ...store.alarms,
    write: async (...asked: Parameters<Store['alarms']['write']>) => {
      if (door.error) throw door.error
      return store.alarms.write(...asked)
    },
  }
  const announcer = createAnnouncer({
    ...{ bus, site: SITE, log: silent },
    tell: (_, event) => void told.push(event),
  })
  const made = createAlarmJudge({
    ...{ bus, site: SITE, holder, announcer, log: silent, tickMs: 20 },
    store: { alarms: guarded, leases: store.leases, settings: store.settings },
    devices: { get: id => (id === 'sw' ? sw : undefined), all: () => [sw] },
    rules: () => ({ name: 'sw', parents: [], rules }),
    everyMs: () => MINUTE,
    maintenance: () => false,
    now: () => START,
    mono: () => clock.mono,
    ...more,
  })
  t.teardown(() => made.close())
  await made.start()
  return made
}

const steps = async (store: Store) =>
  (await store.alarms.after(0, 1000)).map(({ alarm, to, at, reason }) => {
    const minute = Math.round((at - START) / MINUTE)
    return `${to} ${alarm.severity}${reason === 'acknowledged' ? '' : ` @${minute}`}`
  })

const send = ({ uid }: Ground, to: AlarmJudge, minute: number, usage: number) =>
  to.collection(device('sw', uid), sample(uid, START + minute * MINUTE, { usage }))

t.test('a row, then a retained message and an event; clear takes the message away', t =>
  eachBroker(t, async (t, broker) => {
    const here = await ground(t, broker)
    const made = await judge(t, here, 'one')
    send(here, made, 0, 90)
    await until(() => here.told.length === 1, 'the event')
    t.same(await steps(here.store), ['active warning @0'])
    const heard: string[] = []
    const late = broker.connect()
    await until(() => late.connected, 'a client to connect')
    const [alarm] = await here.store.alarms.open()
    await late.subscribe(alarmsFilter(SITE), ({ topic, payload }) => {
      const state = payload.length === 0 ? 'none' : JSON.parse(payload.toString()).state
      heard.push(`${topic.endsWith(`sw/alarms/${alarm?.id}`)} ${state}`)
    })
    await until(() => heard.length === 1, 'the retained one')
    const parts = { bus: here.bus, site: SITE, store: here.store.alarms, log: silent }
    const announcer = createAnnouncer({ ...parts, tell: (_, event) => void here.told.push(event) })
    const desk = await createDesk({ ...parts, announcer, audit: createAudit(here.store.audit) })
    t.teardown(() => desk.close())
    t.equal(desk.counts().warning, 1)
    const ann = { name: 'ann', address: '' }
    const asked = desk.acknowledge([alarm?.id ?? '', 'x'], 'on <b>my</b>\nway', ann)
    t.match(await asked, [{ state: 'acknowledged', ack: { note: 'on <b>my</b> way' } }])
    await t.rejects(desk.acknowledge([], 'x'.repeat(501), ann), { code: 'E_ACK' })
    await until(() => heard.length === 2, 'the acknowledged one')
    send(here, made, 1, 99)
    await until(() => heard.length === 3, 'the worse one')
    send(here, made, 2, 10)
    await until(() => heard.length === 5, 'all messages')
    t.same(heard, [
      ...['true active', 'true acknowledged', 'true acknowledged', 'true clear', 'true none'],
    ])
    t.same(await steps(here.store), [
      ...['active warning @0', 'acknowledged warning', 'acknowledged critical @1'],
      'clear critical @2',
    ])
    t.match(
      here.told.map(({ name, severity }) => `${name} ${severity}`),
      ['raised warning', 'acknowledged info', 'severity critical', 'cleared info'],
    )
  }),
)

t.test(
  'the database is away while things break: all is written later, once and in order',
  async t => {
    const broker = await embeddedBroker(t)
    const here = await ground(t, broker)
    const made = await judge(t, here, 'one')
    here.door.error = unavailable()
    for (let i = 0; i < 6; i++) send(here, made, i, i % 2 ? 10 : 90)
    await until(() => made.stats().queued === 6, 'six to wait')
    t.same(await steps(here.store), [])
    t.same(here.told, [], 'nobody is told before it is a row')
    here.door.error = null
    await until(() => here.told.length === 6, 'all to be told')
    t.same(await steps(here.store), [
      ...['active warning @0', 'clear warning @1', 'active warning @2', 'clear warning @3'],
      ...['active warning @4', 'clear warning @5'],
    ])
  },
)

t.test('more waits than there is room for: counted, and what is wrong is raised again', async t => {
  const here = await ground(t, await embeddedBroker(t))
  const made = await judge(t, here, 'one', { queueMax: 3 })
  here.door.error = unavailable()
  for (let i = 0; i < 5; i++) send(here, made, i, i % 2 ? 10 : 90)
  t.match(made.stats(), { queued: 3, dropped: 2 })
  here.door.error = null
  await until(async () => (await steps(here.store)).length === 3, 'three to be stored')
  // A sample that comes while all is read anew may be for nothing: the next ones say it again.
  let minute = 6
  await until(async () => {
    send(here, made, minute++, 10)
    return (await here.store.alarms.open()).length === 0
  }, 'nothing to be open')
})

t.test('a step that the database refuses does not stop the others', async t => {
  const here = await ground(t, await embeddedBroker(t))
  const poison: AlarmPoison = { store: here.store, isRefused: at => at === START + MINUTE }
  const made = await judge(t, here, 'one', { store: poisoned(poison) })
  for (let i = 0; i < 3; i++) send(here, made, i, [90, 99, 10][i] ?? 0)
  await until(() => here.told.length === 2, 'the two others')
  t.same(await steps(here.store), ['active warning @0', 'clear critical @2'])
  t.equal(made.stats().dropped, 1)
})

t.test('two judges at once: everything once; who was frozen writes nothing any more', async t => {
  const broker = await embeddedBroker(t)
  const here = await ground(t, broker)
  const [one, two] = [await judge(t, here, 'one'), await judge(t, here, 'two')]
  t.match([one.stats().isJudge, two.stats().isJudge], [true, false])
  const both = (minute: number, usage: number) => {
    send(here, one, minute, usage)
    send(here, two, minute, usage)
  }
  both(0, 90)
  await until(() => here.told.length === 1, 'one event')
  // The first one hangs: its lease does not move, and the second one takes over.
  here.door.error = unavailable()
  await here.store.leases.release({ name: 'judge', holder: 'one', epoch: 1 })
  here.clock.mono += 6000
  await until(() => two.stats().isJudge || one.stats().isJudge === false, 'a change of judges')
  await until(() => two.stats().isJudge, 'the second one to judge')
  both(1, 10)
  here.door.error = null
  await until(() => here.told.length === 2, 'the clear event')
  await until(() => !one.stats().isJudge, 'the first one to see it')
  both(2, 90)
  await until(() => here.told.length === 3, 'the third')
  t.same(await steps(here.store), ['active warning @0', 'clear warning @1', 'active warning @2'])
  t.equal(here.told.length, 3)
})

t.test('a lease whose holder died is taken over when it has not moved for a while', async t => {
  const here = await ground(t, await embeddedBroker(t))
  await here.store.leases.take('judge', 'dead', null)
  const made = await judge(t, here, 'two')
  for (let i = 0; i < 4; i++) {
    t.equal(made.stats().isJudge, false)
    here.clock.mono += 5000
    const { mono } = here.clock
    await until(() => made.stats().lookedAt === mono, 'a look at the lease')
  }
  await until(() => made.stats().isJudge, 'it to judge')
  t.match(await here.store.leases.look('judge'), { holder: 'two', epoch: 2 })
})

t.test('a restart: what was written and not told is told, what is open goes on', async t => {
  const broker = await embeddedBroker(t)
  const here = await ground(t, broker)
  const first = await judge(t, here, 'one')
  send(here, first, 0, 90)
  await until(() => here.told.length === 1, 'the first')
  await first.close()
  await here.store.settings.put('alarms.told', '0')
  const second = await judge(t, here, 'one')
  await until(() => here.told.length === 2, 'it again, as it may not have been told')
  t.same(here.told[0], here.told[1], 'the same event: it is stored once')
  send(here, second, 1, 90)
  send(here, second, 2, 10)
  await until(() => here.told.length === 3, 'the clear one')
  t.same(await steps(here.store), ['active warning @0', 'clear warning @2'])
  // A message that a former judge left on the broker.
  const topic = statusTopic(SITE, 'sw').replace('status', 'alarms/old')
  await here.bus.publish(topic, '{"state":"active"}', { retain: true })
  await second.close()
  await judge(t, here, 'one')
  await until(async () => (await retained(here.bus, topic)) === 0, 'it to be taken away')
})

t.test('a restart: a condition that held for a part of its time goes on', async t => {
  const broker = await embeddedBroker(t)
  const here = await ground(t, broker)
  const slow = [rule({ warning: '> 80', for: '5m' })]
  const first = await judge(t, here, 'one', {}, slow)
  for (const minute of [0, 1, 2, 3]) send(here, first, minute, 90)
  await first.close()
  const second = await judge(t, here, 'one', {}, slow)
  for (const minute of [4, 5]) send(here, second, minute, 90)
  await until(() => here.told.length === 1, 'the alarm')
  t.same(await steps(here.store), ['active warning @5'])
  send(here, second, 6, 10)
  await until(() => here.told.length === 2, 'the clear one')
  await second.close()
  t.equal(await here.store.settings.get('alarms.pending'), '[]', 'nothing is left over')

  for (const text of ['{', '[{"rule":1}]', '[null]']) {
    await here.store.settings.put('alarms.pending', text)
    const made = await judge(t, here, 'one', {}, slow)
    t.ok(made.lease(), `what is damaged (${text}) stops nobody`)
    await made.close()
  }
})

async function retained(bus: MqttBus, topic: string): Promise<number> {
  let found = 0
  const stop = await bus.subscribe(topic, ({ payload }) => {
    if (payload.length > 0) found++
  })
  await bus.publish(topic, 'ping')
  await until(() => found > 0, 'the ping')
  await stop()
  return found - 1
}

interface AlarmPoison {
  store: Store
  isRefused: (at: number) => boolean
}

const poisoned = ({ store, isRefused }: AlarmPoison): JudgeOptions['store'] => ({
  alarms: {
    ...store.alarms,
    async write(lease, batch) {
      if (batch.some(({ at }) => isRefused(at))) throw new Error('the database refused: poison')
      return store.alarms.write(lease, batch)
    },
  },
  leases: store.leases,
  settings: store.settings,
})
