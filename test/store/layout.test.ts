// The cache of places: the groups used longest ago go, and many small groups are not kept for nothing.
import t from 'tap'
import { GroupLayout, LayoutCache } from '../../server/store/layout.ts'

const layout = (series: number) =>
  new GroupLayout(
    [{ id: 1, kept: 'default', count: series }],
    Array.from({ length: series }, (_, place) => ({ metric: 'in', row: `${place}`, place })),
  )

const keptOf = (cache: LayoutCache, keys: readonly string[]) =>
  keys.filter(key => cache.get(key) !== undefined)

t.test('a group weighs as 60 series more than it has', async t => {
  const small = Array.from({ length: 10 }, (_, index) => `small ${index}`)
  const cache = new LayoutCache(300)
  for (const key of small) cache.set(key, layout(1))
  t.same(keptOf(cache, small), small.slice(-4))
  cache.set('big', layout(170))
  t.same(keptOf(cache, [...small, 'big']), [small[9], 'big'])
})

t.test('one that is replaced is counted once, and use keeps a group', async t => {
  const cache = new LayoutCache(300)
  for (let times = 0; times < 100; times++) cache.set('a', layout(40))
  cache.set('b', layout(40))
  cache.set('c', layout(40))
  t.same(keptOf(cache, ['b', 'c', 'a']), ['b', 'c', 'a'])
  cache.get('b')
  cache.set('d', layout(40))
  t.same(keptOf(cache, ['a', 'b', 'c', 'd']), ['a', 'b', 'd'], 'c was used longest ago')
  cache.clear()
  t.same(keptOf(cache, ['a', 'b', 'c', 'd']), [])
})
