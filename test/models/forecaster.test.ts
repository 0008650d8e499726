// Forecasts from stored samples: which series are looked at, what is stored of them, and that a device that
// fails, a thread that dies or another judge spoils nothing.

import { randomUUID } from 'node:crypto'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createForecaster } from '../../server/models/forecast/forecaster.ts'
import { targetsOf } from '../../server/models/forecast/targets.ts'
import { ForecastThread } from '../../server/models/forecast/thread.ts'
import { SHIPPED_PROFILES_DIR } from '../../server/paths.ts'
import { type AlarmMetric, alarmMetrics } from '../../server/profiles/alarms.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { loadSources } from '../../server/profiles/load.ts'
import { compilePlan } from '../../server/profiles/plan.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../parts/find.ts'
import { log } from '../store/place.ts'
import { collected, config } from '../store/samples.ts'

t.setTimeout(300_000)
const HOUR = 3_600_000
const NOW = 1_800_000_000_000 - (1_800_000_000_000 % HOUR) + 30 * 60_000
const HOURS = 120

const catalogue = await buildCatalogue(await loadSources({ shippedDir: SHIPPED_PROFILES_DIR }))
const metricsOf = (profile: string) => alarmMetrics(compilePlan(catalogue, [profile]))

async function opened(t: Test) {
  const file = path.join(await tempDir(t), `${randomUUID()}.db`)
  const store = await openStore({ url: `sqlite:${file}`, log })
  t.teardown(() => store.close())
  return store
}

/** Hourly samples up to now: row → value by hours before now. */
async function written(
  store: Awaited<ReturnType<typeof opened>>,
  uid: number,
  group: string,
  metric: string,
  rows: Record<string, (ago: number) => number>,
  hours = HOURS,
) {
  const keys = Object.keys(rows)
  const batch = Array.from({ length: hours }, (_, i) => {
    const ago = hours - 1 - i
    const cells = keys.map(key => rows[key]?.(ago) ?? 0)
    return collected(uid, NOW - ago * HOUR - 60_000, keys, { [metric]: cells }, group)
  })
  await store.samples.write(batch)
  const names = keys.map((key, i) => ({ ...{ key, name: `name of ${key}` }, index: `${i}` }))
  await store.samples.writeRows(
    uid,
    group,
    names.map(row => ({ ...row, labels: {} })),
    NOW,
  )
}

t.test('what can run out is known by its meaning', async t => {
  const kinds = (profile: string) =>
    targetsOf(metricsOf(profile)).map(one => `${one.kind} ${one.group}.${one.metric} ${one.limit}`)
  t.same(kinds('if-mib'), [
    'interface interface.in_percent 90',
    'interface interface.out_percent 90',
  ])
  t.ok(
    targetsOf(metricsOf('if-mib')).every(({ fn }) => fn === 'avg'),
    'a peak of a minute is no load',
  )
  t.match(kinds('printer-mib'), [/^supply .* 0$/])
  t.match(kinds('ups-mib'), [/^battery .* 0$/])
  t.ok(kinds('host-resources-mib').some(text => /^storage .* 100$/.test(text)))
  t.same(kinds('icmp-ping'), [])
})

t.test('disks of a device, from samples to what is stored', async t => {
  const store = await opened(t)
  const device = await store.devices.create(config('host'), 'form', NOW)
  const gone = await store.devices.create(config('gone'), 'form', NOW)
  const metrics = metricsOf('host-resources-mib').filter(({ role }) => role === 'storage.percent')
  const [disk] = metrics
  t.ok(disk)
  if (!disk) return
  await written(store, device.uid, disk.group, disk.metric, {
    '/fills': ago => 50 - ago / 4,
    '/stays': () => 40,
    '/full': () => 100,
  })
  let isOurs = true
  const broken = { ...gone, uid: 0 }
  const metricsFor = (one: { uid: number }): readonly AlarmMetric[] => {
    if (one.uid === 0) throw new Error('no plan')
    return metrics
  }
  const forecaster = createForecaster({
    ...{ store, log, metricsOf: metricsFor, isOurs: () => isOurs, now: () => NOW },
    devices: () => [broken, device, gone],
  })
  t.teardown(() => forecaster.close())

  isOurs = false
  await forecaster.round()
  t.equal(forecaster.stats().rounds, 0, 'another process is judge')
  isOurs = true
  await forecaster.round()
  t.same(forecaster.stats(), { rounds: 1, series: 3, leftOut: 0, failed: 1 })
  const found = await store.forecasts.list({ limit: 10, offset: 0 })
  t.same(
    found.map(one => [one.row, one.state, one.value, one.limit]),
    [
      ['/full', 'reached', 100, 100],
      ['/fills', 'reaches', 50, 100],
      ['/stays', 'stays', 40, 100],
    ],
  )
  const fills = found[1]
  t.equal(fills?.rowName, 'name of /fills')
  const hours = ((fills?.reachAt ?? 0) - NOW) / HOUR
  t.ok(Math.abs(hours - 200) < 10, `${hours} h, not 200 h`)
  t.ok(fills?.card && fills.card.mase < fills.card.naive)
  await forecaster.round()
  t.equal((await store.forecasts.list({ limit: 10, offset: 0 })).length, 3, 'again, not twice')
})

t.test('of too many series the first ones, and the rest is counted', async t => {
  const store = await opened(t)
  const device = await store.devices.create(config('wide'), 'form', NOW)
  const metrics = metricsOf('if-mib')
  const rows = Array.from({ length: 300 }, (_, i) => `Gi${i}`)
  const keys = rows.map((key, i) => ({ key, name: key, index: `${i}`, labels: {} }))
  await store.samples.writeRows(device.uid, 'interface', keys, NOW)
  const some = Object.fromEntries(rows.map(key => [key, (ago: number) => (ago % 24) / 2]))
  await written(store, device.uid, 'interface', 'in_percent', some, 3)
  await written(store, device.uid, 'interface', 'out_percent', some, 3)
  const forecaster = createForecaster({
    ...{ store, log, metricsOf: () => metrics, isOurs: () => true, now: () => NOW },
    devices: () => [device],
  })
  t.teardown(() => forecaster.close())
  await forecaster.round()
  t.equal(forecaster.stats().series, 500)
  t.equal(forecaster.stats().leftOut, 100)
})

t.test('the thread: a line, nothing where it is short, another thread after an end', async t => {
  const thread = new ForecastThread()
  t.teardown(() => thread.close())
  const values = Float64Array.from({ length: 240 }, (_, i) => i / 4)
  const line = await thread.line(values, 12)
  t.equal(line?.middle.length, 12)
  t.ok(Math.abs((line?.middle[11] ?? 0) - 63) < 1)
  t.equal(await thread.line(new Float64Array(3), 12), null)
  const refused = t.rejects(thread.line(values, 12), { code: 'E_FORECAST' })
  await thread.close()
  await refused
  t.ok(await thread.line(values, 12), 'the next one starts another thread')
  const many = Array.from({ length: 60 }, () => thread.line(values, 1))
  const ends = await Promise.allSettled(many)
  t.equal(ends.filter(({ status }) => status === 'rejected').length, 10, 'the queue is bounded')
})
