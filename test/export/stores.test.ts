// Goal: what a real Prometheus and a real InfluxDB were written is what Pollux's API says, under the names
// of /metrics/devices; hostile labels stay labels; a Prometheus that was killed gets what waited.

import t from 'tap'
import { createDelivery } from '../../server/export/delivery.ts'
import { influxTo, remoteWriteTo } from '../../server/export/destination.ts'
import { createPoints, type RowPoints } from '../../server/export/points.ts'
import { createLog } from '../../server/log.ts'
import { until } from '../parts/find.ts'
import { startInflux } from '../parts/influxdb.ts'
import { checkMetrics, startPrometheus } from '../parts/prometheus.ts'
import { startApi } from '../web/caller.ts'
import { collectionAt, METRIC } from './receiver.ts'

t.setTimeout(300_000)

const prometheus = await startPrometheus(t, [])
const influx = await startInflux(t)
const writeUrl = `${prometheus.url}/api/v1/write`
const { test, latest, everybody } = await startApi(t, {
  network: true,
  every: '2s',
  env: { POLLUX_REMOTE_WRITE_URL: writeUrl, POLLUX_INFLUX_URL: influx.writeUrl },
})
const SPEED = 'pollux_interface_speed_bytes_per_second'

async function metricsText(): Promise<string> {
  const { bearer: authorization } = everybody.technician
  return (await fetch(`${test.url}/metrics`, { headers: { authorization } })).text()
}

async function own(): Promise<Map<string, number>> {
  const lines = (await metricsText()).split('\n').filter(line => line.startsWith('pollux_export_'))
  return new Map(
    lines.map(line => [line.slice(0, line.indexOf('} ') + 1), Number(line.split('} ')[1])]),
  )
}

t.test('Prometheus has the values of the API', async t => {
  const found = await until(async () => {
    const all = await prometheus.query(`${SPEED}{device="app-01",ifName="eth0"} * 8`)
    return all.length > 0 && all
  }, 'the speed of a port')
  const { samples } = await latest('app-01')
  const speed = samples.find(s => s.metric === 'interface.speed' && s.row === 'eth0')
  t.equal(Number(found[0]?.value[1]), speed?.value)
  t.match(found[0]?.metric, { row: 'eth0', name: 'eth0', ifIndex: '2' })
  const rates = await until(async () => {
    const all = await prometheus.query('pollux_interface_in_bytes_per_second{device="app-01"} > 0')
    return all.length > 0 && all
  }, 'a rate')
  t.ok(rates.length > 0)
})

t.test('InfluxDB has the values of the API', async t => {
  const query = `SELECT last(speed_bytes_per_second) AS speed, ifName FROM pollux_interface WHERE device='app-01' AND "row"='eth0'`
  const [found] = await until(async () => {
    const all = await influx.query(query)
    return all.length > 0 && all
  }, 'the speed of a port')
  const { samples } = await latest('app-01')
  const speed = samples.find(s => s.metric === 'interface.speed' && s.row === 'eth0')
  t.equal(Number(found?.speed) * 8, speed?.value)
  t.equal(found?.ifName, 'eth0')
})

t.test('/metrics and the settings page say what was written', async t => {
  const counts = await until(async () => {
    const now = await own()
    return (now.get('pollux_export_values{to="influxdb",state="sent"}') ?? 0) > 0 && now
  }, 'counts')
  t.ok((counts.get('pollux_export_values{to="remote_write",state="sent"}') ?? 0) > 0)
  // Not of Prometheus: what a sender sends again on a slow machine is out of its order there.
  t.equal(counts.get('pollux_export_values{to="influxdb",state="refused"}'), 0)
  t.equal(await checkMetrics(await metricsText()), '')
  const { cookie } = await test.signIn()
  const page = await (await fetch(`${test.url}/settings`, { headers: { cookie } })).text()
  t.match(page, 'Prometheus remote write')
  t.match(page, 'InfluxDB')
  t.notMatch(page, writeUrl, 'an address may hold a password')
})

t.test('a Prometheus that was killed gets what waited', async t => {
  await prometheus.kill()
  const state = (name: string) => `pollux_export_values{to="remote_write",state="${name}"}`
  await until(async () => {
    const now = await own()
    return (now.get('pollux_export_failures_total{to="remote_write"}') ?? 0) > 0 && now
  }, 'a request that failed')
  const before = await own()
  await until(async () => {
    const now = await own()
    return (now.get(state('waiting')) ?? 0) > (before.get(state('waiting')) ?? 0)
  }, 'values that wait')
  const at = Date.now()
  await prometheus.start()
  await until(async () => {
    const [newest] = await prometheus.query(
      'max(timestamp(pollux_interface_in_bytes_per_second{device="app-01"}))',
    )
    return Number(newest?.value[1] ?? 0) * 1000 > at
  }, 'values of after')
  const after = await own()
  t.equal(after.get(state('dropped')), 0)
  t.ok((after.get(state('sent')) ?? 0) > (before.get(state('sent')) ?? 0))
})

t.test('hostile labels stay labels', async t => {
  const evil = 'a"} 1\npollux_forged,x=y m=1\\ \u0000\ud800<b>=, \\'
  const at = Date.now()
  const labels = [
    ['device', 'evil'],
    ['row', evil],
    ['name', ''],
    ['Zone', 'z'.repeat(5000)],
    ['time', 'a label'],
  ] as const
  const values = [
    { metric: METRIC, value: 1.5 },
    { metric: { ...METRIC, name: 'pollux_g_t', isText: true }, value: evil },
  ]
  const points = async (): Promise<RowPoints[]> => [{ group: 'g', at, labels, values }]
  const destinations = [remoteWriteTo(writeUrl, null), influxTo(influx.writeUrl, null)]
  for (const destination of destinations) {
    const delivery = createDelivery({
      ...{ destination, pointsOf: points, log: createLog('silent'), gatherMs: 1 },
    })
    delivery.offer('evil', { ...collectionAt(at), metrics: new Map([['m', [1, 2]]]) })
    await until(() => delivery.stats().waiting === 0, destination.name)
    t.match(delivery.stats(), { sent: 2, refused: 0, error: null }, destination.name)
    await delivery.close()
  }
  const [found] = await prometheus.query('pollux_g_m{device="evil"}')
  t.equal(found?.value[1], '1.5')
  t.equal(found?.metric.row, evil.toWellFormed())
  t.equal(found?.metric.Zone?.length, 200)
  t.notOk('name' in (found?.metric ?? {}))
  const [text] = await prometheus.query('pollux_g_t_info{device="evil"}')
  t.equal(text?.metric.value, evil.toWellFormed())
  const [line] = await influx.query(`SELECT m, t, "row" FROM pollux_g WHERE device='evil'`)
  t.equal(line?.m, 1.5)
  t.equal(
    line?.row,
    evil
      .toWellFormed()
      .replaceAll(/\p{Cc}/gu, ' ')
      .replace(/\\$/, ''),
  )
  t.equal(line?.t, evil.toWellFormed().replaceAll(/\p{Cc}/gu, ' '))
  t.same(await influx.query('SELECT * FROM pollux_forged'), [])
})

t.test('a device that went is nobody', async t => {
  const points = createPoints({
    device: () => undefined,
    plan: () => {
      throw new Error('it has no plan')
    },
    rows: async () => [],
  })
  t.same(await points.of('gone', collectionAt(1)), [])
})
