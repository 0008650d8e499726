// Rows as they leave the thread of the SQLite file: what goes in comes out, blobs of any size among it.

import t from 'tap'
import { type Cell, packRows, unpackRows } from '../../server/store/sqlite-rows.ts'

t.test('every kind of cell comes back', t => {
  const rows: Cell[][] = [
    [1, 'text', null, new Uint8Array([1, 2, 3])],
    [-1.5, '', new Uint8Array(0), 7],
    [2n ** 60n, new Uint8Array([9]), 0, new Uint8Array([4, 5])],
  ]
  const packed = structuredClone(packRows(['a', 'b', 'c', 'd'], rows))
  t.same(
    unpackRows(packed),
    rows.map(([a, b, c, d]) => ({ a, b, c, d })),
  )
  t.equal(packed.bytes.length, 6)
  t.end()
})

t.test('no rows', t => {
  t.same(unpackRows(packRows(['a'], [])), [])
  t.end()
})
