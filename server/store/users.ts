// People, their sessions, and API tokens. Hashes only: nothing here could sign anybody in.

import type { Selectable } from 'kysely'
import { AppError } from '../model/errors.ts'
import { LANGUAGES, ROLES, type Role, type User } from '../model/user.ts'
import type { UserStore } from './contract.ts'
import type { Db, Tables } from './database.ts'
import { isDuplicateKey } from './failures.ts'

type AccountRow = Pick<
  Selectable<Tables['account']>,
  'id' | 'name' | 'role' | 'disabled' | 'created_at' | 'last_sign_in_at' | 'language'
>

/** One name however it is typed: composed or not, in capitals or not. */
const nameKey = (name: string) => name.normalize('NFKC').trim().toLowerCase()

export function userStore(db: Db): UserStore {
  return { ...accounts(db), ...sessions(db), ...tokens(db) }
}

type Part<K extends keyof UserStore> = Pick<UserStore, K>

function accounts(
  db: Db,
): Part<
  'list' | 'count' | 'create' | 'byName' | 'setPassword' | 'setLanguage' | 'change' | 'signedIn'
> {
  return {
    async list() {
      return (await db.selectFrom('account').selectAll().orderBy('name_key').execute()).map(userOf)
    },
    async count() {
      const { count } = await db
        .selectFrom('account')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return Number(count)
    },
    async create({ name, role, passwordHash, at }) {
      const row = {
        name,
        name_key: nameKey(name),
        role,
        password_hash: passwordHash,
        disabled: 0,
        created_at: at,
        last_sign_in_at: null,
        language: null,
      }
      try {
        const { insertId } = await db.insertInto('account').values(row).executeTakeFirstOrThrow()
        return userOf({ ...row, id: Number(insertId) })
      } catch (error) {
        if (!isDuplicateKey(error)) throw error
        throw new AppError('E_USER_EXISTS', `there is a user "${name}" already`, {
          cause: error,
          hint: 'names differ by more than capitals',
        })
      }
    },
    async byName(name) {
      const row = await db
        .selectFrom('account')
        .selectAll()
        .where('name_key', '=', nameKey(name))
        .executeTakeFirst()
      return row ? { ...userOf(row), passwordHash: row.password_hash } : null
    },
    async setPassword(id, passwordHash) {
      await db
        .updateTable('account')
        .set({ password_hash: passwordHash })
        .where('id', '=', id)
        .execute()
    },
    async setLanguage(id, language) {
      await db.updateTable('account').set({ language }).where('id', '=', id).execute()
    },
    async change(id, { role, disabled }) {
      let update = db
        .updateTable('account')
        .set({ role, disabled: disabled ? 1 : 0 })
        .where('id', '=', id)
      // MySQL reads the table that it changes only through a derived one (error 1093).
      if (role !== 'admin' || disabled) {
        update = update.where(({ exists, selectFrom }) =>
          exists(
            selectFrom(selectFrom('account').select(['id', 'role', 'disabled']).as('other'))
              .select('other.id')
              .where('other.id', '!=', id)
              .where('other.role', '=', 'admin')
              .where('other.disabled', '=', 0),
          ),
        )
      }
      const { numUpdatedRows } = await update.executeTakeFirstOrThrow()
      if (numUpdatedRows === 0n) return false
      if (disabled) await db.deleteFrom('session').where('account_id', '=', id).execute()
      return true
    },
    async signedIn(id, at) {
      await db.updateTable('account').set({ last_sign_in_at: at }).where('id', '=', id).execute()
    },
  }
}

function sessions(
  db: Db,
): Part<
  'createSession' | 'session' | 'touchSession' | 'endSession' | 'endSessions' | 'pruneSessions'
> {
  return {
    async createSession({ hash, userId, at, csrf, address }) {
      await db
        .insertInto('session')
        .values({ hash, account_id: userId, csrf, address, created_at: at, touched_at: at })
        .execute()
    },
    async session(hash) {
      const row = await db
        .selectFrom('session')
        .innerJoin('account', 'account.id', 'session.account_id')
        .selectAll('account')
        .select(['session.csrf', 'session.touched_at', 'session.created_at as begun_at'])
        .where('session.hash', '=', hash)
        .where('account.disabled', '=', 0)
        .executeTakeFirst()
      if (!row) return null
      const { csrf, begun_at, touched_at } = row
      return { user: userOf(row), csrf, createdAt: begun_at, touchedAt: touched_at }
    },
    async touchSession(hash, at) {
      await db.updateTable('session').set({ touched_at: at }).where('hash', '=', hash).execute()
    },
    async endSession(hash) {
      await db.deleteFrom('session').where('hash', '=', hash).execute()
    },
    async endSessions(userId, exceptHash) {
      let end = db.deleteFrom('session').where('account_id', '=', userId)
      if (exceptHash !== undefined) end = end.where('hash', '!=', exceptHash)
      await end.execute()
    },
    async pruneSessions(idleBefore, madeBefore) {
      const { numDeletedRows } = await db
        .deleteFrom('session')
        .where(({ or, eb }) =>
          or([eb('touched_at', '<', idleBefore), eb('created_at', '<', madeBefore)]),
        )
        .executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  }
}

function tokens(db: Db): Part<'createToken' | 'token' | 'tokens' | 'tokenUsed' | 'revokeToken'> {
  return {
    /** @throws AppError E_TOKEN_EXISTS for a name in use */
    async createToken({ name, role, hash, prefix, at, expiresAt }) {
      const row = { name, role, hash, prefix, created_at: at, expires_at: expiresAt, used_at: null }
      try {
        await db.insertInto('token').values(row).execute()
      } catch (error) {
        if (!isDuplicateKey(error)) throw error
        throw new AppError('E_TOKEN_EXISTS', `there is a token "${name}" already`, {
          cause: error,
          hint: 'choose another name, or revoke that one',
        })
      }
    },
    async token(hash) {
      const row = await db
        .selectFrom('token')
        .selectAll()
        .where('hash', '=', hash)
        .executeTakeFirst()
      return row ? { name: row.name, role: roleOf(row.role), expiresAt: row.expires_at } : null
    },
    async tokens() {
      const rows = await db.selectFrom('token').selectAll().orderBy('name').execute()
      return rows.map(row => ({
        name: row.name,
        role: roleOf(row.role),
        prefix: row.prefix,
        createdAt: row.created_at,
        expiresAt: row.expires_at,
        usedAt: row.used_at,
      }))
    },
    async tokenUsed(hash, at) {
      await db.updateTable('token').set({ used_at: at }).where('hash', '=', hash).execute()
    },
    async revokeToken(name) {
      const { numDeletedRows } = await db
        .deleteFrom('token')
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
  }
}

function userOf(row: AccountRow): User {
  return {
    id: row.id,
    name: row.name,
    role: roleOf(row.role),
    disabled: row.disabled !== 0,
    createdAt: row.created_at,
    lastSignInAt: row.last_sign_in_at,
    language: LANGUAGES.find(known => known === row.language) ?? null,
  }
}

/** A role that this version does not know may do the least. */
function roleOf(role: string): Role {
  return ROLES.find(known => known === role) ?? 'viewer'
}
