// Rows × columns of raw values as one read of a device gave them, without an object per value: a
// type and 64 bits a cell, and what is no whole number beside them. 52 interfaces x 11 columns are 5 KB.

import type { RawValue } from './raw.ts'

/** A cell's type by number; 0: the device has no such instance, or it did not come. */
export const RAW_CODE = {
  none: 0,
  integer: 1,
  gauge32: 2,
  ticks: 3,
  counter32: 4,
  counter64: 5,
  octets: 6,
  opaque: 7,
  oid: 8,
  ip: 9,
  number: 10,
  text: 11,
} as const

const RAW_NAMES = Object.keys(RAW_CODE) as (keyof typeof RAW_CODE)[]

/** What a cell that is no whole number holds: `octets` and `opaque` bytes, a `number`, dotted text. */
export type RawOther = Uint8Array | string | number

/** Cell (column, row) lies at `column * indexes.length + row` in `types`, `hi`, `lo` and `others`. */
export interface RawTable {
  /**
   * Rows by index (dotted sub-identifiers, or any text); scalars have one row, ''. Never changed in
   * place, and the same array as in the read before as long as the rows are the same.
   */
  readonly indexes: readonly string[]
  /** Columns by source: an OID without index (of scalars: with instance), or a path. */
  readonly sources: readonly string[]
  /** RAW_CODE. */
  readonly types: Uint8Array
  /** Upper 32 bits of a counter64; of an `integer` its sign; of other whole numbers 0. */
  readonly hi: Uint32Array
  /** Lower 32 bits; of an `integer` two's complement. */
  readonly lo: Uint32Array
  /** Cells of the types octets, opaque, oid, ip, number and text; null where there are none. */
  readonly others: readonly (RawOther | undefined)[] | null
}

/** One column of a table. */
export interface TableColumn {
  table: RawTable
  column: number
}

/** The rows of scalars. */
export const SCALAR_INDEXES: readonly string[] = ['']

/** No rows: of a source that was asked for and did not come. */
export const EMPTY_TABLE: RawTable = tableOf([], new Map())

const NONE: RawValue = { type: 'none' }

/** One cell as a value of its own: for what is not read often. */
export function rawValue(table: RawTable, column: number, row: number): RawValue {
  const cell = column * table.indexes.length + row
  const type = RAW_NAMES[table.types[cell] ?? 0] ?? 'none'
  const lo = table.lo[cell] ?? 0
  switch (type) {
    case 'none':
      return NONE
    case 'integer':
      return { type, value: lo | 0 }
    case 'gauge32':
    case 'ticks':
    case 'counter32':
      return { type, value: lo }
    case 'counter64':
      return { type, value: (BigInt(table.hi[cell] ?? 0) << 32n) | BigInt(lo) }
    default:
      return otherValue(type, table.others?.[cell])
  }
}

/** Whether a column has anything. */
export function hasValues({ indexes, types }: RawTable, column: number): boolean {
  const end = (column + 1) * indexes.length
  for (let cell = column * indexes.length; cell < end; cell++) if (types[cell] !== 0) return true
  return false
}

function otherValue(
  type: 'octets' | 'opaque' | 'oid' | 'ip' | 'number' | 'text',
  other: RawOther | undefined,
): RawValue {
  if (type === 'octets' || type === 'opaque') {
    return other instanceof Uint8Array ? { type, value: other } : NONE
  }
  if (type === 'number') return typeof other === 'number' ? { type, value: other } : NONE
  return typeof other === 'string' ? { type, value: other } : NONE
}

/** A table of columns that came as values: index → value by source. Rows in the order of `indexes`. */
export function tableOf(
  indexes: readonly string[],
  columns: ReadonlyMap<string, ReadonlyMap<string, RawValue>>,
): RawTable {
  const cells = indexes.length * columns.size
  const types = new Uint8Array(cells)
  const hi = new Uint32Array(cells)
  const lo = new Uint32Array(cells)
  const others: (RawOther | undefined)[] = []
  let cell = 0
  for (const values of columns.values()) {
    for (const index of indexes) {
      const value = values.get(index)
      if (value !== undefined) setCell({ types, hi, lo, others }, cell, value)
      cell++
    }
  }
  const sources = [...columns.keys()]
  return { indexes, sources, types, hi, lo, others: others.length > 0 ? others : null }
}

/** The parts of a table that is being filled. */
export interface RawCells {
  types: Uint8Array
  hi: Uint32Array
  lo: Uint32Array
  others: (RawOther | undefined)[]
}

export function setCell({ types, hi, lo, others }: RawCells, cell: number, raw: RawValue): void {
  types[cell] = RAW_CODE[raw.type]
  switch (raw.type) {
    case 'none':
      return
    case 'counter64':
      hi[cell] = Number(raw.value >> 32n)
      lo[cell] = Number(raw.value & 0xffff_ffffn)
      return
    case 'integer':
      hi[cell] = raw.value < 0 ? 0xffff_ffff : 0
      lo[cell] = raw.value
      return
    case 'gauge32':
    case 'ticks':
    case 'counter32':
      lo[cell] = raw.value
      return
    default:
      others[cell] = raw.value
  }
}
