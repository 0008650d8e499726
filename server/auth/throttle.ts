// Slows down guessing: failures are counted by account and address, and by address alone. There is
// no lasting lock-out, so nobody can lock another person out.

/** Failures in the window beyond which the account, from that address, must wait. */
const accountFailuresMax = 10
/** Failures in the window beyond which the address must wait. */
const addressFailuresMax = 100
const WINDOW_MS = 15 * 60_000
/** From this failure on, each next one doubles the wait, from one second. */
const delayFrom = 5
/** Keys remembered; beyond, the oldest go. */
const keysMax = 10_000

interface Failures {
  count: number
  since: number
  last: number
}

export interface Throttle {
  /** Milliseconds to wait before another try counts; 0: now. */
  waitMs(name: string, address: string, now: number): number
  failed(name: string, address: string, now: number): void
  succeeded(name: string, address: string): void
}

export function createThrottle(): Throttle {
  const failures = new Map<string, Failures>()
  const accountKey = (name: string, address: string) => `${address} ${name.toLowerCase()}`

  const recent = (key: string, now: number): Failures | null => {
    const found = failures.get(key)
    if (!found) return null
    if (now - found.since <= WINDOW_MS) return found
    failures.delete(key)
    return null
  }
  const count = (key: string, now: number) => {
    const found = recent(key, now) ?? { count: 0, since: now, last: now }
    failures.delete(key)
    failures.set(key, { count: found.count + 1, since: found.since, last: now })
    if (failures.size > keysMax) {
      const oldest = failures.keys().next()
      if (!oldest.done) failures.delete(oldest.value)
    }
  }
  const wait = (found: Failures | null, max: number, now: number): number => {
    if (!found) return 0
    if (found.count >= max) return Math.max(0, found.since + WINDOW_MS - now)
    if (found.count < delayFrom) return 0
    return Math.max(0, found.last + 1000 * 2 ** Math.min(found.count - delayFrom, 6) - now)
  }
  return {
    waitMs: (name, address, now) =>
      Math.max(
        wait(recent(accountKey(name, address), now), accountFailuresMax, now),
        recent(address, now) !== null && (recent(address, now)?.count ?? 0) >= addressFailuresMax
          ? wait(recent(address, now), addressFailuresMax, now)
          : 0,
      ),
    failed(name, address, now) {
      count(accountKey(name, address), now)
      count(address, now)
    },
    succeeded(name, address) {
      failures.delete(accountKey(name, address))
    },
  }
}
