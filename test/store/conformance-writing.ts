// The cases of writing samples: once, by several stores at once, and after errors.

import type { Test } from 'tap'
import { GAP_REASONS } from '../../server/model/gap.ts'
import type { WriteOutcome } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { until } from '../parts/find.ts'
import { log, type NewPlace } from './place.ts'
import { collected, config, failed, gap, good, names, opened, readAll } from './samples.ts'

export function writingCases(t: Test, newPlace: NewPlace): void {
  storingCases(t, newPlace)
  troubleCases(t, newPlace)
  sharingCases(t, newPlace)
}

function storingCases(t: Test, newPlace: NewPlace): void {
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
