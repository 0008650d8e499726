// People, their sessions, and API tokens. Hashes only: nothing here could sign anybody in.

import type { Selectable } from 'kysely'
import { AppError } from '../model/errors.ts'
import { LANGUAGES, PERMISSIONS, ROLES, type Role, type Scope, type User } from '../model/user.ts'
import type { KnownUser, UserStore } from './contract.ts'
import type { Db, Tables } from './database.ts'
import { isDuplicateKey } from './failures.ts'

/** Addresses remembered of one account. */
const addressesMax = 20

type AccountRow = Selectable<Tables['account']>

/** One name however it is typed: composed or not, in capitals or not. */
const nameKey = (name: string) => name.normalize('NFKC').trim().toLowerCase()

export function userStore(db: Db): UserStore {
  return { ...accounts(db), ...secondSteps(db), ...sessions(db), ...tokens(db) }
}

type Part<K extends keyof UserStore> = Pick<UserStore, K>

function accounts(
  db: Db,
): Part<
  | 'list'
  | 'count'
  | 'create'
  | 'byName'
  | 'byId'
  | 'byOrigin'
  | 'setPassword'
  | 'addressesOf'
  | 'lastAddresses'
  | 'setLanguage'
  | 'change'
  | 'signedIn'
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
    async create({ name, role, passwordHash, at, origin }) {
      const row = {
        name,
        name_key: nameKey(name),
        role,
        password_hash: passwordHash,
        disabled: 0,
        created_at: at,
        last_sign_in_at: null,
        language: null,
        device_columns: null,
        totp_secret: null,
        totp_step: null,
        origin: origin?.issuer ?? null,
        origin_key: origin?.key ?? null,
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
      return row ? knownOf(row) : null
    },
    async byId(id) {
      const row = await db.selectFrom('account').selectAll().where('id', '=', id).executeTakeFirst()
      return row ? knownOf(row) : null
    },
    async byOrigin(key) {
      const row = await db
        .selectFrom('account')
        .selectAll()
        .where('origin_key', '=', key)
        .executeTakeFirst()
      return row ? userOf(row) : null
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
    signedIn: (id, at, address) =>
      db.transaction().execute(async trx => {
        await trx.updateTable('account').set({ last_sign_in_at: at }).where('id', '=', id).execute()
        await noteAddress(trx, id, at, address)
      }),
    async addressesOf(id) {
      const rows = await db
        .selectFrom('account_address')
        .selectAll()
        .where('account_id', '=', id)
        .orderBy('last_at', 'desc')
        .limit(addressesMax)
        .execute()
      return rows.map(addressOf)
    },
    async lastAddresses() {
      const rows = await db
        .selectFrom('account_address')
        .selectAll()
        .orderBy('last_at', 'asc')
        .execute()
      return new Map(rows.map(row => [row.account_id, addressOf(row)]))
    },
  }
}

const addressOf = (row: Selectable<Tables['account_address']>) => ({
  address: row.address,
  firstAt: row.first_at,
  lastAt: row.last_at,
})

/** Within the transaction that has the account's row, so one after the other for each account. */
async function noteAddress(db: Db, id: number, at: number, address: string): Promise<void> {
  const own = () => db.selectFrom('account_address').where('account_id', '=', id)
  const known = await own().select('address').where('address', '=', address).executeTakeFirst()
  if (known) {
    await db
      .updateTable('account_address')
      .set({ last_at: at })
      .where('account_id', '=', id)
      .where('address', '=', address)
      .execute()
    return
  }
  const row = { account_id: id, address, first_at: at, last_at: at }
  await db.insertInto('account_address').values(row).execute()
  const old = await own()
    .select('address')
    .orderBy('last_at', 'desc')
    .limit(addressesMax)
    .offset(addressesMax)
    .execute()
  if (old.length === 0) return
  await db
    .deleteFrom('account_address')
    .where('account_id', '=', id)
    .where(
      'address',
      'in',
      old.map(one => one.address),
    )
    .execute()
}

function secondSteps(
  db: Db,
): Part<'setTotp' | 'useTotpStep' | 'useRecoveryCode' | 'recoveryCodes'> {
  return {
    setTotp: (id, totp) =>
      db.transaction().execute(async trx => {
        await trx
          .updateTable('account')
          .set({ totp_secret: totp?.sealed ?? null, totp_step: totp?.step ?? null })
          .where('id', '=', id)
          .execute()
        await trx.deleteFrom('recovery_code').where('account_id', '=', id).execute()
        const codes = (totp?.codes ?? []).map(hash => ({ account_id: id, hash }))
        if (codes.length > 0) await trx.insertInto('recovery_code').values(codes).execute()
      }),
    async useTotpStep(id, step) {
      const { numUpdatedRows } = await db
        .updateTable('account')
        .set({ totp_step: step })
        .where('id', '=', id)
        .where(({ or, eb }) => or([eb('totp_step', 'is', null), eb('totp_step', '<', step)]))
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },
    async useRecoveryCode(id, hash) {
      const { numDeletedRows } = await db
        .deleteFrom('recovery_code')
        .where('account_id', '=', id)
        .where('hash', '=', hash)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async recoveryCodes(id) {
      const { count } = await db
        .selectFrom('recovery_code')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('account_id', '=', id)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

function sessions(
  db: Db,
): Part<
  | 'createSession'
  | 'session'
  | 'sessionsOf'
  | 'touchSession'
  | 'endSession'
  | 'endSessions'
  | 'pruneSessions'
> {
  return {
    async createSession({ hash, userId, at, csrf, address, browser }) {
      const times = { created_at: at, touched_at: at }
      await db
        .insertInto('session')
        .values({ hash, account_id: userId, csrf, address, browser, ...times })
        .execute()
    },
    async sessionsOf(userId) {
      const rows = await db
        .selectFrom('session')
        .selectAll()
        .where('account_id', '=', userId)
        .orderBy('touched_at', 'desc')
        .execute()
      return rows.map(row => ({
        hash: row.hash,
        address: row.address,
        browser: row.browser ?? '',
        createdAt: row.created_at,
        touchedAt: row.touched_at,
      }))
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
    async createToken({ name, role, scope, hash, prefix, at, expiresAt }) {
      const permissions = scope === null ? null : JSON.stringify(scope)
      const times = { created_at: at, expires_at: expiresAt, used_at: null }
      const row = { name, role, permissions, hash, prefix, ...times }
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
      if (!row) return null
      const scope = scopeOf(row.permissions)
      return { name: row.name, role: roleOf(row.role), scope, expiresAt: row.expires_at }
    },
    async tokens() {
      const rows = await db.selectFrom('token').selectAll().orderBy('name').execute()
      return rows.map(row => ({
        name: row.name,
        role: roleOf(row.role),
        scope: scopeOf(row.permissions),
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
    twoStep: row.totp_secret !== null,
    origin: row.origin,
  }
}

function knownOf(row: AccountRow): KnownUser {
  return { ...userOf(row), passwordHash: row.password_hash, totpSealed: row.totp_secret }
}

/** A permission that this version does not know is none; a list that cannot be read gives none. */
function scopeOf(text: string | null): Scope {
  if (text === null) return null
  const named = new Set(text.match(/[a-z]+(\.[a-z]+)?/g))
  return PERMISSIONS.filter(known => named.has(known))
}

/** A role that this version does not know may do the least. */
function roleOf(role: string): Role {
  return ROLES.find(known => known === role) ?? 'viewer'
}
