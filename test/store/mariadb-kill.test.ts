// The store over a MariaDB that is killed, or comes back with less than it had.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'
import { rawRows, startMariaDb } from '../parts/mariadb.ts'
import { log } from './place.ts'
import { collected, config } from './samples.ts'

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
