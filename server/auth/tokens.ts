// API tokens of programs: random, kept only as their SHA-256, with a role, a scope and an end.

import { AppError } from '../model/errors.ts'
import type { Role, Scope } from '../model/user.ts'
import type { UserStore } from '../store/contract.ts'
import type { Auth } from './contract.ts'
import { random, sha256 } from './sessions.ts'

/** A token's last use is noted at most this often. */
const NOTE_MS = 60_000
/** Tokens whose last use is remembered, so that a busy program is one write a minute. */
const tokensRememberedMax = 1000
const TOKEN_AGE_MS_MAX = 366 * 24 * 3_600_000
export const TOKEN_PREFIX = 'pollux_'

/** Whose token it is. */
export function createBearer(users: UserStore, now: () => number): Auth['bearer'] {
  const noted = new Map<string, number>()
  const noteUse = async (hash: string) => {
    if (now() - (noted.get(hash) ?? 0) < NOTE_MS) return
    if (noted.size >= tokensRememberedMax) noted.clear()
    noted.set(hash, now())
    await users.tokenUsed(hash, now())
  }
  return async token => {
    if (!token.startsWith(TOKEN_PREFIX) || token.length > 200) return null
    const hash = sha256(token)
    const found = await users.token(hash)
    if (!found || found.expiresAt < now()) return null
    await noteUse(hash)
    return { name: found.name, role: found.role, scope: found.scope }
  }
}

/** Makes an API token; its text is given back once and kept only as a hash. */
export async function addToken(
  users: UserStore,
  wanted: { name: string; role: Role; scope?: Scope; expiresInMs: number; at: number },
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
  if (wanted.scope?.length === 0) {
    throw new AppError('E_TOKEN_SCOPE', 'a token that may do nothing is of no use', {
      hint: 'choose what it may do, or leave all to its role',
    })
  }
  const token = `${TOKEN_PREFIX}${random()}`
  const prefix = token.slice(0, TOKEN_PREFIX.length + 4)
  const expiresAt = wanted.at + wanted.expiresInMs
  await users.createToken({
    name: wanted.name,
    role: wanted.role,
    scope: wanted.scope ?? null,
    hash: sha256(token),
    prefix,
    at: wanted.at,
    expiresAt,
  })
  return { token, prefix, expiresAt }
}
