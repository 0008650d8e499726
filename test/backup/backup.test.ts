// Goal: a backup made while others write is the database at one moment; restored into an empty place of
// either kind it gives every row again; a file that was touched, cut or is foreign never gets in.

import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t, { type Test } from 'tap'
import { type BackupOptions, makeBackup } from '../../server/backup/backup.ts'
import { checkBackup, restoreBackup } from '../../server/backup/restore.ts'
import { createSecrets, loadMasterKey } from '../../server/secrets.ts'
import { dumpDatabase } from '../../server/store/dump.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../parts/find.ts'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { log, type NewPlace, type Place } from '../store/place.ts'
import { collected, config, opened } from '../store/samples.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'
import { DAY, minutes, T0, tend } from '../store/tending.ts'

const PASSPHRASE = 'correct horse battery staple'
const shared = await anyMariaDb(t)
const mariaPlace: NewPlace = async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
}
const PLACES: [string, NewPlace][] = [
  ['SQLite', sqlitePlace],
  ['MariaDB', mariaPlace],
]

const options = (place: Place, file: string): BackupOptions => ({
  databaseUrl: place.url,
  site: 'main',
  version: '1.2.3',
  secretKey: 'ab'.repeat(32),
  passphrase: PASSPHRASE,
  file,
  now: T0,
})

/** Blocks, roll-ups, late samples, texts, gaps, secrets, people, odd characters. */
async function filled(t: Test, newPlace: NewPlace) {
  const { place, store, uid } = await opened(t, newPlace)
  const rows = ['Gi1/0/1', 'ünï|%7C \u{1f600}']
  for (const at of minutes(0, 200)) {
    const value = Math.sin(at) * 1e12
    await store.samples.write([
      collected(uid, at, rows, {
        in: [value, at % 7 === 0 ? { gap: 'reset' } : 1 / 3],
        text: [`line ${at % 5}\n"quoted" \\ 'x'`, 'ü'],
      }),
    ])
  }
  await tend(store, T0 + 2 * DAY)
  await store.samples.write([collected(uid, T0 + 30_000, rows, { in: [0.1, -0] })])
  await store.secrets.put('campus-ro', 'v1.sealed', T0)
  await store.settings.put('site.name', 'Paris “Nord”')
  await store.settings.put('long', randomBytes(300_000).toString('base64'))
  await store.users.create({ name: 'Zoë', role: 'admin', passwordHash: '$x$', at: T0 })
  return { place, store, uid }
}

/** Every row of every table that a backup holds, in an order of its own. */
async function contents(url: string): Promise<Map<string, string[]>> {
  const all = new Map<string, string[]>()
  await dumpDatabase(url, async dump => {
    for (const table of dump.tables) {
      const { columns, rows } = await dump.read(table)
      const found: string[] = []
      for await (const row of rows) {
        const named = columns.map((column, i) => {
          const cell = row[i]
          return [column, cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : cell]
        })
        found.push(JSON.stringify(Object.fromEntries(named.sort())))
      }
      all.set(table, found.sort())
    }
  })
  return all
}

function place(dataDir: string, databaseUrl: string) {
  return { dataDir, databaseUrl, secretKey: null, secretKeyFile: null }
}

for (const [from, fromPlace] of PLACES) {
  t.test(`from ${from}`, async t => {
    const source = await filled(t, fromPlace)
    const dir = await tempDir(t)
    const file = path.join(dir, 'site.pollux')
    const done = await makeBackup(options(source.place, file))
    t.equal((await stat(file)).size, done.bytes)
    t.equal((await stat(file)).mode & 0o777, 0o600, 'nobody else may read it')
    t.same(await readdir(dir), ['site.pollux'], 'nothing is left beside it')
    const bytes = await readFile(file)
    for (const word of ['campus-ro', 'Gi1/0/1', 'abababab', 'Paris'])
      t.notOk(bytes.includes(word), `${word} is not readable in it`)
    const before = await contents(source.place.url)
    t.ok([...before.values()].filter(rows => rows.length > 0).length >= 8, 'many tables have rows')
    t.notOk(before.has('session'), 'sessions stay where they are')
    t.notOk(before.has('lease'))
    const checked = await checkBackup(file, PASSPHRASE)
    t.match(checked.head, { site: 'main', version: '1.2.3', madeAt: T0 })
    t.same(
      checked.rows,
      Object.fromEntries([...before].map(([table, rows]) => [table, rows.length])),
    )

    for (const [to, toPlace] of PLACES) {
      await t.test(`to ${to}`, async t => {
        const target = await toPlace(t)
        const dataDir = path.join(await tempDir(t), 'data')
        await restoreBackup(file, PASSPHRASE, place(dataDir, target.url), log)
        const after = await contents(target.url)
        t.same([...after.keys()], [...before.keys()])
        for (const [table, rows] of before) t.same(after.get(table), rows, table)
        const key = await loadMasterKey({ key: null, file: null, dataDir })
        t.equal(key.toString('hex'), 'ab'.repeat(32), 'the key of the secrets is there')
        t.ok(createSecrets(key))

        const store = await openStore({ url: target.url, log })
        t.teardown(() => store.close())
        const query = { deviceUid: source.uid, group: 'interface', metrics: ['in', 'text'] }
        const range = { from: T0, to: T0 + DAY }
        t.same(
          await store.samples.read({ ...query, ...range }),
          await source.store.samples.read({ ...query, ...range }),
          'the same charts',
        )
        const at = T0 + 3 * DAY
        await store.samples.write([collected(source.uid, at, ['new'], { in: [5] })])
        await tend(store, at + DAY)
        const { uid } = await store.devices.create(config('next'), 'form', at)
        t.ok(uid > source.uid, 'numbers go on')
        await t.rejects(
          restoreBackup(file, PASSPHRASE, place(dataDir, target.url), log),
          { code: 'E_RESTORE_TARGET' },
          'a place that is used is refused',
        )
        t.ok(await store.devices.get('sw'), 'and stays as it was')
      })
    }
  })

  t.test(`${from}: at one moment, while others write`, async t => {
    const { place, store, uid } = await opened(t, fromPlace)
    let at = T0
    let stopped = false
    // Each step writes a sample, then a setting that says which: a moment never has the second alone.
    const writing = (async () => {
      while (!stopped) {
        at += 60_000
        await store.samples.write([collected(uid, at, null, { load: [at] })])
        await store.settings.put('last', String(at))
      }
    })()
    const dir = await tempDir(t)
    for (let run = 0; run < 3; run++) {
      const file = path.join(dir, `${run}`)
      await makeBackup(options(place, file))
      const target = await sqlitePlace(t)
      const dataDir = path.join(dir, `data-${run}`)
      await restoreBackup(file, PASSPHRASE, { ...empty(dataDir), databaseUrl: target.url }, log)
      const restored = await openStore({ url: target.url, log })
      const last = Number(await restored.settings.get('last'))
      const [series] = await restored.samples.read({
        deviceUid: uid,
        group: 'interface',
        metrics: ['load'],
        from: T0,
        to: T0 + 400 * DAY,
      })
      const times = (series?.points ?? []).map(point => point.at)
      const newest = times.at(-1) ?? 0
      t.ok(
        newest === last || newest === last + 60_000,
        `run ${run}: sample ${newest}, setting ${last}`,
      )
      t.equal(times.length, (newest - T0) / 60_000, 'every sample up to that moment')
      await restored.close()
    }
    stopped = true
    await writing
  })
}

const empty = (dataDir: string) => ({ dataDir, secretKey: null, secretKeyFile: null })

t.test('what was touched never gets in, and leaves nothing behind', async t => {
  const { place: source } = await filled(t, sqlitePlace)
  const dir = await tempDir(t)
  const file = path.join(dir, 'good')
  await makeBackup(options(source, file))
  const good = await readFile(file)
  const changed = (at: number) => {
    const bytes = Buffer.from(good)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  }
  // A head of 31 bytes, then pieces of 64 kB and 16 bytes of tag.
  const piece = (number: number) => 31 + number * ((64 << 10) + 16)
  t.ok(good.length > piece(3), 'more than three pieces')
  const swapped = Buffer.concat([
    good.subarray(0, piece(1)),
    good.subarray(piece(2), piece(3)),
    good.subarray(piece(1), piece(2)),
    good.subarray(piece(3)),
  ])
  const cases: [string, Buffer, string, string?][] = [
    ['empty', Buffer.alloc(0), 'E_BACKUP_FORMAT'],
    ['short', good.subarray(0, 20), 'E_BACKUP_FORMAT'],
    ['a picture', Buffer.from('\x89PNG\r\n'.repeat(100)), 'E_BACKUP_FORMAT'],
    ['only a head', good.subarray(0, 31), 'E_BACKUP_PASSPHRASE'],
    ['another passphrase', good, 'E_BACKUP_PASSPHRASE', `${PASSPHRASE}r`],
    ['a changed salt', changed(10), 'E_BACKUP_PASSPHRASE'],
    ['its last byte changed', changed(good.length - 1), 'E_BACKUP_DAMAGED'],
    ['cut by one byte', good.subarray(0, -1), 'E_BACKUP_DAMAGED'],
    ['cut between pieces', good.subarray(0, piece(2)), 'E_BACKUP_DAMAGED'],
    ['two pieces swapped', swapped, 'E_BACKUP_DAMAGED'],
    [
      'a piece left out',
      Buffer.concat([good.subarray(0, piece(1)), good.subarray(piece(2))]),
      'E_BACKUP_DAMAGED',
    ],
    ['something behind it', Buffer.concat([good, Buffer.alloc(5)]), 'E_BACKUP_DAMAGED'],
  ]
  for (const [what, bytes, code, passphrase = PASSPHRASE] of cases) {
    const bad = path.join(dir, 'bad')
    await writeFile(bad, bytes)
    const home = await tempDir(t)
    const target = { ...empty(home), databaseUrl: `sqlite:${path.join(home, 'new.db')}` }
    await t.rejects(restoreBackup(bad, passphrase, target, log), { code }, what)
    await t.rejects(checkBackup(bad, passphrase), { code }, `${what}, looked at`)
    t.same(
      (await readdir(home)).filter(name => name !== 'secret.key'),
      [],
      `${what}: nothing is left`,
    )
  }
})

t.test('a restore that fails in the middle leaves an empty MariaDB', async t => {
  const { place: source } = await filled(t, sqlitePlace)
  const dir = await tempDir(t)
  const file = path.join(dir, 'good')
  await makeBackup(options(source, file))
  const bytes = await readFile(file)
  // The fault comes after rows were written.
  const cut = path.join(dir, 'cut')
  await writeFile(cut, bytes.subarray(0, bytes.length - 1))
  const target = await mariaPlace(t)
  await t.rejects(restoreBackup(cut, PASSPHRASE, place(dir, target.url), log))
  const tables = () =>
    target.raw('select table_name from information_schema.tables where table_schema = database()')
  t.same(await tables(), [])
  await restoreBackup(file, PASSPHRASE, place(dir, target.url), log)
  t.ok((await tables()).length > 20, 'and it can be done again')
})

t.test('a restore that was killed is no database', async t => {
  const target = await sqlitePlace(t)
  const store = await openStore({ url: target.url, log })
  await store.close()
  await target.raw(
    `insert into migration (name, started_at, finished_at) values ('restore_unfinished', 1, null)`,
  )
  await t.rejects(openStore({ url: target.url, log }), { code: 'E_RESTORE_UNFINISHED' })
})

t.test('what cannot be backed up says why', async t => {
  const { place: source } = await opened(t, sqlitePlace)
  const dir = await tempDir(t)
  const file = path.join(dir, 'file')
  const made = options(source, file)
  await t.rejects(makeBackup({ ...made, passphrase: 'short' }), { code: 'E_BACKUP_PASSPHRASE' })
  await t.rejects(makeBackup({ ...made, file: path.join(dir, 'none', 'x') }), {
    code: 'E_BACKUP_FILE',
  })
  const nowhere = `sqlite:${path.join(dir, 'nothing.db')}`
  await t.rejects(makeBackup({ ...made, databaseUrl: nowhere }), { code: 'E_STORE_ACCESS' })
  await writeFile(file, 'mine')
  await t.rejects(makeBackup(made), { code: 'E_BACKUP_FILE', message: /exists/ })
  t.equal(await readFile(file, 'utf8'), 'mine', 'a file that is there stays')
  await mkdir(path.join(dir, 'older'))
  await source.raw(`delete from migration where name = '0050_series_seen_at'`)
  await t.rejects(makeBackup({ ...made, file: `${file}2` }), { code: 'E_SCHEMA_OLDER' })
  t.same((await readdir(dir)).sort(), ['file', 'older'], 'nothing is left behind')
})

t.test('another key in the place is not written over', async t => {
  const { place: source } = await opened(t, sqlitePlace)
  const dir = await tempDir(t)
  const file = path.join(dir, 'file')
  await makeBackup(options(source, file))
  const dataDir = path.join(dir, 'data')
  const mine = await loadMasterKey({ key: null, file: null, dataDir })
  const target = { ...empty(dataDir), databaseUrl: `sqlite:${path.join(dataDir, 'new.db')}` }
  await t.rejects(restoreBackup(file, PASSPHRASE, target, log), { code: 'E_SECRET_KEY' })
  t.same(await loadMasterKey({ key: null, file: null, dataDir }), mine)
  t.same(await readdir(dataDir), ['secret.key'])
})
