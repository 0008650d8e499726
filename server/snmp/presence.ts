// Whether a device is there, as far as its answers and its silence say: shared by all sessions with it
// in a thread, as a silent one is probed by a new session each time.

import type { Peer } from './transport.ts'

/** Devices of which it is kept. */
const presencesMax = 50_000
/**
 * A device that is silent is listened to for ICMP this often, ms: that takes a socket of its own for
 * as long as the request waits, and a quarter more CPU than a request over a shared one.
 */
export const listenEveryMs = 600_000
/** An answer that is younger than this says that the device is there, ms. */
const justNowMs = 10_000

/** All times are monotonic (performance.now). */
export interface Presence {
  /** The last request ended without an answer. */
  silent: boolean
  answeredAt: number
  /** When a request last went out over a socket that hears ICMP, in this silence. */
  listenedAt: number
  /** What ICMP said then. */
  refusal: Error | null
}

export class Presences {
  readonly #presences = new Map<string, Presence>()

  of({ address, port }: Peer): Presence {
    const key = `${address} ${port}`
    const known = this.#presences.get(key)
    if (known) return known
    if (this.#presences.size >= presencesMax) this.#presences.clear()
    const never = Number.NEGATIVE_INFINITY
    const presence = { silent: false, answeredAt: never, listenedAt: never, refusal: null }
    this.#presences.set(key, presence)
    return presence
  }
}

/**
 * Whether a request listens for ICMP with its last try: always where it is not the only one, else
 * where the device is silent, at first and then now and then.
 */
export function shouldListen(presence: Presence, attempts: number, now: number): boolean {
  if (attempts > 1) return true
  return presence.silent && now - presence.listenedAt >= listenEveryMs
}

export function answered(presence: Presence, now: number): void {
  presence.answeredAt = now
  if (!presence.silent) return
  presence.silent = false
  presence.listenedAt = Number.NEGATIVE_INFINITY
  presence.refusal = null
}

/** Whether its last request was answered, just now. */
export function isThere({ silent, answeredAt }: Presence, now: number): boolean {
  return !silent && now - answeredAt < justNowMs
}
