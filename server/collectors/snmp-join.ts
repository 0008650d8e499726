// Puts columns of several tables together to one, for groups that share columns with others.

import type { RawOther, RawTable, TableColumn } from '../model/rawtable.ts'
import { compareOids } from '../snmp/oid.ts'

/** At most `rowsMax` rows, in the order of their indexes. `isCut`: there were more. */
export function joinColumns(
  columns: readonly TableColumn[],
  rowsMax: number,
): { table: RawTable; isCut: boolean } {
  const all = indexesOf(columns.map(({ table }) => table.indexes))
  const indexes = all.length > rowsMax ? all.slice(0, rowsMax) : all
  const cells = columns.length * indexes.length
  const joined = {
    indexes,
    sources: columns.map(({ table, column }) => table.sources[column] ?? ''),
    types: new Uint8Array(cells),
    hi: new Uint32Array(cells),
    lo: new Uint32Array(cells),
    others: [] as (RawOther | undefined)[],
  }
  const rows = new Map(indexes.map((index, row) => [index, row]))
  for (const [i, { table, column }] of columns.entries()) {
    const from = column * table.indexes.length
    const to = i * indexes.length
    for (const [row, index] of table.indexes.entries()) {
      const place = table.indexes === indexes ? row : rows.get(index)
      if (place === undefined) continue
      joined.types[to + place] = table.types[from + row] ?? 0
      joined.hi[to + place] = table.hi[from + row] ?? 0
      joined.lo[to + place] = table.lo[from + row] ?? 0
      const other = table.others?.[from + row]
      if (other !== undefined) joined.others[to + place] = other
    }
  }
  const others = joined.others.length > 0 ? joined.others : null
  return { table: { ...joined, others }, isCut: all.length > rowsMax }
}

/** Every index once; the list itself, where there is one for all. */
function indexesOf(lists: readonly (readonly string[])[]): readonly string[] {
  const distinct = [...new Set(lists)]
  const [only = []] = distinct
  return distinct.length <= 1 ? only : [...new Set(distinct.flat())].sort(compareOids)
}
