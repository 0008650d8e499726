// The rows of one read of a table, taken from GETBULK answers: each row must have the same index in
// all its columns. Indexes are compared with those of the read before as octets, so that a table
// whose rows have not changed makes no text and no object.

import type { RawTable } from '../model/rawtable.ts'
import { isReadableOid, readSubIds, TAG } from './ber.ts'
import { Cells } from './cells.ts'
import type { ColumnSet } from './columnset.ts'
import { type KnownNames, takeKnownRows, taken } from './knownrows.ts'
import { type Layout, layoutOf } from './layout.ts'
import { compareOids } from './oid.ts'
import { type NamePrefix, VarBindReader } from './varbinds.ts'

/** Rows that there is room for before any is known. */
const rowsFirst = 16

/** What an answer ended with. */
export type RowsEnd =
  /** Its last variable binding, perhaps inside a row: that row is asked for again. */
  | 'more'
  /** A place after the last row of all columns. */
  | 'end'
  | 'rows-max'
  | 'not-increasing'
  /** Some columns have ended, or columns disagree about the index: not to be read row by row. */
  | 'ragged'
  | 'malformed'

const reader = new VarBindReader()

/** A step to something whose name need not be that of a column: so it must be seen to be one. */
const isNextSound = () =>
  reader.next() && isReadableOid(reader.bytes, reader.nameAt, reader.nameEnd)

/**
 * Whether what makes no whole row is sound too: else the datagram was no answer, and nothing has
 * ended. The names in whole rows are known.
 */
function isRestSound(at: number): boolean {
  reader.at = at
  while (reader.at < reader.end) if (!isNextSound()) return false
  return true
}

export class Rows {
  readonly #prefixes: readonly NamePrefix[]
  readonly #absent: readonly NamePrefix[]
  /** The rows of the read before. */
  readonly #known: Layout | null
  readonly #names: KnownNames | null
  readonly #rowsMax: number
  readonly #cells: Cells
  /** The indexes since they differ from the known ones; null: they do not. */
  #indexes: string[] | null
  /** Complete rows. */
  count = 0
  /** Values that could not be read. */
  unreadable = 0
  /** By column: whether it had ended where the answer was found to be ragged. */
  ended: boolean[] = []
  /** Where the first of an answer's rows begins, and the last complete one ends. */
  rowsAt = 0
  rowsEnd = 0
  #indexAt = 0
  #indexEnd = 0
  #isKnownRow = false

  constructor(set: ColumnSet, known: Layout | null, rowsMax: number) {
    const { prefixes, absentPrefixes } = set
    this.#prefixes = prefixes
    this.#absent = absentPrefixes
    this.#known = known
    this.#names = known && set.namesOf(known)
    this.#rowsMax = rowsMax
    this.#indexes = known === null ? [] : null
    this.#cells = new Cells(prefixes.length, known?.indexes.length || rowsFirst)
  }

  /** Takes the rows of an answer. Malformed: nothing of it counts. */
  take(bytes: Uint8Array, at: number, end: number): RowsEnd {
    const before = this.count
    const { unreadable } = this
    const hadDiffered = this.#indexes !== null
    reader.reset(bytes, at, end)
    let result = this.#takeAll(before === 0)
    if (!isRestSound(this.rowsEnd)) result = 'malformed'
    if (result === 'malformed') {
      this.count = before
      this.unreadable = unreadable
      if (!hadDiffered) this.#indexes = null
      else if (this.#indexes) this.#indexes.length = before
    }
    return result
  }

  #takeAll(isFirst: boolean): RowsEnd {
    this.rowsEnd = reader.at
    if (isFirst) {
      for (const prefix of this.#absent) {
        if (!isNextSound()) return 'malformed'
        const isThere = reader.tag !== TAG.endOfMibView
        // A name that comes before is a lie, about which the walk says more.
        if (isThere && (reader.isBelow(prefix) || !reader.isAfter(prefix))) return 'ragged'
      }
    }
    this.rowsAt = reader.at
    this.#takeKnown()
    for (;;) {
      this.rowsEnd = reader.at
      const result = this.#takeRow()
      if (result !== null) return result
      this.count++
    }
  }

  /** Rows that are as they were go the short way. */
  #takeKnown(): void {
    if (this.#names === null || this.#indexes !== null || this.#known === null) return
    const most = Math.min(this.#rowsMax, this.#known.indexes.length)
    takeKnownRows(
      reader.view,
      reader.at,
      reader.end,
      this.#names,
      this.#prefixes.length,
      this.count,
      most,
      this.#cells.parts,
    )
    this.count += taken.rows
    reader.at = taken.at
  }

  /** Null: a whole row. */
  #takeRow(): RowsEnd | null {
    const prefixes = this.#prefixes
    let endedCount = 0
    if (this.ended.length > 0) this.ended = []
    for (let column = 0; column < prefixes.length; column++) {
      const prefix = prefixes[column]
      if (reader.at === reader.end || prefix === undefined) return 'more'
      if (!reader.next()) return 'malformed'
      const result = this.#takeValue(column, prefix, endedCount > 0)
      if (result === 'ended') endedCount++
      else if (result !== null) return result
    }
    if (endedCount > 0) return endedCount === prefixes.length ? 'end' : 'ragged'
    return this.#isKnownRow ? null : this.#newIndex()
  }

  /** `isCut`: another column has no value in this row. */
  #takeValue(column: number, prefix: NamePrefix, isCut: boolean): RowsEnd | 'ended' | null {
    if (reader.tag !== TAG.endOfMibView && reader.isBelow(prefix)) {
      return isCut ? null : this.#takeCell(column, reader.nameAt + prefix.length)
    }
    // What comes before what was asked for is no successor (RFC 3416, section 4.2.2).
    if (reader.tag !== TAG.endOfMibView && !reader.isAfter(prefix)) return 'not-increasing'
    this.ended[column] = true
    return 'ended'
  }

  /** The first column's index is the row's. */
  #takeCell(column: number, indexAt: number): RowsEnd | null {
    if (column === 0) {
      if (this.count >= this.#rowsMax) return 'rows-max'
      this.#indexAt = indexAt
      this.#indexEnd = reader.nameEnd
      this.#isKnownRow = this.#isKnownIndex()
      this.#cells.reserve(this.count)
    } else if (!this.#isSameIndex(indexAt)) return 'ragged'
    this.#put(column)
    return null
  }

  #put(column: number): void {
    const { view, bytes, tag, valueAt, valueEnd } = reader
    if (!this.#cells.put(column, this.count, view, bytes, tag, valueAt, valueEnd)) this.unreadable++
  }

  /** Whether the row's index is the one that stood in this place before, and those before it too. */
  #isKnownIndex(): boolean {
    if (this.#indexes !== null || this.#known === null) return false
    const { octets, starts } = this.#known
    const from = starts[this.count]
    const to = starts[this.count + 1]
    if (from === undefined || to === undefined) return false
    if (to - from !== this.#indexEnd - this.#indexAt) return false
    for (let i = from, at = this.#indexAt; i < to; i++, at++) {
      if (octets[i] !== reader.view.getUint8(at)) return false
    }
    return true
  }

  #isSameIndex(indexAt: number): boolean {
    if (reader.nameEnd - indexAt !== this.#indexEnd - this.#indexAt) return false
    const { view } = reader
    for (let i = indexAt, at = this.#indexAt; i < reader.nameEnd; i++, at++) {
      if (view.getUint8(i) !== view.getUint8(at)) return false
    }
    return true
  }

  #newIndex(): RowsEnd | null {
    const nameAt = this.#indexAt - (this.#prefixes[0]?.length ?? 0)
    if (!isReadableOid(reader.bytes, nameAt, this.#indexEnd)) return 'malformed'
    const index = readSubIds(reader.bytes, this.#indexAt, this.#indexEnd)
    if (index === null) return 'malformed'
    this.#indexes ??= this.#known?.indexes.slice(0, this.count) ?? []
    const last = this.#indexes.at(-1)
    if (last !== undefined && compareOids(last, index) >= 0) return 'not-increasing'
    this.#indexes.push(index)
    return null
  }

  /** The list that the last complete row stands in, where it is one; else its index alone. */
  get last(): { layout: Layout; row: number } | { index: string } {
    const { count } = this
    if (this.#indexes === null && this.#known) return { layout: this.#known, row: count - 1 }
    return { index: this.#indexes?.[count - 1] ?? '' }
  }

  /** The rows as they are now. */
  layout(): Layout {
    if (this.#indexes !== null) return layoutOf(this.#indexes)
    if (this.#known === null) return layoutOf([])
    const { indexes } = this.#known
    return indexes.length === this.count ? this.#known : layoutOf(indexes.slice(0, this.count))
  }

  /** See Cells.table; to be called once, when the read has ended. */
  table(layout: Layout, sources: readonly string[], places: readonly number[] | null): RawTable {
    return this.#cells.table(layout.indexes, sources, places)
  }
}
