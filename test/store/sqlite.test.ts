// The store over SQLite: the conformance suite, a writer that is killed, and files that cannot be used.
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { startPart, tempDir, until } from '../parts/find.ts'
import { conformance } from './conformance.ts'
import { log } from './place.ts'
import { collected, config } from './samples.ts'
import { sqlitePlace } from './sqlite-place.ts'

const WRITER = path.join(import.meta.dirname, 'sqlite-writer.ts')

conformance(t, sqlitePlace)

t.test('in memory, for tests', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log })
  t.teardown(() => store.close())
  const { uid } = await store.devices.create(config('sw'), 'form', 1)
  t.same(await store.samples.write([collected(uid, 1, null, { load: [1] })]), ['stored'])
  t.match(await store.samples.latest(uid), [{ value: 1 }])
})

/** Times that the writer said were committed, and which of them are in the file. */
async function committed(
  url: string,
  output: string,
): Promise<{ said: number[]; found: number[] }> {
  const said = [...output.matchAll(/^stored (\d+)$/gm)].map(match => Number(match[1]))
  const store = await openStore({ url, log })
  const device = await store.devices.get('sw')
  const read = await store.samples.read({
    deviceUid: device?.uid ?? 0,
    group: 'interface',
    metrics: ['in'],
    rows: ['r99'],
    from: 0,
    to: 1e9,
  })
  await store.close()
  const found = (read[0]?.points ?? []).map(point => point.at)
  return { said, found }
}

t.test('kill -9 of the writing process: all that it called stored is there', async t => {
  const { url } = await sqlitePlace(t)
  const part = await startPart(process.execPath, [WRITER, url], async () => true)
  t.teardown(() => part.stop('SIGKILL'))
  const count = () => part.output().match(/^stored/gm)?.length ?? 0
  await until(() => count() >= 60, 'some commits', 30_000)
  await part.stop('SIGKILL')
  const { said, found } = await committed(url, part.output())
  t.ok(said.length >= 60)
  t.same(
    said.filter(at => !found.includes(at)),
    [],
  )
})

t.test('a disk that is full: a passing error, and what was stored before is there', async t => {
  const { url } = await sqlitePlace(t)
  // A limit on the size of files is the disk that a test can fill (blocks of 512 or 1024 bytes).
  const limited = `ulimit -f 1500; exec "${process.execPath}" "${WRITER}" "${url}"`
  const part = await startPart('sh', ['-c', limited], async () => true)
  t.teardown(() => part.stop('SIGKILL'))
  await until(() => /^failed.*\n/m.test(part.output()), 'the failure', 60_000)
  t.match(part.output(), /^failed E_STORE_UNAVAILABLE passing true$/m)
  const { said, found } = await committed(url, part.output())
  t.ok(said.length > 0)
  t.same(
    said.filter(at => !found.includes(at)),
    [],
  )
})

t.test('a file that another process keeps locked is a passing error', async t => {
  const { url } = await sqlitePlace(t)
  const store = await openStore({ url, log })
  t.teardown(() => store.close())
  const other = new DatabaseSync(url.slice('sqlite:'.length))
  other.exec('begin immediate')
  await t.rejects(store.devices.create(config('sw'), 'form', 1), {
    code: 'E_STORE_UNAVAILABLE',
    passing: true,
  })
  other.exec('rollback')
  other.close()
  t.match(await store.devices.create(config('sw'), 'form', 1), { version: 1 })
})

t.test('files that are no database, and addresses that are none', async t => {
  const dir = await tempDir(t)
  const { writeFile } = await import('node:fs/promises')
  await writeFile(
    path.join(dir, 'text.db'),
    'this is not a database, however long it is. '.repeat(99),
  )
  await t.rejects(openStore({ url: `sqlite:${dir}/text.db`, log }), { code: 'E_STORE_DAMAGED' })
  await t.rejects(openStore({ url: `sqlite:${dir}/no/such/folder.db`, log }), {
    code: 'E_STORE_ACCESS',
  })
  for (const url of ['sqlite:', 'postgres://x/y', 'mysql://host', 'mysql://h/db?x=1', 'mysql://']) {
    await t.rejects(openStore({ url, log }), { code: 'E_DATABASE_URL', hint: /sqlite:PATH/ }, url)
  }
})
