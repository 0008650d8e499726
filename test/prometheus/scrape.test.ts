// Goal: a real Prometheus scrapes Pollux's own metrics and the polled values; what it then answers is
// what the API answers, in base units; promtool has nothing to say about either page; a device that is
// silent has no series but `pollux_device_up` 0.

import t from 'tap'
import { until } from '../parts/find.ts'
import { checkMetrics, startPrometheus } from '../parts/prometheus.ts'
import { silentDevice, startApi } from '../web/caller.ts'

t.setTimeout(180_000)

const { test, ask, latest, everybody } = await startApi(t, { network: true, every: '2s' })
const { host: target } = new URL(test.url)
const bearer = everybody.technician.bearer.replace('Bearer ', '')
const gone = { ...silentDevice('gone'), every: '2s', timeout: '1s', retries: 0 }
const added = await ask('POST', '/devices', { body: gone })
if (added.status !== 201) throw new Error(added.text)
const prometheus = await startPrometheus(t, [
  { job: 'pollux', target, path: '/metrics', bearer },
  { job: 'devices', target, path: '/metrics/devices', bearer },
  {
    ...{ job: 'linux', target, path: '/metrics/devices', bearer },
    params: { tag: ['linux'], metric: ['hr_memory'] },
  },
])

/** A page as a viewer gets it. */
async function page(path: string, by = everybody.viewer): Promise<Response> {
  return fetch(`${test.url}${path}`, { headers: { authorization: by.bearer } })
}

t.test('both pages arrive', async t => {
  const jobs = ['pollux', 'devices', 'linux']
  await until(async () => {
    const up = await prometheus.query('up')
    return jobs.every(job => up.some(({ metric, value }) => metric.job === job && value[1] === '1'))
  }, 'three good scrapes')
  const traffic = await until(async () => {
    const found = await prometheus.query(
      'pollux_interface_in_bytes_per_second{job="devices",device="app-01",ifName="eth0"}',
    )
    return found.length > 0 && found
  }, 'traffic of app-01')
  t.equal(traffic.length, 1)
  t.match(traffic[0]?.metric, { row: 'eth0', ifIndex: '2', ifDescr: String })
  t.ok(Number(traffic[0]?.value[1]) > 0)

  const size = await prometheus.query(
    'pollux_hr_memory_size_bytes{job="linux",device="app-01",row="Physical memory"}',
  )
  t.equal(Number(size[0]?.value[1]), 2 ** 34)
  const others = await prometheus.query('count by (__name__) ({job="linux",device!=""})')
  t.same(
    others
      .map(({ metric }) => metric.__name__)
      .filter(name => !/_(hr_memory|device)_/.test(`${name}`)),
    [],
    'the job with filters has no other metric',
  )
  t.match(await prometheus.query('pollux_device_info{job="devices",device="app-01"}'), [
    { metric: { kind: 'snmp', tags: /linux/ } },
  ])
})

t.test('the values are those of the API', async t => {
  const { samples } = await latest('app-01')
  const speed = samples.find(s => s.metric === 'interface.speed' && s.row === 'eth0')
  const found = await prometheus.query(
    'pollux_interface_speed_bytes_per_second{job="devices",device="app-01",row="eth0"} * 8',
  )
  t.equal(Number(found[0]?.value[1]), speed?.value)
})

t.test('a device that is silent', async t => {
  await until(async () => {
    const up = await prometheus.query('pollux_device_up{job="devices",device="gone"}')
    return up[0]?.value[1] === '0'
  }, 'its state')
  const text = await (await page('/metrics/devices?device=gone')).text()
  t.same(
    text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length,
    2,
    'what it is, and that it is down',
  )
})

t.test('promtool', async t => {
  const own = await (await page('/metrics', everybody.technician)).text()
  t.match(own, /^# TYPE pollux_/m)
  t.equal(await checkMetrics(own), '')
  const polled = await page('/metrics/devices')
  t.match(polled.headers.get('content-type'), 'text/plain; version=0.0.4')
  // Users of snmp_exporter know these as the MIB writes them.
  const found = (await checkMetrics(await polled.text())).split('\n')
  const camelCase = /label names should be written in 'snake_case' not 'camelCase'$/
  t.same(
    found.filter(line => !camelCase.test(line)),
    [''],
  )
})

t.test('filters, and what is no filter', async t => {
  const text = await (await page('/metrics/devices?device=app-01&metric=interface.in')).text()
  t.match(text, /^pollux_interface_in_bytes_per_second\{device="app-01"/m)
  t.notMatch(text, /pollux_interface_out|device="core/)
  t.equal(await (await page('/metrics/devices?device=none')).text(), '')
  for (const query of ['devices=a', `tag=${'x'.repeat(201)}`, 'metric=']) {
    const refused = await page(`/metrics/devices?${query}`)
    t.equal(refused.status, 422, query)
    t.match(await refused.text(), /device|tag|metric/)
  }
  t.equal((await fetch(`${test.url}/metrics/devices`, { redirect: 'manual' })).status, 401)
})
