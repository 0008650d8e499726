// What a statement is given, and what it gives, on the way between threads. To hand over an object for each
// row and a buffer for each blob costs more than to run the statement: cells go as one list, blobs as one
// piece of memory.

/** A value as node:sqlite takes and gives it. */
export type Cell = null | number | bigint | string | Uint8Array

export interface PackedCells {
  /** `undefined` stands for the next blob. */
  cells: (Exclude<Cell, Uint8Array> | undefined)[]
  /** The bytes of all blobs, and where each ends. */
  bytes: Uint8Array<ArrayBuffer>
  ends: Uint32Array<ArrayBuffer>
}

/** @throws TypeError for `undefined`, which no column can hold and no statement can be given */
export function packCells(lists: readonly (readonly Cell[])[]): PackedCells {
  const blobs: Uint8Array[] = []
  const cells: PackedCells['cells'] = []
  let size = 0
  for (const list of lists) {
    for (const cell of list) {
      if (cell instanceof Uint8Array) {
        size += cell.length
        blobs.push(cell)
        cells.push(undefined)
      } else if (cell === undefined) throw new TypeError('undefined cannot be bound')
      else cells.push(cell)
    }
  }
  const bytes = new Uint8Array(size)
  const ends = new Uint32Array(blobs.length)
  let at = 0
  for (const [index, blob] of blobs.entries()) {
    bytes.set(blob, at)
    at += blob.length
    ends[index] = at
  }
  return { cells, bytes, ends }
}

/** All cells of all lists; their blobs are parts of one piece of memory. */
export function unpackCells({ cells, bytes, ends }: PackedCells): Cell[] {
  let blob = 0
  let at = 0
  return cells.map(cell => {
    if (cell !== undefined) return cell
    const from = at
    at = ends[blob++] ?? at
    return bytes.subarray(from, at)
  })
}

/** Rows as a driver gives them. */
export function unpackRows(names: readonly string[], packed: PackedCells): Record<string, Cell>[] {
  const cells = unpackCells(packed)
  const rows: Record<string, Cell>[] = []
  for (let from = 0; from < cells.length; from += names.length) {
    const row: Record<string, Cell> = {}
    for (let index = 0; index < names.length; index++) {
      row[names[index] ?? ''] = cells[from + index] ?? null
    }
    rows.push(row)
  }
  return rows
}
