// Goal: what a chart is given: points with their gaps and reasons, no finer than the device is read,
// states as changes, and small lines; and that a page's range of time is what its URL says.
import t from 'tap'
import { sparkline } from '../../server/web/sparkline.ts'
import { windowOf } from '../../server/web/window.ts'
import { until } from '../parts/find.ts'
import { chartOf } from './chart.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const { url, program, network, signIn } = await startTestProgram(t, { network: true, every: '1s' })
const { cookie } = await signIn()
const chart = (path: string) => chartOf(url, cookie, path)

t.test('ranges of time', async t => {
  const now = 1_800_000_000_000
  t.match(windowOf({}, now), { range: '1h', from: now - 3_600_000, to: now, query: 'range=1h' })
  t.match(windowOf({ range: '7d' }, now), { from: now - 7 * 86_400_000 })
  const zoomed = windowOf({ from: '1000', to: '61000', range: '6h' }, now)
  t.match(zoomed, { range: null, from: 1000, to: 61_000, query: 'from=1000&to=61000' })
  for (const query of [
    { range: '2h' },
    { range: ['1h', '6h'] },
    { from: '-1', to: '5' },
    { from: '5', to: '1' },
    { from: '0', to: '999999999999999' },
    { from: '1e3', to: '2e6' },
  ])
    t.throws(() => windowOf(query, now), { code: 'E_WINDOW' }, JSON.stringify(query))
})

t.test('small lines are broken where there is nothing', async t => {
  const point = (at: number, value: number | null) => ({ at, value, gap: null })
  const line = sparkline(
    [point(0, 1), point(10, 2), point(20, null), point(30, 4), point(90, 1)],
    0,
    100,
    30,
  )
  t.equal(line.lines.length, 3, 'a gap, and a time without anything')
  t.equal(line.max, 4)
  t.same(sparkline([], 0, 1, 1), { lines: [], max: null })
  t.same(sparkline([point(0, null)], 0, 1, 1).lines, [], 'gaps alone')
})

t.test('traffic of an interface', async t => {
  const path = '/devices/acc-sw-21/charts/interface/traffic?row=Gi1%2F0%2F1&range=15m'
  const data = await until(async () => {
    const found = await chart(path).catch(() => null)
    const flowing = found?.series[0]?.points.filter(([, value]) => value !== null) ?? []
    return flowing.length >= 3 && found
  }, 'three samples of traffic')
  t.match(data, { unit: 'bit/s', raw: true, everyMs: 1000, type: 'area' })
  t.same(
    data.series.map(({ metric, row, color, mirror }) => ({ metric, row, color, mirror })),
    [
      { metric: 'in', row: 'Gi1/0/1', color: 1, mirror: false },
      { metric: 'out', row: 'Gi1/0/1', color: 2, mirror: true },
    ],
  )
  t.match(data.ceiling, { title: 'Speed 1 Gbit/s' })
  const [first] = data.series[0]?.points ?? []
  t.equal(first?.[2], 'first', 'a rate needs two reads, and the chart says so')
  t.equal(data.series[0]?.latest, data.series[0]?.points.at(-1)?.[1])
})

t.test('a time in which the device was silent has its reason', async t => {
  const agent = network?.agent('backup-01')
  if (!agent) throw new Error('there is no such device')
  await until(() => program.devices.status('backup-01')?.state === 'up', 'the device to be up')
  agent.silent = true
  const from = Date.now()
  await until(() => program.devices.status('backup-01')?.state === 'down', 'down', 15_000)
  agent.silent = false
  await until(() => program.devices.status('backup-01')?.state === 'up', 'up again', 30_000)
  const path = `/devices/backup-01/charts/ucd_cpu/${await firstChart('backup-01', 'ucd_cpu')}?range=15m`
  const data = await until(async () => {
    const found = await chart(path)
    return found.gaps.some(gap => gap[2] === 'timeout') && found
  }, 'the gap')
  const gap = data.gaps.find(one => one[2] === 'timeout')
  t.equal(gap?.[3], 'The device did not answer in time')
  t.ok(gap && gap[1] > from && gap[1] > gap[0], 'it lies where the silence was')
  const points = data.series[0]?.points ?? []
  t.ok(
    points.some(([, value, reason]) => value === null && reason === 'timeout'),
    'and breaks the line',
  )
  t.notOk(
    points.some(([at, value]) => gap && value !== null && at > gap[0] && at < gap[1]),
    'nothing is drawn inside it',
  )
})

t.test('states are given as changes, with their names', async t => {
  const data = await until(async () => {
    const found = await chart('/devices/acc-sw-11/charts/interface/status?range=15m')
    return found.series.length > 0 && found
  }, 'states')
  t.equal(data.type, 'status')
  t.ok(data.series.length <= 24, 'no more lines than can be read')
  t.match(
    data.states.oper?.find(state => state.value === 2),
    { name: 'down', tone: 'critical' },
  )
  for (const { points } of data.series)
    for (const [at, point] of points.slice(1, -1).entries())
      t.notSame([point[1], point[2]], [points[at]?.[1], points[at]?.[2]], 'each one is a change')
})

t.test('a week is given in buckets', async t => {
  const data = await chart('/devices/acc-sw-21/charts/interface/traffic?row=Gi1%2F0%2F1&range=7d')
  t.equal(data.raw, false)
  t.ok(data.everyMs >= 1_209_600, 'at most 500 points')
})

t.test('what is not there, or not asked for rightly', async t => {
  for (const [path, status] of [
    ['/devices/nobody/charts/interface/traffic', 404],
    ['/devices/acc-sw-21/charts/nothing/traffic', 404],
    ['/devices/acc-sw-21/charts/interface/nothing', 404],
    ['/devices/acc-sw-21/charts/interface/traffic?row=Gi9', 404],
    ['/devices/acc-sw-21/charts/interface/traffic?range=2h', 422],
    ['/devices/acc-sw-21/charts/interface/traffic?from=5&to=1', 400],
    ['/devices/acc-sw-21/charts/__proto__/constructor', 404],
  ] as const) {
    const answer = await fetch(`${url}${path}`, { headers: { cookie } })
    t.equal(answer.status, status, path)
  }
  const stranger = await fetch(`${url}/devices/acc-sw-21/charts/interface/traffic`)
  t.equal(stranger.status, 401, 'and nothing without a session')
})

/** The id of a group's first drawn chart, as its device's page names it. */
async function firstChart(device: string, group: string): Promise<string> {
  const html = await (await fetch(`${url}/devices/${device}`, { headers: { cookie } })).text()
  const found = new RegExp(`/charts/${group}/([a-z0-9_]+)\\?`).exec(html)?.[1]
  if (!found) throw new Error(`no chart of ${group}`)
  return found
}
