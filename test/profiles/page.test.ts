// Goal: the page is drawn from profiles alone, facts are read and cleaned, and the profiles that are
// shipped are free of problems.

import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { createTracingEvaluator } from '../../server/profiles/evaluator.ts'
import { deviceFacts, factRequests } from '../../server/profiles/facts.ts'
import { profileJsonSchema } from '../../server/profiles/jsonschema.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { pageOf, rolesOf } from '../../server/profiles/page.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import { goodCatalogue, int, readFrom, source, text } from './kit.ts'

const shippedDir = new URL('../../oids', import.meta.url).pathname

t.test('shipped profiles have no problems', async t => {
  const catalogue = buildCatalogue(await loadSources({ shippedDir }))
  t.same(
    catalogue.problems.map(p => `${p.file}:${p.line}:${p.column} ${p.code} ${p.message}`),
    [],
  )
  t.ok(catalogue.profiles.size >= 10)
})

t.test('the example in docs/profiles.md has no problems', async t => {
  const page = await readFile(new URL('../../docs/profiles.md', import.meta.url), 'utf8')
  const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  const catalogue = buildCatalogue([
    ...(await loadSources({ shippedDir })),
    source('acme', example, 'user'),
  ])
  t.same(catalogue.problems, [])
  t.ok(catalogue.profiles.has('acme'))
})

t.test('oids/profile.schema.json is what the code says', async t => {
  const file = JSON.parse(await readFile(`${shippedDir}/profile.schema.json`, 'utf8'))
  t.same(
    file,
    profileJsonSchema(),
    'else: node server/profiles/jsonschema.ts > oids/profile.schema.json',
  )
})

t.test('editors accept the shipped profiles, and refuse what the loader refuses', async t => {
  const validate = new Ajv2020({ strict: false }).compile(Object(profileJsonSchema()))
  for (const { id, text } of await loadSources({ shippedDir })) {
    t.ok(validate(JSON.parse(text)), `${id}: ${JSON.stringify(validate.errors)}`)
  }
  const wrong = {
    title: 'W',
    scalars: { g: { title: 'G', metrics: { m: { title: 'M', odi: '1.3' } } } },
  }
  t.notOk(validate(wrong))
})

const PAGE = {
  title: 'P',
  scalars: {
    late: {
      title: 'Late',
      section: 'other',
      metrics: {
        a: { title: 'A', unit: 'V', oid: '1.1.0' },
        b: { title: 'B', unit: 'V', oid: '1.2.0' },
        c: { title: 'C', unit: '%', oid: '1.3.0' },
      },
    },
    first: {
      title: 'First',
      section: 'system',
      order: 2,
      metrics: { u: { title: 'Up', unit: 's', role: 'uptime', oid: '1.4.0' } },
    },
    zero: {
      title: 'Zero',
      section: 'system',
      order: 1,
      metrics: {
        t: { title: 'T', kind: 'text', oid: '1.5.0' },
        hid: { title: 'H', oid: '1.6.0', chart: false },
      },
    },
    secret: { title: 'S', hidden: true, metrics: { x: { title: 'X', oid: '1.7.0' } } },
  },
  tables: {
    t: {
      title: 'T',
      section: 'cpu',
      index: ['i'],
      metrics: {
        x: { title: 'X', unit: '%', role: 'cpu.usage', oid: '2.1' },
        y: { title: 'Y', oid: '2.2' },
        s: {
          title: 'S',
          oid: '2.3',
          states: { '1': 'on', '*': { name: 'odd', severity: 'warning' } },
        },
        n: { title: 'N', kind: 'total', oid: '2.4' },
      },
      charts: { main: { title: 'Main', metrics: ['x'], headline: true, order: 1 } },
    },
  },
}

t.test('sections, groups, charts', async t => {
  const plan = compilePlan(goodCatalogue({ p: PAGE }), ['p'])
  const page = pageOf(plan)
  t.same(
    page.map(section => [section.id, section.groups.map(group => group.id)]),
    [
      ['system', ['zero', 'first']],
      ['cpu', ['t']],
      ['other', ['late']],
    ],
  )
  const charts = (id: string) =>
    page
      .flatMap(s => s.groups)
      .find(g => g.id === id)
      ?.charts.map(c => [c.type, c.per, c.metrics])
  t.same(charts('late'), [
    ['line', 'row', ['a', 'b']],
    ['line', 'row', ['c']],
  ])
  t.same(charts('zero'), [['table', 'row', ['t']]])
  t.same(charts('t'), [
    ['line', 'row', ['x']],
    ['status', 'group', ['s']],
    ['line', 'group', ['y']],
    ['bars', 'group', ['n']],
  ])
  t.same(page[1]?.groups[0]?.metrics[2]?.states, [
    { value: 1, name: 'on', severity: null, color: null },
    { value: null, name: 'odd', severity: 'warning', color: null },
  ])
  t.same(rolesOf(plan), [
    { role: 'uptime', group: 'first', metric: 'u' },
    { role: 'cpu.usage', group: 't', metric: 'x' },
  ])
})

const FACTS = {
  base: {
    title: 'B',
    type: 'base',
    device: { name: { oid: '1.1.5.0' }, vendor: 'Nobody', descr: { oid: '1.1.1.0' } },
  },
  dev: {
    title: 'D',
    type: 'device',
    device: {
      vendor: 'ACME',
      model: [
        { oid: '1.9.9.0' },
        { table: 'ent', column: 'model', where: "class == 3 && model != ''" },
        { oid: '1.1.1.0', match: 'model (\\S+)' },
      ],
      serial: { oid: '1.9.1.0' },
      version: { table: 'ent', column: 'model', match: 'v(\\d+)' },
    },
    tables: {
      ent: {
        title: 'E',
        index: ['i'],
        columns: { class: { oid: '1.5.1' }, model: { oid: '1.5.2', as: 'text' } },
      },
    },
  },
}

t.test('facts: the first answer of the most special profile, cleaned', async t => {
  const plan = compilePlan(goodCatalogue(FACTS), ['base', 'dev'])
  const requests = factRequests(plan)
  t.same(
    requests.map(r => [r.group, r.table, [...r.sources].sort()]),
    [
      ['device', false, ['1.1.1.0', '1.1.5.0', '1.9.1.0', '1.9.9.0']],
      ['ent', true, ['1.5.1', '1.5.2']],
    ],
  )
  const device = {
    '1.1.5.0': text('core\u202e\u0007-1'),
    '1.1.1.0': text(`${'x'.repeat(400)}`),
    '1.9.1.0': text('000123'),
    '1.5.1.1': int(1),
    '1.5.2.1': text('chip v7'),
    '1.5.1.2': int(3),
    '1.5.2.2': text('Box 9'),
  }
  const facts = deviceFacts(plan, readFrom(device, requests, 0))
  t.same(facts, {
    name: 'core -1',
    vendor: 'ACME',
    model: 'Box 9',
    serial: '000123',
    version: '7',
    descr: 'x'.repeat(255),
  })
  t.equal(deviceFacts(plan, readFrom({ '1.1.1.0': text('a model Z1') }, requests, 0)).model, 'Z1')
})

t.test('a cell can tell what it was made of', async t => {
  const plan = compilePlan(
    goodCatalogue({
      p: {
        title: 'P',
        tables: {
          t: {
            title: 'T',
            index: ['i'],
            columns: { size: { oid: '1.9.1' }, unit: { oid: '1.9.2' } },
            metrics: {
              bytes: { title: 'B', value: 'size * unit' },
              in: { title: 'I', kind: 'rate', unit: 'bit/s', scale: 8, oid: ['1.9.3', '1.9.4'] },
              fall: {
                title: 'F',
                first: [{ oid: '1.9.5' }, { oid: ['1.9.6', '1.9.7'], scale: 2 }],
              },
            },
          },
        },
      },
    }),
    ['p'],
  )
  const evaluator = createTracingEvaluator(plan)
  const device = { '1.9.1.9': int(5), '1.9.2.9': int(100), '1.9.4.9': int(77), '1.9.7.9': int(4) }
  evaluator.evaluate(readFrom(device, evaluator.due(0, 60_000), 0), 1)
  t.same(evaluator.trace('t', 'bytes', '9'), { raw: null, sources: ['1.9.1.9', '1.9.2.9'] })
  t.same(evaluator.trace('t', 'in', '9'), { raw: '77', sources: ['1.9.4.9'] })
  t.same(evaluator.trace('t', 'fall', '9'), { raw: '4', sources: ['1.9.7.9'] })
  t.equal(evaluator.trace('t', 'fall', '8'), null)
  t.equal(evaluator.trace('x', 'fall', '9'), null)
})
