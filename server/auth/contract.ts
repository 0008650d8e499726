// What the web layer may ask about people: sessions, passwords, tokens.

import type { Role, User } from '../model/user.ts'

export interface Session {
  user: User
  /** Sent back by every form and htmx request. */
  csrf: string
}

export interface Auth {
  /**
   * `token` goes into the session cookie; it exists nowhere else. A refusal never says which of
   * name and password was wrong, and takes as long either way.
   */
  signIn(
    name: string,
    password: string,
    address: string,
  ): Promise<{ ok: true; token: string; session: Session } | { ok: false; retryAfterMs: number }>
  session(token: string): Promise<Session | null>
  signOut(token: string): Promise<void>
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
  /** Whose API token this is; null when unknown or expired. */
  bearer(token: string): Promise<{ name: string; role: Role } | null>
}
