// Goal: what waits for its time is kept whole up to a bound that every database takes, and damaged text
// is nothing.
import t from 'tap'
import { type Pending, pendingOf, pendingText } from '../../server/alarms/pending.ts'

const one = (i: number, row: string): Pending => ({
  ...{ device: `sw-${i}`, deviceUid: i, rule: 'r', group: 'interface', metric: 'in', row },
  ...{ since: 1, at: 2, held: [-1, 60_000, -1] },
})

t.test('as it was', async t => {
  const all = [one(1, 'Gi1/0/1'), one(2, '"\\\u0000é')]
  t.same(pendingOf(pendingText(all)), all)
  t.same(pendingOf(pendingText([])), [])
})

t.test('rows with long names: bounded, and what is kept is whole', async t => {
  const all = Array.from({ length: 20_000 }, (_, i) => one(i, 'x'.repeat(1000)))
  const text = pendingText(all)
  t.ok(text.length <= 3_000_000, `${text.length}`)
  const kept = pendingOf(text)
  t.ok(kept.length > 2000)
  t.same(kept, all.slice(0, kept.length))
})

t.test('damaged', async t => {
  for (const text of [null, '', '{', 'null', '[1]', '[{"device":"a"}]']) t.same(pendingOf(text), [])
})
