// The store over MariaDB or MySQL: the conformance suite, a server that is killed, stopped, or refuses.
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { AppError } from '../../server/model/errors.ts'
import { openStore } from '../../server/store/open.ts'
import { freePort, until } from '../parts/find.ts'
import { anyMariaDb, startMariaDb } from '../parts/mariadb.ts'
import { conformance, log, type Place } from './conformance.ts'
import { collected, config } from './conformance-samples.ts'

const shared = await anyMariaDb(t)

async function rawRows(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const connection = await createConnection(url)
  try {
    const [rows] = await connection.query(statement)
    return Array.isArray(rows) ? rows.map(row => ({ ...row })) : []
  } finally {
    await connection.end()
  }
}

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

t.test('each connection has the settings that the store relies on', async t => {
  const { url, raw } = await newPlace(t)
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  await store.ping()
  const { uid } = await store.devices.create(config("it's"), 'form', 1)
  // With NO_BACKSLASH_ESCAPES in force, or another character set, this text would not come back.
  const text = String.raw`\' or 1=1 -- \\ "` + '\u0000\n😀'
  await store.samples.write([collected(uid, 1, null, { label: [text] })])
  t.match(await store.samples.latest(uid), [{ value: text }])
  t.equal((await raw('select * from text_log')).length, 1)
})

t.test('kill -9 of the server under load: each write that resolved is there', async t => {
  const server = await startMariaDb(t, { durable: true })
  const url = await server.createDatabase()
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const devices = await Promise.all(
    ['a', 'b', 'c', 'd'].map(id => store.devices.create(config(id), 'form', 1)),
  )
  const rows = Array.from({ length: 100 }, (_, index) => `r${index}`)
  const stored = new Map<number, number[]>(devices.map(({ uid }) => [uid, []]))
  const strange: unknown[] = []
  let failures = 0
  let running = true
  const writer = async (uid: number) => {
    for (let at = 0; running; at++) {
      const batch = [
        collected(uid, at, rows, { in: rows.map(() => at), name: rows.map(() => 'x') }),
      ]
      // A batch that failed is sent again, as a sender with a spool would do.
      for (let done = false; running && !done; ) {
        try {
          await store.samples.write(batch)
          stored.get(uid)?.push(at)
          done = true
        } catch (error) {
          failures++
          if (!(error instanceof AppError && error.passing)) strange.push(error)
          await sleep(20)
        }
      }
    }
  }
  const writers = devices.map(({ uid }) => writer(uid))
  const total = () => [...stored.values()].reduce((sum, times) => sum + times.length, 0)
  for (const more of [80, 60]) {
    const before = total()
    await until(() => total() >= before + more, 'some writes', 30_000)
    await server.stop('SIGKILL')
    const failed = failures
    await until(() => failures > failed, 'a write that fails')
    await t.rejects(store.ping(), { code: 'E_STORE_UNAVAILABLE', passing: true })
    await server.start()
    const atStart = total()
    await until(() => total() > atStart + 20, 'writes by the same store again', 30_000)
  }
  running = false
  await Promise.all(writers)
  t.same(strange, [], 'every failure was a passing one')
  const fresh = await openStore({ url, log })
  t.teardown(() => fresh.close())
  for (const { uid, config } of devices) {
    const read = await fresh.samples.read({
      deviceUid: uid,
      group: 'interface',
      metrics: ['in', 'name'],
      rows: ['r0', 'r99'],
      from: 0,
      to: 1e9,
    })
    t.equal(read.length, 4, config.id)
    for (const { metric, row, points } of read) {
      const values = new Map(points.map(point => [point.at, point.value]))
      const wanted = (at: number) => (metric === 'in' ? at : 'x')
      const lost = stored.get(uid)?.filter(at => values.get(at) !== wanted(at))
      t.same(lost, [], `${metric} ${row}`)
      t.equal(values.size, points.length, 'no time twice')
    }
  }
})

t.test('a server that comes back older: ids that it does not know are not used', async t => {
  const server = await startMariaDb(t)
  const url = await server.createDatabase()
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const a = await store.devices.create(config('a'), 'form', 1)
  const b = await store.devices.create(config('b'), 'form', 1)
  await store.samples.write([collected(a.uid, 1, ['x'], { in: [1], name: ['one'] })])
  await server.stop()
  await server.start()
  // As after a restored backup: the stream of `a` is gone, and its id goes to `b`.
  for (const table of ['poll', 'text_log', 'series', 'stream']) {
    await rawRows(url, `delete from ${table}`)
  }
  await rawRows(url, 'alter table stream auto_increment = 1')
  await until(
    () =>
      store.ping().then(
        () => true,
        () => false,
      ),
    'the server',
  )
  await store.samples.write([collected(b.uid, 1, ['x'], { in: [2], name: ['two'] })])
  await store.samples.write([collected(a.uid, 1, ['x'], { in: [1], name: ['one'] })])
  t.match(await store.samples.latest(a.uid), [{ value: 1 }, { value: 'one' }])
  t.match(await store.samples.latest(b.uid), [{ value: 2 }, { value: 'two' }])
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
