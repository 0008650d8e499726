// Goal: merge patches and times of a query, by the letter of their standards.
import t from 'tap'
import { mergePatch } from '../../server/web/api/merge-patch.ts'
import { timeSpan } from '../../server/web/api/times.ts'

t.test('merge patches, as RFC 7396 has them', async t => {
  for (const [target, patch, result] of [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ] as [unknown, unknown, unknown][])
    t.same(mergePatch(target, patch), result, JSON.stringify(patch))
  const hostile: unknown = JSON.parse('{"__proto__": {"isAdmin": true}}')
  const merged = mergePatch({ a: 1 }, hostile)
  t.equal(Object.getPrototypeOf(merged), Object.prototype, '__proto__ is a key like others')
})

t.test('times of a query', async t => {
  const now = Date.UTC(2026, 4, 1, 12)
  const hour = 3_600_000
  t.same(timeSpan({}, now), { from: now - hour, to: now, errors: [] })
  t.same(timeSpan({ to: '2026-05-01' }, now).to, Date.UTC(2026, 4, 1))
  t.same(timeSpan({ to: '2026-05-01T10:00:00+02:00' }, now).to, Date.UTC(2026, 4, 1, 8))
  t.same(timeSpan({ to: '2026-05-01T10:00:00 02:00' }, now).to, Date.UTC(2026, 4, 1, 8))
  t.same(timeSpan({ from: '0', to: '5' }, now), { from: 0, to: 5, errors: [] })
  for (const text of ['', '-1', '1e3', '5h', '2026-05-01T10:00:00', '2026-02-30T25:00Z', '0x10'])
    t.match(timeSpan({ from: text }, now).errors, [{ path: 'from' }], text)
})
