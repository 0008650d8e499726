// The columns of a walk: each keeps its own place and its own increasing check, so that no agent can make
// a walk endless, and a column that ends or lies costs the others nothing.

import type { RawValue } from '../model/raw.ts'
import type { WireEngine } from './engine.ts'
import { compareOids, indexUnder } from './oid.ts'
import type { ColumnWalk, SessionOptions, VarBind } from './session.ts'

export interface Place {
  readonly column: string
  readonly values: Map<string, RawValue>
  last: string
  ended: boolean
  stopped: ColumnWalk['stopped']
}

/** What holds for every column of a walk. */
interface Bounds {
  engine: WireEngine
  options: SessionOptions
  rowsMax: number
}

export function newPlace(column: string): Place {
  return { column, values: new Map(), last: column, ended: false, stopped: null }
}

/** Sorts an answer's values, which come row by row, to their columns. */
export function fill(asked: readonly Place[], varbinds: readonly VarBind[], bounds: Bounds): void {
  varbinds.forEach((varbind, i) => {
    const column = asked[i % asked.length]
    if (column && !column.ended) accept(column, varbind, bounds)
  })
}

function accept(column: Place, { oid, value }: VarBind, bounds: Bounds): void {
  const { engine, rowsMax } = bounds
  const mayGoBack = bounds.options.quirks?.allowNonIncreasing === true
  const index = indexUnder(column.column, oid)
  // endOfMibView repeats the name that was asked; a first row that is none is no row.
  if (index === null || (value.type === 'none' && oid === column.last)) {
    column.ended = true
    // What follows the last row follows the column, or it is no successor.
    const isLie = value.type !== 'none' && compareOids(oid, column.column) <= 0
    if (isLie && !mayGoBack) {
      engine.counters.dropped++
      column.stopped = 'not-increasing'
    }
    return
  }
  if (compareOids(oid, column.last) <= 0) {
    if (!mayGoBack || oid === column.last || column.values.has(index)) {
      engine.counters.dropped++
      column.ended = true
      column.stopped = 'not-increasing'
      return
    }
  }
  if (column.values.size >= rowsMax) {
    column.ended = true
    column.stopped = 'rows-max'
    return
  }
  if (column.values.has(index)) {
    column.ended = true
    column.stopped = 'not-increasing'
    return
  }
  column.values.set(index, value)
  column.last = oid
}
