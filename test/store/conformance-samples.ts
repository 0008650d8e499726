// The cases of samples: written once, read as written, by several stores at once, after errors.

import type { Test } from 'tap'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Value } from '../../server/model/collection.ts'
import { GAP_REASONS, type GapReason } from '../../server/model/gap.ts'
import type { SamplePoint, Store, WriteOutcome } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'
import { log, type NewPlace, type Place } from './conformance.ts'
import { randomFrom, SEED } from './random.ts'

export const config = (id: string) => ({
  id,
  name: id,
  kind: 'snmp' as const,
  address: '192.0.2.1',
  profiles: ['auto'],
  every: '60s',
  timeout: '2s',
  retries: 1,
  enabled: true,
})

type Cell = number | string | { gap: GapReason }

/** A collection: metric → one cell per row. */
export function collected(
  deviceUid: number,
  at: number,
  rows: string[] | null,
  cells: Record<string, Cell[]>,
  group = 'interface',
): AcceptedCollection {
  const metrics = new Map<string, Value[]>()
  const gaps = new Map<string, (GapReason | null)[]>()
  for (const [metric, list] of Object.entries(cells)) {
    metrics.set(
      metric,
      list.map(cell => (typeof cell === 'object' ? null : cell)),
    )
    gaps.set(
      metric,
      list.map(cell => (typeof cell === 'object' ? cell.gap : null)),
    )
  }
  return { deviceUid, group, at, rows, metrics, gaps, failed: null }
}

export const failed = (
  deviceUid: number,
  at: number,
  reason: GapReason,
  group = 'interface',
): AcceptedCollection => ({
  deviceUid,
  group,
  at,
  rows: null,
  metrics: new Map(),
  gaps: new Map(),
  failed: reason,
})

const good = (at: number, value: number | string): SamplePoint => ({ at, value, gap: null })
const gap = (at: number, reason: GapReason): SamplePoint => ({ at, value: null, gap: reason })

/** `metric row` → points. */
async function readAll(
  store: Store,
  deviceUid: number,
  metrics: string[],
  more: { points?: number; fn?: 'avg' | 'min' | 'max' | 'last'; to?: number; rows?: string[] } = {},
  group = 'interface',
): Promise<Record<string, SamplePoint[]>> {
  const read = await store.samples.read({
    deviceUid,
    group,
    metrics,
    from: 0,
    to: 1_000_000,
    ...more,
  })
  return Object.fromEntries(read.map(({ metric, row, points }) => [`${metric} ${row}`, points]))
}

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

async function opened(
  t: Test,
  newPlace: NewPlace,
): Promise<{ place: Place; store: Store; uid: number }> {
  const place = await newPlace(t)
  const store = await openStore({ url: place.url, log })
  t.teardown(() => store.close())
  const { uid } = await store.devices.create(config('sw'), 'form', 1)
  return { place, store, uid }
}

export function sampleCases(t: Test, newPlace: NewPlace): void {
  writingCases(t, newPlace)
  readingCases(t, newPlace)
  textCases(t, newPlace)
  troubleCases(t, newPlace)
  sharingCases(t, newPlace)
}

function writingCases(t: Test, newPlace: NewPlace): void {
  t.test('what was written is read, and a second time it is a duplicate', async t => {
    const { store, uid } = await opened(t, newPlace)
    const one = collected(uid, 1000, ['Gi1', 'Gi2'], {
      in: [412_000_000.5, { gap: 'reset' }],
      oper: [1, 2],
    })
    const two = collected(uid, 2000, ['Gi1', 'Gi2'], {
      in: [-0.1, 3],
      oper: [{ gap: 'partial' }, 2],
    })
    t.same(await store.samples.write([one, two]), ['stored', 'stored'])
    t.same(await store.samples.write([two, one]), ['duplicate', 'duplicate'])
    t.same(await store.samples.write([one, one]), ['duplicate', 'duplicate'])
    t.same(await readAll(store, uid, ['in', 'oper']), {
      'in Gi1': [good(1000, 412_000_000.5), good(2000, -0.1)],
      'in Gi2': [gap(1000, 'reset'), good(2000, 3)],
      'oper Gi1': [good(1000, 1), gap(2000, 'partial')],
      'oper Gi2': [good(1000, 2), good(2000, 2)],
    })
    t.same(await store.samples.write([]), [])
  })

  t.test('scalars have no row, and rows that differ a little are different rows', async t => {
    const { store, uid } = await opened(t, newPlace)
    const rows = ['a', 'A', 'a ', '', 'ä', '日本', 'a|b', '%7C', "'; drop table poll; --"]
    await store.samples.write([
      collected(uid, 1, null, { uptime: [77] }, 'system'),
      collected(uid, 1, rows, { in: rows.map((_, index) => index) }),
    ])
    t.same(await readAll(store, uid, ['uptime'], {}, 'system'), { 'uptime null': [good(1, 77)] })
    t.same(
      await readAll(store, uid, ['in']),
      Object.fromEntries(rows.map((row, index) => [`in ${row}`, [good(1, index)]])),
    )
    const series = await store.samples.series(uid)
    t.equal(series.length, rows.length + 1)
    t.same(series[0], { deviceUid: uid, group: 'system', metric: 'uptime', row: null, firstAt: 1 })
  })

  t.test('a group with many series has several streams, and slots are not used again', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const rows = names('r', 150)
    const values = rows.map((_, index) => index)
    await store.samples.write([collected(uid, 1, rows, { in: values, out: values })])
    t.equal((await place.raw('select id from stream')).length, 3)
    t.same(
      await store.samples.write([
        collected(uid, 2, ['r149', 'new', 'r0'], { in: [5, 6, 7], out: [8, 9, 10] }),
      ]),
      ['stored'],
    )
    const read = await readAll(store, uid, ['in', 'out'])
    t.equal(Object.keys(read).length, 302)
    t.same(read['out r149'], [good(1, 149), good(2, 8)])
    t.same(read['in new'], [good(2, 6)])
    t.same(read['in r75'], [good(1, 75)], 'a row that is not in a poll has no point then')
    t.same(await store.samples.write([collected(uid, 1, rows, { in: values, out: values })]), [
      'duplicate',
    ])
  })

  t.test('a failed collection is a gap of every series of its group', async t => {
    const { store, uid } = await opened(t, newPlace)
    t.same(await store.samples.write([failed(uid, 500, 'auth')]), ['stored'], 'no series known')
    const rows = names('r', 120)
    await store.samples.write([
      collected(uid, 1000, rows, { in: rows.map(() => 1) }),
      collected(uid, 1000, null, { uptime: [1] }, 'system'),
    ])
    t.same(await store.samples.write([failed(uid, 2000, 'timeout')]), ['stored'])
    t.same(await store.samples.write([failed(uid, 2000, 'timeout')]), ['duplicate'])
    const read = await readAll(store, uid, ['in'])
    t.equal(Object.keys(read).length, 120)
    for (const points of Object.values(read)) {
      if (points.length !== 2 || points[1]?.gap !== 'timeout') t.fail(JSON.stringify(points))
    }
    t.same(await readAll(store, uid, ['uptime'], {}, 'system'), { 'uptime null': [good(1000, 1)] })
  })

  t.test('parts of one poll that share a stream are put together', async t => {
    const { store, uid } = await opened(t, newPlace)
    const first = collected(uid, 1, ['a', 'b'], { in: [1, { gap: 'partial' }] })
    const second = collected(uid, 1, ['b', 'c'], { in: [2, 3], name: ['x', 'y'] })
    t.same(await store.samples.write([first]), ['stored'])
    t.same(await store.samples.write([second]), ['stored'], 'it has more')
    t.same(await store.samples.write([first, second]), ['duplicate', 'duplicate'])
    t.same(await readAll(store, uid, ['in', 'name']), {
      'in a': [good(1, 1)],
      'in b': [good(1, 2)],
      'in c': [good(1, 3)],
      'name b': [good(1, 'x')],
      'name c': [good(1, 'y')],
    })
  })

  t.test('every gap reason comes back', async t => {
    const { store, uid } = await opened(t, newPlace)
    await store.samples.write([
      collected(uid, 9, GAP_REASONS, { in: GAP_REASONS.map(reason => ({ gap: reason })) }),
    ])
    const read = await readAll(store, uid, ['in'])
    for (const reason of GAP_REASONS) t.same(read[`in ${reason}`], [gap(9, reason)])
  })
}

function readingCases(t: Test, newPlace: NewPlace): void {
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

function troubleCases(t: Test, newPlace: NewPlace): void {
  t.test('a batch that fails leaves nothing of itself, and no ids in memory', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write([collected(uid, 1, ['a'], { in: [1], name: ['x'] })])
    await place.raw('alter table poll rename to poll_away')
    const batch = [
      collected(uid, 2, ['a', 'b'], { in: [2, 3], name: ['y', 'z'] }),
      collected(uid, 2, null, { uptime: [5] }, 'system'),
    ]
    await t.rejects(store.samples.write(batch), { code: 'E_STORE_FAILED', passing: false })
    await place.raw('alter table poll_away rename to poll')
    t.equal((await place.raw('select ts from text_log')).length, 1, 'no text of the failed batch')
    t.same(await store.samples.write(batch), ['stored', 'stored'])
    const fresh = await openStore({ url: place.url, log })
    t.teardown(() => fresh.close())
    for (const one of [store, fresh]) {
      t.same(await readAll(one, uid, ['in', 'name']), {
        'in a': [good(1, 1), good(2, 2)],
        'name a': [good(1, 'x'), good(2, 'y')],
        'in b': [good(2, 3)],
        'name b': [good(2, 'z')],
      })
      t.same(await readAll(one, uid, ['uptime'], {}, 'system'), { 'uptime null': [good(2, 5)] })
    }
  })

  t.test('one collection that is refused does not hurt the others of its batch', async t => {
    const { store, uid } = await opened(t, newPlace)
    const outcomes: WriteOutcome[] = await store.samples.write([
      collected(uid, 1, ['a'], { in: [1] }),
      collected(9999, 1, ['a'], { in: [1] }),
      failed(9999, 1, 'timeout'),
      collected(uid, 1, names('r', 50_001), { in: Array.from({ length: 50_001 }, () => 1) }, 'big'),
      collected(uid, 2, ['a'], { in: [2] }),
    ])
    t.same(outcomes, [
      'stored',
      { refused: 'unknown-device' },
      { refused: 'unknown-device' },
      { refused: 'too-many-series' },
      'stored',
    ])
    t.equal((await store.samples.series(uid)).length, 1)
  })

  t.test('a damaged poll is a gap in the chart, and is mended when it comes again', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const two = collected(uid, 2, ['a'], { in: [2] })
    await store.samples.write([collected(uid, 1, ['a'], { in: [1] }), two])
    await place.raw('update poll set data = substr(data, 1, 3) where ts = 2')
    t.same(await readAll(store, uid, ['in']), { 'in a': [good(1, 1), gap(2, 'decode')] })
    t.match(await store.samples.latest(uid), [{ at: 1, value: 1 }])
    t.same(await store.samples.write([two]), ['stored'])
    t.same(await readAll(store, uid, ['in']), { 'in a': [good(1, 1), good(2, 2)] })
  })
}

function sharingCases(t: Test, newPlace: NewPlace): void {
  t.test('two stores on one database: the same new series and times at once', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const other = await openStore({ url: place.url, log })
    t.teardown(() => other.close())
    const second = await store.devices.create(config('sw-2'), 'form', 1)
    const rows = names('r', 120)
    const half = (at: number, device: number, odd: number) => {
      const mine = rows.filter((_, index) => index % 2 === odd)
      return collected(device, at, mine, { in: mine.map(row => Number(row.slice(1)) + at) })
    }
    const times = Array.from({ length: 12 }, (_, index) => index)
    const outcomes = await Promise.all(
      times.flatMap(at => [
        store.samples.write([half(at, uid, 0), half(at, second.uid, 0)]),
        other.samples.write([half(at, second.uid, 1), half(at, uid, 1)]),
        other.samples.write([half(at, uid, 0)]),
      ]),
    )
    t.equal(outcomes.length, 36)
    t.ok(outcomes.flat().every(outcome => outcome === 'stored' || outcome === 'duplicate'))
    for (const device of [uid, second.uid]) {
      const read = await readAll(other, device, ['in'])
      t.equal(Object.keys(read).length, 120, 'no series twice')
      t.equal((await store.samples.series(device)).length, 120)
      const wrong = rows.filter(
        row =>
          JSON.stringify(read[`in ${row}`]) !==
          JSON.stringify(times.map(at => good(at, Number(row.slice(1)) + at))),
      )
      t.same(wrong, [])
    }
  })

  t.test('a device that is removed while its samples come', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const outcomes: WriteOutcome[] = []
    let running = true
    const writing = (async () => {
      for (let at = 0; running; at++) {
        outcomes.push(...(await store.samples.write([collected(uid, at, ['a'], { in: [at] })])))
      }
    })()
    await until(() => outcomes.length > 5, 'some writes')
    await store.devices.remove('sw', { history: true, at: 5 })
    await until(() => typeof outcomes.at(-1) === 'object', 'the first refusal')
    running = false
    await writing
    t.same(outcomes.at(-1), { refused: 'unknown-device' })
    for (const table of ['device', 'stream', 'series', 'poll']) {
      t.same(await place.raw(`select count(*) as n from ${table}`), [{ n: 0 }], table)
    }
  })
}
