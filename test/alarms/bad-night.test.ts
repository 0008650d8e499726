// Goal: one bad night, played by a clock of the test's own: an uplink dies with 200 devices behind it, a port
// flaps 60 times, a disk fills, the database is restarted in the middle. The exact list of messages, as a
// service outside hears them, no more and no fewer. Engine, outbox, routes and requests are the real ones.

import { pino } from 'pino'
import t from 'tap'
import { deliveryPolicy } from '../../server/addresses.ts'
import { channelKindOf } from '../../server/alarms/notify/channels.ts'
import { createCourier } from '../../server/alarms/notify/courier.ts'
import { createOutward } from '../../server/alarms/notify/outward.ts'
import { createRouter } from '../../server/alarms/notify/router.ts'
import type { DeviceStatus } from '../../server/model/collection.ts'
import type { Lease } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { addDevice } from '../ingest/store.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'
import { bench, device, MINUTE, metric, OPER, rule, table } from './kit.ts'
import { route, startReceiver } from './notify-kit.ts'

const log = pino({ level: 'silent' })
const never = new AbortController().signal
const STEP = 15_000
const HOSTS = 200

t.test('a bad night', async t => {
  const { url } = await sqlitePlace(t)
  let store = await openStore({ url, log })
  t.teardown(() => store.close())
  const ids = ['uplink', 'sw', 'nas', ...Array.from({ length: HOSTS }, (_, i) => `host-${i}`)]
  const uids = new Map<string, number>()
  for (const id of ids) uids.set(id, await addDevice(store, id))
  const known = new Map(ids.map(id => [id, device(id, uids.get(id) ?? 0)]))
  const of = (id: string) => known.get(id) ?? device(id, 0)

  const used = metric({
    group: 'storage',
    table: true,
    metric: 'used_percent',
    role: 'storage.used',
  })
  const night = bench(
    [OPER, { ...used, siblings: ['used_percent'] }],
    [
      rule(
        { metric: 'storage.used_percent', warning: '> 80', critical: '> 95', name: 'Disk' },
        'disk',
      ),
    ],
  )
  for (let i = 0; i < HOSTS; i++) night.parents.set(`host-${i}`, ['uplink'])

  const receiver = await startReceiver(t)
  const webhook = channelKindOf('webhook')
  if (!webhook) throw new Error('no webhook')
  const routes = [
    route({
      ...{ id: 'night', channels: ['phone'], severities: ['critical'], group: '30s', perHour: 100 },
      ...{ escalate: { after: '30m', channels: ['boss'] } },
    }),
    route({ id: 'day', channels: ['mail'], severities: ['warning', 'critical'], group: '1m' }),
  ]
  let lease: Lease | null = null
  const connect = async () => {
    const seen = await store.leases.look('judge')
    lease = await store.leases.take('judge', `judge-${seen?.epoch ?? 0}`, seen)
    const { notices, alarms } = store
    const router = createRouter({
      ...{ alarms, notices, log, routes: async () => routes },
      whereOf: () => ({ kind: 'snmp', tags: [], location: null }),
    })
    const courier = createCourier({
      ...{ notices, site: 'main', publicUrl: null, holder: 'judge', log },
      channel: async id => ({
        ...{ kind: webhook, enabled: true, config: { url: `${receiver.url}/${id}` } },
      }),
      perHour: async () => 100,
      tools: { outward: createOutward(deliveryPolicy(['127.0.0.0/8'])), publish: async () => {} },
      clock: () => night.clock.now,
    })
    return { router, courier }
  }
  let { router, courier } = await connect()
  let isAway = false
  let written = 0
  /** Time goes on, and judge does what it does in a round. */
  const pass = async (ms = STEP) => {
    for (let left = ms; left > 0; left -= STEP) {
      night.pass(Math.min(STEP, left))
      if (isAway || !lease) continue
      const fresh = night.steps.slice(written)
      if (fresh.length > 0) await store.alarms.write(lease, fresh)
      written = night.steps.length
      while (await router.step(lease, night.clock.now));
      await router.followUp(lease, night.clock.now)
      while ((await courier.run(never)) > 0);
    }
  }
  const say = (id: string, state: DeviceStatus['state']) =>
    night.engine.status(of(id), {
      ...{ state, since: night.clock.now, reason: state === 'up' ? null : 'timeout' },
    })
  const port = (oper: 1 | 2) =>
    night.engine.collection(
      of('sw'),
      table(of('sw').uid, night.clock.now, ['Gi1/0/7'], { oper: [oper] }),
    )
  const disk = (used_percent: number) =>
    night.engine.collection(
      of('nas'),
      table(of('nas').uid, night.clock.now, ['/data'], { used_percent: [used_percent] }, 'storage'),
    )

  await pass(MINUTE)
  for (const id of ids) say(id, 'up')
  port(1)
  disk(70)
  await pass(MINUTE)
  t.equal(receiver.heard.length, 0, 'a quiet evening')

  // 1. The uplink dies; its 200 hosts are seen before it. Nobody takes it on for half an hour.
  for (let i = 0; i < HOSTS; i++) say(`host-${i}`, 'down')
  await pass(30_000)
  say('uplink', 'down')
  await pass(40 * MINUTE)
  say('uplink', 'up')
  for (let i = 0; i < HOSTS; i++) say(`host-${i}`, 'up')
  await pass(5 * MINUTE)

  // 2. A port flaps 60 times.
  for (let i = 0; i < 60; i++) {
    port(2)
    await pass(STEP)
    port(1)
    await pass(STEP)
  }
  for (let i = 0; i < 15; i++) {
    await pass(MINUTE)
    port(1)
  }
  await pass(5 * MINUTE)

  // 3. A disk fills; the database is restarted between its two limits.
  for (const percent of [78, 85, 90]) {
    disk(percent)
    await pass(5 * MINUTE)
  }
  isAway = true
  await store.close()
  disk(97)
  await pass(10 * MINUTE)
  store = await openStore({ url, log })
  ;({ router, courier } = await connect())
  isAway = false
  await pass(5 * MINUTE)
  disk(60)
  await pass(5 * MINUTE)

  const messages = receiver.heard.map(({ path, body }) => {
    const { subject, items, more } = JSON.parse(body)
    return `${path.slice(1)} | ${subject} | ${items.length + more}`
  })
  for (const message of messages) t.comment(message)
  t.same(messages, [
    // The uplink alone; after half an hour the boss; and its end to all who were told.
    'phone | critical: uplink is down | 1',
    'mail | critical: uplink is down | 1',
    'boss | nobody took it on: critical: uplink is down | 1',
    'phone | recovered: uplink is down | 1',
    'boss | recovered: uplink is down | 1',
    'mail | recovered: uplink is down | 1',
    // The port: once, until it is calm.
    'phone | critical: sw: Gi1/0/7: Status is down | 1',
    'mail | critical: sw: Gi1/0/7: Status is down | 1',
    'boss | nobody took it on: critical: sw: Gi1/0/7: Status is down | 1',
    'phone | recovered: sw: Gi1/0/7: Status is down | 1',
    'boss | recovered: sw: Gi1/0/7: Status is down | 1',
    'mail | recovered: sw: Gi1/0/7: Status is down | 1',
    // The disk: by mail at once, to the phone when it is critical, though the database was away then.
    'mail | warning: nas: /data: Usage is 85 % | 1',
    'phone | worse: critical: nas: /data: Usage is 97 % | 1',
    'mail | worse: critical: nas: /data: Usage is 97 % | 1',
    'phone | recovered: nas: /data: Usage is 97 % | 1',
    'mail | recovered: nas: /data: Usage is 97 % | 1',
  ])
})
