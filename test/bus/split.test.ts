// Large collections in parts: each part small enough, nothing lost, nothing changed.
import t from 'tap'
import { type CollectionBody, splitCollection } from '../../server/bus/split.ts'
import { GoodCollection } from '../../server/model/collection.ts'
import { checker } from '../../server/validate.ts'

function collection(count: number): CollectionBody {
  const rows = Array.from({ length: count }, (_, i) => `Gi1/0/${i} ${'ä'.repeat(i % 20)}`)
  return {
    at: 1795320000123,
    took: 41,
    ok: true,
    rows,
    metrics: {
      in: rows.map((_, i) => (i % 5 === 0 ? null : i * 1.5)),
      name: rows.map((_, i) => `text ${i}`),
      total: 5,
    },
    gaps: { in: rows.map((_, i) => (i % 5 === 0 ? 'reset' : null)) },
  }
}

t.test('a collection that fits, or has no rows, stays as it is', async t => {
  const small = collection(10)
  t.same(splitCollection(small), [small])
  const { rows: _, gaps: __, ...rest } = small
  const scalars = { ...rest, metrics: { text: 'x'.repeat(4000) } }
  t.same(splitCollection(scalars, 1000), [scalars])
})

t.test('the parts are small enough, valid, and make up the whole', async t => {
  const check = checker(GoodCollection)
  const whole = collection(5000)
  const parts = splitCollection(whole)
  t.ok(parts.length > 1)
  for (const [i, part] of parts.entries()) {
    const message = { v: 1, src: 's'.repeat(64), boot: 'b'.repeat(32), seq: 2 ** 50, ...part }
    t.ok(Buffer.byteLength(JSON.stringify(message)) <= 128 * 1024)
    t.same(part.part, [i + 1, parts.length])
    t.equal(check(message).ok, true)
    t.equal(part.metrics.total, 5)
    t.equal(part.at, whole.at)
  }
  t.same(
    parts.flatMap(part => part.rows),
    whole.rows,
  )
  for (const metric of ['in', 'name']) {
    t.same(
      parts.flatMap(part => part.metrics[metric]),
      whole.metrics[metric],
    )
  }
  t.same(
    parts.flatMap(part => part.gaps?.in),
    whole.gaps?.in,
  )
})

t.test('a row that is too large alone is a part of its own', async t => {
  const body = { ...collection(3), metrics: { name: ['x'.repeat(500), 'y', 'z'.repeat(500)] } }
  const parts = splitCollection(body, 600)
  t.ok(parts.length >= 2)
  t.same(
    parts.flatMap(part => part.rows),
    body.rows,
  )
})

t.test('parts without a gap leave the gaps out', async t => {
  const body = collection(4000)
  body.gaps = { in: (body.rows ?? []).map((_, i) => (i === 0 ? 'reset' : null)) }
  const [first, ...others] = splitCollection(body)
  t.ok(first?.gaps?.in)
  for (const part of others) t.same(part.gaps, {})
})
