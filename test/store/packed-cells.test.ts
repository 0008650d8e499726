// Cells on their way between threads: what goes in comes out, blobs of any size among it.

import t from 'tap'
import { type Cell, packCells, unpackCells, unpackRows } from '../../server/store/packed-cells.ts'

const rows: Cell[][] = [
  [1, 'text', null, new Uint8Array([1, 2, 3])],
  [-1.5, '', new Uint8Array(0), 7],
  [2n ** 60n, new Uint8Array([9]), 0, new Uint8Array([4, 5])],
]

t.test('every kind of cell comes back', t => {
  const packed = structuredClone(packCells(rows))
  t.equal(packed.bytes.length, 6)
  t.same(unpackCells(packed), rows.flat())
  t.same(
    unpackRows(['a', 'b', 'c', 'd'], packed),
    rows.map(([a, b, c, d]) => ({ a, b, c, d })),
  )
  t.end()
})

t.test('nothing that is no cell goes through as another one', t => {
  const given: unknown = [1, undefined]
  t.throws(() => packCells([given as Cell[]]), { message: 'undefined cannot be bound' })
  t.end()
})

t.test('no rows', t => {
  t.same(unpackRows(['a'], packCells([])), [])
  t.same(unpackCells(packCells([[]])), [])
  t.end()
})
