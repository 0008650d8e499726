// Wrong passwords at the embedded broker are answered late, and later the more of them come from one
// address: who tries many is slowed down, and an agent that was revoked costs nothing.

import { setTimeout as delay } from 'node:timers/promises'

/** Addresses that are remembered; the oldest goes first. */
const addressesMax = 10_000
/** Refusals that wait at a time; more are answered at once, as each wait holds a connection. */
const waitingMax = 200
const waitMsMin = 100
const waitMsMax = 5000
/** An address that did nothing wrong for so long begins anew, ms. */
const forgetMs = 60_000

export interface SignInThrottle {
  /** Resolves when the refusal may be said; true: it is the first of this address for a while. */
  wait(address: string): Promise<boolean>
}

export function createSignInThrottle(now: () => number = () => performance.now()): SignInThrottle {
  const failed = new Map<string, { times: number; at: number }>()
  let waiting = 0
  return {
    async wait(address) {
      const before = failed.get(address)
      const isFirst = !before || now() - before.at > forgetMs
      const times = isFirst ? 1 : before.times + 1
      failed.delete(address)
      failed.set(address, { times, at: now() })
      for (const oldest of failed.keys()) {
        if (failed.size <= addressesMax) break
        failed.delete(oldest)
      }
      if (waiting >= waitingMax) return isFirst
      waiting++
      await delay(Math.min(waitMsMax, waitMsMin * 2 ** (times - 1)), undefined, { ref: false })
      waiting--
      return isFirst
    },
  }
}
