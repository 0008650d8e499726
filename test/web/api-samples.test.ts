// Goal: latest, series and samples agree with each other and with what the simulated devices said:
// values, units, rows, indexes, and a gap with its reason where a device is silent.
import t from 'tap'
import { until } from '../parts/find.ts'
import { Series, Shown, silentDevice, startApi } from './caller.ts'

const { test, ask, latest, history } = await startApi(t, { network: true, every: '2s' })

t.test('latest and samples: what the device said, with units, rows and indexes', async t => {
  const newest = await until(async () => {
    const found = await latest('app-01')
    const flowing = found.samples.some(
      s => s.metric === 'interface.in' && s.row === 'eth0' && Number(s.value) > 0,
    )
    // The names of rows come in messages of their own.
    const named = found.samples.every(s => s.row === null || s.index !== null)
    return flowing && named && found
  }, 'traffic of app-01')
  const of = (metric: string, row: string | null = null) =>
    newest.samples.find(s => s.metric === metric && s.row === row)

  t.match(of('interface.speed', 'eth0'), { value: 1e9, unit: 'bit/s', index: '2', gap: null })
  t.match(of('interface.oper', 'eth0'), { value: 1, index: '2' }, 'a state is a number')
  t.match(of('hr_system.processes'), { unit: '{process}', row: null, index: null })
  t.match(of('hr_memory.size', 'Physical memory'), { value: 2 ** 34, unit: 'By', index: '1' })
  t.match(of('hr_storage.size', '/var'), { value: 120 * 2 ** 30, unit: 'By', index: '36' })
  const cores = newest.samples.filter(s => s.metric === 'hr_processor.usage')
  t.equal(cores.length, 4)
  for (const { value, unit, index } of cores) {
    t.ok(typeof value === 'number' && value >= 0 && value <= 100, `${value} %`)
    t.equal(unit, '%')
    t.match(index, /^1966\d\d$/)
  }
  t.equal(newest.at, Math.max(...newest.samples.map(s => s.at)))
  t.equal(new Set(newest.samples.map(s => `${s.metric} ${s.row}`)).size, newest.samples.length)
  for (const { metric, value, gap } of newest.samples)
    t.equal(value === null, gap !== null, `${metric}: a null has a gap, a value none`)

  const inbound = of('interface.in', 'eth0')
  const stored = await until(async () => {
    const { series, ...head } = await history({
      device: 'app-01',
      metric: 'interface.in',
      row: 'eth0',
    })
    t.match(head, { device: 'app-01', metric: 'interface.in', unit: 'bit/s' })
    return series[0]?.points.some(([at]) => at === inbound?.at) && series
  }, 'the same sample in the store')
  t.equal(stored.length, 1)
  t.same(stored[0]?.points.find(([at]) => at === inbound?.at)?.[1], inbound?.value)
  t.match(stored[0]?.gaps[0], [Number, 'first'], 'a rate has no first value')
  for (const [, value] of stored[0]?.points ?? [])
    t.ok(Number(value) >= 0 && Number(value) <= 1e9, `${value} bit/s fits the line`)

  const all = await history({ device: 'app-01', metric: 'interface.in' })
  t.same(all.series.map(s => s.row).sort(), ['eth0', 'lo'], 'without row: all of them')
  const two = await history([
    ['device', 'app-01'],
    ['metric', 'interface.in'],
    ['row', 'lo'],
    ['row', 'eth0'],
  ])
  t.equal(two.series.length, 2)
  const scalar = await history({ device: 'app-01', metric: 'hr_system.processes' })
  t.match(scalar, { unit: '{process}', series: [{ row: null }] })

  const to = newest.at ?? 0
  const iso = (at: number) => new Date(at).toISOString()
  const span = {
    device: 'app-01',
    metric: 'hr_memory.size',
    row: 'Physical memory',
    from: iso(to - 60_000),
    to: iso(to),
  }
  t.match(await history(span), { from: to - 60_000, to }, 'ISO 8601 is the same as Unix ms')
  const one = await history({ ...span, points: '1', fn: 'last' })
  t.equal(one.series[0]?.points.length, 1)
  t.equal(one.series[0]?.points[0]?.[1], 2 ** 34)
})

t.test('series: names, labels and units', async t => {
  const series = await until(async () => {
    const found = (await ask('GET', '/devices/core-sw-02/series')).as(Series)
    const named = found.every(s => s.row === null || s.index !== null)
    return named && found.some(s => s.metric === 'interface.in') && found
  }, 'series of core-sw-02')
  const found = series.find(s => s.metric === 'interface.in' && s.row === 'Gi1/0/1')
  t.match(found, {
    index: '10101',
    name: 'Gi1/0/1',
    unit: 'bit/s',
    firstAt: Number,
    labels: Object,
  })
  t.ok(
    series.every(s => typeof s.unit === 'string'),
    'every metric has a unit',
  )
  const scalar = series.find(s => s.metric === 'system.uptime')
  t.match(scalar, { row: null, index: null, name: null, unit: 's' })
  const all = await history({ device: 'core-sw-02', metric: 'interface.in' })
  t.equal(all.series.length, 26)
})

t.test('silence is a gap with its reason, and never zero', async t => {
  const agent = test.network?.agent('backup-01')
  if (!agent) return t.fail('no such device')
  // So that one silent read fits between two.
  await ask('PATCH', '/devices/backup-01', { body: { retries: 0 } })
  const usage = async () =>
    (await latest('backup-01')).samples.filter(s => s.metric === 'hr_processor.usage')
  await until(async () => (await usage()).some(s => s.value !== null), 'the first value')
  const from = Date.now()
  agent.silent = true
  t.teardown(() => {
    agent.silent = false
  })
  const silent = await until(
    async () => {
      const found = await usage()
      return found.length > 0 && found.every(s => s.gap !== null) && found
    },
    'a gap',
    20_000,
  )
  t.equal(silent.length, 2)
  for (const sample of silent) t.match(sample, { value: null, gap: 'timeout' })
  const query = { device: 'backup-01', metric: 'hr_processor.usage', from: String(from) }
  const { series } = await until(async () => {
    const found = await history(query)
    return found.series.every(s => s.gaps.length > 0) && found
  }, 'the gap in the store')
  for (const { gaps } of series) t.equal(gaps[0]?.[1], 'timeout')
  await until(
    async () => (await ask('GET', '/devices/backup-01')).as(Shown).status.reason === 'timeout',
    'the status says why',
    20_000,
  )
  agent.silent = false
  await until(async () => (await usage()).every(s => s.gap === null), 'values again', 30_000)
})

t.test('a removed device takes its history along, or leaves it, and never inherits', async t => {
  const { port } = test.network?.devices.find(({ id }) => id === 'ups-rack-b') ?? {}
  const document = {
    ...silentDevice('ups-2'),
    port,
    credentials: { version: '2c', community: 'public' },
  }
  t.teardown(() => ask('DELETE', '/devices/ups-2?history=true'))
  for (const history of ['', '?history=false', '?history=true']) {
    t.equal((await ask('POST', '/devices', { body: document })).status, 201)
    t.match((await ask('GET', '/devices/ups-2/series')).body, [], 'a new device has no past')
    await until(async () => (await latest('ups-2')).samples.length > 0, 'samples', 20_000)
    t.equal((await ask('DELETE', `/devices/ups-2${history}`)).status, 204)
  }
})
