// Buckets: equal width from the beginning, each function, gaps that survive, texts by the last one.
import t from 'tap'
import { GAP_NUMBERS } from '../../server/model/gap.ts'
import { bucketGrid, finishPoint, pointOf, SeriesBuckets } from '../../server/store/buckets.ts'
import { NUMBER, TEXT } from '../../server/store/codec.ts'

const number = (at: number, value: number) => ({ at, value, gap: 0, said: null })
const gap = (at: number, gap: number) => ({ at, value: null, gap, said: null })

t.test('the grid covers the time with at most as many buckets', async t => {
  t.same(bucketGrid(1000, 11_000, 10), { from: 1000, width: 1000, count: 10 })
  t.same(bucketGrid(0, 86_400_000, 288), { from: 0, width: 300_000, count: 288 })
  t.same(bucketGrid(0, 10, 100), { from: 0, width: 1, count: 10 })
  t.same(bucketGrid(0, 1001, 10), { from: 0, width: 101, count: 10 })
  t.same(bucketGrid(5, 5, 3), { from: 5, width: 1, count: 1 })
})

t.test('avg, min, max and last of a bucket; empty buckets give nothing', async t => {
  const expected = { avg: [2, 7], min: [1, 7], max: [3, 7], last: [2, 7] } as const
  for (const fn of ['avg', 'min', 'max', 'last'] as const) {
    const buckets = new SeriesBuckets(bucketGrid(100, 400, 3))
    for (const [at, value] of [
      [100, 1],
      [150, 3],
      [199, 2],
      [400, 7],
    ] as const) {
      buckets.add(number(at, value))
    }
    t.same(buckets.points(fn), [number(100, expected[fn][0]), number(300, expected[fn][1])], fn)
  }
})

t.test('a value beats gaps; of gaps alone the most frequent, then the lowest number', async t => {
  const buckets = new SeriesBuckets(bucketGrid(0, 300, 3))
  for (const point of [gap(1, 1), number(2, 5), gap(3, 1)]) buckets.add(point)
  for (const point of [gap(101, 8), gap(102, 5), gap(103, 5)]) buckets.add(point)
  for (const point of [gap(201, 8), gap(202, 5)]) buckets.add(point)
  t.same(buckets.points('avg'), [number(0, 5), gap(100, 5), gap(200, 5)])
})

t.test(
  'numbers and texts in one bucket: the last number, in whatever order they are fed',
  async t => {
    const points = [{ ...number(10, 0), value: null, said: 3 }, number(5, 8), number(2, 4)]
    for (const fed of [points, points.toReversed()]) {
      const buckets = new SeriesBuckets(bucketGrid(0, 100, 1))
      for (const point of fed) buckets.add(point)
      t.same(buckets.points('last'), [number(0, 8)])
      t.same(buckets.points('avg'), [number(0, 6)])
    }
  },
)

t.test('a cell becomes a point: number, gap, text, or nothing', async t => {
  t.equal(pointOf(10, 0, 0), null)
  t.same(finishPoint(pointOf(10, NUMBER, 2.5) ?? gap(0, 0), undefined), {
    at: 10,
    value: 2.5,
    gap: null,
  })
  t.same(finishPoint(pointOf(10, GAP_NUMBERS.reset, 0) ?? gap(0, 0), undefined), {
    at: 10,
    value: null,
    gap: 'reset',
  })
  const text = pointOf(10, TEXT, 7)
  t.same(text, { at: 10, value: null, gap: 0, said: 3 })
  t.same(finishPoint(text ?? gap(0, 0), new Map([[3, 'up']])), { at: 10, value: 'up', gap: null })
  t.same(finishPoint(text ?? gap(0, 0), undefined), { at: 10, value: null, gap: 'dropped' })
  t.equal(finishPoint(gap(1, 31), undefined).gap, 'dropped', 'a reason of a newer version')
})
