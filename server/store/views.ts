// What a person set up in the list of devices: views by name, and the columns.

import type { Database } from './database.ts'

export interface SavedView {
  name: string
  /** The list's address after the question mark. */
  query: string
  isDefault: boolean
}

export interface ViewStore {
  /** By name. */
  list(accountId: number): Promise<SavedView[]>
  /** Makes it, or puts it in the place of the one of its name. A default takes that from the others. */
  put(accountId: number, view: SavedView): Promise<void>
  /** False: there is no such view, or the new name is taken. */
  rename(accountId: number, name: string, to: string): Promise<boolean>
  remove(accountId: number, name: string): Promise<boolean>
  /** null: as usual. */
  columns(accountId: number): Promise<string | null>
  setColumns(accountId: number, columns: string | null): Promise<void>
}

export function viewStore(database: Database): ViewStore {
  const { db } = database
  return {
    async list(accountId) {
      const rows = await db
        .selectFrom('saved_view')
        .selectAll()
        .where('account_id', '=', accountId)
        .orderBy('name')
        .execute()
      return rows.map(({ name, query, is_default }) => ({
        name,
        query,
        isDefault: is_default === 1,
      }))
    },
    put: (accountId, { name, query, isDefault }) =>
      database.transaction(async tx => {
        const mine = tx.updateTable('saved_view').where('account_id', '=', accountId)
        if (isDefault) await mine.set({ is_default: 0 }).execute()
        await database.put(
          tx,
          'saved_view',
          ['account_id', 'name'],
          [{ account_id: accountId, name, query, is_default: isDefault ? 1 : 0 }],
        )
      }),
    rename: (accountId, name, to) =>
      database.transaction(async tx => {
        const taken = await tx
          .selectFrom('saved_view')
          .select('name')
          .where('account_id', '=', accountId)
          .where('name', '=', to)
          .executeTakeFirst()
        if (taken) return false
        const { numUpdatedRows } = await tx
          .updateTable('saved_view')
          .set({ name: to })
          .where('account_id', '=', accountId)
          .where('name', '=', name)
          .executeTakeFirstOrThrow()
        return numUpdatedRows > 0n
      }),
    async remove(accountId, name) {
      const { numDeletedRows } = await db
        .deleteFrom('saved_view')
        .where('account_id', '=', accountId)
        .where('name', '=', name)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
    async columns(accountId) {
      const row = await db
        .selectFrom('account')
        .select('device_columns')
        .where('id', '=', accountId)
        .executeTakeFirst()
      return row?.device_columns ?? null
    },
    async setColumns(accountId, columns) {
      await db
        .updateTable('account')
        .set({ device_columns: columns })
        .where('id', '=', accountId)
        .execute()
    },
  }
}
