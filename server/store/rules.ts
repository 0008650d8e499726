// Rules and maintenance windows that people made, as documents: what is in them is the business of
// alarms/, which checks each when it reads it.

import Type from 'typebox'
import { AppError } from '../model/errors.ts'
import { checker, parseJson } from '../validate.ts'
import type { RuleStore } from './contract.ts'
import type { Database } from './database.ts'

/** Of each sort; the pages refuse more before. */
const documentsMax = 10_000

export function ruleStore(database: Database): RuleStore {
  const { db } = database
  return {
    async list() {
      const rows = await db.selectFrom('alarm_rule').selectAll().limit(documentsMax).execute()
      return rows.map(({ id, version, body, updated_by, updated_at }) => ({
        ...{ id, version, document: parseJson(body), by: updated_by, at: updated_at },
      }))
    },
    put: (id, document, expected, by, at) =>
      database.transaction(async tx => {
        const values = { version: expected + 1, body: JSON.stringify(document) }
        const who = { updated_by: by, updated_at: at }
        const before = await tx
          .selectFrom('alarm_rule')
          .select('version')
          .where('id', '=', id)
          .modifyEnd(database.exclusive)
          .executeTakeFirst()
        if ((before?.version ?? 0) !== expected) {
          throw new AppError('E_RULE_CHANGED', 'somebody changed this rule meanwhile', {
            hint: 'open it again and repeat your change',
          })
        }
        if (before) {
          const update = tx.updateTable('alarm_rule').set({ ...values, ...who })
          await update.where('id', '=', id).execute()
        } else
          await tx
            .insertInto('alarm_rule')
            .values({ id, ...values, ...who })
            .execute()
      }),
    async remove(id) {
      const { numDeletedRows } = await db
        .deleteFrom('alarm_rule')
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async windows() {
      const rows = await db
        .selectFrom('maintenance_window')
        .selectAll()
        .where('removed_at', 'is', null)
        .limit(documentsMax)
        .execute()
      return rows.map(({ id, body, created_by, created_at }) => ({
        ...{ id, version: 1, document: parseJson(body), by: created_by, at: created_at },
      }))
    },
    async putWindow(id, document, endsAt, by, at) {
      const row = { id, ends_at: endsAt, body: JSON.stringify(document) }
      const who = { created_by: by, created_at: at, removed_at: null }
      await database.put(db, 'maintenance_window', ['id'], [{ ...row, ...who }])
    },
    removeWindow: (id, at) => removeWindow(database, id, at),
    async pastWindows(from) {
      const rows = await db
        .selectFrom('maintenance_window')
        .selectAll()
        .where(({ eb, or }) => or([eb('removed_at', 'is', null), eb('removed_at', '>', from)]))
        .where(({ eb, or }) => or([eb('ends_at', 'is', null), eb('ends_at', '>', from)]))
        .limit(documentsMax)
        .execute()
      return rows.map(({ body, created_at, removed_at }) => ({
        ...{ document: parseJson(body), madeAt: created_at, removedAt: removed_at },
      }))
    },
    async trimWindows(before) {
      await db.deleteFrom('maintenance_window').where('ends_at', '<', before).execute()
    },
  }
}

/** A single window that is over, or has not begun, is taken back; others end now. */
function removeWindow(database: Database, id: string, at: number): Promise<boolean> {
  return database.transaction(async tx => {
    const row = await tx
      .selectFrom('maintenance_window')
      .select(['ends_at', 'body'])
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .modifyEnd(database.exclusive)
      .executeTakeFirst()
    if (!row) return false
    const isTakenBack = row.ends_at !== null && (row.ends_at <= at || beginOf(row.body) >= at)
    if (isTakenBack) await tx.deleteFrom('maintenance_window').where('id', '=', id).execute()
    else {
      const update = tx.updateTable('maintenance_window').set({ removed_at: at })
      await update.where('id', '=', id).execute()
    }
    return true
  })
}

const checkOnce = checker(Type.Object({ once: Type.Object({ from: Type.Number() }) }))

function beginOf(body: string): number {
  const checked = checkOnce(parseJson(body))
  return checked.ok ? checked.value.once.from : 0
}
