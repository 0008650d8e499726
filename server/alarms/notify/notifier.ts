// The loop of whoever is judge: plan for what is new, follow up, send what is due, sum up what a limit
// held back, and tell the dead-man's switch that all of this goes on.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../log.ts'
import { messageOf } from '../../model/errors.ts'
import type { Lease } from '../../store/contract.ts'
import type { NoticeStore } from '../../store/notice-contract.ts'
import type { Courier } from './courier.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { Router } from './router.ts'

/** Between two looks when nothing is told, ms. */
const lookMs = 2000
const followUpMs = 15_000
const trimMs = 3_600_000
const keptMs = 90 * 86_400_000
const pauseMsMax = 30_000

export interface NotifierStats {
  sent: number
  failures: number
  /** The last failure of the loop itself; null: it works. */
  error: string | null
}

export interface Notifier {
  /** A transition was stored, a message is to be sent: look now. */
  nudge(): void
  stats(): NotifierStats
  close(): Promise<void>
}

/** @param lease what this process holds as judge; null: another one is judge */
export function startNotifier(parts: {
  lease(): Lease | null
  router: Router
  courier: Courier
  heartbeat: Heartbeat
  notices: NoticeStore
  perHour(route: string): Promise<number | null>
  log: Logger
  clock?: () => number
}): Notifier {
  const { lease, router, courier, heartbeat, notices, log, clock = Date.now } = parts
  const stop = new AbortController()
  const stats: NotifierStats = { sent: 0, failures: 0, error: null }
  let wake = new AbortController()
  let followedAt = 0
  let trimmedAt = clock()

  const followUp = async (held: Lease, now: number) => {
    if (now - followedAt < followUpMs) return
    followedAt = now
    await router.followUp(held, now)
    for (const { route, channel } of await notices.heldPairs()) {
      const limit = (await parts.perHour(route)) ?? 1
      const sent = await notices.sentLately(route, channel, now)
      if (sent < limit) await notices.sum(held, route, channel, now)
    }
  }
  const trim = async (now: number) => {
    if (now - trimmedAt < trimMs) return
    trimmedAt = now
    while ((await notices.trim(now - keptMs)) > 0) if (stop.signal.aborted) return
  }
  const round = async (held: Lease): Promise<boolean> => {
    const now = clock()
    while (await router.step(held, clock())) if (stop.signal.aborted) return false
    await followUp(held, now)
    const sent = await courier.begin(stop.signal)
    stats.sent += sent
    await trim(now)
    void heartbeat.beat(now, stop.signal)
    return sent > 0
  }

  const loop = async () => {
    let pauseMs = lookMs
    while (!stop.signal.aborted) {
      const held = lease()
      let isBusy = false
      try {
        if (held) isBusy = await round(held)
        stats.error = null
        pauseMs = lookMs
      } catch (error) {
        if (stop.signal.aborted) break
        stats.failures++
        stats.error = messageOf(error)
        log.warn({ error: stats.error }, 'messages are planned and sent later')
        pauseMs = Math.min(pauseMsMax, pauseMs * 2)
      }
      if (isBusy) continue
      const signal = AbortSignal.any([stop.signal, wake.signal])
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      wake = new AbortController()
    }
  }
  const running = loop()
  return {
    nudge: () => wake.abort(),
    stats: () => ({ ...stats }),
    async close() {
      stop.abort()
      await running
      await courier.idle()
    },
  }
}
