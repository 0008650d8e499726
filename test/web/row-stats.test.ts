// Goal: what a row's numbers came to over a time is right to the last sample: each value weighs as long
// as it stands for, gaps count for nothing, and long times are read from averages with true extremes.
import t from 'tap'
import type { GapReason } from '../../server/model/gap.ts'
import type { PageGroup, PageMetric } from '../../server/profiles/face.ts'
import { openStore } from '../../server/store/open.ts'
import type { DeviceView } from '../../server/web/device-data.ts'
import { meanOf, percentileOf, rowStats, weigh } from '../../server/web/row-stats.ts'
import { silentLog } from '../parts/broker.ts'

const MINUTE = 60_000

const point = (minute: number, value: number | null, gap: GapReason | null = null) => ({
  at: minute * MINUTE,
  value,
  gap,
})
const span = { from: 0, everyMs: MINUTE }
const minutes = (points: Parameters<typeof weigh>[0], isRate: boolean) =>
  weigh(points, span, isRate).map(({ value, ms }) => [value, ms / MINUTE])

t.test('a rate stands for the time since the last look at its counter', async t => {
  const silent = [point(1, 5), point(2, null, 'timeout'), point(3, null, 'timeout'), point(4, 7)]
  t.same(
    minutes(silent, true),
    [
      [5, 1],
      [7, 3],
    ],
    'also over a silence',
  )
  const fresh = [point(1, 5), point(3, null, 'timeout'), point(4, null, 'reset'), point(5, 7)]
  t.same(
    minutes(fresh, true),
    [
      [5, 1],
      [7, 1],
    ],
    'but not over a restart',
  )
  t.same(minutes([point(0.5, 9)], true), [[9, 0.5]], 'and not before the time that is asked for')
})

t.test('another value says nothing of a time without an answer', async t => {
  const silent = [point(1, 5), point(2, null, 'timeout'), point(4, 7)]
  t.same(minutes(silent, false), [
    [5, 1],
    [7, 1],
  ])
  t.same(
    minutes([point(1, 5), point(90, 7)], false),
    [
      [5, 1],
      [7, 1],
    ],
    'nor of one without reads',
  )
  const dense = [point(1, 5), point(1.1, 6), point(1.2, 7)].map(one => one)
  t.equal(weigh(dense, span, false).length, 3)
  t.equal(
    Math.round(meanOf(weigh(dense, span, false)) * 100) / 100,
    5.25,
    'dense reads weigh little',
  )
})

t.test('the percentile is one of the values', async t => {
  const hundred = Array.from({ length: 100 }, (_, i) => ({ value: 100 - i, ms: 1 }))
  t.equal(percentileOf(hundred, 0.95), 95)
  t.equal(percentileOf(hundred.slice(0, 1), 0.95), 100)
  t.equal(
    percentileOf(
      [
        { value: 1, ms: 94 },
        { value: 9, ms: 6 },
      ],
      0.95,
    ),
    9,
    'by time, not by number',
  )
})

const metric = (id: string, kind: PageMetric['kind'], unit: string): PageMetric => ({
  ...{ id, kind, unit, title: id, role: null, decimals: null, description: '', states: [] },
})
const group: PageGroup = {
  ...{ id: 'interface', title: 'Interfaces', description: '', table: true, charts: [] },
  metrics: [
    metric('in', 'rate', 'bit/s'),
    metric('errors', 'rate', '{error}/s'),
    metric('bytes', 'total', 'By'),
    metric('load', 'gauge', '%'),
    metric('never', 'gauge', '%'),
    metric('name', 'text', '1'),
  ],
  ...{ augments: null, everyMs: null },
}

t.test('a day, and half a year, from a real store', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const device = await store.devices.create(
    {
      ...{ id: 'sw', name: 'sw', kind: 'snmp', address: '127.0.0.1', port: 161, every: '60s' },
      ...{ profiles: ['auto'], timeout: '2s', retries: 1, enabled: true },
    },
    'api',
    1,
  )
  const row = { key: 'a', index: '1', name: 'a', labels: {} }
  const view: DeviceView = {
    ...{ device, id: 'sw', everyMs: MINUTE, sections: [], groups: new Map([['interface', group]]) },
    values: new Map(),
  }
  const to = Math.floor(Date.now() / 3_600_000) * 3_600_000
  const from = to - 100 * MINUTE
  await store.samples.write(
    Array.from({ length: 100 }, (_, i) => {
      const at = from + (i + 1) * MINUTE
      const isSilent = i === 50
      const good = new Map([
        ['in', [(i + 1) * 1e6, 7]],
        ['errors', [i === 10 ? 2 : 0, 7]],
        ['bytes', [i < 60 ? 1000 * i : 500 * (i - 60), 7]],
        ['load', [i, 7]],
      ])
      return {
        ...{ deviceUid: device.uid, group: 'interface', at, rows: ['a', 'b'], gaps: new Map() },
        ...{ metrics: isSilent ? new Map() : good, failed: isSilent ? 'timeout' : null },
      }
    }),
  )
  const window = { range: null, from, to, compare: false, forecast: false, query: '' }
  const { lines, count, step } = await rowStats(store, view, group, row, window)
  t.same(
    lines.map(({ title }) => title),
    ['in', 'errors', 'bytes', 'load'],
    'numbers that have values',
  )
  t.match({ count, step }, { count: 100, step: '' })
  const [inbound, errors, bytes, load] = lines
  // 1 to 100 Mbit/s a minute each; that of minute 52 stands for two, as 51 was silent.
  const bits = (5050 - 51 + 52) * 60e6
  t.equal(inbound?.total, `${(bits / 8 / 1024 ** 3).toFixed(1)} GiB`)
  t.match(inbound, { p95: '95 Mbit/s', lowest: '1 Mbit/s', highest: '100 Mbit/s' })
  t.equal(Math.round(inbound?.measured ?? 0), 100)
  t.match(errors, { total: '120 errors', highest: '2 errors/s' })
  // Up to 59,000, then from nothing to 19,500.
  t.match(bytes, { total: '76.7 KiB', p95: '' })
  t.match(load, { total: '', mean: '49.5 %', lowest: '0 %', highest: '99 %' })
  t.equal(Math.round(load?.measured ?? 0), 99, 'a silent minute is not measured')

  const long = { ...window, from: to - 180 * 86_400_000 }
  const half = await rowStats(store, view, group, row, long)
  t.equal(half.step, '1 h')
  t.match(half.lines[0], { highest: '100 Mbit/s', lowest: '1 Mbit/s' }, 'extremes are of samples')
  t.notMatch(half.lines[0]?.p95, /^100 /, 'the percentile is of averages')
  t.ok((half.lines[0]?.measured ?? 100) < 1, 'and most of the time there was nothing')
  const none = await rowStats(store, view, { ...group, metrics: [] }, row, window)
  t.same(none.lines, [])
})
