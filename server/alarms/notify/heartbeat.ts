// A dead-man's switch: while judge works, a web service elsewhere hears of it once a minute, and tells
// people itself when it hears nothing (healthchecks.io, Dead Man's Snitch, an Uptime Kuma push monitor).

import type { Logger } from '../../log.ts'
import { messageOf } from '../../model/errors.ts'
import type { Outward } from './outward.ts'

export const heartbeatMs = 60_000

export interface Heartbeat {
  /** Never rejects; does nothing where no URL is set or the last one is less than a minute old. */
  beat(now: number, signal: AbortSignal): Promise<void>
  /** When it was last heard, and what went wrong since; null: nothing. */
  state(): { at: number | null; error: string | null }
}

/** @param url null: none is set */
export function createHeartbeat(parts: {
  url(): Promise<string | null>
  outward: Outward
  log: Logger
}): Heartbeat {
  let triedAt = Number.NEGATIVE_INFINITY
  let at: number | null = null
  let error: string | null = null
  return {
    async beat(now, signal) {
      if (now - triedAt < heartbeatMs && now >= triedAt) return
      triedAt = now
      try {
        const url = await parts.url()
        if (url === null) return
        await parts.outward({ url, method: 'GET', isUrlSecret: true }, signal)
        ;[at, error] = [now, null]
      } catch (failure) {
        if (signal.aborted) return
        error = messageOf(failure)
        parts.log.warn({ error }, 'the heartbeat was not heard')
      }
    },
    state: () => ({ at, error }),
  }
}
