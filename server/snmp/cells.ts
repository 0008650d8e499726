// The cells of a table while it is read, before it is known how many rows there are.

import {
  RAW_CODE,
  type RawCells,
  type RawOther,
  type RawTable,
  setCell,
} from '../model/rawtable.ts'
import { TAG } from './ber.ts'
import { decodeValue, isCounter64, readUnsigned32 } from './value.ts'

/** 0: this type is no unsigned number of 32 bits. */
function wholeCode(tag: number): number {
  switch (tag) {
    case TAG.counter32:
      return RAW_CODE.counter32
    case TAG.gauge32:
    case TAG.uinteger32:
      return RAW_CODE.gauge32
    case TAG.ticks:
      return RAW_CODE.ticks
    default:
      return 0
  }
}

/** What is filled, for a loop that fills it without a call for each cell. */
export interface CellParts {
  readonly types: Uint8Array
  readonly hi: Uint32Array
  readonly lo: Uint32Array
  /** Cell (column, row) lies at `column * capacity + row`. */
  readonly capacity: number
}

export class Cells {
  readonly #columns: number
  #capacity = 0
  #cells: RawCells

  constructor(columns: number, rows: number) {
    this.#columns = columns
    this.#capacity = rows
    this.#cells = room(columns * rows)
  }

  /** As they are until the next `reserve`. */
  get parts(): CellParts {
    const { types, hi, lo } = this.#cells
    return { types, hi, lo, capacity: this.#capacity }
  }

  /** Makes room for this row. */
  reserve(row: number): void {
    if (row < this.#capacity) return
    this.#resize(Math.max(row + 1, this.#capacity * 2), this.#capacity)
  }

  /**
   * Keeps a value from its octets.
   * @returns false where it cannot be read: the cell is `none`
   */
  put(
    column: number,
    row: number,
    view: DataView,
    bytes: Uint8Array,
    tag: number,
    at: number,
    end: number,
  ): boolean {
    const cell = column * this.#capacity + row
    const cells = this.#cells
    const length = end - at
    if (tag === TAG.counter64 && length <= 9) return putCounter64(cells, cell, view, bytes, at, end)
    const code = tag === TAG.integer ? RAW_CODE.integer : wholeCode(tag)
    if (code === 0 || length === 0 || length > 4) {
      return putOther(cells, cell, bytes, tag, at, end)
    }
    // The word that ends with the value: what stands before it is its name, and is shifted out.
    const shift = 32 - length * 8
    const value = (view.getInt32(end - 4) << shift) >> shift
    cells.types[cell] = code
    cells.hi[cell] = tag === TAG.integer && value < 0 ? 0xffff_ffff : 0
    cells.lo[cell] = value
    return true
  }

  /**
   * The table of so many rows; afterwards the cells are its own.
   * @param places the column of these cells that each column of the table is; -1: it has no value
   */
  table(
    indexes: readonly string[],
    sources: readonly string[],
    places: readonly number[] | null,
  ): RawTable {
    const rows = indexes.length
    if (rows !== this.#capacity) this.#resize(rows, Math.min(rows, this.#capacity))
    if (places) this.#spread(places, rows)
    const { types, hi, lo, others } = this.#cells
    return { indexes, sources, types, hi, lo, others: others.length > 0 ? others : null }
  }

  #resize(capacity: number, rows: number): void {
    const old = this.#cells
    const made = room(this.#columns * capacity)
    for (let column = 0; column < this.#columns; column++) {
      move(old, column * this.#capacity, made, column * capacity, rows)
    }
    this.#capacity = capacity
    this.#cells = made
  }

  #spread(places: readonly number[], rows: number): void {
    const old = this.#cells
    const made = room(places.length * rows)
    places.forEach((place, column) => {
      if (place >= 0) move(old, place * rows, made, column * rows, rows)
    })
    this.#cells = made
  }
}

function room(cells: number): RawCells {
  const octets = new ArrayBuffer(cells * 9)
  return {
    hi: new Uint32Array(octets, 0, cells),
    lo: new Uint32Array(octets, cells * 4, cells),
    types: new Uint8Array(octets, cells * 8, cells),
    others: [],
  }
}

function move(from: RawCells, fromAt: number, to: RawCells, toAt: number, count: number): void {
  to.types.set(from.types.subarray(fromAt, fromAt + count), toAt)
  to.hi.set(from.hi.subarray(fromAt, fromAt + count), toAt)
  to.lo.set(from.lo.subarray(fromAt, fromAt + count), toAt)
  if (from.others.length === 0) return
  for (let i = 0; i < count; i++) {
    const other: RawOther | undefined = from.others[fromAt + i]
    if (other !== undefined) to.others[toAt + i] = other
  }
}

function putCounter64(
  cells: RawCells,
  cell: number,
  view: DataView,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  if (!isCounter64(bytes, at, end)) {
    cells.types[cell] = RAW_CODE.none
    return false
  }
  const length = end - at
  let hi = 0
  let lo = view.getInt32(end - 4)
  if (length < 4) lo &= -1 >>> (32 - length * 8)
  else if (length > 4) {
    hi = view.getInt32(end - 8)
    if (length < 8) hi &= -1 >>> (64 - length * 8)
  }
  cells.types[cell] = RAW_CODE.counter64
  cells.hi[cell] = hi
  cells.lo[cell] = lo
  return true
}

function putOther(
  cells: RawCells,
  cell: number,
  bytes: Uint8Array,
  tag: number,
  at: number,
  end: number,
): boolean {
  cells.hi[cell] = 0
  cells.lo[cell] = 0
  const whole = wholeCode(tag)
  if (whole !== 0) {
    const value = readUnsigned32(bytes, at, end)
    cells.types[cell] = value < 0 ? RAW_CODE.none : whole
    cells.lo[cell] = Math.max(0, value)
    return value >= 0
  }
  const value = decodeValue(bytes, tag, at, end)
  setCell(cells, cell, value ?? { type: 'none' })
  return value !== null
}
