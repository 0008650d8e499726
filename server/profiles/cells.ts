// The values of one field for all rows of its group: numbers in a typed array, with the reason where
// there is none. Evaluations borrow them from one pool, so that a poll makes none of its own.

import { GAP_NUMBERS, type GapReason, gapReason } from '../model/gap.ts'
import type { Decoded } from './definition.ts'
import type { Scalar } from './operators.ts'

/** Cells of more rows are made anew each time, so that one large table does not hold memory. */
const pooledRowsMax = 8192

/** Beside 0 (a number is there) and GAP_NUMBERS (1 to 31), `gaps` holds: */
export const GAP_CODE = {
  /** Left out by the field's own `where`: a missing object to everyone else. */
  excluded: 0x40 | GAP_NUMBERS['no-such-object'],
  /** The value is no number: it is in `others`. */
  other: 0x80,
  /** Not decided yet. */
  open: 0xff,
} as const

/** Rows lie at the same place in all arrays, which may be longer than there are rows. */
export interface Cells {
  gaps: Uint8Array
  numbers: Float64Array
  others: Scalar[]
  /** Which fallback gave the value. */
  served: Uint16Array
}

/** A field that was not computed. */
export const NO_CELLS: Cells = newCells(0)

export function newCells(rows: number): Cells {
  return {
    gaps: new Uint8Array(rows),
    numbers: new Float64Array(rows),
    others: [],
    served: new Uint16Array(rows),
  }
}

/** A cell's value; null: there is none. */
export function cellOf({ gaps, numbers, others }: Cells, row: number): Scalar {
  const gap = gaps[row]
  if (gap === 0) return numbers[row] ?? null
  return gap === GAP_CODE.other ? (others[row] ?? null) : null
}

/** Why a cell has no value; undefined: it has one, or was not computed. */
export function gapOf({ gaps }: Cells, row: number): GapReason | undefined {
  const gap = gaps[row] ?? 0
  return gap === GAP_CODE.other ? undefined : gapReason(gap & 0x1f)
}

/** Sets a cell. `gap` is the reason where the value is null. */
export function setCell(cells: Cells, row: number, value: Decoded, gap: GapReason): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    cells.gaps[row] = 0
    cells.numbers[row] = Number(value)
  } else if (value === null) cells.gaps[row] = GAP_NUMBERS[gap]
  else {
    cells.gaps[row] = GAP_CODE.other
    cells.others[row] = value
  }
}

/** Cells that are used until the next `release`; evaluations follow one another. */
export class CellPool {
  private readonly cells: Cells[] = []
  private taken = 0

  take(rows: number): Cells {
    if (rows > pooledRowsMax) return newCells(rows)
    let cells = this.cells[this.taken]
    if (!cells || cells.gaps.length < rows) {
      cells = newCells(Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, rows)))))
      this.cells[this.taken] = cells
    }
    this.taken++
    return cells
  }

  release(): void {
    this.taken = 0
  }
}
