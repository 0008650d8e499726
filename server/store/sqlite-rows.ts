// Rows on their way out of the thread that holds the SQLite file. To hand over an object for each row and
// a buffer for each of its blobs costs more than to read them: cells go as one list, blobs as one piece.

export type Cell = null | number | bigint | string | Uint8Array

export interface PackedRows {
  names: string[]
  /** Row after row; `undefined` stands for the next blob. */
  cells: (Exclude<Cell, Uint8Array> | undefined)[]
  /** The bytes of all blobs, and where each ends. */
  bytes: Uint8Array<ArrayBuffer>
  ends: Uint32Array<ArrayBuffer>
}

/** @param rows each with as many cells as there are names */
export function packRows(names: string[], rows: readonly (readonly Cell[])[]): PackedRows {
  const blobs: Uint8Array[] = []
  const cells: PackedRows['cells'] = []
  let size = 0
  for (const row of rows) {
    for (const cell of row) {
      if (cell instanceof Uint8Array) {
        size += cell.length
        blobs.push(cell)
        cells.push(undefined)
      } else cells.push(cell)
    }
  }
  const bytes = new Uint8Array(size)
  const ends = new Uint32Array(blobs.length)
  let at = 0
  blobs.forEach((blob, index) => {
    bytes.set(blob, at)
    at += blob.length
    ends[index] = at
  })
  return { names, cells, bytes, ends }
}

/** Objects as a driver gives them; their blobs are parts of one piece of memory. */
export function unpackRows({ names, cells, bytes, ends }: PackedRows): Record<string, Cell>[] {
  const rows: Record<string, Cell>[] = []
  let blob = 0
  let at = 0
  for (let from = 0; from < cells.length; from += names.length) {
    const row: Record<string, Cell> = {}
    for (const [index, name] of names.entries()) {
      const cell = cells[from + index]
      if (cell !== undefined) {
        row[name] = cell
        continue
      }
      const end = ends[blob++] ?? at
      row[name] = bytes.subarray(at, end)
      at = end
    }
    rows.push(row)
  }
  return rows
}
