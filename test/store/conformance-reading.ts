// The cases of reading samples: what was written, in whatever order it came, texts and the newest ones.

import type { Test } from 'tap'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { GAP_REASONS } from '../../server/model/gap.ts'
import { Damage } from '../../server/store/blocks.ts'
import type { SamplePoint } from '../../server/store/contract.ts'
import { connectDatabase } from '../../server/store/database.ts'
import { openStore, parseDatabaseUrl } from '../../server/store/open.ts'
import { readSamples } from '../../server/store/read.ts'
import { log, type NewPlace } from './place.ts'
import { randomFrom, SEED } from './random.ts'
import { type Cell, collected, failed, gap, good, names, opened, readAll } from './samples.ts'

export function readingCases(t: Test, newPlace: NewPlace): void {
  pointCases(t, newPlace)
  textCases(t, newPlace)
}

function pointCases(t: Test, newPlace: NewPlace): void {
  t.test('a time, some rows, and buckets', async t => {
    const { store, uid } = await opened(t, newPlace)
    const rows = names('r', 130)
    const times = Array.from({ length: 60 }, (_, index) => index * 1000)
    await store.samples.write(
      times.map(at =>
        at === 30_000
          ? failed(uid, at, 'timeout')
          : collected(uid, at, rows, { in: rows.map((_, row) => at / 1000 + row) }),
      ),
    )
    const some = { deviceUid: uid, group: 'interface', metrics: ['in'], rows: ['r120', 'r3'] }
    const raw = await store.samples.read({ ...some, from: 2000, to: 4000 })
    t.same(
      raw.map(({ row, points }) => [row, points]),
      [
        ['r3', [good(2000, 5), good(3000, 6), good(4000, 7)]],
        ['r120', [good(2000, 122), good(3000, 123), good(4000, 124)]],
      ],
      'both ends belong to it',
    )
    const bucketed = { ...some, rows: ['r0'], from: 0, to: 60_000, points: 6 }
    const value = async (fn: 'avg' | 'min' | 'max' | 'last') =>
      (await store.samples.read({ ...bucketed, fn }))[0]?.points.map(point => point.value)
    t.same(await value('min'), [0, 10, 20, 31, 40, 50])
    t.same(await value('max'), [9, 19, 29, 39, 49, 59])
    t.same(await value('last'), [9, 19, 29, 39, 49, 59])
    t.same(await value('avg'), [4.5, 14.5, 24.5, 35, 44.5, 54.5])
    const narrow = { ...bucketed, from: 29_500, to: 31_500, points: 4 }
    t.same(
      (await store.samples.read(narrow))[0]?.points,
      [gap(29_500, 'timeout'), good(30_500, 31)].map((point, index) => ({
        ...point,
        at: [30_000, 31_000][index],
      })),
    )
    t.same(await store.samples.read({ ...some, metrics: [], from: 0, to: 1 }), [])
    t.same(await store.samples.read({ ...some, metrics: ['nothing'], from: 0, to: 1 }), [])
    await t.rejects(store.samples.read({ ...bucketed, points: 0 }), { code: 'E_SAMPLE_QUERY' })
  })

  t.test('a chart waits for no transaction, and sees nothing that is not committed', async t => {
    const { store, uid, place } = await opened(t, newPlace)
    await store.samples.write([collected(uid, 1000, ['a'], { in: [5] })])
    const database = connectDatabase(parseDatabaseUrl(place.url))
    t.teardown(() => database.close())
    const query = { deviceUid: uid, group: 'interface', metrics: ['in'], from: 0, to: 2000 }
    const read = await database.transaction(async tx => {
      await tx.deleteFrom('poll').execute()
      return readSamples(database, query, log, new Damage(log))
    })
    t.same(read[0]?.points, [good(1000, 5)])
    t.same((await store.samples.read(query))[0]?.points, [], 'once it is committed, it is seen')
  })

  t.test('more polls than one page of the reader, oldest first', async t => {
    const { store, uid } = await opened(t, newPlace)
    const times = Array.from({ length: 4500 }, (_, index) => index * 10)
    await store.samples.write(
      times.toReversed().map(at => collected(uid, at, null, { load: [at] })),
    )
    const read = await readAll(store, uid, ['load'])
    t.same(
      read['load null']?.map(point => point.value),
      times,
    )
  })

  t.test(
    'latest: the newest point of each series, gaps too, slow ones by looking back',
    async t => {
      const { store, uid } = await opened(t, newPlace)
      const rows = names('r', 250)
      await store.samples.write([
        collected(uid, 1000, rows, { in: rows.map(() => 1) }),
        collected(uid, 1000, ['r0'], { serial: ['S-1'], slow: [42] }),
      ])
      await store.samples.write(
        Array.from({ length: 40 }, (_, index) =>
          collected(uid, 2000 + index, rows, {
            in: rows.map((_, row) => (row === 7 && index === 39 ? { gap: 'reset' } : index)),
          }),
        ),
      )
      const latest = await store.samples.latest(uid)
      t.equal(latest.length, 252)
      const of = (metric: string, row: string) =>
        latest.find(one => one.metric === metric && one.row === row)
      t.match(of('in', 'r249'), { at: 2039, value: 39, gap: null, firstAt: 1000 })
      t.match(of('in', 'r7'), { at: 2039, value: null, gap: 'reset' })
      t.match(of('slow', 'r0'), { at: 1000, value: 42 })
      t.match(of('serial', 'r0'), { at: 1000, value: 'S-1' })
      t.same(await store.samples.latest(4711), [])
    },
  )

  t.test(
    `random collections in random order give what a plain map gives (seed ${SEED})`,
    async t => {
      const { place, store, uid } = await opened(t, newPlace)
      const other = await openStore({ url: place.url, log })
      t.teardown(() => other.close())
      const random = randomFrom(SEED)
      const expected = new Map<string, Map<number, SamplePoint>>()
      for (let run = 0; run < 40; run++) {
        const batch = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
          randomCollection(random, uid),
        )
        for (const collection of batch) expectCells(expected, collection)
        await (random() < 0.5 ? store : other).samples.write(batch)
      }
      const read = await readAll(store, uid, ['num', 'txt'])
      const wanted = Object.fromEntries(
        [...expected].map(([name, points]) => [
          name,
          [...points.values()].sort((a, b) => a.at - b.at),
        ]),
      )
      t.same(read, wanted)
    },
  )
}

const TEXTS = ['up', 'down', '', 'ünï', 'x'.repeat(3000), ' up', 'UP']

function randomCollection(random: () => number, uid: number): AcceptedCollection {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]
  const rows = names('row', 90).filter(() => random() < 0.4)
  const cells = (make: () => Cell) =>
    rows.map(() => (random() < 0.1 ? { gap: pick(GAP_REASONS) ?? 'timeout' } : make()))
  return collected(uid, Math.floor(random() * 60), rows, {
    num: cells(() => Number((random() * 10 ** (random() * 12)).toPrecision(5))),
    ...(random() < 0.7 && { txt: cells(() => pick(TEXTS) ?? '') }),
  })
}

/** The first value stays; a value replaces a gap. */
function expectCells(
  expected: Map<string, Map<number, SamplePoint>>,
  { at, rows, metrics, gaps }: AcceptedCollection,
): void {
  for (const [metric, values] of metrics) {
    values.forEach((value, index) => {
      const name = `${metric} ${rows?.[index]}`
      const points = expected.get(name) ?? new Map<number, SamplePoint>()
      expected.set(name, points)
      const known = points.get(at)
      if (known && (known.gap === null || value === null)) return
      points.set(at, { at, value, gap: gaps.get(metric)?.[index] ?? null })
    })
  }
}

function textCases(t: Test, newPlace: NewPlace): void {
  t.test('texts: a row only where they change, whoever writes and in whatever order', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const other = await openStore({ url: place.url, log })
    t.teardown(() => other.close())
    const say = (at: number, text: string) => collected(uid, at, null, { version: [text] })
    await store.samples.write([say(10, 'one'), say(20, 'one'), say(30, 'two')])
    t.equal((await place.raw('select ts from text_log')).length, 2)
    await other.samples.write([say(40, 'two'), say(50, 'three')])
    await store.samples.write([say(60, 'two'), say(15, 'late'), say(5, 'one')])
    const said = async (points?: number) =>
      (await readAll(store, uid, ['version'], points ? { points, to: 60 } : {}))[
        'version null'
      ]?.map(point => `${point.at} ${point.value}`)
    t.same(await said(), [
      '5 one',
      '10 one',
      '15 late',
      '20 one',
      '30 two',
      '40 two',
      '50 three',
      '60 two',
    ])
    t.same(await said(3), ['0 late', '20 two', '40 two'], 'a bucket has its last text')
  })

  t.test('a text stays what it was: emoji, blanks, NUL, long ones', async t => {
    const { store, uid } = await opened(t, newPlace)
    const texts = ['', ' ', 'a\u0000b', '😀', '\\\'"`%_', 'é', 'e\u0301', 'x'.repeat(4096), 'a\nb']
    await store.samples.write([collected(uid, 1, names('r', texts.length), { label: texts })])
    const read = await readAll(store, uid, ['label'])
    texts.forEach((text, index) => {
      t.equal(read[`label r${index}`]?.[0]?.value, text, JSON.stringify(text.slice(0, 9)))
    })
    await store.samples.write([collected(uid, 2, ['\ud800'], { label: ['\udc00!'] })])
    t.same((await readAll(store, uid, ['label']))['label \ufffd'], [good(2, '\ufffd!')])
  })
}
