// What every store must do, over whichever database: run by sqlite.test.ts and mariadb.test.ts.

import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../parts/find.ts'
import { compactionCases } from './conformance-compaction.ts'
import { readingCases } from './conformance-reading.ts'
import { retentionCases } from './conformance-retention.ts'
import { deviceCases, peopleCases } from './conformance-things.ts'
import { writingCases } from './conformance-writing.ts'
import { log, type NewPlace } from './place.ts'

export function conformance(t: Test, newPlace: NewPlace): void {
  schemaCases(t, newPlace)
  writingCases(t, newPlace)
  readingCases(t, newPlace)
  deviceCases(t, newPlace)
  peopleCases(t, newPlace)
}

/** What the maintenance of every store must do: run by the files named *-tending. */
export function tendingConformance(t: Test, newPlace: NewPlace): void {
  compactionCases(t, newPlace)
  retentionCases(t, newPlace)
}

function schemaCases(t: Test, newPlace: NewPlace): void {
  t.test('stores that open an empty database at once migrate it once', async t => {
    const { url, raw } = await newPlace(t)
    const stores = await Promise.all(Array.from({ length: 4 }, () => openStore({ url, log })))
    await Promise.all(stores.map(store => store.ping()))
    await Promise.all(stores.map(store => store.close()))
    const rows = await raw('select name, finished_at from migration order by name')
    t.equal(rows[0]?.name, '0001_device')
    t.ok(rows.every(row => typeof row.finished_at === 'number'))
    const again = await openStore({ url, log })
    t.teardown(() => again.close())
    t.equal((await raw('select name from migration')).length, rows.length)
  })

  t.test('a schema of a newer version is refused, and left as it is', async t => {
    const { url, raw } = await newPlace(t)
    await (await openStore({ url, log })).close()
    await raw(`insert into migration values ('9999_from_the_future', 1, 1)`)
    await t.rejects(openStore({ url, log }), {
      code: 'E_SCHEMA_NEWER',
      message: /9999_from_the_future/,
      hint: /newer version/,
    })
  })

  t.test('a migration that fails names its file and statement, and is run again', async t => {
    const { url, raw } = await newPlace(t)
    const migrationsDir = path.join(await tempDir(t), 'migrations')
    await mkdir(migrationsDir)
    await writeFile(path.join(migrationsDir, '0001_good.sql'), 'create table good (id {id})')
    await writeFile(path.join(migrationsDir, '0002_bad.sql'), 'create tabel bad (id {id})')
    await t.rejects(openStore({ url, migrationsDir, log }), {
      code: 'E_MIGRATION',
      message: /0002_bad\.sql.*create tabel bad/s,
    })
    await writeFile(path.join(migrationsDir, '0002_bad.sql'), 'create table bad (id {id})')
    await (await openStore({ url, migrationsDir, log })).close()
    t.same(await raw('select * from good'), [])
    t.same(await raw('select * from bad'), [])
    await writeFile(path.join(migrationsDir, '3.sql'), '')
    await t.rejects(openStore({ url, migrationsDir, log }), { code: 'E_MIGRATION', hint: /NNNN/ })
  })

  t.test('closing twice, and calls after closing', async t => {
    const { url } = await newPlace(t)
    const store = await openStore({ url, log })
    await Promise.all([store.close(), store.close()])
    await store.close()
    await t.rejects(store.ping())
  })
}
