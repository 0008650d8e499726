// What the web layer may ask about people: signing in, sessions, passwords, the second step, tokens.

import type { Role, Scope, User } from '../model/user.ts'
import type { TotpSetup } from './second-step.ts'
import type { Slowed } from './throttle.ts'

export interface Session {
  user: User
  /** Sent back by every form and htmx request. */
  csrf: string
}

/** Where somebody signs in from. */
export interface Place {
  address: string
  /** What the browser says that it is; may be empty. */
  browser: string
}

export interface OwnSession {
  id: string
  address: string
  browser: string
  createdAt: number
  touchedAt: number
  /** The one that asks. */
  isThis: boolean
}

/** `ticket`: the password was right, and a code must follow. */
export type SignIn =
  | { ok: true; token: string; session: Session }
  | { ok: false; retryAfterMs: number; ticket: string | null }

/** What an OpenID Connect provider says of a person. */
export interface Outsider {
  issuer: string
  subject: string
  name: string
  role: Role
}

export interface Auth {
  /**
   * `token` goes into the session cookie; it exists nowhere else. A refusal never says which of
   * name and password was wrong, and takes as long either way.
   */
  signIn(name: string, password: string, place: Place): Promise<SignIn>
  /** The second step; no ticket in the answer: it was too old, so the password comes first again. */
  signInByCode(ticket: string, code: string, place: Place): Promise<SignIn>
  /**
   * Who an OpenID Connect provider vouches for; makes the user at the first time.
   * @throws AppError E_OIDC_DISABLED, E_OIDC_NAME, E_OIDC_ROLE
   */
  signInOutsider(outsider: Outsider, place: Place): Promise<{ token: string; session: Session }>
  session(token: string): Promise<Session | null>
  signOut(token: string): Promise<void>
  /** The user's open sessions, the last used first. */
  sessions(user: User, token: string): Promise<OwnSession[]>
  endSession(user: User, id: string, address: string): Promise<void>
  /** Signs the user out everywhere, here too. */
  endSessions(user: User, address: string): Promise<void>
  /** How long a session lasts, in milliseconds: unused, and in all. */
  readonly ages: { idleMs: number; mostMs: number }
  /**
   * Ends every other session of the user.
   * @throws AppError E_PASSWORD_WRONG, E_PASSWORD_WEAK (with `errors`)
   */
  changePassword(
    user: User,
    current: string,
    next: string,
    token: string,
    address: string,
  ): Promise<void>
  /**
   * Whether it is this person who asks, before something grave; who has no password here signed in a
   * moment ago. @throws AppError E_PASSWORD_WRONG (with `errors`), E_SIGN_IN_OLD
   */
  assertPerson(user: User, password: string, token: string, address: string): Promise<void>
  /** A new key for the app, once the password is right. @throws AppError E_PASSWORD_WRONG */
  beginTotp(user: User, password: string, address: string): Promise<TotpSetup>
  totpAgain(user: User, setup: string): TotpSetup | null
  /** Gives the recovery codes. @throws AppError E_TOTP_CODE, E_TOTP_SETUP (with `errors`) */
  confirmTotp(user: User, setup: string, code: string, address: string): Promise<string[]>
  /** @throws AppError E_PASSWORD_WRONG */
  endTotp(user: User, password: string, address: string): Promise<void>
  recoveryCodes(user: User): Promise<number>
  /** Who must wait now, because of sign-ins that failed. */
  slowed(): Slowed[]
  /** Whose API token this is; null when unknown or expired. */
  bearer(token: string): Promise<{ name: string; role: Role; scope: Scope } | null>
}
