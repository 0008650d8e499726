// Goal: what a chart is given: points with their gaps and reasons, no finer than the device is read,
// states as changes, and small lines; and that a page's range of time is what its URL says.
import t from 'tap'
import { sparkline } from '../../server/web/sparkline.ts'
import { windowOf, windowTools } from '../../server/web/window.ts'
import { localToMs, msToLocal } from '../../server/web/zone.ts'
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
  t.match(windowOf({ range: '2y' }, now), { from: now - 730 * 86_400_000 })
  t.match(windowOf({ range: '6h', compare: 'week' }, now), {
    compare: true,
    query: 'range=6h&compare=week',
  })
  t.match(windowOf({ from: '1000000', to: '' }, 1_060_000), { to: 1_060_000 }, 'up to now')
  const local = { from: '2026-11-22T10:00', to: '2026-11-22T12:30' }
  const at = Date.UTC(2026, 10, 22, 9)
  t.match(windowOf(local, now, 'Europe/Paris'), { from: at, to: at + 9_000_000, range: null })
  for (const query of [
    { range: '2h' },
    { from: '2026-02-30T10:00', to: '2026-03-01T10:00' },
    { from: '2026-02-03T25:00', to: '2026-03-01T10:00' },
    { from: '2026-02-03', to: '2026-03-01' },
    { from: '2024-01-01T00:00', to: '2026-06-01T00:00' },
    { compare: 'month' },
    { from: ['1000', '2000'], to: '61000' },
    { range: ['1h', '6h'] },
    { from: '-1', to: '5' },
    { from: '5', to: '1' },
    { from: '0', to: '999999999999999' },
    { from: '1e3', to: '2e6' },
  ])
    t.throws(() => windowOf(query, now), { code: 'E_WINDOW' }, JSON.stringify(query))
})

t.test('local times, where the clocks change', async t => {
  for (const [text, iso] of [
    ['2026-03-29T01:59', '2026-03-29T00:59:00.000Z'],
    ['2026-03-29T03:00', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25T03:00', '2026-10-25T02:00:00.000Z'],
    ['2026-07-14T12:00:30', '2026-07-14T10:00:30.000Z'],
  ] as const) {
    const at = localToMs(text, 'Europe/Paris') ?? Number.NaN
    t.equal(new Date(at).toISOString(), iso, text)
    t.equal(msToLocal(at, 'Europe/Paris'), text.slice(0, 16), `${text} and back`)
  }
  t.equal(msToLocal(Date.UTC(2026, 0, 1, 0, 0, 59), 'Asia/Kathmandu'), '2026-01-01T05:45')
  t.not(localToMs('2026-03-29T02:30', 'Europe/Paris'), null, 'an hour that does not exist')
  t.equal(localToMs('yesterday', 'UTC'), null)
})

t.test('from a part of the time there is a way back, and on both sides', async t => {
  const now = 1_800_000_000_000
  const tools = windowTools(windowOf({ from: '1000000', to: '1060000' }, now), now, 'UTC')
  t.match(tools, {
    earlier: 'from=940000&to=1000000',
    later: 'from=1060000&to=1120000',
    wider: 'from=970000&to=1090000',
    back: 'range=1h',
    comparing: 'from=1000000&to=1060000&compare=week',
  })
  const open = windowTools(windowOf({ range: '6h', compare: 'week' }, now), now, 'UTC')
  t.equal(open.later, '', 'nothing is later than now')
  t.equal(open.comparing, 'range=6h', 'the same link again takes it away')
  t.ok(open.ranges.every(({ query }) => query.endsWith('&compare=week')))
  t.same(
    open.ranges.filter(({ isCurrent }) => isCurrent).map(({ id }) => id),
    ['6h'],
  )
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

t.test('a chart as a table and as CSV: the same points, and the reasons', async t => {
  const path = '/devices/acc-sw-21/charts/interface/traffic'
  const query = 'row=Gi1%2F0%2F1&range=15m'
  const headers = { cookie: `${cookie}; zone=Asia/Kathmandu` }
  const table = await fetch(`${url}${path}/table?${query}`, { headers })
  t.equal(table.status, 200)
  const html = await table.text()
  t.match(html, /<th scope="col" class="number">In<\/th>/)
  t.match(html, /<td class="number">[\d.]+ [kM]?bit\/s<\/td>/)
  t.match(html, /A rate needs two reads/, 'why there is no value')
  t.match(html, /GMT\+5:45/, "times are of the reader's zone")
  t.match(html, /<a class="button" href="csv\?row=Gi1%2F0%2F1&amp;range=15m"/)
  t.notMatch(html, /undefined|NaN|\[object/)
  const csv = await fetch(`${url}${path}/csv?${query}`, { headers })
  t.match(csv.headers.get('content-type'), 'text/csv')
  t.match(
    csv.headers.get('content-disposition'),
    /filename="acc-sw-21-interface-Gi1_0_1-traffic\.csv"/,
  )
  const lines = (await csv.text()).trim().split('\r\n')
  t.equal(lines[0], 'time,In (bit/s),Out (bit/s),gap')
  t.match(lines[1], /^\d{4}-\d\d-\d\dT[\d:.]+Z,,,first$/, 'oldest first, the reason in words')
  t.match(lines.at(-1), /^[^,]+,[\d.]+,[\d.]+,$/)
  const states = await fetch(`${url}/devices/acc-sw-11/charts/interface/status/csv?range=15m`, {
    headers,
  })
  t.match(await states.text(), /,down[,\r]/, 'states are words')
  for (const end of ['table', 'csv']) {
    const wrong = await fetch(`${url}${path}/${end}?range=2h`, { headers })
    t.equal(wrong.status, 422, end)
    t.equal((await fetch(`${url}${path}/${end}?row=Gi9`, { headers })).status, 404, end)
    const stranger = await fetch(`${url}${path}/${end}`, { redirect: 'manual' })
    t.ok([303, 401].includes(stranger.status), `${end}: nothing without a session`)
  }
})

t.test('a local time in the address becomes a moment that is the same for everybody', async t => {
  const headers = { cookie: `${cookie}; zone=Europe/Paris` }
  const from = '/devices/acc-sw-21?from=2026-11-22T10:00&to=2026-11-22T11:00&compare=week'
  const answer = await fetch(`${url}${from}`, { headers, redirect: 'manual' })
  t.equal(answer.status, 302)
  const at = Date.UTC(2026, 10, 22, 9)
  t.equal(answer.headers.get('location'), `?from=${at}&to=${at + 3_600_000}&compare=week`)
  const page = await fetch(`${url}${from}`, { headers })
  t.match(
    await page.text(),
    /name="from" value="2026-11-22T10:00"/,
    'and the form shows it as it was',
  )
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
