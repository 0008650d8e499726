// Rows of all devices by what people call them: name, key, subtitle, or the value of a label (a MAC
// address, an alias). It looks at every row, so it is for a person who searches, not for pages.

import { type SqlBool, sql } from 'kysely'
import type { RowInfo } from '../model/collection.ts'
import type { Db } from './database.ts'
import { rowInfo } from './rows.ts'

/** The names of labels are looked through with their values; that many times more rows are fetched. */
const FETCHED_MAX_TIMES = 4

export interface FoundRow extends RowInfo {
  deviceUid: number
  group: string
}

/** @param texts any of them, in small letters; capital letters of ASCII count as small ones */
export async function findRows(
  db: Db,
  texts: readonly string[],
  limit: number,
): Promise<FoundRow[]> {
  const likes = texts.map(text => `%${text.replaceAll(/[!%_]/g, '!$&')}%`)
  const columns = ['row_info.name', 'row_info.row_key', 'row_info.subtitle', 'row_info.labels']
  const rows = await db
    .selectFrom('row_info')
    .innerJoin('device', 'device.uid', 'row_info.device_uid')
    .selectAll('row_info')
    .where('device.live_id', 'is not', null)
    .where(({ or }) =>
      or(
        likes.flatMap(like =>
          columns.map(column => sql<SqlBool>`lower(${sql.ref(column)}) like ${like} escape '!'`),
        ),
      ),
    )
    .limit(limit * FETCHED_MAX_TIMES)
    .execute()
  const isFound = ({ name, key, subtitle = '', labels }: RowInfo) =>
    [name, key, subtitle, ...Object.values(labels)].some(one =>
      texts.some(text => one.toLowerCase().includes(text)),
    )
  return rows
    .map(row => ({ deviceUid: row.device_uid, group: row.group_name, ...rowInfo(row) }))
    .filter(isFound)
    .slice(0, limit)
}
