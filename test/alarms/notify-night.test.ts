// Goal: who was told hears of the end whatever happened between, nobody is told what is no longer so, and
// neither a limit nor a bound lets messages through or keeps them back for ever. Over a real store.

import { pino } from 'pino'
import t, { type Test } from 'tap'
import { deliveryPolicy } from '../../server/addresses.ts'
import { channelKindOf } from '../../server/alarms/notify/channels.ts'
import { createCourier } from '../../server/alarms/notify/courier.ts'
import { createOutward } from '../../server/alarms/notify/outward.ts'
import { planTransitions } from '../../server/alarms/notify/plan.ts'
import type { StoredRoute } from '../../server/alarms/notify/route.ts'
import { createRouter } from '../../server/alarms/notify/router.ts'
import type { Alarm, Transition } from '../../server/model/alarm.ts'
import { openStore } from '../../server/store/open.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'
import { item, route, startReceiver, T0, transition } from './notify-kit.ts'

const log = pino({ level: 'silent' })
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const where = () => ({ kind: 'snmp', tags: ['core'], location: 'paris' })
const cleared = { from: 'active', to: 'clear', reason: 'cleared' } as const

async function bench(t: Test) {
  const { url, raw } = await sqlitePlace(t)
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const lease = await store.leases.take('judge', 'one', null)
  if (!lease) throw new Error('no lease')
  const { notices } = store
  await notices.startAt(lease, 0)
  let from = 0
  return {
    ...{ notices, lease, raw },
    async plan(routes: StoredRoute[], now: number, ...steps: Transition[]) {
      const to = steps.at(-1)?.id ?? from
      const planned = planTransitions(steps, routes, where, now)
      await notices.add(lease, { cursor: { from, to }, ...planned }, now)
      from = to
    },
    async sendAll(now: number) {
      for (const { id } of await notices.claim('h', now, now + MINUTE, 100)) {
        await notices.settle(id, 'h', { state: 'sent', said: 'ok' }, now)
      }
    },
    async kinds() {
      return (await notices.list({})).map(({ kind }) => kind).sort()
    },
    router: (one: StoredRoute, open: () => readonly Alarm[]) =>
      createRouter({
        alarms: { after: async () => [], newest: async () => 0, open: async () => [...open()] },
        ...{ notices, routes: async () => [one], whereOf: where, log },
      }),
  }
}

t.test('an alarm that sinks below the route, then ends: who was told hears of it', async t => {
  const { plan, sendAll, kinds } = await bench(t)
  const routes = [
    route({ id: 'pager', severities: ['critical'] }),
    route({ id: 'never', severities: ['info'] }),
  ]
  await plan(routes, T0, transition(1, 'a'))
  await sendAll(T0 + MINUTE)
  const milder = { severity: 'warning', from: 'active', reason: 'severity' } as const
  await plan(routes, T0, transition(2, 'a', { ...milder, severityBefore: 'critical' }))
  await plan(routes, T0, transition(3, 'a', { severity: 'warning', ...cleared }))
  t.same(await kinds(), ['raised', 'recovered'], 'and nobody else')
})

t.test('the device is deleted: its tags are not known any more', async t => {
  const over = transition(8, 'a', { ...cleared, reason: 'device-gone' })
  const routes = [route({ tags: ['core'] }), route({ id: 'off', enabled: false })]
  const { additions } = planTransitions([over], routes, () => null, T0)
  t.same(
    additions.map(one => one.route),
    ['all'],
  )
})

t.test('a route that waits for the morning: follow-ups only for what is open then', async t => {
  const { plan, kinds, notices, router, lease } = await bench(t)
  const night = Date.parse('2026-11-23T20:00:00Z')
  const days = [1, 2, 3, 4, 5]
  const hours = { days, from: '08:00', to: '18:00', zone: 'UTC', outside: 'wait' as const }
  const one = route({ hours, escalate: { after: '15m', channels: ['boss'] }, repeat: '1h' })
  const raised = (id: number, name: string): Transition => {
    const step = transition(id, name)
    return { ...step, alarm: { ...step.alarm, raisedAt: night } }
  }
  const steps = [raised(1, 'a'), raised(2, 'b')]
  await plan([one], night, ...steps)
  let open = steps.map(({ alarm }) => alarm)
  const { followUp } = router(one, () => open)
  for (let hour = 1; hour <= 6; hour++) await followUp(lease, night + hour * HOUR + MINUTE)
  t.same(await kinds(), ['raised'], 'nothing piles up at night')
  open = open.map(alarm => (alarm.id === 'a' ? { ...alarm, state: 'acknowledged' } : alarm))
  await followUp(lease, Date.parse('2026-11-24T08:00:30Z'))
  t.same(await kinds(), ['escalated', 'raised', 'reminder'])
  const [escalated] = (await notices.list({})).filter(({ kind }) => kind === 'escalated')
  t.same(
    escalated?.body.items.map(({ alarm }) => alarm),
    ['b'],
    'a was taken on at night',
  )
})

t.test('a limit holds for what is sent at once, too', async t => {
  const { notices, lease } = await bench(t)
  const receiver = await startReceiver(t)
  const kind = channelKindOf('webhook')
  if (!kind) throw new Error('no webhook')
  const about = { route: 'r', channel: 'c', kind: 'raised', dueAt: T0 } as const
  const additions = Array.from({ length: 8 }, (_, i) => ({
    ...{ ...about, dedup: `d${i}`, groupKey: `${i}`, item: item({ alarm: `a${i}` }) },
  }))
  await notices.add(lease, { cursor: null, additions, decisions: [] }, T0)
  const courier = createCourier({
    ...{ notices, site: 'main', publicUrl: null, holder: 'h', log },
    channel: async () => ({ kind, config: { url: receiver.url }, enabled: true }),
    perHour: async () => 2,
    tools: { outward: createOutward(deliveryPolicy(['127.0.0.0/8'])), publish: async () => {} },
    clock: () => T0 + 1000,
  })
  while ((await courier.run(new AbortController().signal)) > 0);
  t.equal(receiver.heard.length, 2)
  t.equal((await notices.list({ states: ['held'] })).length, 6)
})

t.test('more alarms than one look plans for: each is escalated, once', async t => {
  const { plan, notices, router, lease } = await bench(t)
  const escalate = { after: '15m', channels: ['boss'] }
  const one = route({ escalate, group: '1s', groupBy: 'all' })
  const steps = Array.from({ length: 510 }, (_, i) => transition(i + 1, `a${i}`))
  await plan([one], T0, ...steps)
  const { followUp } = router(one, () => steps.map(({ alarm }) => alarm))
  for (let look = 0; look < 4; look++) await followUp(lease, T0 + HOUR + look * MINUTE)
  const told = (await notices.list({})).filter(({ kind }) => kind === 'escalated')
  const items = told.map(({ body }) => body.items.length + body.more)
  t.equal(
    items.reduce((sum, n) => sum + n, 0),
    510,
  )
})

t.test('what was withdrawn is forgotten', async t => {
  const { plan, notices, raw } = await bench(t)
  await plan([route()], T0, transition(1, 'a'))
  await plan([route()], T0, transition(2, 'a', cleared))
  const left = () => raw('select count(*) as n from notice_item')
  t.match(await left(), [{ n: 1 }])
  while ((await notices.trim(T0 + HOUR)) > 0);
  t.match(await left(), [{ n: 0 }])
})
