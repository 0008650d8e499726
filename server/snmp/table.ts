// Columns that were walked as values, put together to one table.

import { tableOf } from '../model/rawtable.ts'
import { compareOids } from './oid.ts'
import type { ColumnWalk, TableRead } from './session.ts'

/** Rows in the order of their indexes: columns with holes bring some late. */
export function tableOfWalks(walks: readonly ColumnWalk[]): TableRead {
  const rows = new Set<string>()
  for (const { values } of walks) for (const index of values.keys()) rows.add(index)
  const indexes = [...rows].sort(compareOids)
  return {
    table: tableOf(indexes, new Map(walks.map(({ column, values }) => [column, values]))),
    stopped: walks.map(({ stopped }) => stopped),
  }
}
