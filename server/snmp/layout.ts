// The rows of a table as they are on the wire: index after index. Devices alike have the same rows,
// so a list is kept once for all sessions of a thread, and "the same array" means "unchanged".

import { encodeIndex } from './ber.ts'

/** Memory that the lists kept for sharing may take, with what is made from them, in one thread. */
export const sharedOctetsMax = 32 * 2 ** 20
/** Only lists of usual length are shared: a routing table is no one else's. */
const sharedRowsMax = 2048
const sharedTextMax = 32_768
/**
 * Octets that a row takes beside its text: its string, its place, and the encoded names and requests
 * that ColumnSets keep for as long as the list lives (a dozen columns).
 */
const rowOctets = 512

export interface Layout {
  /** Dotted, in the device's order. */
  readonly indexes: readonly string[]
  /** The value octets of all indexes, one after the other; row r from `starts[r]` to `starts[r+1]`. */
  readonly octets: Uint8Array
  readonly starts: Int32Array
}

/** Lists by their text. One that is dropped lives on with the sessions that use it. */
export class SharedLayouts {
  readonly #octetsMax: number
  readonly #layouts = new Map<string, Layout>()
  /** About what they take. */
  octets = 0

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax
  }

  /** Takes the array over. */
  of(indexes: readonly string[]): Layout {
    if (indexes.length > sharedRowsMax || textLength(indexes) > sharedTextMax) {
      return newLayout(indexes)
    }
    const key = indexes.join(' ')
    const known = this.#layouts.get(key)
    if (known) return known
    const layout = newLayout(indexes)
    this.#layouts.set(key, layout)
    this.octets += takes(key, layout)
    this.#dropOldest()
    return layout
  }

  #dropOldest(): void {
    for (const [key, layout] of this.#layouts) {
      if (this.octets <= this.#octetsMax) return
      this.#layouts.delete(key)
      this.octets -= takes(key, layout)
    }
  }
}

/** The text is there twice, whole and row by row. */
const takes = (key: string, { indexes, octets }: Layout): number =>
  2 * key.length + octets.length + indexes.length * rowOctets

const textLength = (indexes: readonly string[]): number =>
  indexes.reduce((sum, index) => sum + index.length + 1, 0)

const shared = new SharedLayouts(sharedOctetsMax)

/** The list of this thread that holds these indexes. Takes the array over. */
export const layoutOf = (indexes: readonly string[]): Layout => shared.of(indexes)

function newLayout(indexes: readonly string[]): Layout {
  const encoded = indexes.map(encodeIndex)
  const starts = new Int32Array(indexes.length + 1)
  encoded.forEach((octets, row) => {
    starts[row + 1] = (starts[row] ?? 0) + octets.length
  })
  const octets = new Uint8Array(starts[indexes.length] ?? 0)
  encoded.forEach((one, row) => {
    octets.set(one, starts[row])
  })
  return { indexes, octets, starts }
}
