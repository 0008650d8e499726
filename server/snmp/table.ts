// Columns that were walked as values, put together to one table.

import { tableOf } from '../model/rawtable.ts'
import { compareOids } from './oid.ts'
import type { ColumnWalk, TableRead } from './session.ts'

/** Rows in the order of their indexes: columns with holes bring some late. */
export function tableOfWalks(walks: readonly ColumnWalk[]): TableRead {
  const longest = longestOf(walks)
  const indexes = areEqual(walks) ? [...longest.values.keys()] : unionOf(walks)
  return {
    table: tableOf(indexes, new Map(walks.map(({ column, values }) => [column, values]))),
    stopped: walks.map(({ stopped }) => stopped),
  }
}

const NOTHING: ColumnWalk = { column: '', values: new Map(), stopped: null }

function longestOf(walks: readonly ColumnWalk[]): ColumnWalk {
  return walks.reduce((most, walk) => (walk.values.size > most.values.size ? walk : most), NOTHING)
}

function unionOf(walks: readonly ColumnWalk[]): string[] {
  const rows = new Set<string>()
  for (const { values } of walks) for (const index of values.keys()) rows.add(index)
  return [...rows].sort(compareOids)
}

/** Whether all columns that have rows have the same ones, in the same order. */
export function areEqual(walks: readonly ColumnWalk[]): boolean {
  const { values } = longestOf(walks)
  return walks.every(walk => walk.values.size === 0 || haveSameKeys(walk.values, values))
}

function haveSameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  const others = b.keys()
  for (const key of a.keys()) if (key !== others.next().value) return false
  return true
}
