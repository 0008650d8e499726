// Paths, formats, times and topics of mappings, one by one: what a user's own mapping may use.

import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { parseLines } from '../../server/sensors/influx.ts'
import { compilePath } from '../../server/sensors/path.ts'
import { timeOf } from '../../server/sensors/time.ts'
import { TopicTree } from '../../server/sensors/topictree.ts'
import { mapping, START, testDevice } from './kit.ts'

t.test('paths: topics, members, roots, lists and dots in names', async t => {
  const row = { a: { 'b.c': [10, 20] } }
  const item = { levels: ['x', 'y', 'z'], root: { row, unit: 'C' }, row, key: 'k' }
  const get = (path: string) => compilePath(path)(item)
  t.strictSame(
    ['topic:1', 'topic:-1', 'topic:9', '@', '$.unit', 'a.b\\.c.1', 'a.b.c', 'a.__proto__'].map(get),
    ['x', 'z', undefined, 'k', 'C', 20, undefined, undefined],
  )
  t.equal(compilePath('constructor')({ ...item, row: {} }), undefined)
})

t.test('influx lines: escapes, quotes, types', async t => {
  const [point] =
    parseLines(
      'a\\ b,t\\,ag=v\\=1 f="x, y=\\"z\\" #",i=9223372036854775807i,neg=-5i,u=7u,yes=t,no=FALSE,e=1.5e3 1465839830100400200\n# remark\n\n',
      10,
    ) ?? []
  t.strictSame(point, {
    name: 'a b',
    tags: { 't,ag': 'v=1' },
    fields: {
      f: 'x, y="z" #',
      i: 9223372036854775807n,
      neg: -5,
      u: 7,
      yes: true,
      no: false,
      e: 1500,
    },
    timestamp: 1465839830100400200n,
  })
  for (const wrong of [
    'a',
    'a ',
    'a f',
    'a f=',
    'a f=x',
    'a f=1 2 3',
    ',t=1 f=1',
    'a f="x',
    'a f=1 z',
  ]) {
    t.equal(parseLines(wrong, 10), null, wrong)
  }
  t.equal(parseLines('a f=1\na f=1\na f=1', 2), null, 'more lines than are read')
})

t.test('influx numbers: as long as a float written out, whole ones of 64 bits', async t => {
  const field = (text: string) => parseLines(`m v=${text}`, 10)?.[0]?.fields.v
  t.equal(field(`${'0'.repeat(399)}5`), 5)
  t.equal(field('1.'), 1)
  t.equal(field('.5e-3'), 0.0005)
  for (const wrong of ['1'.repeat(401), `${'1'.repeat(250_000)}x`, `${'1'.repeat(401)}i`, '.']) {
    t.equal(field(wrong), undefined, `${wrong.slice(0, 5)} of ${wrong.length}`)
  }
  t.strictSame(
    ['9223372036854775807i', '18446744073709551615u', '-9223372036854775808i', '-9i'].map(field),
    [9223372036854775807n, 18446744073709551615n, -(2 ** 63), -9],
  )
  const beyond = ['9223372036854775808i', '18446744073709551616u', `${'9'.repeat(30)}u`]
  for (const text of beyond) t.equal(field(text), Number.POSITIVE_INFINITY, text)
  for (const text of ['-9223372036854775809i', '-1u']) {
    t.equal(field(text), Number.NEGATIVE_INFINITY, text)
  }
})

t.test('times: fractions by size, zones, and what cannot be', async t => {
  const now = START
  t.equal(timeOf(START / 1000, now), START)
  t.equal(timeOf(START, now), START)
  t.equal(timeOf(BigInt(START) * 1_000_000n, now), START)
  t.equal(timeOf(`${START / 1000}.0`, now), START)
  t.equal(timeOf('2026-10-22T10:00:00+02:00', now), Date.parse('2026-10-22T08:00:00Z'))
  t.equal(timeOf('2026-10-22T10:00:00', now), null, 'of no zone')
  t.equal(timeOf('yesterday', now), null)
  t.equal(timeOf({}, now), null)
  t.equal(timeOf('1970-01-01T00:00:10Z', now), 'wrong', 'a clock that was never set')
  t.equal(timeOf(START / 1000 + 3600, now), 'wrong', 'an hour ahead')
})

t.test('topic filters', async t => {
  const tree = new TopicTree<string>()
  for (const filter of ['a/+/c', 'a/#', '#', 'a/b/c', '+/b', '+']) tree.add(filter, filter)
  const match = (topic: string) => [...tree.match(topic.split('/'))].sort()
  t.same(match('a/b/c'), ['#', 'a/#', 'a/+/c', 'a/b/c'])
  t.same(match('a'), ['#', '+', 'a/#'])
  t.same(match('x/b'), ['#', '+/b'])
  t.same(match('$SYS/b'), [])
})

t.test('CSV, plain numbers and members of a list as rows', async t => {
  const catalogue = mapping({
    tables: {
      logger: {
        title: 'Logger',
        message: { topic: 'csv/+', format: 'csv', separator: ';', row: ['topic:2', '1'], at: '2' },
        metrics: {
          level: { title: 'Level', unit: 'm', path: '3' },
          flow: { title: 'Flow', unit: 'l/min', path: '4' },
        },
      },
      cell: {
        title: 'Cells',
        message: { topic: 'pack/+', rows: 'cells', row: ['topic:2', '@'] },
        metrics: { voltage: { title: 'Voltage', unit: 'V', path: 'mv', scale: 0.001 } },
      },
    },
    scalars: {
      plain: {
        title: 'Plain',
        message: { topic: 'plain', format: 'text' },
        metrics: { value: { title: 'Value', path: '$' } },
      },
    },
  })
  const device = await testDevice(catalogue)
  device.say('csv/a', `well;${START / 1000};1.25;7\r\ntank;${START / 1000};0.5;\n`)
  device.say('pack/p', '{"cells":[{"mv":3301},{"mv":3297}]}')
  device.say('plain', ' 42.5\n')
  t.strictSame(device.values(), {
    'logger.level a|well': 1.25,
    'logger.flow a|well': 7,
    'logger.level a|tank': 0.5,
    'cell.voltage p|0': 3.301,
    'cell.voltage p|1': 3.297,
    'plain.value': 42.5,
  })
})

t.test(
  'a message key of a profile of another source is an error, and so is a wrong filter',
  async t => {
    const problems = (doc: Record<string, unknown>) =>
      buildCatalogue([
        {
          id: 'p',
          file: 'oids/p.json',
          text: JSON.stringify({ title: 'P', ...doc }),
          from: 'user',
        },
      ]).problems.map(({ code, pointer }) => `${code} ${pointer}`)
    const table = (message: unknown) => ({
      tables: { g: { title: 'G', message, metrics: { m: { title: 'M', path: 'a' } } } },
    })
    t.same(problems({ source: 'agent', ...table({ topic: 'a' }) }), ['E_SCHEMA /tables/g/message'])
    t.match(problems({ source: 'mqtt', ...table({ topic: 'a/#/b' }) }), [/^E_SCHEMA/])
    t.match(problems({ source: 'mqtt', ...table({ format: 'xml' }) }), [/^E_SCHEMA/])
    t.same(problems({ source: 'mqtt', ...table([{ topic: ['a/+', 'b'] }, { topic: '#' }]) }), [])
  },
)
