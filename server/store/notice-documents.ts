// Channels and routes as documents with versions: two people at once overwrite nothing.

import { AppError } from '../model/errors.ts'
import { parseJson } from '../validate.ts'
import type { Database } from './database.ts'
import type { NoticeStore } from './notice-contract.ts'

const documentsMax = 1000

export function documentsOf(
  database: Database,
): Pick<NoticeStore, 'documents' | 'putDocument' | 'removeDocument'> {
  const { db } = database
  return {
    async documents(sort) {
      const rows = await db
        .selectFrom('notify_document')
        .selectAll()
        .where('sort', '=', sort)
        .orderBy('id')
        .limit(documentsMax)
        .execute()
      return rows.map(({ id, version, body, updated_by, updated_at }) => ({
        ...{ id, version, document: parseJson(body), by: updated_by, at: updated_at },
      }))
    },
    putDocument: (sort, id, document, expected, by, at) =>
      database.transaction(async tx => {
        const before = await tx
          .selectFrom('notify_document')
          .select('version')
          .where('sort', '=', sort)
          .where('id', '=', id)
          .modifyEnd(database.exclusive)
          .executeTakeFirst()
        if ((before?.version ?? 0) !== expected) {
          throw new AppError('E_NOTIFY_CHANGED', `somebody changed this ${sort} meanwhile`, {
            hint: 'open it again and repeat your change',
          })
        }
        const values = {
          ...{ version: expected + 1, body: JSON.stringify(document) },
          ...{ updated_by: by, updated_at: at },
        }
        if (before) {
          const update = tx.updateTable('notify_document').set(values)
          await update.where('sort', '=', sort).where('id', '=', id).execute()
        } else {
          const row = { sort, id, ...values }
          await tx.insertInto('notify_document').values(row).execute()
        }
      }),
    async removeDocument(sort, id) {
      const { numDeletedRows } = await db
        .deleteFrom('notify_document')
        .where('sort', '=', sort)
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
  }
}
