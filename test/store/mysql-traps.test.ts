// Goal: what MariaDB does and MySQL 8.4 does not is in no migration and no statement that the store sends:
// MySQL itself is not among the parts of these tests.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { readMigrations } from '../../server/store/migrate.ts'
import { openStore } from '../../server/store/open.ts'
import { startMariaDb } from '../parts/mariadb.ts'
import { log } from './place.ts'
import { collected, config } from './samples.ts'
import { DAY, HOUR, minutes, readRange, T0, tend } from './tending.ts'

t.setTimeout(600_000)

const TRAPS: [RegExp, string][] = [
  [/\breturning\b/i, 'MySQL has no RETURNING'],
  [/\b(insert|update) ignore\b/i, 'IGNORE hides truncation and missing partitions'],
  [/utf8mb4_(0900|uca1400|general_nopad)/i, 'a collation that one of the two does not know'],
  [/\b(uuid|inet4|inet6) (not )?null/i, 'a type of MariaDB alone'],
  [/\bpage_compressed|\btransactional=|\bengine=(?!innodb)/i, 'a table option of MariaDB alone'],
  [/\b(create|drop) (or replace |index if|table if exists.*,)/i, 'CREATE OR REPLACE, IF EXISTS'],
  [/\badd column if not exists|\bdrop column if exists/i, 'IF EXISTS in ALTER TABLE'],
  [/\bnext(val| value for)\b|\bwithout system versioning/i, 'sequences, versioned tables'],
  [/\bexcept all|\bintersect all/i, 'MySQL has them since 8.0.31 only'],
  [/\bas (rank|groups|system|lead|lag|window|row_number|of|function|cube)\b/i, 'a reserved word'],
  [
    / (rank|groups|system|lead|lag|row_number|cube) (int|bigint|varchar|double)/i,
    'a reserved word',
  ],
  [/replace into `?(\w+)`?[\s\S]*\b(?:from|join) `?\1\b/i, 'REPLACE does not read its own table'],
  [/delete from `?(\w+)`?[\s\S]*\(\s*select[\s\S]* from `?\1\b/i, 'nor does DELETE'],
]

const trapsIn = (statement: string) =>
  TRAPS.filter(([trap]) => trap.test(statement)).map(([, why]) => why)

t.test('the traps are seen', async t => {
  const bad = [
    'insert into a (b) values (1) returning id',
    'insert ignore into a values (1)',
    'create table a (b varchar(9)) collate=utf8mb4_0900_ai_ci',
    'create or replace view a as select 1',
    'create table a ( rank int not null)',
    'replace into `a` (b) select b from c where not exists (select 1 from `a`)',
    'delete from a where b = (select min(b) from a)',
  ]
  for (const statement of bad) t.equal(trapsIn(statement).length, 1, statement)
})

t.test('migrations', async t => {
  const folder = path.join(import.meta.dirname, '../../migrations')
  for (const { file, statement } of await readMigrations(folder, 'mysql'))
    t.same(trapsIn(statement), [], file)
})

t.test('every statement of a store at work', async t => {
  const server = await startMariaDb(t, { isLogged: true })
  const store = await openStore({ url: await server.createDatabase(), log })
  const { uid } = await store.devices.create(config('sw'), 'form', 1)
  const gone = await store.devices.create(config('gone'), 'form', 1)
  await tend(store, T0 + HOUR)
  await store.retention.setHourlyDays(30)
  const write = (from: number, to: number, of = uid) =>
    store.samples.write(
      minutes(from, to).map((at, index) =>
        collected(of, at + from, ['a'], { in: [index], name: [`n${index % 5}`] }),
      ),
    )
  await write(0, 3000)
  await write(0, 50, gone.uid)
  await tend(store, T0 + 4 * DAY)
  // Late, and twice.
  await write(1, 60)
  await write(1, 60)
  store.retention.choose(() => 'long')
  await tend(store, T0 + 9 * DAY)
  await readRange(store, uid, ['in', 'name'], { from: T0, to: T0 + DAY, points: 50 })
  await store.samples.latest(uid)
  await store.samples.writeRows(uid, 'interface', [], 1)
  await store.retention.sizes()
  await store.retention.devices()
  const { long } = await store.retention.days()
  await store.retention.setDays('long', { ...long, raw: long.raw + 1 })
  await store.devices.update(config('sw'), 1, 2)
  await store.devices.remove('gone', { history: true, at: 3 })
  await store.secrets.put('s', 'x', 1)
  const user = { name: 'u', role: 'admin' as const, passwordHash: 'x', at: 1 }
  const { id } = await store.users.create(user)
  const session = { hash: 'h', userId: id, at: 1, csrf: 'c', address: 'a', browser: '' }
  await store.users.createSession(session)
  await store.users.session('h')
  await store.users.endSessions(id)
  await store.audit.list({ limit: 5 })
  await store.close()

  const text = await readFile(server.statementLog, 'utf8')
  const sent = text
    .split(/\n(?=[0-9 :\t]*\s\d+ [A-Z][a-z]+\t)/)
    .flatMap(line => /\s\d+ (Query|Prepare|Execute)\t([\s\S]*)/.exec(line)?.slice(1, 3) ?? [])
  const statements = new Map<string, string>()
  for (let i = 0; i < sent.length; i += 2) {
    const [how = '', statement = ''] = sent.slice(i, i + 2)
    statements.set(`${how} ${statement.slice(0, 4000)}`, how)
  }
  t.ok(statements.size > 500, `${statements.size} different statements`)
  const found = new Set<string>()
  for (const [statement, how] of statements) {
    for (const why of trapsIn(statement)) found.add(`${why}: ${statement.slice(0, 200)}`)
    // A number that is bound to LIMIT is refused by MySQL since 8.0.22.
    if (how === 'Prepare' && /\b(limit|offset) \?/i.test(statement)) found.add(statement)
  }
  t.same([...found], [])
  t.ok([...statements.values()].includes('Prepare'), 'prepared statements were among them')
})
