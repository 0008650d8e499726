// Asks many addresses with several credentials, slowly enough for any network: at most so many a
// second, and one address never twice within a second or two. It knows nothing of SNMP.

import { setTimeout as sleep } from 'node:timers/promises'

export interface PaceLimits {
  /** Questions a second, over all addresses. */
  perSecondMax: number
  /** Ms between two questions to one address. */
  sameAddressMs: number
  /** Questions that wait for an answer. */
  underWayMax: number
}

export const PACE: PaceLimits = { perSecondMax: 50, sameAddressMs: 2000, underWayMax: 64 }

/** Remembers when each address was asked last, also over the end of a scan. */
export interface Pace {
  readonly limits: PaceLimits
  /**
   * Resolves when the address may be asked, and counts it as asked.
   * @throws AbortError
   */
  turn(address: string, signal: AbortSignal): Promise<void>
}

/** A clock (monotonic ms) and a way to wait by it. */
export interface Clock {
  now(): number
  wait(ms: number, signal: AbortSignal): Promise<unknown>
}

const CLOCK: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }),
}

export function createPace(limits: PaceLimits = PACE, clock = CLOCK): Pace {
  /** When each address was, or will be, asked last; in that order. */
  const askedAt = new Map<string, number>()
  let nextAt = 0

  const forgetOld = (before: number) => {
    for (const [address, at] of askedAt) {
      if (at > before) break
      askedAt.delete(address)
    }
  }
  return {
    limits,
    async turn(address, signal) {
      signal.throwIfAborted()
      const at = clock.now()
      forgetOld(at - limits.sameAddressMs)
      const rested = (askedAt.get(address) ?? Number.NEGATIVE_INFINITY) + limits.sameAddressMs
      const due = Math.max(at, nextAt, rested)
      nextAt = Math.max(at, nextAt) + 1000 / limits.perSecondMax
      askedAt.delete(address)
      askedAt.set(address, due)
      if (due > at) await clock.wait(due - at, signal)
    },
  }
}

export interface Scan<A> {
  addresses: readonly string[]
  /** How many credentials there are to try. */
  credentials: number
  /** Never rejects but by its signal. @returns whether the address need not be asked again */
  ask(address: string, credential: number, signal: AbortSignal): Promise<A>
  /** What came; true: this address is done. */
  onAnswer(address: string, credential: number, answer: A): boolean
}

/**
 * The first credential for all addresses, then the second for those that did not answer, and so on.
 * @throws AbortError
 */
export async function runScan<A>(scan: Scan<A>, pace: Pace, signal: AbortSignal): Promise<void> {
  let left = [...scan.addresses]
  for (let credential = 0; credential < scan.credentials && left.length > 0; credential++) {
    const done = new Set<string>()
    const queue = left.values()
    const work = async () => {
      for (const address of queue) {
        await pace.turn(address, signal)
        const answer = await scan.ask(address, credential, signal)
        signal.throwIfAborted()
        if (scan.onAnswer(address, credential, answer)) done.add(address)
      }
    }
    await Promise.all(Array.from({ length: pace.limits.underWayMax }, work))
    left = left.filter(address => !done.has(address))
  }
}
