// Which one of a group differs.

import t from 'tap'
import { oddPeers, PEERS_MIN } from '../../server/models/peers.ts'
import { randomOf } from './random.ts'

const group = (...values: number[]) => values.map((value, of) => ({ of, value }))
const odd = (values: number[], least = 0) => oddPeers(group(...values), least).map(({ of }) => of)

t.test('one of fifty', async t => {
  const random = randomOf(9)
  const values = Array.from({ length: 50 }, () => 40 + 4 * random())
  values[17] = 70
  const found = oddPeers(group(...values))
  t.same(
    found.map(({ of }) => of),
    [17],
  )
  t.equal(found[0]?.peers, 50)
  t.ok((found[0]?.distance ?? 0) > 5 && Math.abs((found[0]?.middle ?? 0) - 42) < 1)
})

t.test('several odd ones do not hide each other, the farthest is first', async t => {
  t.same(odd([10, 10.1, 9.9, 10, 10.2, 9.8, 10, 30, -40]), [8, 7])
})

t.test('below the middle is negative', async t => {
  t.ok((oddPeers(group(50, 51, 49, 50, 51, 0))[0]?.distance ?? 0) < 0)
})

t.test('a wide group has no odd one', async t => {
  t.same(odd([1, 20, 40, 60, 80, 99]), [])
})

t.test('where all others are equal, a hair is no difference', async t => {
  t.same(odd([10, 10, 10, 10, 10, 10.2]), [])
  t.same(odd([10, 10, 10, 10, 10, 20]), [5])
  t.same(odd([0, 0, 0, 0, 0, 0.3], 5), [], 'below what counts')
  t.same(odd([0, 0, 0, 0, 0, 7], 5), [5])
})

t.test('too few, all the same, no numbers, enormous', async t => {
  t.same(odd([1, 1, 1, 90]), [], `fewer than ${PEERS_MIN}`)
  t.same(odd([]), [])
  t.same(odd([5, 5, 5, 5, 5, 5]), [])
  t.same(odd([0, 0, 0, 0, 0, 0]), [])
  t.same(odd([Number.NaN, Number.NaN, 1, 1, 1, 90]), [], 'gaps are no peers')
  t.same(odd([1, 1, 1, 1, 1, Number.POSITIVE_INFINITY]), [])
  const [first] = oddPeers(group(1, 1, 1, 1, 1, 1e15))
  t.ok(first && Number.isFinite(first.distance))
})

t.test('the order of the group changes nothing', async t => {
  for (let seed = 1; seed < 50; seed++) {
    const random = randomOf(seed * 31_337)
    const values = Array.from({ length: 20 }, () => (random() < 0.1 ? 1e3 : 1) * random())
    const turned = group(...values).toReversed()
    const sorted = (found: { of: number }[]) => found.map(({ of }) => of).sort((a, b) => a - b)
    t.same(sorted(oddPeers(turned)), sorted(oddPeers(group(...values))))
  }
})
