// Sign-in, sessions, passwords and API tokens. What a person holds (cookie, token) is random and
// kept only as its SHA-256; roles are checked elsewhere, by model/user.ts.

import { createHash, randomBytes } from 'node:crypto'
import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { Role, User } from '../model/user.ts'
import type { UserStore } from '../store/contract.ts'
import type { Auth } from './contract.ts'
import {
  hashPassword,
  makePassword,
  PASSWORD_LENGTH_MAX,
  passwordProblems,
  verifyPassword,
} from './passwords.ts'
import type { Throttle } from './throttle.ts'

const IDLE_MS = 12 * 3_600_000
const ABSOLUTE_MS = 7 * 24 * 3_600_000
/** A session's `touchedAt` moves at most this often: a page with a stream is one write a minute. */
const TOUCH_MS = 60_000
/** Tokens whose last use is remembered, so that a busy program is one write a minute. */
const tokensRememberedMax = 1000
const TOKEN_AGE_MS_MAX = 366 * 24 * 3_600_000
export const TOKEN_PREFIX = 'pollux_'

export interface AuthOptions {
  users: UserStore
  audit: Audit
  throttle: Throttle
  now?: () => number
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const random = (): string => randomBytes(32).toString('base64url')

export function createAuth({ users, audit, throttle, now = Date.now }: AuthOptions): Auth {
  // An unknown name costs the same hash as a known one, so time tells nothing.
  const decoy = hashPassword(random())
  const tokenWrites = new Map<string, number>()
  const noteTokenUse = async (hash: string) => {
    if (now() - (tokenWrites.get(hash) ?? 0) < TOUCH_MS) return
    if (tokenWrites.size >= tokensRememberedMax) tokenWrites.clear()
    tokenWrites.set(hash, now())
    await users.tokenUsed(hash, now())
  }

  return {
    async signIn(name, password, address) {
      const waitMs = throttle.waitMs(name, address, now())
      if (waitMs > 0) return { ok: false, retryAfterMs: waitMs }
      const found = name.length <= 100 ? await users.byName(name) : null
      const usable = password.length <= PASSWORD_LENGTH_MAX ? password : ''
      const right = await verifyPassword(usable, found?.passwordHash ?? (await decoy))
      if (!found || !right || found.disabled) {
        throttle.failed(name, address, now())
        await audit.record({ name: name.slice(0, 100), address }, 'session.refused', 'sign-in')
        return { ok: false, retryAfterMs: throttle.waitMs(name, address, now()) }
      }
      throttle.succeeded(name, address)
      const token = random()
      const csrf = random()
      await users.pruneSessions(now() - IDLE_MS, now() - ABSOLUTE_MS)
      await users.createSession({ hash: sha256(token), userId: found.id, at: now(), csrf, address })
      await users.signedIn(found.id, now())
      await audit.record({ name: found.name, address }, 'session.start', `user:${found.name}`)
      return { ok: true, token, session: { user: userOf(found), csrf } }
    },

    async session(token) {
      const hash = sha256(token)
      const found = await users.session(hash)
      if (!found) return null
      if (now() - found.touchedAt > IDLE_MS || now() - found.createdAt > ABSOLUTE_MS) {
        await users.endSession(hash)
        return null
      }
      if (now() - found.touchedAt > TOUCH_MS) await users.touchSession(hash, now())
      return { user: found.user, csrf: found.csrf }
    },

    signOut: token => users.endSession(sha256(token)),

    async changePassword(user, current, next, token, address) {
      const waitMs = throttle.waitMs(user.name, address, now())
      const found = waitMs > 0 ? null : await users.byName(user.name)
      if (
        !found ||
        !(await verifyPassword(current.slice(0, PASSWORD_LENGTH_MAX), found.passwordHash))
      ) {
        if (waitMs === 0) throttle.failed(user.name, address, now())
        throw new AppError('E_PASSWORD_WRONG', 'the current password is not right', {
          errors: [
            {
              path: 'current',
              message: waitMs > 0 ? 'too many tries: wait a little' : 'is not right',
            },
          ],
        })
      }
      const errors = passwordProblems(next, user.name, 'next')
      if (errors.length > 0)
        throw new AppError('E_PASSWORD_WEAK', 'the new password is not accepted', { errors })
      await users.setPassword(user.id, await hashPassword(next))
      await users.endSessions(user.id, sha256(token))
      await audit.record({ name: user.name, address }, 'user.password', `user:${user.name}`)
    },

    async bearer(token) {
      if (!token.startsWith(TOKEN_PREFIX) || token.length > 200) return null
      const hash = sha256(token)
      const found = await users.token(hash)
      if (!found || found.expiresAt < now()) return null
      await noteTokenUse(hash)
      return { name: found.name, role: found.role }
    },
  }
}

function userOf(row: User): User {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    disabled: row.disabled,
    createdAt: row.createdAt,
    lastSignInAt: row.lastSignInAt,
    language: row.language,
  }
}

/** Makes a user; without a password one is made and given back, to be shown once. */
export async function addUser(
  users: UserStore,
  wanted: { name: string; role: Role; password: string | null; at: number },
): Promise<{ user: User; password: string }> {
  if (!/^[\p{L}\p{N}][\p{L}\p{N}._@ -]{0,63}$/u.test(wanted.name)) {
    throw new AppError('E_USER_NAME', `"${wanted.name}" is not a user name`, {
      hint: 'letters, digits, dots, dashes, @ and blanks; at most 64',
    })
  }
  const password = wanted.password ?? makePassword()
  const errors = passwordProblems(password, wanted.name, 'password')
  if (errors.length > 0)
    throw new AppError('E_PASSWORD_WEAK', `the password ${errors[0]?.message}`, { errors })
  const user = await users.create({
    name: wanted.name,
    role: wanted.role,
    passwordHash: await hashPassword(password),
    at: wanted.at,
  })
  return { user, password }
}

/** Makes an API token; its text is given back once and kept only as a hash. */
export async function addToken(
  users: UserStore,
  wanted: { name: string; role: Role; expiresInMs: number; at: number },
): Promise<{ token: string; prefix: string; expiresAt: number }> {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(wanted.name)) {
    throw new AppError('E_TOKEN_NAME', `"${wanted.name}" is not a token name`, {
      hint: 'letters, digits, dots and dashes; at most 64',
    })
  }
  if (wanted.expiresInMs > TOKEN_AGE_MS_MAX) {
    throw new AppError('E_TOKEN_AGE', 'a token lives at most one year', {
      hint: 'choose an expiry of 365d or less',
    })
  }
  const token = `${TOKEN_PREFIX}${random()}`
  const prefix = token.slice(0, TOKEN_PREFIX.length + 4)
  const expiresAt = wanted.at + wanted.expiresInMs
  await users.createToken({
    name: wanted.name,
    role: wanted.role,
    hash: sha256(token),
    prefix,
    at: wanted.at,
    expiresAt,
  })
  return { token, prefix, expiresAt }
}
