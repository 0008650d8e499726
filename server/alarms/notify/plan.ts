// What routes make of the transitions of alarms: who is told, and for who is not, why. Pure.

import { type Alarm, isNews, type Transition } from '../../model/alarm.ts'
import { SEVERITIES } from '../../model/event.ts'
import type { NoticeItem, NoticeKind } from '../../model/notice.ts'
import type { Addition, Decision } from '../../store/notice-contract.ts'
import {
  groupMs,
  isOpen,
  mismatch,
  nextOpening,
  type StoredRoute,
  type Whereabouts,
} from './route.ts'
import { timeText } from './wording.ts'

export interface Planned {
  additions: Addition[]
  decisions: Decision[]
}

export type WhereOf = (device: string) => Whereabouts | null

/** @param now Unix ms by our clock: messages are due by it, whatever the samples' times */
export function planTransitions(
  transitions: readonly Transition[],
  routes: readonly StoredRoute[],
  whereOf: WhereOf,
  now: number,
): Planned {
  const planned: Planned = { additions: [], decisions: [] }
  // The next opening is looked for minute by minute: once for each route, however many there are.
  const dues = new Map(routes.map(route => [route.id, dueOf(route, now)]))
  for (const transition of transitions) planOne(planned, transition, routes, dues, whereOf, now)
  return planned
}

const NOBODY: Partial<Record<Transition['reason'], string>> = {
  parent: 'kept back: a parent of the device is down',
  maintenance: 'kept back: a maintenance window',
  acknowledged: 'somebody took it on: no message, and no escalation from now on',
  flapping: 'it comes and goes: told once, until it is calm',
}

/** What people are told of it; a sentence: why they are not. */
export function newsOf(transition: Transition): { kind: NoticeKind } | { why: string } {
  const { from, to, reason, alarm, severityBefore } = transition
  if (!isNews(transition)) {
    const why = to === 'clear' ? 'nobody had been told of it' : 'its severity did not rise'
    return { why: NOBODY[reason] ?? why }
  }
  if (to === 'clear') return { kind: 'recovered' }
  const rank = (severity: Alarm['severity']) => SEVERITIES.indexOf(severity)
  // Worse than what somebody took on: they are told again.
  if (from === to && rank(alarm.severity) > rank(severityBefore)) return { kind: 'worse' }
  return to === 'acknowledged' ? { why: NOBODY.acknowledged ?? '' } : { kind: 'raised' }
}

function planOne(
  planned: Planned,
  transition: Transition,
  routes: readonly StoredRoute[],
  dues: ReadonlyMap<string, number | null>,
  whereOf: WhereOf,
  now: number,
): void {
  const { alarm, id } = transition
  const news = newsOf(transition)
  const decide = (route: string, told: boolean, said: string) =>
    planned.decisions.push({ transition: id, route, alarm: alarm.id, at: now, told, said })
  if ('why' in news) {
    decide('', false, news.why)
    return
  }
  if (routes.length === 0) decide('', false, 'there is no route')
  const where = whereOf(alarm.device)
  for (const route of routes) {
    const due = dues.get(route.id) ?? null
    const answer = answerOf(route, news.kind, alarm, where, due, now)
    decide(route.id, answer.dueAt !== null, answer.said)
    if (answer.dueAt === null) continue
    const item = itemOf(alarm, news.kind, transition.at, id, transition.reason)
    for (const channel of channelsFor(route, news.kind)) {
      planned.additions.push({
        ...{ dedup: `t|${id}|${route.id}|${channel}`, route: route.id, channel, kind: news.kind },
        ...{ groupKey: keyOf(route, alarm), dueAt: answer.dueAt, item },
      })
    }
  }
}

function answerOf(
  route: StoredRoute,
  kind: NoticeKind,
  alarm: Alarm,
  where: Whereabouts | null,
  dueAt: number | null,
  now: number,
): { dueAt: number | null; said: string } {
  // Who was told hears of the end, also when the alarm was milder by then, or its device is gone: the
  // store leaves out who was not told.
  const no = mismatch(route, alarm, where)
  if (no !== null && (kind !== 'recovered' || !route.enabled)) return { dueAt: null, said: no }
  if (kind === 'recovered' && !route.recovery) {
    return { dueAt: null, said: 'the route does not tell what is over' }
  }
  if (dueAt === null) return { dueAt, said: 'outside the hours of the route' }
  const opens = isOpen(route.hours, now) ? '' : `, when the route opens at ${timeText(dueAt)}`
  const said =
    kind === 'recovered'
      ? `to those who were told${no === null ? '' : `, if any: ${no} by now`}`
      : `through ${route.channels.join(', ')}`
  return { dueAt, said: `${said}${opens}` }
}

/** When a message of the route may go; null: not at all. */
export function dueOf(route: StoredRoute, now: number): number | null {
  if (isOpen(route.hours, now)) return now + groupMs(route)
  return route.hours?.outside === 'wait' ? nextOpening(route.hours, now) : null
}

/** Who was told by an escalation hears of the end too. */
function channelsFor(route: StoredRoute, kind: NoticeKind): string[] {
  const later = kind === 'recovered' ? (route.escalate?.channels ?? []) : []
  return [...new Set([...route.channels, ...later])]
}

export const keyOf = (route: StoredRoute, { device }: Alarm): string =>
  route.groupBy === 'device' ? device : ''

const ENDS: Partial<Record<Transition['reason'], string>> = {
  paused: ' (the device was paused)',
  'row-gone': ' (the row is gone)',
  'rule-gone': ' (the rule was changed or deleted)',
  'device-gone': ' (the device was deleted)',
}

export function itemOf(
  alarm: Alarm,
  kind: NoticeKind,
  at: number,
  transition = 0,
  reason: Transition['reason'] = 'raised',
): NoticeItem {
  return {
    ...{ kind, alarm: alarm.id, transition, severity: alarm.severity, device: alarm.device },
    ...{ deviceName: alarm.deviceName, row: alarm.row, rule: alarm.ruleName },
    text: `${alarm.text}${ENDS[reason] ?? ''}`,
    ...{ value: alarm.value, limit: alarm.limit, since: alarm.since, at },
    runbook: alarm.runbook ?? null,
  }
}
