// What an admin does with people and tokens: each change checked, in force at once, and in the audit
// log. A password or a token's text is made here, given back once, and kept as a hash alone.

import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { Actor, Language, Role, Scope, User } from '../model/user.ts'
import type { UserStore } from '../store/contract.ts'
import { addUser } from './auth.ts'
import { hashPassword, makePassword } from './passwords.ts'
import { addToken } from './tokens.ts'

export interface People {
  list(): Promise<User[]>
  /** From where each user signed in last, by id. */
  lastAddresses(): ReturnType<UserStore['lastAddresses']>
  /** @throws AppError E_USER_UNKNOWN */
  get(id: number): Promise<User>
  /** @throws AppError E_USER_EXISTS, E_USER_NAME */
  create(wanted: { name: string; role: Role }, by: Actor): Promise<{ user: User; password: string }>
  /**
   * Another role works from the next request on; who is disabled is signed out.
   * @throws AppError E_USER_UNKNOWN, E_USER_SELF, E_USER_LAST_ADMIN
   */
  change(id: number, to: { role: Role; disabled: boolean }, by: Actor): Promise<void>
  /**
   * A password made on the spot; all sessions of the user end.
   * @throws AppError E_USER_UNKNOWN, E_USER_ORIGIN for who signs in elsewhere
   */
  resetPassword(id: number, by: Actor): Promise<{ user: User; password: string }>
  /** In which language the pages speak to this user; null: as the browser asks for. */
  setLanguage(user: User, language: Language | null): Promise<void>
  /** For who lost the phone and the recovery codes. @throws AppError E_USER_UNKNOWN */
  endTotp(id: number, by: Actor): Promise<void>
  /** Signs somebody out everywhere. @throws AppError E_USER_UNKNOWN */
  endSessions(id: number, by: Actor): Promise<void>
  tokens: UserStore['tokens']
  /** @throws AppError E_TOKEN_EXISTS, E_TOKEN_NAME, E_TOKEN_AGE, E_TOKEN_SCOPE */
  makeToken(
    wanted: { name: string; role: Role; scope?: Scope; expiresInMs: number },
    by: Actor,
  ): Promise<{ token: string; expiresAt: number }>
  /** @throws AppError E_TOKEN_UNKNOWN */
  revokeToken(name: string, by: Actor): Promise<void>
}

export interface PeopleOptions {
  users: UserStore
  audit: Audit
  now?: () => number
}

export function createPeople({ users, audit, now = Date.now }: PeopleOptions): People {
  const get = async (id: number): Promise<User> => {
    const found = (await users.list()).find(user => user.id === id)
    if (found) return found
    throw new AppError('E_USER_UNKNOWN', 'there is no such user', {
      hint: 'somebody may have removed it: load the list of users again',
    })
  }

  return {
    list: () => users.list(),
    lastAddresses: () => users.lastAddresses(),
    get,
    async create({ name, role }, by) {
      const made = await addUser(users, { name, role, password: null, at: now() })
      await audit.record(by, 'user.create', `user:${made.user.name}`, { after: { role } })
      return made
    },
    async change(id, to, by) {
      const user = await get(id)
      if (user.role === to.role && user.disabled === to.disabled) return
      if (user.name === by.name) {
        throw new AppError(
          'E_USER_SELF',
          'nobody changes the own role or disables the own account',
          {
            hint: 'ask another administrator',
          },
        )
      }
      if (!(await users.change(id, to))) {
        throw new AppError('E_USER_LAST_ADMIN', `${user.name} is the last administrator`, {
          hint: 'make somebody else an administrator first',
        })
      }
      const { role, disabled } = user
      await audit.record(by, 'user.change', `user:${user.name}`, {
        before: { role, disabled },
        after: to,
      })
    },
    async resetPassword(id, by) {
      const user = await get(id)
      if (user.origin !== null) {
        throw new AppError('E_USER_ORIGIN', `${user.name} signs in by ${user.origin}`, {
          hint: 'the password is kept there',
        })
      }
      const password = makePassword()
      await users.setPassword(id, await hashPassword(password))
      await users.endSessions(id)
      await audit.record(by, 'user.password-reset', `user:${user.name}`)
      return { user, password }
    },
    setLanguage: (user, language) => users.setLanguage(user.id, language),
    async endTotp(id, by) {
      const user = await get(id)
      if (!user.twoStep) return
      await users.setTotp(id, null)
      await audit.record(by, 'user.totp-off', `user:${user.name}`)
    },
    async endSessions(id, by) {
      const user = await get(id)
      await users.endSessions(id)
      await audit.record(by, 'user.sign-out', `user:${user.name}`)
    },
    tokens: () => users.tokens(),
    async makeToken({ name, role, scope = null, expiresInMs }, by) {
      const made = await addToken(users, { name, role, scope, expiresInMs, at: now() })
      const { token, expiresAt } = made
      await audit.record(by, 'token.create', `token:${name}`, {
        after: { role, scope, expiresAt },
      })
      return { token, expiresAt }
    },
    async revokeToken(name, by) {
      if (!(await users.revokeToken(name))) {
        throw new AppError('E_TOKEN_UNKNOWN', 'there is no such token', {
          hint: 'somebody may have revoked it: load the list of tokens again',
        })
      }
      await audit.record(by, 'token.revoke', `token:${name}`)
    },
  }
}
