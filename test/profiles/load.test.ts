// Goal: profiles are read from disk and watched; a changed file is in force soon, and one that breaks
// keeps its last good version in force while its problem is listed.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Catalogue } from '../../server/profiles/catalogue.ts'
import { LastGood, loadSources, watchCatalogue } from '../../server/profiles/load.ts'
import { tempDir, until } from '../parts/find.ts'
import { source } from './kit.ts'

const log = pino({ level: 'silent' })
const doc = (title: string, oid = '1.3.1.0') =>
  JSON.stringify({ title, scalars: { g: { title: 'G', metrics: { m: { title: 'M', oid } } } } })

t.test('loadSources', async t => {
  const dir = await tempDir(t)
  const userDir = path.join(dir, 'user')
  await mkdir(userDir)
  await writeFile(path.join(dir, 'a.json'), doc('A'))
  await writeFile(path.join(dir, 'profile.schema.json'), '{}')
  await writeFile(path.join(dir, 'README.md'), 'x')
  await writeFile(path.join(userDir, 'b.json'), doc('B'))
  await writeFile(path.join(userDir, 'big.json'), ' '.repeat((1 << 20) + 10))
  await mkdir(path.join(userDir, 'folder.json'))
  const sources = await loadSources({ shippedDir: dir, userDir })
  t.same(
    sources.map(s => [s.id, s.from]),
    [
      ['a', 'shipped'],
      ['b', 'user'],
      ['big', 'user'],
      ['folder', 'user'],
    ],
  )
  t.match(sources[1]?.file, /^user\/b\.json$/)
  const { problems, profiles } = buildCatalogue(sources)
  t.same(problems.map(p => [p.profile, p.code]).sort(), [
    ['b', 'E_GROUP_TWICE'],
    ['big', 'E_JSON'],
    ['folder', 'E_JSON'],
  ])
  t.same([...profiles.keys()], ['a'])
  t.same((await loadSources({ shippedDir: dir })).length, 1)
  await t.rejects(loadSources({ shippedDir: dir, userDir: path.join(dir, 'absent') }), {
    code: 'E_PROFILES_DIR',
    hint: /POLLUX_PROFILES_DIR/,
  })
  await t.rejects(loadSources({ shippedDir: path.join(dir, 'absent') }), { code: 'E_PROFILES_DIR' })
})

t.test('the last good version stays, also of a child whose parent breaks', async t => {
  const lastGood = new LastGood()
  const child = source('child', { title: 'C', extends: ['parent'] })
  const good = lastGood.build([source('parent', doc('P')), child])
  t.same([...good.profiles.keys()].sort(), ['child', 'parent'])
  const broken = lastGood.build([source('parent', doc('P2').slice(0, -1)), child])
  t.same([...broken.profiles.keys()].sort(), ['child', 'parent'])
  t.equal(broken.profiles.get('parent')?.title, 'P')
  t.same(broken.problems.map(p => [p.profile, p.code]).sort(), [
    ['child', 'E_EXTENDS'],
    ['parent', 'E_JSON'],
  ])
  t.equal(broken.version, good.version, 'what is in force is the same')
  t.equal(buildCatalogue(broken.sources).version, broken.version, 'a thread builds the same')
  const mended = lastGood.build([source('parent', doc('P3')), child])
  t.equal(mended.profiles.get('parent')?.title, 'P3')
  t.same(mended.problems, [])
  t.same([...lastGood.build([child]).profiles.keys()], [], 'a deleted file is gone')
})

t.test('hot reload', async t => {
  const dir = await tempDir(t)
  const seen: Catalogue[] = []
  await writeFile(path.join(dir, 'a.json'), doc('A'))
  const watch = await watchCatalogue({ shippedDir: dir, log, onChange: c => seen.push(c) })
  t.teardown(() => watch.close())
  t.equal(watch.catalogue.profiles.get('a')?.title, 'A')
  await writeFile(path.join(dir, 'a.json'), doc('B'))
  await until(() => watch.catalogue.profiles.get('a')?.title === 'B', 'the change')
  await writeFile(path.join(dir, 'a.json'), doc('C').replace('oid', 'odi'))
  await until(() => watch.catalogue.problems.length > 0, 'the problem')
  t.equal(watch.catalogue.profiles.get('a')?.title, 'B')
  t.match(watch.catalogue.problems[0], { code: 'E_SCHEMA', severity: 'error' })
  await writeFile(path.join(dir, 'b.json'), JSON.stringify({ title: 'New' }))
  await until(() => watch.catalogue.profiles.has('b'), 'the new file')
  await rm(path.join(dir, 'b.json'))
  await until(() => !watch.catalogue.profiles.has('b'), 'the file to be gone')
  t.equal(seen.at(-1), watch.catalogue)
  const count = seen.length
  await watch.refresh()
  t.equal(seen.length, count, 'nothing changed, nobody is told')
  await watch.close()
  await watch.close()
})

t.test('the folder going away keeps the last catalogue', async t => {
  const dir = await tempDir(t)
  const inner = path.join(dir, 'oids')
  await mkdir(inner)
  await writeFile(path.join(inner, 'a.json'), doc('A'))
  const watch = await watchCatalogue({ shippedDir: inner, log, onChange: () => {} })
  t.teardown(() => watch.close())
  await rm(inner, { recursive: true })
  await watch.refresh()
  t.ok(watch.catalogue.profiles.has('a'))
})

t.test('profiles of another place: seen, behind the files, kept while it is away', async t => {
  const dir = await tempDir(t)
  const kept = { stamp: '1', away: false, sources: [source('a', doc('Other A'))] }
  const reads: string[] = []
  const others = {
    async stamp() {
      if (kept.away) throw new Error('the database is away')
      return kept.stamp
    },
    async read() {
      reads.push(kept.stamp)
      return kept.sources
    },
  }
  const options = { shippedDir: dir, userDir: await tempDir(t), others, log, onChange: () => {} }
  const watch = await watchCatalogue(options)
  t.teardown(() => watch.close())
  t.equal(watch.catalogue.profiles.get('a')?.title, 'Other A')
  await writeFile(path.join(options.userDir, 'a.json'), doc('File A'))
  await until(() => watch.catalogue.profiles.get('a')?.title === 'File A', 'the file to win')
  t.same(reads, ['1'], 'read again only where it changed')
  kept.away = true
  kept.sources = []
  await rm(path.join(options.userDir, 'a.json'))
  await until(() => watch.catalogue.profiles.get('a')?.title === 'Other A', 'what was read last')
  kept.away = false
  kept.sources = [source('b', doc('B'))]
  kept.stamp = '2'
  await until(() => watch.catalogue.profiles.has('b'), 'the change')
  t.notOk(watch.catalogue.profiles.has('a'))
})
