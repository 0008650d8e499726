// The rows of a table as they are on the wire: index after index. Devices alike have the same rows,
// so a list is kept once for all sessions of a thread, and "the same array" means "unchanged".

import { encodeIndex } from './ber.ts'

/** Lists kept for sharing; one that is dropped lives on with the sessions that use it. */
const layoutsMax = 4096
/** Only lists of usual length are shared: a routing table is no one else's. */
const sharedRowsMax = 2048

export interface Layout {
  /** Dotted, in the device's order. */
  readonly indexes: readonly string[]
  /** The value octets of all indexes, one after the other; row r from `starts[r]` to `starts[r+1]`. */
  readonly octets: Uint8Array
  readonly starts: Int32Array
}

const layouts = new Map<string, Layout>()

/** Takes the array over. */
export function layoutOf(indexes: readonly string[]): Layout {
  if (indexes.length > sharedRowsMax) return newLayout(indexes)
  const key = indexes.join(' ')
  const known = layouts.get(key)
  if (known) return known
  if (layouts.size >= layoutsMax) layouts.clear()
  const layout = newLayout(indexes)
  layouts.set(key, layout)
  return layout
}

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
