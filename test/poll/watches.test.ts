// Goal: a device that somebody looks at is read again and again, for as long as that is asked for and
// no longer; how many and how fast is bounded.
import t from 'tap'
import { createWatches, watchedMax } from '../../server/poll/watches.ts'
import { type Teardown, until } from '../parts/find.ts'

function watches(t: Teardown) {
  const reads: string[] = []
  const made = createWatches(id => void reads.push(id))
  t.teardown(async () => made.close())
  return { made, of: (id: string) => reads.filter(one => one === id).length }
}

t.test('it ends by itself when nobody asks again', async t => {
  const { made, of } = watches(t)
  t.ok(made.watch('short', 1000, 1))
  t.ok(made.watch('long', 1000, 30_000))
  await until(() => of('long') >= 3, 'reads again and again')
  t.equal(of('short'), 0, 'its order was over before the first read')
  t.equal(made.size, 1, 'and is forgotten')
  made.close()
  t.equal(made.size, 0)
})

t.test('asked for again, it goes on; the fastest wish counts', async t => {
  const { made, of } = watches(t)
  t.ok(made.watch('a', 30_000, 1))
  t.ok(made.watch('a', 1000, 30_000), 'longer, and faster')
  t.ok(made.watch('a', 30_000, 1), 'a slower and shorter wish takes nothing away')
  t.equal(made.size, 1)
  await until(() => of('a') >= 2, 'reads at the fast pace')
})

t.test('no more devices than the bound', async t => {
  const { made } = watches(t)
  for (let i = 0; i < watchedMax; i++) t.ok(made.watch(`d${i}`, 1000, 30_000))
  t.notOk(made.watch('one-too-many', 1000, 30_000))
  t.ok(made.watch('d0', 1000, 30_000), 'who is watched stays so')
  t.equal(made.size, watchedMax)
})
