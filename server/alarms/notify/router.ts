// From stored transitions to messages in the outbox, by whoever is judge: read on from the last number
// that was planned for, and look from time to time whom nobody has taken on.

import type { Logger } from '../../log.ts'
import { AppError } from '../../model/errors.ts'
import type { AlarmStore, Lease } from '../../store/contract.ts'
import type { NoticeStore } from '../../store/notice-contract.ts'
import { planFollowUps } from './escalation.ts'
import { planTransitions, type WhereOf } from './plan.ts'
import type { StoredRoute } from './route.ts'

/** Transitions planned in one transaction. */
const batchMax = 200
/** Remembered: when a route first told of an alarm, and which follow-ups are planned. */
const toldMax = 100_000

export interface Router {
  /** Plans for what is new; false: nothing was. */
  step(lease: Lease, now: number): Promise<boolean>
  /** Escalations and reminders. */
  followUp(lease: Lease, now: number): Promise<void>
}

export function createRouter(parts: {
  alarms: Pick<AlarmStore, 'after' | 'newest' | 'open'>
  notices: NoticeStore
  routes(): Promise<readonly StoredRoute[]>
  whereOf: WhereOf
  log: Logger
}): Router {
  const { alarms, notices, routes, whereOf, log } = parts
  const told = new Map<string, number>()
  const planned = new Set<string>()

  const toldAt = async (alarm: string, route: string): Promise<number | null> => {
    const key = `${alarm}|${route}`
    const known = told.get(key)
    if (known !== undefined) return known
    const decisions = await notices.decisions(alarm)
    const first = decisions.find(one => one.route === route && one.told)
    if (!first) return null
    if (told.size >= toldMax) told.clear()
    told.set(key, first.at)
    return first.at
  }

  return {
    async step(lease, now) {
      const from = await notices.cursor()
      if (from === null) {
        // The first start with messages: what was before is nobody's news.
        await notices.startAt(lease, await alarms.newest())
        return false
      }
      const transitions = await alarms.after(from, batchMax)
      const to = transitions.at(-1)?.id
      if (to === undefined) return false
      const planned = planTransitions(transitions, await routes(), whereOf, now)
      try {
        await notices.add(lease, { cursor: { from, to }, ...planned }, now)
      } catch (error) {
        if (error instanceof AppError && error.code === 'E_NOTIFY_PLANNED') return true
        throw error
      }
      return true
    },
    async followUp(lease, now) {
      const wanted = await routes()
      if (!wanted.some(({ escalate, repeat }) => escalate !== null || repeat !== null)) return
      const open = await alarms.open()
      const isPlanned = (dedup: string) => planned.has(dedup)
      const additions = await planFollowUps(open, wanted, whereOf, toldAt, now, isPlanned)
      if (additions.length === 0) return
      await notices.add(lease, { cursor: null, additions, decisions: [] }, now)
      if (planned.size >= toldMax) planned.clear()
      for (const { dedup } of additions) planned.add(dedup)
      log.debug({ additions: additions.length, open: open.length }, 'follow-ups')
    },
  }
}
