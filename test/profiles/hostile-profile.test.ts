// Goal: a profile that is too much (an expression of 10 KB, a pattern that could hang, a circle) costs
// itself alone, and a table of 100,000 rows costs no more than its bound.
import t from 'tap'
import { catalogueOf, goodCatalogue, int, polled } from './kit.ts'

const group = (id: string, metrics: object) => ({
  title: id,
  scalars: { [id]: { title: id, metrics } },
})
const GOOD = group('good', { m: { title: 'M', oid: '1.3.1.0' } })
const TOO_MUCH: Record<string, [object, string]> = {
  'an expression of 10 KB': [
    { a: { title: 'A', oid: '1.3.1.0' }, m: { title: 'M', value: `a${' + a'.repeat(2500)}` } },
    'E_SCHEMA',
  ],
  'an expression of 10 KB in an alarm': [
    { m: { title: 'M', oid: '1.3.1.0', alarm: { warning: `> ${'('.repeat(10_000)}` } } },
    'E_SCHEMA',
  ],
  'an alternation that repeats': [
    { m: { title: 'M', oid: '1.3.1.0', match: '^(a|a|aa)+$' } },
    'E_REGEX',
  ],
  'a repetition that repeats': [
    { m: { title: 'M', oid: '1.3.1.0', match: '(\\w+\\s?)*:' } },
    'E_REGEX',
  ],
  'a pattern in an expression': [
    { a: { title: 'A', oid: '1.3.1.0' }, m: { title: 'M', value: 'matches(a, /(x+x+)+y/)' } },
    'E_REGEX',
  ],
  'a circle of two': [
    { a: { title: 'A', value: 'b + 1' }, b: { title: 'B', value: 'a + 1' } },
    'E_CYCLE',
  ],
}

for (const [what, [metrics, code]] of Object.entries(TOO_MUCH)) {
  t.test(what, async t => {
    const { profiles, problems } = catalogueOf({ bad: group('bad', metrics), good: GOOD })
    t.same([...profiles.keys()], ['good'])
    t.ok(
      problems.some(problem => problem.code === code && problem.profile === 'bad'),
      problems.map(problem => problem.code).join(),
    )
  })
}

t.test('a circle of extends', async t => {
  const { profiles, problems } = catalogueOf({
    a: { ...group('ga', {}), extends: ['b'] },
    b: { ...group('gb', {}), extends: ['c'] },
    c: { ...group('gc', {}), extends: ['a'] },
    good: GOOD,
  })
  t.same([...profiles.keys()], ['good'])
  t.ok(problems.some(problem => problem.code === 'E_CYCLE'))
})

t.test('a table of 100,000 rows', async t => {
  const catalogue = goodCatalogue({
    big: {
      title: 'Big',
      tables: {
        big: {
          title: 'Big',
          index: ['n'],
          maxRows: 500,
          metrics: { m: { title: 'M', oid: '1.3.1' } },
        },
      },
    },
  })
  const device = polled(catalogue)
  const values = Object.fromEntries(
    Array.from({ length: 100_000 }, (_, i) => [`1.3.1.${i}`, int(i)]),
  )
  const poll = device.poll(values, 0)
  t.equal(poll.body('big')?.rows?.length, 500)
  t.equal(poll.at('big.m', '499'), 499)
  t.equal(device.evaluator.counters.rowsCut, 99_500)
})
