// Accounts on the MQTT broker, as rows: what each may do, and the digest of its password where the
// embedded broker checks it.

import type { Selectable } from 'kysely'
import Type from 'typebox'
import { parser } from '../validate.ts'
import type { Database, Tables } from './database.ts'

export interface AccountRow {
  username: string
  role: string
  /** Topic filters. */
  publish: readonly string[]
  subscribe: readonly string[]
  salt: string
  /** Empty: another broker keeps the password. */
  passwordSha256: string
  createdAt: number
}

export interface AccountStore {
  /** An earlier one of the name is replaced. */
  put(account: AccountRow): Promise<void>
  /** False: there is none of that name. */
  remove(username: string): Promise<boolean>
  list(): Promise<AccountRow[]>
  /** Another text when an account was made or removed, by whichever process. */
  mark(): Promise<string>
}

const parseFilters = parser(Type.Array(Type.String()), 'E_ACCOUNT', 'a stored list of topics')

export function accountStore(database: Database): AccountStore {
  const { db } = database
  return {
    async put({ username, role, publish, subscribe, salt, passwordSha256, createdAt }) {
      const lists = { publish: JSON.stringify(publish), subscribe: JSON.stringify(subscribe) }
      const secret = { salt, password_sha256: passwordSha256 }
      const row = { username, role, ...lists, ...secret, created_at: createdAt }
      await database.put(db, 'broker_account', ['username'], [row])
    },
    async remove(username) {
      const { numDeletedRows } = await db
        .deleteFrom('broker_account')
        .where('username', '=', username)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async list() {
      const rows = await db.selectFrom('broker_account').selectAll().orderBy('username').execute()
      return rows.map(accountOf)
    },
    async mark() {
      const { count, newest } = await db
        .selectFrom('broker_account')
        .select(({ fn }) => [fn.countAll().as('count'), fn.max('created_at').as('newest')])
        .executeTakeFirstOrThrow()
      return `${count} ${newest}`
    },
  }
}

function accountOf(row: Selectable<Tables['broker_account']>): AccountRow {
  return {
    username: row.username,
    role: row.role,
    publish: parseFilters(JSON.parse(row.publish)),
    subscribe: parseFilters(JSON.parse(row.subscribe)),
    salt: row.salt,
    passwordSha256: row.password_sha256,
    createdAt: row.created_at,
  }
}
