// Goal: who is told follows from routes alone, and for who is not there is a reason; hours go over
// midnight, week ends and changes of the clock; what follows when nobody takes an alarm on is told once
// to each.

import t from 'tap'
import { planFollowUps } from '../../server/alarms/notify/escalation.ts'
import { newsOf, planTransitions } from '../../server/alarms/notify/plan.ts'
import { isOpen, isZone, nextOpening, type Route } from '../../server/alarms/notify/route.ts'
import { route, T0, transition } from './notify-kit.ts'

const where = () => ({ kind: 'snmp', tags: ['core'], location: 'paris' })
const NOW = T0 + 5000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

t.test('what is news', async t => {
  t.same(newsOf(transition(1, 'a')), { kind: 'raised' })
  const more = { from: 'active' as const, to: 'clear' as const, reason: 'cleared' as const }
  t.same(newsOf(transition(1, 'a', more)), { kind: 'recovered' })
  t.match(
    newsOf(transition(1, 'a', { from: 'active', to: 'acknowledged', reason: 'acknowledged' })),
    {
      why: /took it on/,
    },
  )
  const worse = { from: 'acknowledged' as const, to: 'acknowledged' as const }
  t.same(
    newsOf(transition(1, 'a', { ...worse, reason: 'severity', severityBefore: 'info' })),
    { kind: 'worse' },
    'worse than what somebody took on',
  )
  t.same(
    newsOf(transition(1, 'a', { from: 'active', reason: 'severity', severityBefore: 'warning' })),
    { kind: 'worse' },
  )
  for (const [to, reason, why] of [
    ['suppressed', 'parent', /parent/],
    ['suppressed', 'maintenance', /maintenance/],
  ] as const) {
    t.match(newsOf(transition(1, 'a', { to, reason })), { why })
  }
  t.match(newsOf(transition(1, 'a', { from: 'suppressed', to: 'clear', reason: 'cleared' })), {
    why: /nobody/,
  })
})

t.test('each route says yes, or why not', async t => {
  const routes = [
    route(),
    route({ id: 'off', enabled: false }),
    route({ id: 'info', severities: ['info'] }),
    route({ id: 'tag', tags: ['edge', 'core'] }),
    route({ id: 'tag2', tags: ['edge'] }),
    route({ id: 'place', locations: ['rome'] }),
    route({ id: 'kind', kinds: ['docker'] }),
    route({ id: 'device', devices: ['sw-2'] }),
    route({ id: 'quiet', recovery: false }),
  ]
  const { additions, decisions } = planTransitions([transition(7, 'a')], routes, where, NOW)
  t.same(
    additions.map(one => one.route),
    ['all', 'tag', 'quiet'],
  )
  t.ok(
    additions.every(one => one.dueAt === NOW + 30_000),
    'by our clock, gathered',
  )
  t.same(new Set(additions.map(one => one.dedup)).size, 3)
  t.same(
    decisions.map(({ route, told }) => `${route} ${told}`),
    [
      'all true',
      'off false',
      'info false',
      'tag true',
      'tag2 false',
      'place false',
      'kind false',
      'device false',
      'quiet true',
    ],
  )
  t.ok(decisions.every(({ said }) => said.length > 5))
  const over = transition(8, 'a', { from: 'active', to: 'clear', reason: 'cleared' })
  const end = planTransitions([over], routes, where, NOW)
  t.same(
    end.additions.map(one => one.route),
    ['all', 'info', 'tag', 'tag2', 'place', 'kind', 'device'],
    'whoever was told while a route fitted; the store leaves out who was not',
  )
  t.match(end.decisions.at(-1)?.said, /does not tell what is over/)
  t.match(planTransitions([transition(7, 'a')], [], where, NOW).decisions, [
    { route: '', told: false, said: /no route/ },
  ])
  t.match(planTransitions([transition(7, 'a')], routes, () => null, NOW).additions.length, 2)
})

t.test('who was told by an escalation hears of the end', async t => {
  const routes = [route({ escalate: { after: '15m', channels: ['boss'] } })]
  const over = transition(8, 'a', { from: 'active', to: 'clear', reason: 'cleared' })
  t.same(
    planTransitions([over], routes, where, NOW).additions.map(one => one.channel),
    ['mail', 'boss'],
  )
})

const hours = (more: Partial<NonNullable<Route['hours']>> = {}): NonNullable<Route['hours']> => ({
  ...{ days: [1, 2, 3, 4, 5], from: '08:00', to: '18:00', zone: 'Europe/Paris', outside: 'wait' },
  ...more,
})
const at = (text: string) => Date.parse(text)

t.test('hours', async t => {
  // 2026-11-23 is a Monday; Paris is an hour ahead of UTC in winter, two in summer.
  t.ok(isOpen(hours(), at('2026-11-23T07:00:00Z')))
  t.notOk(isOpen(hours(), at('2026-11-23T06:59:59Z')))
  t.notOk(isOpen(hours(), at('2026-11-23T17:00:00Z')))
  t.ok(isOpen(hours(), at('2026-07-20T06:00:00Z')), 'in summer')
  t.notOk(isOpen(hours(), at('2026-11-22T12:00:00Z')), 'a Sunday')
  const night = hours({ from: '22:00', to: '06:00' })
  t.ok(isOpen(night, at('2026-11-23T23:00:00Z')))
  t.ok(isOpen(night, at('2026-11-28T04:00:00Z')), 'the morning of Saturday belongs to Friday')
  t.notOk(isOpen(night, at('2026-11-23T04:00:00Z')), 'that of Monday to Sunday')
  t.ok(isOpen(hours({ from: '00:00', to: '00:00' }), at('2026-11-23T23:30:00Z')), 'a whole day')
  t.ok(isOpen(null, 0))
  t.equal(nextOpening(hours(), at('2026-11-20T18:30:00Z')), at('2026-11-23T07:00:00Z'))
  t.equal(nextOpening(hours(), at('2026-11-23T09:00:00Z')), at('2026-11-23T09:00:00Z'))
  // The clock goes an hour on at 02:00 on 2026-03-29 in Paris: 02:30 never is.
  const skipped = hours({ days: [7], from: '02:30', to: '04:00' })
  t.equal(nextOpening(skipped, at('2026-03-29T00:00:00Z')), at('2026-03-29T01:00:00Z'))
  t.ok(isZone('Europe/Paris'))
  t.notOk(isZone('Mars/Olympus'))
  const drop = planTransitions(
    [transition(1, 'a')],
    [route({ hours: hours({ outside: 'drop' }) }), route({ id: 'w', hours: hours() })],
    where,
    at('2026-11-22T12:00:00Z'),
  )
  t.same(
    drop.additions.map(({ route, dueAt }) => [route, dueAt]),
    [['w', at('2026-11-23T07:00:00Z')]],
  )
  t.match(drop.decisions, [{ said: /outside the hours/ }, { said: /2026-11-23 07:00 UTC/ }])
})

t.test('nobody takes it on: others after a time, and again and again, each once', async t => {
  const routes = [route({ escalate: { after: '15m', channels: ['boss', 'cto'] }, repeat: '1h' })]
  const { alarm } = transition(1, 'a')
  const told = async () => T0
  const plan = (ageMs: number, of = alarm, toldAt: () => Promise<number | null> = told) =>
    planFollowUps([of], routes, where, toldAt, T0 + ageMs)
  t.same(await plan(14 * MINUTE), [])
  const first = await plan(15 * MINUTE)
  t.same(
    first.map(({ channel, kind }) => `${kind} ${channel}`),
    ['escalated boss', 'escalated cto'],
  )
  t.same(
    (await plan(20 * MINUTE)).map(one => one.dedup),
    first.map(one => one.dedup),
  )
  const later = await plan(2.5 * HOUR)
  t.same(
    later.map(({ kind }) => kind),
    ['escalated', 'escalated', 'reminder'],
  )
  t.match(later.at(-1)?.dedup, /\|2\|/, 'the second one')
  t.same(await plan(3 * HOUR, { ...alarm, state: 'acknowledged' }), [])
  t.same(await plan(3 * HOUR, { ...alarm, state: 'suppressed' }), [])
  t.same(await plan(3 * HOUR, alarm, async () => null), [], 'the route told nobody')
  const many = Array.from({ length: 2000 }, (_, i) => ({ ...alarm, id: `a${i}` }))
  const bounded = await planFollowUps(many, routes, where, told, T0 + 3 * HOUR)
  t.ok(bounded.length <= 503, `${bounded.length}`)
})
