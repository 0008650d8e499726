// What is kept by name, and the audit log: sealed secrets, settings, and who changed what.

import type { AuditEntry, AuditStore, SecretStore, SettingStore } from './contract.ts'
import type { Database, Db } from './database.ts'

/** Entries in one page of the audit log. */
const auditPageMax = 1000
const auditTrimMax = 1000

/** Writes them over those of the same names, in the caller's transaction. */
export async function putSecrets(
  database: Database,
  on: Db,
  sealed: ReadonlyMap<string, string>,
  at: number,
): Promise<void> {
  const rows = [...sealed].map(([name, text]) => ({ name, sealed: text, updated_at: at }))
  if (rows.length > 0) await database.put(on, 'secret', ['name'], rows)
}

export function secretStore(database: Database): SecretStore {
  const { db } = database
  return {
    put: (name, sealed, at) => putSecrets(database, db, new Map([[name, sealed]]), at),
    async get(name) {
      const row = await db
        .selectFrom('secret')
        .select('sealed')
        .where('name', '=', name)
        .executeTakeFirst()
      return row?.sealed ?? null
    },
    async list(prefix = '') {
      const rows = await db
        .selectFrom('secret')
        .select(['name', 'updated_at'])
        .where('name', '>=', prefix)
        .where('name', '<', `${prefix}\u{10ffff}`)
        .orderBy('name')
        .execute()
      return rows.map(row => ({ name: row.name, updatedAt: row.updated_at }))
    },
    async remove(name) {
      await db.deleteFrom('secret').where('name', '=', name).execute()
    },
  }
}

export function settingStore(database: Database): SettingStore {
  const { db } = database
  return {
    async get(name) {
      const row = await db
        .selectFrom('setting')
        .select('value')
        .where('name', '=', name)
        .executeTakeFirst()
      return row?.value ?? null
    },
    async put(name, value) {
      await database.put(db, 'setting', ['name'], [{ name, value }])
    },
  }
}

export function auditStore(database: Database): AuditStore {
  const { db } = database
  return {
    append: entry => appendAudit(db, entry),
    async list({ limit, before, actor, action, thing, from, to }) {
      let select = db.selectFrom('audit').selectAll()
      if (before !== undefined) select = select.where('id', '<', before)
      if (actor !== undefined) select = select.where('actor', '=', actor)
      for (const [column, begin] of [
        ['action', action],
        ['thing', thing],
      ] as const) {
        if (begin === undefined) continue
        select = select.where(column, '>=', begin).where(column, '<', `${begin}\u{10ffff}`)
      }
      if (from !== undefined) select = select.where('at', '>=', from)
      if (to !== undefined) select = select.where('at', '<', to)
      const rows = await select
        .orderBy('id', 'desc')
        .limit(Math.max(1, Math.min(Math.trunc(limit), auditPageMax)))
        .execute()
      return rows.map(({ before_json, after_json, ...entry }) => ({
        ...entry,
        before: before_json === null ? null : JSON.parse(before_json),
        after: after_json === null ? null : JSON.parse(after_json),
      }))
    },
    trim: (before, told) =>
      database.transaction(async tx => {
        // In the order of their numbers, which is that of their times but for a clock that was set.
        const oldest = await tx
          .selectFrom('audit')
          .select(['id', 'at'])
          .orderBy('id')
          .limit(auditTrimMax)
          .execute()
        const ids = oldest.filter(({ at }) => at < before).map(({ id }) => id)
        if (ids.length === 0) return 0
        const done = await tx.deleteFrom('audit').where('id', 'in', ids).executeTakeFirstOrThrow()
        // Another process may have been before us.
        const deleted = Number(done.numDeletedRows)
        if (deleted > 0) await appendAudit(tx, told(deleted))
        return deleted
      }),
  }
}

async function appendAudit(
  on: Db,
  { at, actor, action, thing, address, before, after }: AuditEntry,
): Promise<void> {
  const change = { before_json: jsonOf(before), after_json: jsonOf(after) }
  await on
    .insertInto('audit')
    .values({ at, actor, action, thing, address, ...change })
    .execute()
}

/** null and undefined are both "nothing there". */
function jsonOf(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value)
}
