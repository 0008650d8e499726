// Goal: the expression language computes what docs/profiles.md says, and each fault names its column.

import t from 'tap'
import { compileExpression, type Names } from '../../server/profiles/expression.ts'
import type { Scalar } from '../../server/profiles/operators.ts'
import { compileRegex, RegexError } from '../../server/profiles/regex.ts'
import { ExpressionError } from '../../server/profiles/tokens.ts'

type Row = Record<string, Scalar>

const row: Row = {
  a: 6,
  b: 4,
  zero: 0,
  none: null,
  name: 'GigabitEthernet1/0/1',
  yes: true,
  big: 2 ** 40 + 1,
}
const names: Names<Row> = {
  reader: name => (Object.hasOwn(row, name) ? frame => frame[name] ?? null : undefined),
  known: () => Object.keys(row),
}
const compute = (text: string) => compileExpression(text, names).evaluate(row)

const TABLE: [string, Scalar][] = [
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['10 - 3 - 2', 5],
  ['2 ** 3 ** 2', 512],
  ['-2 ** 2', -4],
  ['10 ** -3', 0.001],
  ['7 % 4', 3],
  ['.5 + 1e3 + 2.5e-1', 1000.75],
  ['a / b', 1.5],
  ['a / zero', null],
  ['0 / 0', null],
  ['zero % zero', null],
  ['a + none', null],
  ['none * 0', null],
  ['-none', null],
  ['none > 1', null],
  ['none == none', null],
  ['none != 1', null],
  ['!none', true],
  ['none && true', false],
  ['none || 1', true],
  ['none ? 1 : 2', 2],
  ['a > b', true],
  ['a <= 6 && b >= 4', true],
  ['a == 6', true],
  ["a == '6'", false],
  ["'x' == 'x'", true],
  ["'a' < 'b'", true],
  ["'a' < 1", null],
  ["'a' + 1", null],
  ['yes == 1', true],
  ['yes + 1', 2],
  ['true ? null : 1', null],
  ['a > 1 ? b > 5 ? 1 : 2 : 3', 2],
  ['a < 1 ? 1 : b < 1 ? 2 : 3', 3],
  ['1 < 2 == true', true],
  ['true || false && false', true],
  ['min(a, b, 1)', 1],
  ['max(a, none)', null],
  ['abs(-3)', 3],
  ['round(2.345, 2)', 2.35],
  ['round(2.5)', 3],
  ['floor(-1.5)', -2],
  ['log10(1000)', 3],
  ['log10(0)', null],
  ['coalesce(none, b, a)', 4],
  ['coalesce(none, none)', null],
  ["num('23.8 °C')", 23.8],
  ["num('fan-2')", 2],
  ["num('-40 dBm')", -40],
  ["num('none')", null],
  ["contains(name, 'Ether')", true],
  ['contains(none, name)', null],
  ['matches(name, /^gigabit/i)', true],
  ['matches(name, /^gigabit/)', false],
  ['matches(name, /1\\/0\\/[1-4]$/)', true],
  ['matches(none, /x/)', null],
  ['bit(a, 1)', 1],
  ['bit(a, 0)', 0],
  ['bit(big, 40)', 1],
  ["'it\\'s'", "it's"],
  ['100 * (a + b) / a / b', 41.666666666666664],
  ['  a   ', 6],
]

t.test('values', async t => {
  for (const [text, expected] of TABLE) t.equal(compute(text), expected, text)
})

const FAULTS: [text: string, code: string, column: number][] = [
  ['', 'E_EXPR', 0],
  ['1 +', 'E_EXPR', 3],
  ['1 + * 2', 'E_EXPR', 4],
  ['(1 + 2', 'E_EXPR', 6],
  ['1 2', 'E_EXPR', 2],
  ['a = 1', 'E_EXPR', 2],
  ['a ? 1', 'E_EXPR', 5],
  ["'abc", 'E_EXPR', 0],
  ['a > "x"', 'E_EXPR', 4],
  ['a + foo', 'E_NAME', 4],
  ['sum(a)', 'E_NAME', 0],
  ['__proto__ + 1', 'E_NAME', 0],
  ['constructor', 'E_NAME', 0],
  ['toString(a)', 'E_NAME', 0],
  ['abs(a, b)', 'E_EXPR', 0],
  ['min()', 'E_EXPR', 0],
  ['matches(name, 1)', 'E_EXPR', 14],
  ['contains(/x/, name)', 'E_EXPR', 9],
  ['matches(name, /(/)', 'E_REGEX', 15],
  ['matches(name, /(a+)+/)', 'E_REGEX', 19],
  ['matches(name, /x/g)', 'E_REGEX', 14],
  ['a; b', 'E_EXPR', 1],
  ['a.b', 'E_EXPR', 1],
]

t.test('faults name their place', async t => {
  for (const [text, code, column] of FAULTS) {
    try {
      compute(text)
      t.fail(`${text} should be refused`)
    } catch (error) {
      t.ok(error instanceof ExpressionError, text)
      if (error instanceof ExpressionError) t.same([error.code, error.offset], [code, column], text)
    }
  }
  t.throws(() => compute(`1${' + 1'.repeat(200)}`), { message: /longer than 500/ })
  t.throws(() => compute(`${'('.repeat(60)}1${')'.repeat(60)}`), { message: /nested/ })
  t.throws(() => compute(`${'-'.repeat(90)}1`), { message: /nested/ })
  t.throws(() => compute('nam'), { message: '"nam" is not known here' })
})

t.test('names that are used are known', async t => {
  t.same([...compileExpression('a > 1 ? b : min(a, zero)', names).names].sort(), ['a', 'b', 'zero'])
})

t.test('patterns that could hang are refused', async t => {
  const slow = [
    '(a+)+',
    '(a*)*b',
    '(a|aa)+',
    '(a|b)*c',
    '((a+)b)+',
    '(x?y)*',
    '.*.*.*',
    '(.+){30,}',
    '\\1',
    '(?=a)',
    '(a{2,})+',
  ]
  for (const pattern of slow) t.throws(() => compileRegex(pattern), RegexError, pattern)
  const fine = [
    '^(\\S+) SwOS',
    'Version ([^, ]+)',
    '\\d+\\.\\d+\\.\\d+',
    '^Cisco .*Version (.*),',
    '(?:ab)+',
    '[a-z]+',
    '\\(x\\)+',
    'a{2,3}',
    '(v1|v2)',
    'mem|swap|buffer',
    '^.*a.*b.*c$',
  ]
  for (const pattern of fine) t.ok(compileRegex(pattern), pattern)
  t.throws(() => compileRegex('['), RegexError)
  t.throws(() => compileRegex('a**'), RegexError)
})

t.test('a pattern sees 512 characters', async t => {
  const find = compileRegex('b')
  t.equal(find(`${'a'.repeat(512)}b`), null)
  t.ok(find(`${'a'.repeat(511)}b`))
})
