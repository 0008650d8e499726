// Sessions of signed-in browsers. What the cookie holds is random and kept only as its SHA-256; a
// session ends when it is idle, when it is old, and when somebody ends it.

import { createHash, randomBytes } from 'node:crypto'
import type { User } from '../model/user.ts'
import type { UserStore } from '../store/contract.ts'
import type { OwnSession, Place, Session } from './contract.ts'

/** A session's `touchedAt` moves at most this often: a page with a stream is one write a minute. */
const TOUCH_MS = 60_000
const BROWSER_LENGTH_MAX = 200

/** How long a session lasts, in milliseconds. */
export interface SessionAges {
  idleMs: number
  mostMs: number
}

export const SESSION_AGES: SessionAges = { idleMs: 12 * 3_600_000, mostMs: 7 * 24 * 3_600_000 }

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
export const random = (): string => randomBytes(32).toString('base64url')

export interface Sessions {
  open(user: User, place: Place): Promise<{ token: string; session: Session }>
  find(token: string): Promise<Session | null>
  end(token: string): Promise<void>
  list(user: User, token: string): Promise<OwnSession[]>
  /** Ends one of the user's own, by its id in the list. */
  endOne(user: User, id: string): Promise<boolean>
}

export function createSessions(users: UserStore, ages: SessionAges, now: () => number): Sessions {
  const isOver = ({ createdAt, touchedAt }: { createdAt: number; touchedAt: number }) =>
    now() - touchedAt > ages.idleMs || now() - createdAt > ages.mostMs
  return {
    async open(user, { address, browser }) {
      const token = random()
      const csrf = random()
      await users.pruneSessions(now() - ages.idleMs, now() - ages.mostMs)
      await users.createSession({
        hash: sha256(token),
        userId: user.id,
        at: now(),
        csrf,
        address,
        browser: browser.slice(0, BROWSER_LENGTH_MAX),
      })
      await users.signedIn(user.id, now(), address)
      return { token, session: { user, csrf } }
    },
    async find(token) {
      const hash = sha256(token)
      const found = await users.session(hash)
      if (!found) return null
      if (isOver(found)) {
        await users.endSession(hash)
        return null
      }
      if (now() - found.touchedAt > TOUCH_MS) await users.touchSession(hash, now())
      return { user: found.user, csrf: found.csrf }
    },
    end: token => users.endSession(sha256(token)),
    async list(user, token) {
      const own = sha256(token)
      const open = (await users.sessionsOf(user.id)).filter(session => !isOver(session))
      return open.map(({ hash, ...session }) => ({
        ...session,
        id: idOf(hash),
        isThis: hash === own,
      }))
    },
    async endOne(user, id) {
      const found = (await users.sessionsOf(user.id)).find(({ hash }) => idOf(hash) === id)
      if (found) await users.endSession(found.hash)
      return found !== undefined
    },
  }
}

/** Names a session on a page; it opens nothing, as not even the whole hash does. */
const idOf = (hash: string): string => hash.slice(0, 16)
