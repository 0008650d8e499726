// Goal: every fault of a profile file is named by its code, file, line and column, with a hint; the
// other files are not harmed, and no document can make the loader throw.

import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Problem } from '../../server/profiles/catalogue.ts'
import { catalogueOf, goodCatalogue, source } from './kit.ts'

const GROUP = '"g": { "title": "G", "metrics": { "m": { "title": "M", "oid": "1.3.1.0" } } }'
const profile = (rest: string) => `{\n  "title": "T",\n  ${rest}\n}`
const scalars = (group: string) => profile(`"scalars": {\n    "g": ${group}\n  }`)
const metric = (fields: string) =>
  scalars(`{ "title": "G", "metrics": {\n      "m": { "title": "M", ${fields} }\n    } }`)

type Expected = [code: string, line: number, column: number, words?: RegExp]

/** The first problem of `p`, beside the given other files. */
function problemsOf(text: string, others: Record<string, string> = {}): Problem[] {
  const sources = [...Object.entries(others), ['p', text]].map(([id = '', doc]) => source(id, doc))
  return [...buildCatalogue(sources).problems]
}

const CASES: [name: string, text: string, expected: Expected, others?: Record<string, string>][] = [
  ['broken JSON', '{\n  "title": "T",\n  "scalars" {}\n}', ['E_JSON', 3, 13, /colon/]],
  ['a comment', '{\n  // no\n  "title": "T" }', ['E_JSON', 2, 3, /comment/]],
  ['a trailing comma', '{ "title": "T", }', ['E_JSON', 1, 17]],
  ['a key twice', '{ "title": "T",\n "title": "U" }', ['E_JSON', 2, 2, /twice/]],
  ['empty', '', ['E_JSON', 1, 1]],
  ['nested too deeply', `{ "title": ${'['.repeat(100_000)}`, ['E_JSON', 1, 51, /nested/]],
  ['no object', '[]', ['E_SCHEMA', 1, 1, /object/]],
  ['no title', '{}', ['E_SCHEMA', 1, 1, /"title" is missing/]],
  [
    'an unknown key',
    profile('"tabels": {}'),
    ['E_SCHEMA', 3, 3, /unknown key "tabels".*did you mean "tables"/],
  ],
  [
    'an unknown key in a metric',
    metric('"oid": "1.3.1.0", "untis": "V"'),
    ['E_SCHEMA', 5, 46, /did you mean "unit"/],
  ],
  [
    'a wrong unit',
    metric('"oid": "1.3.1.0", "unit": "ms"'),
    ['E_SCHEMA', 5, 54, /"ms" is not a base unit/],
  ],
  ['a wrong type', metric('"oid": 5'), ['E_SCHEMA', 5, 35, /OID/]],
  ['a bad OID', metric('"oid": ".1.3"'), ['E_SCHEMA', 5, 35, /is not an OID/]],
  ['a bad duration', metric('"oid": "1.3.1.0", "every": "5 min"'), ['E_SCHEMA', 5, 55, /duration/]],
  ['a bad name', profile('"scalars": {\n    "G-1": {}\n  }'), ['E_SCHEMA', 4, 5, /not a name/]],
  ['prototype keys', profile('"__proto__": { "x": 1 }'), ['E_SCHEMA', 3, 3, /__proto__/]],
  ['null without a parent', profile('"every": null'), ['E_SCHEMA', 3, 12, /null/]],
  [
    'two sources',
    metric('"oid": "1.3.1.0", "value": "1"'),
    ['E_SCHEMA', 5, 12, /only one of oid, value/],
  ],
  ['no source', metric('"unit": "V"'), ['E_SCHEMA', 5, 12, /missing/]],
  ['a path in an SNMP profile', metric('"path": "cpu.total"'), ['E_SCHEMA', 5, 28, /not "path"/]],
  [
    'a range turned round',
    metric('"oid": "1.3.1.0", "range": [5, 1]'),
    ['E_SCHEMA', 5, 55, /range/],
  ],
  [
    'a community',
    metric('"oid": ["1.3.1.0", "1.3.6.1.6.3.18.1.1.1.2.1"]'),
    ['E_SECRET', 5, 47, /1\.3\.6\.1\.6\.3\.18.*community/],
  ],
  [
    'a column that leads to communities',
    profile(
      '"tables": { "g": { "title": "G", "columns": { "c": { "first": [\n{ "oid": "1.3.6.1.6.3" } ] } }, "metrics": {} } }',
    ),
    ['E_SECRET', 4, 10, /leads to/],
  ],
  [
    'a guess at a user',
    profile('"match": [{ "not": { "exists": "1.3.6.1.6.3.16.1.2.1.3.2.6.115.101" } }]'),
    ['E_SECRET', 3, 34],
  ],
  ['scale 0', metric('"oid": "1.3.1.0", "scale": 0'), ['E_SCHEMA', 5, 55]],
  [
    'a missing parent',
    profile('"extends": ["q", "if-mob"]'),
    ['E_EXTENDS', 3, 20, /no profile "if-mob".*"if-mib"/],
    { q: '{ "title": "Q" }', 'if-mib': '{ "title": "I" }' },
  ],
  ['itself as parent', profile('"extends": ["p"]'), ['E_CYCLE', 3, 15, /p → p/]],
  [
    'an abstract match',
    profile('"x": 1'),
    ['E_ABSTRACT', 2, 3],
    { _a: '{ "title": "A",\n  "match": [ { "sysDescr": "x" } ] }' },
  ],
  ['bad syntax', metric('"value": "1 + * 2"'), ['E_EXPR', 5, 42, /\*/]],
  ['bad syntax after an escape', metric('"value": "\'\\u0041\' + * 2"'), ['E_EXPR', 5, 49]],
  ['an unknown name', metric('"value": "1 + foo"'), ['E_NAME', 5, 42, /foo/]],
  [
    'a bad alarm',
    metric('"oid": "1.3.1.0", "alarm": { "warning": "> limit" }'),
    ['E_NAME', 5, 71, /limit/],
  ],
  [
    'a bad alarm text',
    metric('"oid": "1.3.1.0", "alarm": { "warning": "> 1", "text": "at {rwo}" }'),
    ['E_NAME', 5, 87, /rwo.*did you mean "row"/],
  ],
  ['an unknown state map', metric('"oid": "1.3.1.0", "states": "nope"'), ['E_NAME', 5, 56, /nope/]],
  [
    'an unknown table',
    metric('"lookup": { "table": "nope", "column": "x" }'),
    ['E_NAME', 5, 49, /nope/],
  ],
  [
    'an unknown column',
    metric('"lookup": { "table": "g", "column": "nope" }'),
    ['E_NAME', 5, 64, /nope/],
  ],
  [
    'an unknown chart metric',
    scalars(
      '{ "title": "G", "metrics": { "m": { "title": "M", "oid": "1.3.1.0" } },\n "charts": { "c": { "title": "C", "metrics": ["m", "n"] } } }',
    ),
    ['E_NAME', 5, 52, /"n"/],
  ],
  [
    'a name twice',
    scalars(
      '{ "title": "G", "columns": { "m": { "oid": "1.3.2.0" } }, "metrics": {\n "m": { "title": "M", "oid": "1.3.1.0" } } }',
    ),
    ['E_NAME', 5, 2, /twice/],
  ],
  ['a bad pattern', metric('"oid": "1.3.1.0", "match": "(a+)+"'), ['E_REGEX', 5, 60, /repeat/]],
  ['a bad pattern in match', profile('"match": [ { "sysDescr": "[" } ]'), ['E_REGEX', 3, 29]],
  [
    'a group twice',
    profile(`"scalars": {\n    ${GROUP} }`),
    ['E_GROUP_TWICE', 4, 5, /already in "a"/],
    { a: `{ "title": "A", "scalars": { ${GROUP} } }` },
  ],
  [
    'a match twice',
    profile('"type": "device", "match": [ { "sysObjectID": "1.3.6.*" } ]'),
    ['E_MATCH_TWICE', 3, 32, /"a"/],
    {
      a: '{ "title": "A", "type": "device", "match": [ { "sysObjectID": ["1.3.6.*", "1.3.7"] } ] }',
    },
  ],
  [
    'a state without states',
    metric('"oid": "1.3.1.0", "kind": "state"'),
    ['E_KIND', 5, 54, /states/],
  ],
  ['flags with scale', metric('"oid": "1.3.1.0", "kind": "flags", "scale": 2'), ['E_KIND', 5, 72]],
  ['a rate of a text', metric('"oid": "1.3.1.0", "kind": "rate", "as": "text"'), ['E_KIND', 5, 68]],
  ['max without rate', metric('"oid": "1.3.1.0", "max": 5'), ['E_KIND', 5, 53]],
  [
    'a circle of names',
    scalars(
      '{ "title": "G", "columns": {\n "a": { "value": "b" }, "b": { "value": "a" } }, "metrics": { "m": { "title": "M", "value": "a" } } }',
    ),
    ['E_CYCLE', 5, 7, /g\.a → g\.b → g\.a/],
  ],
  [
    'a counter as gauge',
    profile(
      '"tables": { "t": { "title": "T", "index": ["i"], "metrics": { "m": { "title": "M", "oid": "1.3.6.1.2.1.2.2.1.10" } } } }',
    ),
    ['W_RATE', 3, 93, /counter/],
  ],
  [
    'a gauge as rate',
    profile(
      '"tables": { "t": { "title": "T", "index": ["i"], "metrics": { "m": { "title": "M", "kind": "rate", "oid": "1.3.6.1.2.1.2.2.1.5" } } } }',
    ),
    ['W_RATE', 3, 109, /gauge/],
  ],
  [
    '500 Hz mains',
    metric('"unit": "Hz", "oid": "1.3.6.1.2.1.33.1.4.2.0"'),
    ['W_SCALE', 5, 49, /"scale": 0\.1/],
  ],
]

for (const [name, text, [code, line, column, words], others] of CASES) {
  t.test(name, async t => {
    const problems = problemsOf(text, others)
    const problem = problems.find(p => p.code === code)
    t.ok(problem, `${code} in ${JSON.stringify(problems.map(p => `${p.code} ${p.message}`))}`)
    if (!problem) return
    t.same([problem.line, problem.column], [line, column], `place of: ${problem.message}`)
    t.match(problem.file, /^oids\/.*\.json$/)
    if (words) t.match(`${problem.message} ${problem.hint}`, words)
    t.equal(problem.severity, code.startsWith('W_') ? 'warning' : 'error')
  })
}

t.test('a broken file is left out, with those that extend it; the others stay', async t => {
  const catalogue = catalogueOf({
    good: { title: 'Good' },
    bad: {
      title: 'Bad',
      tables: { x: { title: 'X', metrics: { m: { title: 'M', value: 'nope' } } } },
    },
    child: { title: 'Child', extends: ['bad'] },
  })
  t.same([...catalogue.profiles.keys()], ['good'])
  t.same(
    catalogue.problems.map(p => [p.profile, p.code]),
    [
      ['bad', 'E_NAME'],
      ['child', 'E_EXTENDS'],
    ],
  )
})

t.test('a fault in what is inherited is named in the file that wrote it', async t => {
  const catalogue = catalogueOf({
    _base: {
      title: 'B',
      scalars: { g: { title: 'G', metrics: { m: { title: 'M', value: 'nope' } } } },
    },
    child: { title: 'C', extends: ['_base'] },
  })
  t.same(
    catalogue.problems.map(p => [p.file, p.code]),
    [
      ['oids/_base.json', 'E_NAME'],
      ['oids/child.json', 'E_EXTENDS'],
    ],
  )
})

t.test(
  'extending merges by key, replaces arrays, deletes by null, and drops an old source',
  async t => {
    const catalogue = goodCatalogue({
      _a: {
        title: 'A',
        match: undefined,
        tables: {
          g: {
            title: 'G',
            index: ['i'],
            labels: ['i'],
            metrics: { x: { title: 'X', oid: '1.1.1', scale: 2 }, y: { title: 'Y', oid: '1.1.2' } },
          },
        },
      },
      b: {
        title: 'B',
        extends: ['_a'],
        tables: { g: { metrics: { x: { value: '1' }, y: null, z: { title: 'Z', oid: '1.1.3' } } } },
      },
    })
    const group = catalogue.profiles.get('b')?.definition.groups.get('g')
    t.same([...(group?.slotOf.keys() ?? [])], ['i', 'index', 'row_number', 'x', 'z'])
    t.equal(group?.slots[3]?.source.kind, 'value')
    t.equal(group?.slots[3]?.scale, 2)
    t.equal(catalogue.profiles.has('_a'), false)
    const levels: Record<string, unknown> = { p0: { title: 'P' } }
    for (let i = 1; i <= 10; i++) levels[`p${i}`] = { title: 'P', extends: [`p${i - 1}`] }
    const deep = catalogueOf(levels)
    t.same(
      deep.problems.map(p => [p.profile, p.code]),
      [
        ['p10', 'E_EXTENDS'],
        ['p9', 'E_EXTENDS'],
      ],
    )
  },
)

t.test("the user's file of the same id wins", async t => {
  const { profiles } = buildCatalogue([
    source('a', { title: 'Ours' }),
    source('a', { title: 'Theirs' }, 'user'),
  ])
  t.equal(profiles.get('a')?.title, 'Theirs')
})

t.test('prototypes are out of reach', async t => {
  const states = JSON.parse('{ "__proto__": "x", "constructor": "y" }')
  const text = `{ "title": "T", "scalars": { "g": { "title": "G", "metrics": { "m": { "title": "M", "oid": "1.1.0", "states": ${JSON.stringify(states)} } } } } }`
  const { profiles } = buildCatalogue([source('p', text)])
  t.equal(({} as Record<string, unknown>).x, undefined)
  t.ok(profiles.has('p'))
})

/** A small deterministic generator, so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

const WORDS = [
  'title',
  'tables',
  'scalars',
  'metrics',
  'columns',
  'oid',
  'first',
  'lookup',
  'value',
  'index',
  'key',
  'name',
  'labels',
  'where',
  'states',
  'match',
  'extends',
  'device',
  'alarm',
  'charts',
  'unit',
  'kind',
  'rate',
  'map',
  '__proto__',
  'constructor',
  'g',
  'm',
  'every',
  'range',
  'vendor',
  'table',
  'column',
  '//',
  'sysObjectID',
  'exists',
  'type',
]
const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  '',
  '1.3.6.1',
  'a + b',
  '(',
  '{x}',
  'rate',
  'device',
  '1h',
  '*',
  'p',
  '_q',
  ['p'],
  [],
  {},
  '\u0000',
  '/(a+)+/',
]

t.test('random documents give problems, never exceptions', async t => {
  const next = random(42)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T
  const document = (depth: number): unknown => {
    if (depth === 0 || next() < 0.2) return pick(VALUES)
    if (next() < 0.15) return [document(depth - 1), document(depth - 1)]
    return Object.fromEntries(
      Array.from({ length: 1 + Math.floor(next() * 4) }, () => [pick(WORDS), document(depth - 1)]),
    )
  }
  const shaped = () => ({
    title: 'T',
    extends: pick([undefined, ['p'], ['_q', 'p']]),
    type: pick(['base', 'device', 'feature']),
    match: document(3),
    device: { vendor: document(2) },
    states: document(2),
    tables: {
      g: {
        title: 'G',
        index: pick([['i'], ['i', 'index'], undefined]),
        columns: document(3),
        key: pick([['m'], ['i'], undefined]),
        name: pick([['{i}'], ['x']]),
        where: pick(['m > 1', 'i', '1 +']),
        metrics: {
          m: { title: 'M', ...Object(document(2)) },
          n: { title: 'N', value: pick(['m', 'n', 'i + m', 'q']) },
        },
      },
    },
  })
  for (let i = 0; i < 400; i++) {
    const docs = { p: i % 2 ? shaped() : document(5), q: shaped(), _q: document(4) }
    try {
      const { problems } = catalogueOf(docs)
      if (problems.some(p => !(p.line >= 1 && p.column >= 1)))
        t.fail(`no place: ${JSON.stringify(docs)}`)
    } catch (error) {
      t.fail(`${error}: ${JSON.stringify(docs)}`)
    }
  }
  const good = JSON.stringify({
    title: 'T',
    tables: { g: { title: 'G', metrics: { m: { title: 'M', oid: '1.1' } } } },
  })
  for (let i = 0; i < good.length; i++) {
    t.doesNotThrow(() => buildCatalogue([source('p', good.slice(0, i))]))
    t.doesNotThrow(() => buildCatalogue([source('p', good.slice(0, i) + good.slice(i + 1))]))
  }
})
