// Goal: over both brokers and a real SQLite, judge publishes the state of each device, retained,
// when it changes; remembers it over a restart; and marks silence in the store.

import t from 'tap'
import { createStatusJudge, type StatusJudgeOptions } from '../../server/alarms/status.ts'
import type { MqttBus } from '../../server/bus/client.ts'
import { sampleTopic, statusFilter, statusTopic } from '../../server/bus/topics.ts'
import { accept } from '../../server/ingest/accept.ts'
import type { KnownDevice } from '../../server/model/accepted.ts'
import type { Store } from '../../server/store/contract.ts'
import { device, silent } from '../ingest/messages.ts'
import { addDevice, door, sqlite, unavailable } from '../ingest/store.ts'
import { eachBroker, embeddedBroker, SITE, type TestBroker } from '../parts/broker.ts'
import { type Teardown, until } from '../parts/find.ts'

const START = 1_795_320_000_000

/** A clock that the test sets. */
interface Clock {
  now: number
}

async function connected(broker: TestBroker): Promise<MqttBus> {
  const bus = broker.connect()
  await until(() => bus.connected, 'a client to connect')
  return bus
}

async function judge(
  t: Teardown,
  broker: TestBroker,
  devices: Map<string, KnownDevice>,
  clock: Clock,
  more: Partial<StatusJudgeOptions> = {},
) {
  const made = createStatusJudge({
    ...{ bus: await connected(broker), site: SITE, accept, log: silent, now: () => clock.now },
    devices: { get: id => devices.get(id), all: () => devices.values() },
    ...more,
  })
  t.teardown(() => made.close())
  await made.start()
  return made
}

/** Everything that comes on status topics: `id state since reason`; cleared ones are `id -`. */
async function statuses(bus: MqttBus): Promise<string[]> {
  const heard: string[] = []
  await bus.subscribe(statusFilter(SITE), ({ topic, payload }) => {
    const id = topic.split('/')[3]
    if (payload.length === 0) return void heard.push(`${id} -`)
    const { state, since, reason } = JSON.parse(payload.toString())
    heard.push(`${id} ${state} ${since - START} ${reason}`)
  })
  return heard
}

const sender = (bus: MqttBus) => (id: string, at: number, reason?: string, group?: string) => {
  const said = reason
    ? { ok: false, reason, error: 'its words', took: 1 }
    : { ok: true, metrics: { x: 1 } }
  const topic = sampleTopic(SITE, id, group ?? 'system')
  return bus.publish(topic, JSON.stringify({ v: 1, at: START + at, ...said }))
}

const known = (...devices: KnownDevice[]) => new Map(devices.map(one => [one.id, one]))

async function stored(store: Store, deviceUid: number): Promise<string[]> {
  const query = { deviceUid, group: 'system', metrics: ['x'], from: 0, to: START * 2 }
  const found = await store.samples.read(query)
  return found.flatMap(({ points }) =>
    points.map(({ at, value, gap }) => `${at - START} ${gap ?? value}`),
  )
}

t.test('up, down, up; each change once, retained', t =>
  eachBroker(t, async (t, broker) => {
    const clock = { now: START }
    const bus = await connected(broker)
    const heard = await statuses(bus)
    const devices = known(device('sw-1', 1), device('host-1', 2, { kind: 'agent' }))
    const made = await judge(t, broker, devices, clock)
    const send = sender(bus)
    await send('sw-1', 0)
    await send('host-1', 0)
    await until(() => heard.length === 2, 'both to be up')
    clock.now = START + 60_000
    await send('sw-1', 60_000)
    await send('host-1', 60_000, 'unreachable')
    await until(() => made.stats().judged === 4, 'four to be judged')
    clock.now += 1000
    await until(() => heard.length === 3, 'one to be down')
    clock.now = START + 120_000
    await send('host-1', 120_000)
    await until(() => heard.length === 4, 'it to be up again')
    t.same(heard.sort(), [
      'host-1 down 60000 unreachable',
      'host-1 up 0 null',
      'host-1 up 120000 null',
      'sw-1 up 0 null',
    ])
    const later = await statuses(await connected(broker))
    await until(() => later.length === 2, 'the retained ones')
    t.same(later.sort(), ['host-1 up 120000 null', 'sw-1 up 0 null'])
    t.match(made.status('sw-1'), { state: 'up' })
    t.equal(made.status('nobody'), null)
  }),
)

t.test('late collections, bad ones and those of strangers are not judged', async t => {
  const broker = await embeddedBroker(t)
  const bus = await connected(broker)
  const made = await judge(t, broker, known(device('sw-1', 1)), { now: START + 60_000 })
  const send = sender(bus)
  await send('sw-1', 60_000)
  await send('sw-1', 0, 'timeout')
  await send('sw-1', 60_000, 'timeout')
  await send('gone', 60_000)
  await bus.publish(sampleTopic(SITE, 'sw-1', 'system'), '{"v":1')
  await until(() => made.stats().refused === 2, 'the refusals')
  t.match(made.stats(), { judged: 1, late: 2 })
  t.match(made.status('sw-1'), { state: 'up' })
})

t.test('a restart knows what was, and who died meanwhile is found silent', t =>
  eachBroker(t, async (t, broker) => {
    const clock = { now: START }
    const bus = await connected(broker)
    const devices = known(device('sw-1', 1), device('sw-2', 2))
    const first = await judge(t, broker, devices, clock)
    const send = sender(bus)
    await send('sw-1', 0, 'auth')
    await send('sw-2', 0)
    await until(() => first.stats().judged === 2, 'both to be judged')
    clock.now += 1000
    await until(() => first.status('sw-1')?.state === 'down' && first.stats().waiting === 0, 'down')
    await first.close()
    await first.close()

    clock.now = START + 600_000
    const second = await judge(t, broker, devices, clock)
    await until(() => second.status('sw-1') && second.status('sw-2'), 'the retained states')
    t.match(second.status('sw-1'), { state: 'down', since: START, reason: 'auth' })
    await send('sw-2', 600_000)
    await until(() => second.stats().judged === 1, 'a collection')
    t.match(second.status('sw-2'), { state: 'up', since: START }, 'since is what it was')
    const heard = await statuses(bus)
    clock.now += 60_000
    await send('sw-2', 660_000)
    await until(() => second.stats().judged === 2, 'another one')
    clock.now += 126_000
    await until(() => second.status('sw-2')?.state === 'unknown', 'silence')
    t.match(second.status('sw-2'), { reason: 'poller-down', since: START + 660_000 })
    t.match(second.status('sw-1'), { state: 'down' }, 'what is down is read less often')
    await until(() => heard.includes('sw-2 unknown 660000 poller-down'), 'it to be published')
  }),
)

t.test('silence is marked where it began and where it ended', async t => {
  const broker = await embeddedBroker(t)
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw-1')
  const opened = door(store)
  const clock = { now: START + 60_000 }
  const bus = await connected(broker)
  const made = await judge(t, broker, known(device('sw-1', uid)), clock, { store: opened })
  const send = sender(bus)
  const metrics = new Map([['x', [1]]])
  const write = (at: number) => {
    const base = { deviceUid: uid, group: 'system', at: START + at, rows: null }
    return store.samples.write([{ ...base, metrics, gaps: new Map(), failed: null }])
  }
  for (const at of [0, 60_000]) {
    await write(at)
    await send('sw-1', at)
  }
  await until(() => made.stats().judged === 2, 'both')
  opened.error = unavailable()
  clock.now = START + 190_000
  await until(() => made.stats().waiting === 1, 'a mark that waits for the store')
  opened.error = null
  await until(async () => (await stored(store, uid)).length === 3, 'the first mark')
  clock.now = START + 600_000
  await write(600_000)
  await send('sw-1', 600_000)
  await until(async () => (await stored(store, uid)).length === 5, 'the second mark')
  t.same(await stored(store, uid), [
    '0 1',
    '60000 1',
    '60001 poller-down',
    '599999 poller-down',
    '600000 1',
  ])
  t.match(made.status('sw-1'), { state: 'up', since: START + 600_000 })
})

t.test('paused, on again, replaced, deleted', async t => {
  const broker = await embeddedBroker(t)
  const clock = { now: START }
  const bus = await connected(broker)
  const heard = await statuses(bus)
  const devices = known(device('sw-1', 1))
  const made = await judge(t, broker, devices, clock)
  const send = sender(bus)
  await send('sw-1', 0)
  await until(() => heard.length === 1, 'up')
  devices.set('sw-1', device('sw-1', 1, { enabled: false }))
  await until(() => heard.length === 2, 'paused')
  await send('sw-1', 1000)
  await until(() => made.stats().judged === 2, 'a collection while paused')
  clock.now += 2000
  devices.set('sw-1', device('sw-1', 1))
  await until(() => heard.length === 3, 'on again')
  await send('sw-1', 2000, 'timeout')
  await until(() => made.stats().judged === 3, 'a failure')
  clock.now += 1000
  await until(() => heard.length === 4, 'down')
  devices.set('sw-1', device('sw-1', 9))
  await until(() => heard.length === 5, 'another device of this id')
  devices.delete('sw-1')
  await until(() => heard.length === 6, 'no device')
  t.same(heard, [
    'sw-1 up 0 null',
    'sw-1 paused 0 paused',
    'sw-1 unknown 2000 null',
    'sw-1 down 2000 timeout',
    'sw-1 unknown 3000 null',
    'sw-1 -',
  ])
  t.equal(made.stats().devices, 0)
})

t.test('a clock that is wrong is said, not silence', async t => {
  const broker = await embeddedBroker(t)
  const bus = await connected(broker)
  const made = await judge(t, broker, known(device('sw-1', 1)), { now: START })
  await sender(bus)('sw-1', 3_600_000)
  await until(() => made.status('sw-1')?.reason === 'device-clock', 'the state')
  t.match(made.status('sw-1'), { state: 'unknown', since: START })
})

t.test('the broker dies and forgets: silence of that time is nobody’s fault, later silence is', t =>
  eachBroker(t, async (t, broker) => {
    const clock = { now: START }
    const judgeBus = await connected(broker)
    const made = await judge(t, broker, known(device('sw-1', 1)), clock, { bus: judgeBus })
    const bus = await connected(broker)
    await sender(bus)('sw-1', 0)
    await until(() => made.status('sw-1')?.state === 'up' && made.stats().waiting === 0, 'up')
    await broker.kill()
    await until(() => !judgeBus.connected, 'the connection to end')
    clock.now += 200_000
    // Longer than a full sweep: a judge that took its own deafness for silence would speak now.
    await new Promise(resolve => setTimeout(resolve, 1500))
    t.equal(made.status('sw-1')?.state, 'up')
    await broker.start()
    await until(() => bus.connected && judgeBus.connected, 'the broker')
    const heard = await statuses(bus)
    // Two intervals, their grace, and the time in which senders come back.
    await until(() => {
      clock.now += 10_000
      return made.status('sw-1')?.state === 'unknown'
    }, 'silence')
    t.ok(clock.now > START + 200_000 + 30_000)
    await until(
      () => heard.some(line => /^sw-1 unknown \d+ poller-down$/.test(line)),
      'the newest state',
    )
  }),
)

t.test('retained rubbish is no state; close without start', async t => {
  const broker = await embeddedBroker(t)
  const bus = await connected(broker)
  for (const text of ['no json', '{"state":"splendid"}', 'null']) {
    await bus.publish(statusTopic(SITE, 'sw-1'), text, { retain: true })
  }
  const made = await judge(t, broker, known(device('sw-1', 1)), { now: START })
  await sender(bus)('sw-1', 0)
  await until(() => made.stats().judged === 1, 'a collection')
  t.match(made.status('sw-1'), { state: 'up' })
  const other = createStatusJudge({
    ...{ bus, site: SITE, accept, log: silent },
    devices: { get: () => undefined, all: () => [] },
  })
  await other.close()
  await other.start()
  t.equal(other.stats().devices, 0)
})
