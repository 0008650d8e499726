// One source of a device as it was last read, and whether what comes now is the same: columns of names
// that came again unchanged let everything that was made of them stand.

import type { RawValue } from '../model/raw.ts'
import { EMPTY_TABLE, hasValues, type RawTable, rawValue } from '../model/rawtable.ts'
import type { PlanSource } from './plan.ts'
import { sameTexts } from './rowset.ts'

/** A source as it was last read. */
export interface ColumnMemory {
  table: RawTable
  column: number
  /** Scheduled time of the read; null: never, or to be read again now. */
  readAt: number | null
  isFresh: boolean
  isPartial: boolean
  /** The device has had a value of it. */
  wasThere: boolean
  /** Another number: other values. Names that are read again are compared; everything else is new. */
  version: number
}

export function newColumn(): ColumnMemory {
  return {
    table: EMPTY_TABLE,
    column: 0,
    readAt: null,
    isFresh: false,
    isPartial: false,
    wasThere: false,
    version: 0,
  }
}

/** What came of a source in one read. */
export interface ColumnRead {
  table: RawTable
  column: number
  isPartial: boolean
  /** Scheduled time of the read. */
  at: number
}

/** Takes over what was read. */
export function keepColumn(
  memory: ColumnMemory,
  source: PlanSource,
  { table, column, isPartial, at }: ColumnRead,
): void {
  const isSlowPart = isPartial && source.everyMs !== null
  const isThere = memory.wasThere && !isSlowPart ? true : hasValues(table, column)
  // A slow column that did not come this time is still what it was.
  if (isSlowPart && !isThere) return
  if (!source.isNaming || isPartial !== memory.isPartial || !sameColumn(memory, table, column)) {
    memory.version++
  }
  memory.table = table
  memory.column = column
  memory.readAt = at
  memory.isFresh = true
  memory.isPartial = isPartial
  memory.wasThere ||= isThere
}

export function scalarOf({ table, column }: ColumnMemory): RawValue | undefined {
  const row = table.indexes.indexOf('')
  return row < 0 ? undefined : rawValue(table, column, row)
}

/** Whether a column came again as it was. */
function sameColumn(before: ColumnMemory, table: RawTable, column: number): boolean {
  if (!sameTexts(before.table.indexes, table.indexes)) return false
  const rows = table.indexes.length
  let was = before.column * rows
  let is = column * rows
  for (let row = 0; row < rows; row++, was++, is++) {
    if (before.table.types[was] !== table.types[is]) return false
    if (before.table.hi[was] !== table.hi[is] || before.table.lo[was] !== table.lo[is]) return false
    if (!sameOther(before.table.others?.[was], table.others?.[is])) return false
  }
  return true
}

function sameOther(a: unknown, b: unknown): boolean {
  return a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) === 0 : a === b
}
