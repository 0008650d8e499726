// The way of nearly every answer: rows that the read before had, in the same order, and numbers in
// short form. Each name is compared with the one expected in words of 32 bits, each value goes
// straight into its cell. Whatever is otherwise is left to rows.ts, which begins again at that row.
// One long function on purpose: calls and fields in this loop cost more than the work itself.

import { RAW_CODE } from '../model/rawtable.ts'
import { TAG } from './ber.ts'
import type { CellParts } from './cells.ts'
import type { Layout } from './layout.ts'

/** `30 length 06 length`, of which the length of the name is known and that of the whole is not. */
const headMask = 0xff80ffff | 0
/** Cells whose names are kept encoded, for one list of rows; a longer one goes the general way. */
const cellsMax = 20_000

/** Type of a cell by the tag of its value; 0: not a number of at most 32 bits. */
const CODES = new Uint8Array(256)
CODES[TAG.integer] = RAW_CODE.integer
CODES[TAG.counter32] = RAW_CODE.counter32
CODES[TAG.gauge32] = RAW_CODE.gauge32
CODES[TAG.uinteger32] = RAW_CODE.gauge32
CODES[TAG.ticks] = RAW_CODE.ticks

/** The names of all cells of a table, row by row, as the words that they are compared with. */
export interface KnownNames {
  /** By cell (row × columns + column): where its words begin. */
  readonly starts: Int32Array
  readonly words: Int32Array
  /** By cell: `30 00 06 length`, and which bits of its last word are its own. */
  readonly heads: Int32Array
  readonly lastMasks: Int32Array
}

/** Null where there are too many, or a name is too long for the short form. */
export function knownNames(names: readonly Uint8Array[], layout: Layout): KnownNames | null {
  const rows = layout.indexes.length
  const cells = rows * names.length
  const longest = Math.max(0, ...names.map(name => name.length))
  if (cells === 0 || cells > cellsMax || names.some(name => name.length < 4)) return null
  const known = {
    starts: new Int32Array(cells + 1),
    heads: new Int32Array(cells),
    lastMasks: new Int32Array(cells),
  }
  const words: number[] = []
  let cell = 0
  for (let row = 0; row < rows; row++) {
    const index = layout.octets.subarray(layout.starts[row], layout.starts[row + 1])
    // So that the head, the name and the shortest value fit into a length of one octet.
    if (longest + index.length > 110) return null
    for (const name of names) {
      const octets = Buffer.alloc((name.length + index.length + 3) & ~3)
      octets.set(name)
      octets.set(index, name.length)
      for (let at = 0; at < octets.length; at += 4) words.push(octets.readInt32BE(at))
      const own = (name.length + index.length) % 4
      known.heads[cell] = 0x30000600 | (name.length + index.length)
      known.lastMasks[cell] = own === 0 ? -1 : -1 << (32 - own * 8)
      known.starts[++cell] = words.length
    }
  }
  return { ...known, words: Int32Array.from(words) }
}

/** Where a call of takeKnownRows ended: rows taken, and the offset behind the last of them. */
export const taken = { rows: 0, at: 0 }

/**
 * Takes whole rows from `row` on, as long as they are the known ones.
 * @param view of the whole datagram: words are read to four octets before a value and behind a name,
 * which is inside it as something always stands before the first and a value behind each name
 */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: calls would cost more than the work
export function takeKnownRows(
  view: DataView,
  from: number,
  end: number,
  { starts, words, heads, lastMasks }: KnownNames,
  columns: number,
  row: number,
  rowsMax: number,
  { types, hi, lo, capacity }: CellParts,
): void {
  let at = from
  let current = row
  taken.rows = 0
  taken.at = from
  while (current < rowsMax) {
    let name = current * columns
    for (let column = 0; column < columns; column++, name++) {
      // The head, the least name and value, and four octets more that a word may read too far.
      if (at + 12 > end) return
      const head = view.getInt32(at)
      if ((head & headMask) !== heads[name]) return
      const stop = at + 2 + ((head >>> 16) & 0x7f)
      const valueAt = at + 6 + (head & 0x7f)
      if (stop > end || valueAt >= stop) return
      const last = (starts[name + 1] ?? 0) - 1
      let word = starts[name] ?? 0
      at += 4
      for (; word < last; word++, at += 4) if (view.getInt32(at) !== words[word]) return
      if (at + 4 > end || (view.getInt32(at) & (lastMasks[name] ?? 0)) !== words[last]) return
      const kind = view.getUint16(valueAt - 2)
      const length = stop - valueAt
      // The length must be the one octet that says how far it is to the end.
      if ((kind & 0xff) !== length) return
      const cell = column * capacity + current
      const code = CODES[kind >>> 8] ?? 0
      if (code !== 0) {
        if (length > 4) return
        // The word that ends with the value: what stands before it is its name, and is shifted out.
        const shift = 32 - length * 8
        const value = (view.getInt32(stop - 4) << shift) >> shift
        types[cell] = code
        hi[cell] = code === RAW_CODE.integer && value < 0 ? 0xffff_ffff : 0
        lo[cell] = value
      } else if (kind >>> 8 === TAG.counter64 && length <= 8) {
        types[cell] = RAW_CODE.counter64
        if (length > 4) {
          const high = view.getInt32(stop - 8)
          hi[cell] = length < 8 ? high & (-1 >>> (64 - length * 8)) : high
          lo[cell] = view.getInt32(stop - 4)
        } else {
          hi[cell] = 0
          lo[cell] = view.getInt32(stop - 4) & (-1 >>> (32 - length * 8))
        }
      } else return
      at = stop
    }
    current++
    taken.rows++
    taken.at = at
  }
}
