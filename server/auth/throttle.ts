// Slows down guessing: failures are counted by account and address, by address, and by account from
// wherever. The last one only delays, by half a minute at most, and not from an address that the
// account signed in from before: nobody is locked out from afar. Who shares an address with a guesser,
// as all do behind a proxy that is not named in POLLUX_TRUST_PROXY, waits with him there.

import { isIPv6 } from 'node:net'

/** Failures in the window beyond which the account, from that address, must wait. */
const accountFailuresMax = 10
/** Failures in the window beyond which the address must wait. */
const addressFailuresMax = 100
const WINDOW_MS = 15 * 60_000
/** From this failure on, each next one doubles the wait, from one second. */
const delayFrom = 5
/** The same, from an address that the account never signed in from. */
const delayStrangerFrom = 2
/** From this failure on, from wherever, an account is slow for addresses that it does not know. */
const delayAnywhereFrom = 20
const DELAY_MS_MAX = 64_000
const DELAY_ANYWHERE_MS_MAX = 32_000
/** Keys remembered; beyond, the oldest go. */
const keysMax = 10_000

/** What failures are counted for: an account, an address, or one from the other. */
interface Target {
  name: string | null
  address: string | null
}

interface Failures extends Target {
  count: number
  since: number
  last: number
}

/** Who is slowed now, for people who look after it. */
export interface Slowed {
  /** null: every account, from that address. */
  name: string | null
  /** null: from wherever. */
  address: string | null
  failures: number
  waitMs: number
}

export interface Throttle {
  /** Milliseconds to wait before another try counts; 0: now. */
  waitMs(name: string, address: string, now: number): number
  failed(name: string, address: string, now: number): void
  succeeded(name: string, address: string): void
  /** The account signed in from there before, as the database knows since an earlier start. */
  cameFrom(name: string, address: string): void
  /** The longest wait first. */
  slowed(now: number): Slowed[]
}

export function createThrottle(): Throttle {
  const failures = new Map<string, Failures>()
  const homes = new Set<string>()
  const nameKey = (name: string) => name.normalize('NFKC').trim().toLowerCase().slice(0, 100)
  const targets = (name: string, address: string) => {
    const [account, network] = [nameKey(name), networkOf(address)]
    return {
      both: { name: account, address: network },
      anywhere: { name: account, address: null },
      address: { name: null, address: network },
    }
  }
  const keyOf = ({ name, address }: Target) => JSON.stringify([name, address])

  const recent = (target: Target, now: number): Failures | null => {
    const key = keyOf(target)
    const found = failures.get(key)
    if (!found) return null
    if (now - found.since <= WINDOW_MS) return found
    failures.delete(key)
    return null
  }
  const count = (target: Target, now: number) => {
    const key = keyOf(target)
    const found = recent(target, now) ?? { ...target, count: 0, since: now, last: now }
    failures.delete(key)
    failures.set(key, { ...found, count: found.count + 1, last: now })
    if (failures.size > keysMax) {
      const oldest = failures.keys().next()
      if (!oldest.done) failures.delete(oldest.value)
    }
  }
  const remember = (home: Target) => {
    const key = keyOf(home)
    homes.delete(key)
    homes.add(key)
    if (homes.size > keysMax) {
      const oldest = homes.keys().next()
      if (!oldest.done) homes.delete(oldest.value)
    }
  }
  const growing = (found: Failures, from: number, mostMs: number, now: number): number =>
    found.count < from
      ? 0
      : Math.max(0, found.last + Math.min(1000 * 2 ** (found.count - from), mostMs) - now)
  const untilEnd = (found: Failures, now: number) => Math.max(0, found.since + WINDOW_MS - now)

  const waitOf = (target: Target, now: number): number => {
    const found = recent(target, now)
    if (!found) return 0
    const { name, address } = found
    if (name === null) return found.count >= addressFailuresMax ? untilEnd(found, now) : 0
    if (address === null) return growing(found, delayAnywhereFrom, DELAY_ANYWHERE_MS_MAX, now)
    if (found.count >= accountFailuresMax) return untilEnd(found, now)
    const from = homes.has(keyOf({ name, address })) ? delayFrom : delayStrangerFrom
    return growing(found, from, DELAY_MS_MAX, now)
  }

  return {
    waitMs(name, address, now) {
      const target = targets(name, address)
      const anywhere = homes.has(keyOf(target.both)) ? 0 : waitOf(target.anywhere, now)
      return Math.max(waitOf(target.both, now), waitOf(target.address, now), anywhere)
    },
    failed(name, address, now) {
      for (const target of Object.values(targets(name, address))) count(target, now)
    },
    succeeded(name, address) {
      const { both } = targets(name, address)
      failures.delete(keyOf(both))
      remember(both)
    },
    cameFrom: (name, address) => remember(targets(name, address).both),
    slowed: now =>
      [...failures.values()]
        .map(({ name, address, count: failed }) => ({
          name,
          address,
          failures: failed,
          waitMs: waitOf({ name, address }, now),
        }))
        .filter(({ waitMs }) => waitMs > 0)
        .sort((a, b) => b.waitMs - a.waitMs),
  }
}

/** An address of version 6 counts with its whole /64: one subscriber has all of it. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? []
  const left = head.split(':').filter(Boolean)
  const right = tail.split(':').filter(Boolean)
  const gap = address.includes('::') ? 8 - left.length - right.length : 0
  const groups = [...left, ...Array.from({ length: gap }, () => '0'), ...right]
  return `${groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
