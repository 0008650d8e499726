// Goal: every alarm rule of every shipped profile can be judged; a rule that names a column (a limit that the
// device itself tells, read once an hour) is judged at each poll, and no page shows the column.

import path from 'node:path'
import t from 'tap'
import { bookOf } from '../../server/alarms/rulebook.ts'
import { SHIPPED_PROFILES_DIR } from '../../server/paths.ts'
import { alarmMetrics } from '../../server/profiles/alarms.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { pageOf } from '../../server/profiles/page.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import { goodCatalogue, int, polled, text } from '../profiles/kit.ts'
import { bench, CONFIG, device, MINUTE, START, table } from './kit.ts'

t.test('rules of shipped profiles', async t => {
  const catalogue = buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR }))
  t.ok(
    catalogue.profiles.size > 60,
    `${catalogue.profiles.size} profiles in ${path.basename(SHIPPED_PROFILES_DIR)}`,
  )
  let rules = 0
  const abstract: string[] = []
  for (const id of catalogue.profiles.keys()) {
    if (id.startsWith('_')) {
      abstract.push(id)
      continue
    }
    const config = { ...CONFIG, profiles: [id] }
    const metrics = alarmMetrics(compilePlan(catalogue, [id]))
    const book = bookOf({ config, version: 1, metrics, people: [] })
    rules += book.rules.length
    t.same(
      book.problems.map(({ rule, problem }) => `${rule.metric}: ${problem}`),
      [],
      id,
    )
  }
  t.ok(rules > 300, `${rules} rules`)
})

const PROFILE = {
  title: 'Board',
  match: [{ sysObjectID: '1.3.6.1.4.1.1' }],
  tables: {
    board: {
      title: 'Boards',
      index: ['board'],
      columns: {
        limit: { oid: '1.1.1', every: '1h' },
        role: { oid: '1.1.2', every: '1h', as: 'oid', map: { '1.3': 'main', '1.4': 'spare' } },
        descr: { oid: '1.1.3', every: '1h' },
      },
      metrics: {
        temperature: {
          title: 'Temperature',
          unit: 'Cel',
          oid: '1.1.4',
          alarm: {
            warning: '> limit - 5',
            critical: '> limit',
            when: "role == 'main' && !matches(descr, /lab/)",
            text: '{device} {row}: {value} of {limit}',
          },
        },
      },
    },
  },
}

const oid = (value: string) => ({ type: 'oid', value }) as const
const board = (values: [string, number, number, string, string][]) =>
  Object.fromEntries(
    values.flatMap(([index, value, limit, role, descr]) => [
      [`1.1.1.${index}`, int(limit)],
      [`1.1.2.${index}`, oid(role)],
      [`1.1.3.${index}`, text(descr)],
      [`1.1.4.${index}`, int(value)],
    ]),
  )

t.test('a limit that is a column', async t => {
  const catalogue = goodCatalogue({ board: PROFILE })
  const { plan, poll } = polled(catalogue, ['board'])
  const metrics = alarmMetrics(plan)
  t.same(
    metrics.map(({ metric }) => metric),
    ['temperature'],
    'nobody makes a rule of a column',
  )
  t.same(
    pageOf(plan).flatMap(({ groups }) =>
      groups.flatMap(group => group.metrics.map(({ id }) => id)),
    ),
    ['temperature'],
    'and no page shows it',
  )
  const { engine, told } = bench(metrics, [])
  const judge = (minute: number, values: [string, number, number, string, string][]) => {
    const body = poll(board(values), minute * 60).body('board')
    if (!body) throw new Error('no collection')
    const { metrics: said, rows } = body.read()
    const read = Object.entries(said).map(([id, given]) => [id, [given].flat()] as const)
    engine.collection(
      device('sw', 1),
      table(1, START + minute * MINUTE, rows ?? null, Object.fromEntries(read), 'board'),
    )
  }
  const boards = (value: number): [string, number, number, string, string][] => [
    ['1', value, 60, '1.3', 'core'],
    ['2', value, 90, '1.3', 'core'],
    ['3', value, 60, '1.4', 'spare'],
    ['4', value, 60, '1.3', 'lab'],
  ]
  judge(0, boards(40))
  judge(1, boards(57))
  judge(2, boards(63))
  judge(3, boards(40))
  t.match(told, [/sw 1 \w+ warning @1/, /sw 1 \w+ critical @2/, /sw 1 \w+ \w+ @3/])
  t.equal(told.length, 3, told.join('; '))
})
