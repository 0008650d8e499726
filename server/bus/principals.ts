// Who may use the embedded broker, and for which topics: credentials that live in this process
// alone, for Pollux' own parts and the built-in agent. Nothing here is stored.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { packetBytesMax } from './client.ts'
import { filterCovers, topicMatches } from './topics.ts'

/** Principals that one process may hold. */
const principalsMax = 10_000

/** Somebody the broker has let in. */
export interface Principal {
  username: string
  /** Topic filters, with `+` and `#`, that it may publish to. */
  publish: readonly string[]
  /** Topic filters that it may subscribe to, or to any part of. */
  subscribe: readonly string[]
  /** May see `$SYS`. */
  admin?: boolean
  /** Largest packet that it may send, bytes; the broker's own limit where absent. */
  packetBytesMax?: number
  /** What its connection may send in a second; it is read more slowly where it sends more. */
  messagesPerSecondMax?: number
  bytesPerSecondMax?: number
  /** What the broker keeps of it as retained; the broker's own limit where absent. */
  retainedMax?: { topics: number; bytes: number }
}

export interface Credentials {
  username: string
  password: string
}

export interface Principals {
  /** Makes a password of 256 random bits; an earlier principal of this name is replaced. */
  add(principal: Principal): Credentials
  remove(username: string): void
  has(username: string): boolean
  authenticate(username: string, password: string): Principal | null
}

export function createPrincipals(): Principals {
  const known = new Map<string, { principal: Principal; digest: Buffer }>()
  // Compared against where the name is unknown, so that the time tells nothing.
  const nobody = randomBytes(32)

  return {
    add(principal) {
      if (!known.has(principal.username) && known.size >= principalsMax) {
        throw new Error(`more than ${principalsMax} principals`)
      }
      const password = randomBytes(32).toString('base64url')
      known.set(principal.username, {
        principal: { packetBytesMax, ...principal },
        digest: digestOf(password),
      })
      return { username: principal.username, password }
    },
    remove: username => void known.delete(username),
    has: username => known.has(username),
    authenticate(username, password) {
      const found = known.get(username)
      const same = timingSafeEqual(digestOf(password), found?.digest ?? nobody)
      return same && found ? found.principal : null
    },
  }
}

/** May the principal do this? A subscription must be covered whole by one of its filters. */
export function authorize(
  principal: Principal,
  action: 'publish' | 'subscribe',
  topic: string,
): boolean {
  if (action === 'publish') return principal.publish.some(filter => topicMatches(filter, topic))
  return principal.subscribe.some(filter => filterCovers(filter, topic))
}

function digestOf(password: string): Buffer {
  return createHash('sha256').update(password).digest()
}
