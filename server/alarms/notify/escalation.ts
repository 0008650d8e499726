// What follows when nobody takes an alarm on: others are told after a time, and the same again and
// again. Pure: open alarms, routes and a time in, messages out.

import type { Alarm } from '../../model/alarm.ts'
import { parseDuration } from '../../model/duration.ts'
import type { Addition } from '../../store/notice-contract.ts'
import { itemOf, keyOf, type WhereOf } from './plan.ts'
import { groupMs, isOpen, mismatch, type StoredRoute } from './route.ts'

/** Planned at once; the rest follows at the next look. */
const additionsMax = 500

/**
 * @param toldAt when a route first told of an alarm; null: it did not
 * @param isPlanned was a message of this name planned before? Else the first ones would fill every look
 */
export async function planFollowUps(
  open: readonly Alarm[],
  routes: readonly StoredRoute[],
  whereOf: WhereOf,
  toldAt: (alarm: string, route: string) => Promise<number | null>,
  now: number,
  isPlanned: (dedup: string) => boolean = () => false,
): Promise<Addition[]> {
  const additions: Addition[] = []
  const wanting = routes.filter(({ escalate, repeat }) => escalate !== null || repeat !== null)
  for (const alarm of open) {
    if (alarm.state !== 'active') continue
    for (const route of wanting) {
      if (additions.length >= additionsMax) return additions
      if (now - alarm.raisedAt < soonestMs(route)) continue
      if (mismatch(route, alarm, whereOf(alarm.device)) !== null) continue
      const told = await toldAt(alarm.id, route.id)
      if (told === null) continue
      const all = followUps(alarm, route, now - told, now)
      additions.push(...all.filter(({ dedup }) => !isPlanned(dedup)))
    }
  }
  return additions
}

function soonestMs({ escalate, repeat }: StoredRoute): number {
  return Math.min(
    escalate === null ? Number.POSITIVE_INFINITY : parseDuration(escalate.after),
    repeat === null ? Number.POSITIVE_INFINITY : parseDuration(repeat),
  )
}

function followUps(alarm: Alarm, route: StoredRoute, ageMs: number, now: number): Addition[] {
  // Not planned ahead: until the route opens somebody may take it on, and reminders would pile up.
  if (!isOpen(route.hours, now)) return []
  const dueAt = now + groupMs(route)
  const about = { route: route.id, groupKey: keyOf(route, alarm), dueAt }
  const additions: Addition[] = []
  const { escalate, repeat } = route
  if (escalate && ageMs >= parseDuration(escalate.after)) {
    for (const channel of escalate.channels) {
      const item = itemOf(alarm, 'escalated', now)
      const dedup = `e|${alarm.id}|${route.id}|${channel}`
      additions.push({ ...about, dedup, channel, kind: 'escalated', item })
    }
  }
  const times = repeat === null ? 0 : Math.floor(ageMs / parseDuration(repeat))
  if (times > 0) {
    for (const channel of route.channels) {
      const item = itemOf(alarm, 'reminder', now)
      const dedup = `r|${alarm.id}|${times}|${route.id}|${channel}`
      additions.push({ ...about, dedup, channel, kind: 'reminder', item })
    }
  }
  return additions
}
