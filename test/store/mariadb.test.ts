// The store over MariaDB or MySQL: the conformance suite, and a server that refuses or is locked.
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { connectDatabase } from '../../server/store/database.ts'
import { openStore, parseDatabaseUrl } from '../../server/store/open.ts'
import { freePort, until } from '../parts/find.ts'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import { conformance } from './conformance.ts'
import { log, type Place } from './place.ts'
import { collected, config } from './samples.ts'

const shared = await anyMariaDb(t)

async function newPlace(_t: Test): Promise<Place> {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
}

conformance(t, newPlace)

t.test('a migration that was interrupted after its statement is finished', async t => {
  const { url, raw } = await newPlace(t)
  await (await openStore({ url, log })).close()
  await raw(`update migration set finished_at = null where name = '0003_stream_by_device'`)
  await raw(`update migration set finished_at = null where name = '0005_poll'`)
  await raw('drop table poll')
  await (await openStore({ url, log })).close()
  t.same(await raw('select name from migration where finished_at is null'), [])
  t.same(await raw('select * from poll'), [])
})

t.test('while another process migrates, the start waits for it', async t => {
  const { url } = await newPlace(t)
  const other = await createConnection(url)
  t.teardown(() => other.end())
  await other.query(`select get_lock(concat('pollux.', sha1(database())), 1)`)
  let opened = false
  const opening = openStore({ url, log }).then(store => {
    opened = true
    return store
  })
  await until(async () => {
    const [rows] = await other.query(`show processlist`)
    return Array.isArray(rows) && rows.some(row => /get_lock/i.test(JSON.stringify(row)))
  }, 'the waiting start')
  t.equal(opened, false)
  await other.query(`select release_lock(concat('pollux.', sha1(database())))`)
  await (await opening).close()
})

t.test('a wrong password, an unknown database, and no server', async t => {
  const url = await shared.createDatabase()
  const wrong = new URL(url)
  wrong.password = 'not-this-one'
  const refused = await openStore({ url: wrong.href, log }).catch((error: unknown) => error)
  t.match(refused, { code: 'E_STORE_ACCESS', passing: false, hint: /password/ })
  t.notMatch(String(refused), /not-this-one/)
  const nowhere = new URL(url)
  nowhere.pathname = '/pollux_nowhere'
  await t.rejects(openStore({ url: nowhere.href, log }), { code: 'E_STORE_ACCESS', hint: /create/ })
  const gone = new URL(url)
  gone.port = String(await freePort())
  await t.rejects(openStore({ url: gone.href, log }), {
    code: 'E_STORE_UNAVAILABLE',
    passing: true,
  })
})

t.test('a snapshot of a table that is altered meanwhile begins anew', async t => {
  const url = await shared.createDatabase()
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const database = connectDatabase(parseDatabaseUrl(url))
  t.teardown(() => database.close())
  const admin = await createConnection(url)
  t.teardown(() => admin.end())
  let attempts = 0
  const rows = await database.snapshot(async db => {
    attempts++
    // As when a partition comes or goes: the server then refuses the table to older snapshots (1412).
    if (attempts === 1) await admin.query('alter table block_default engine=InnoDB')
    return db.selectFrom('block_default').select('stream_id').execute()
  })
  t.same(rows, [])
  t.equal(attempts, 2)
})

t.test('each connection has the settings that the store relies on', async t => {
  const { url, raw } = await newPlace(t)
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  await store.ping()
  const { uid } = await store.devices.create(config("it's"), 'form', 1)
  // With NO_BACKSLASH_ESCAPES in force, or another character set, this text would not come back.
  const text = `\\' or 1=1 -- \\\\ " \u0000\n😀`
  await store.samples.write([collected(uid, 1, null, { label: [text] })])
  t.match(await store.samples.latest(uid), [{ value: text }])
  t.equal((await raw('select * from text_log')).length, 1)
})

t.test(
  'a row that somebody keeps locked is a passing error, and closing does not hang',
  async t => {
    const { url } = await newPlace(t)
    const store = await openStore({ url, log })
    const { uid } = await store.devices.create(config('sw'), 'form', 1)
    const other = await createConnection(url)
    await other.query('begin')
    await other.query('select * from device for update')
    await t.rejects(store.samples.write([collected(uid, 1, null, { load: [1] })]), {
      code: 'E_STORE_UNAVAILABLE',
      passing: true,
    })
    await other.end()
    await store.close()
  },
)
