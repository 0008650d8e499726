// The cases of forecasts: rows of a device are replaced together, the nearest comes first, and nothing is
// left of a device that is gone.

import type { Test } from 'tap'
import type { Forecast } from '../../server/model/forecast.ts'
import { forecastsPerDeviceMax } from '../../server/store/forecasts.ts'
import type { NewPlace } from './place.ts'
import { config, opened } from './samples.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const PAGE = { limit: 100, offset: 0 }

const forecast = (
  title: string,
  inHours: number | null,
  change: Partial<Forecast> = {},
): Forecast => ({
  ...{ kind: 'storage', group: 'disk', metric: 'percent', title, row: '/var', rowName: '/var' },
  state: inHours === null ? 'stays' : 'reaches',
  ...{ why: null, value: 80.5, limit: 100, slope: 0.25 },
  soonestAt: inHours === null ? null : NOW + inHours * HOUR - 1,
  reachAt: inHours === null ? null : NOW + inHours * HOUR,
  latestAt: null,
  model: 'trend',
  card: { mase: 0.5, naive: 1.25, coverage: 0.8125, hours: 96 },
  madeAt: NOW,
  ...change,
})

export function forecastCases(t: Test, newPlace: NewPlace): void {
  t.test('the nearest first, those that reach nothing last, by kind, state and time', async t => {
    const { store, uid } = await opened(t, newPlace)
    const other = (await store.devices.create(config('other'), 'form', NOW)).uid
    const { forecasts } = store
    const near = forecast('near', 3)
    await forecasts.replace(uid, [forecast('never', null), near, forecast('far', 300)])
    await forecasts.replace(other, [
      forecast('between', 30, {
        kind: 'supply',
        row: null,
        rowName: null,
        card: null,
        model: null,
      }),
      forecast('unknown', null, { state: 'unknown', why: 'gaps', value: null, slope: null }),
    ])
    const titles = async (query: object) =>
      (await forecasts.list({ ...PAGE, ...query })).map(({ title }) => title)
    t.same(await titles({}), ['near', 'between', 'far', 'never', 'unknown'])
    t.same(await titles({ offset: 1, limit: 2 }), ['between', 'far'])
    t.same(await titles({ kinds: ['supply'] }), ['between'])
    t.same(await titles({ kinds: [] }), [])
    t.same(await titles({ states: ['stays', 'unknown'] }), ['never', 'unknown'])
    t.same(await titles({ before: NOW + 31 * HOUR }), ['near', 'between'])
    t.same(await titles({ deviceUid: other }), ['between', 'unknown'])
    const [first, second] = await forecasts.list(PAGE)
    t.same(first, { ...near, deviceUid: uid }, 'as it was written')
    t.equal(second?.card, null)
    t.same(await forecasts.counts({}), { reached: 0, reaches: 3, stays: 1, muted: 0, unknown: 1 })
    t.equal((await forecasts.counts({ kinds: ['supply'] })).reaches, 1)
    t.equal((await forecasts.counts({ deviceUid: uid })).unknown, 0)
  })

  t.test('rows are replaced, bounded, and cut to what a column takes', async t => {
    const { store, uid } = await opened(t, newPlace)
    const { forecasts } = store
    await forecasts.replace(uid, [forecast('one', 1), forecast('two', 2)])
    await forecasts.replace(uid, [forecast('three', 3)])
    t.same(
      (await forecasts.list(PAGE)).map(({ title }) => title),
      ['three'],
    )
    const many = Array.from({ length: forecastsPerDeviceMax + 5 }, (_, i) => forecast(`${i}`, i))
    await forecasts.replace(uid, many)
    t.equal((await forecasts.counts({})).reaches, forecastsPerDeviceMax)
    t.equal((await forecasts.list({ limit: 5000, offset: 0 })).length, forecastsPerDeviceMax)
    const odd = forecast('é'.repeat(200), 1.234_567_8, {
      row: '𐍈'.repeat(700),
      value: Number.NaN,
      slope: Number.POSITIVE_INFINITY,
      latestAt: Number.POSITIVE_INFINITY,
    })
    await forecasts.replace(uid, [odd])
    const [read] = await forecasts.list(PAGE)
    t.same([read?.value, read?.slope, read?.latestAt], [null, null, null])
    t.equal(read?.title.length, 100)
    await forecasts.replace(uid, [])
    t.same(await forecasts.list(PAGE), [])
  })

  t.test('a device that is gone has none', async t => {
    const { store, uid } = await opened(t, newPlace)
    const other = (await store.devices.create(config('other'), 'form', NOW)).uid
    const { forecasts } = store
    await forecasts.replace(uid, [forecast('a', 1)])
    await forecasts.replace(other, [forecast('b', 2, { madeAt: NOW - HOUR })])
    await store.devices.remove('sw', { history: false, at: NOW })
    t.same(
      (await forecasts.list(PAGE)).map(({ title }) => title),
      ['b'],
      'also while its history is kept',
    )
    await forecasts.replace(uid, [forecast('late', 1)])
    t.equal((await forecasts.counts({})).reaches, 1, 'what is made for it later is not stored')
    await forecasts.trim(NOW)
    t.same(await forecasts.list(PAGE), [], 'what nobody makes anew')
  })
}
