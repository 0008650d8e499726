// Sign-in by password, second step or provider, and the passwords of people. What a person holds
// (cookie, token) is random and kept only as its SHA-256; roles are checked by model/user.ts.

import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { Role, User } from '../model/user.ts'
import type { Secrets } from '../secrets.ts'
import type { KnownUser, UserStore } from '../store/contract.ts'
import type { Auth, Place, SignIn } from './contract.ts'
import { signInOutsider } from './outsiders.ts'
import {
  hashPassword,
  isOutdated,
  makePassword,
  PASSWORD_LENGTH_MAX,
  passwordProblems,
  verifyPassword,
} from './passwords.ts'
import { createRefusals } from './refusals.ts'
import { createSecondStep } from './second-step.ts'
import { createSessions, random, SESSION_AGES, type SessionAges, sha256 } from './sessions.ts'
import type { Throttle } from './throttle.ts'
import { createBearer } from './tokens.ts'

/** Between password and code. */
const TICKET_MS = 5 * 60_000
/** A sign-in by another service that is no older stands for a password. */
const FRESH_MS = 10 * 60_000

export interface AuthOptions {
  users: UserStore
  audit: Audit
  secrets: Secrets
  throttle: Throttle
  ages?: SessionAges
  now?: () => number
}

export function createAuth(options: AuthOptions): Auth {
  const { users, audit, secrets, throttle, ages = SESSION_AGES, now = Date.now } = options
  // An unknown name costs the same hash as a known one, so time tells nothing.
  const decoy = hashPassword(random())
  const sessions = createSessions(users, ages, now)
  const secondStep = createSecondStep({ users, secrets, now })
  const refusals = createRefusals(audit, now)

  const open = async (user: User, place: Place, by?: string) => {
    const opened = await sessions.open(user, place)
    const { address } = place
    const change = by === undefined ? {} : { after: { by } }
    await audit.record({ name: user.name, address }, 'session.start', `user:${user.name}`, change)
    return opened
  }
  /** As long as the throttle says; after a start of ours the store tells from where somebody came. */
  const waitOf = async (name: string, address: string, found: KnownUser | null) => {
    if (throttle.waitMs(name, address, now()) === 0) return 0
    // Asked for an unknown name too, so that time tells nothing.
    for (const known of await users.addressesOf(found?.id ?? 0))
      throttle.cameFrom(name, known.address)
    return throttle.waitMs(name, address, now())
  }
  const refuse = async (
    name: string,
    address: string,
    found: KnownUser | null,
  ): Promise<SignIn> => {
    throttle.failed(name, address, now())
    const retryAfterMs = await waitOf(name, address, found)
    await refusals.record(name.slice(0, 100), address, retryAfterMs)
    return { ok: false, retryAfterMs, ticket: null }
  }
  const isRight = async (password: string, found: KnownUser | null): Promise<boolean> => {
    const hash = found?.origin === null && found.passwordHash !== '' ? found.passwordHash : null
    const usable = password.length <= PASSWORD_LENGTH_MAX ? password : ''
    const right = await verifyPassword(usable, hash ?? (await decoy))
    return right && hash !== null
  }
  /** The password once more, before the account changes. @throws AppError E_PASSWORD_WRONG */
  const assertPassword = async (user: User, password: string, address: string) => {
    const known = await users.byId(user.id)
    const waitMs = await waitOf(user.name, address, known)
    const found = waitMs > 0 ? null : known
    if (found && (await isRight(password, found))) return
    if (waitMs === 0) throttle.failed(user.name, address, now())
    const message = waitMs > 0 ? 'too many tries: wait a little' : 'is not right'
    throw new AppError('E_PASSWORD_WRONG', 'the current password is not right', {
      errors: [{ path: 'current', message }],
    })
  }
  const ticketFor = ({ id, passwordHash }: KnownUser) =>
    secrets.seal('sign-in', `${id} ${now()} ${sha256(passwordHash)}`)
  const userOfTicket = async (ticket: string): Promise<KnownUser | null> => {
    const [id, at, hash] = openedOr(secrets, 'sign-in', ticket).split(' ')
    if (!id || !hash || now() - Number(at) > TICKET_MS) return null
    const found = await users.byId(Number(id))
    // A password that was changed meanwhile takes its tickets along.
    return found && !found.disabled && sha256(found.passwordHash) === hash ? found : null
  }

  return {
    ages,

    async signIn(name, password, place) {
      const { address } = place
      const found = name.length <= 100 ? await users.byName(name) : null
      const retryAfterMs = await waitOf(name, address, found)
      if (retryAfterMs > 0) return { ok: false, retryAfterMs, ticket: null }
      if (!(await isRight(password, found)) || !found || found.disabled)
        return refuse(name, address, found)
      if (isOutdated(found.passwordHash)) {
        found.passwordHash = await hashPassword(password)
        await users.setPassword(found.id, found.passwordHash)
      }
      if (found.totpSealed !== null) return { ok: false, retryAfterMs: 0, ticket: ticketFor(found) }
      throttle.succeeded(name, address)
      return { ok: true, ...(await open(userOf(found), place)) }
    },

    async signInByCode(ticket, code, place) {
      const { address } = place
      const found = await userOfTicket(ticket)
      if (!found) return { ok: false, retryAfterMs: 0, ticket: null }
      const retryAfterMs = await waitOf(found.name, address, found)
      if (retryAfterMs > 0) return { ok: false, retryAfterMs, ticket }
      const by = await secondStep.passes(found, code)
      if (by === null) return { ...(await refuse(found.name, address, found)), ticket }
      throttle.succeeded(found.name, address)
      return { ok: true, ...(await open(userOf(found), place, by)) }
    },

    async signInOutsider(outsider, place) {
      const user = await signInOutsider({ users, audit }, outsider, place.address, now())
      return open(user, place, outsider.issuer)
    },

    session: sessions.find,
    signOut: sessions.end,
    sessions: sessions.list,
    async endSession(user, id, address) {
      if (!(await sessions.endOne(user, id))) return
      await audit.record({ name: user.name, address }, 'session.end', `user:${user.name}`)
    },
    async endSessions(user, address) {
      await users.endSessions(user.id)
      await audit.record({ name: user.name, address }, 'user.sign-out', `user:${user.name}`)
    },

    async changePassword(user, current, next, token, address) {
      await assertPassword(user, current, address)
      const errors = passwordProblems(next, user.name, 'next')
      if (errors.length > 0)
        throw new AppError('E_PASSWORD_WEAK', 'the new password is not accepted', { errors })
      await users.setPassword(user.id, await hashPassword(next))
      await users.endSessions(user.id, sha256(token))
      await audit.record({ name: user.name, address }, 'user.password', `user:${user.name}`)
    },

    async assertPerson(user, password, token, address) {
      if (user.origin === null) return assertPassword(user, password, address)
      const own = (await sessions.list(user, token)).find(({ isThis }) => isThis)
      if (own && now() - own.createdAt <= FRESH_MS) return
      throw new AppError('E_SIGN_IN_OLD', 'the sign-in is too old for this', {
        hint: 'sign out and in again, then do it within ten minutes',
      })
    },

    async beginTotp(user, password, address) {
      await assertPassword(user, password, address)
      return secondStep.begin(user)
    },
    totpAgain: secondStep.again,
    async confirmTotp(user, setup, code, address) {
      const codes = await secondStep.confirm(user, setup, code)
      await audit.record({ name: user.name, address }, 'user.totp-on', `user:${user.name}`)
      return codes
    },
    async endTotp(user, password, address) {
      await assertPassword(user, password, address)
      await users.setTotp(user.id, null)
      await audit.record({ name: user.name, address }, 'user.totp-off', `user:${user.name}`)
    },
    recoveryCodes: user => users.recoveryCodes(user.id),

    slowed: () => throttle.slowed(now()),
    bearer: createBearer(users, now),
  }
}

/** Empty: it was not sealed by us for this. */
function openedOr(secrets: Secrets, name: string, sealed: string): string {
  try {
    return secrets.open(name, sealed)
  } catch {
    return ''
  }
}

function userOf({ passwordHash: _, totpSealed: __, ...user }: KnownUser): User {
  return user
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
