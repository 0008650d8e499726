// Goal: what runs out is on its page, in the API and in both languages; report cards and peers too; who may
// not read devices sees none of it; hostile addresses and names do no harm.
// Method: the whole program, with a past written beside it and one round of forecasts over that.

import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import type { Device } from '../../server/model/device.ts'
import { openStore } from '../../server/store/open.ts'
import { type ChartForecast, chartForecast } from '../../server/web/chart-forecast.ts'
import { DICTIONARIES } from '../../server/web/languages/say.ts'
import { windowOf } from '../../server/web/window.ts'
import { startChromium } from '../parts/chromium.ts'
import { tempDir, until } from '../parts/find.ts'
import { log } from '../store/place.ts'
import { examineAll } from '../web/examine.ts'
import { startTestProgram } from '../web/program.ts'
import { forecastNow, makeHost, writePast } from './hosts.ts'
import { randomOf } from './random.ts'

const HOURS = 240
const PROFILE = 'host-resources-mib'
const GROUP = 'hr_storage'
const LOG = '/var/log<i>'

t.setTimeout(600_000)
const dataDir = path.join(await tempDir(t), 'data')
await mkdir(dataDir)
const store = await openStore({ url: `sqlite:${path.join(dataDir, 'pollux.db')}`, log })
t.teardown(() => store.close())
const hosts = await writeHosts()
const { url, signIn } = await startTestProgram(t, { dataDir })
const { cookie } = await signIn()
const headers = { cookie }
const get = (where: string, more: Record<string, string> = headers) =>
  until(async () => {
    const answer = await fetch(url + where, { headers: more, redirect: 'manual' })
    return answer.status === 429 ? undefined : answer
  }, `an answer of ${where}`)
const text = async (where: string, more?: Record<string, string>) => (await get(where, more)).text()

t.test('nothing was forecast yet', async t => {
  t.match(await text('/forecasts'), /Nothing was forecast yet/)
  t.same(await (await get('/api/v1/forecasts')).json(), { forecasts: [] })
})

/** Six of one tag: the first has disks of all kinds, the last one differs from the others. */
async function writeHosts() {
  const random = randomOf(77)
  const noise = () => random() / 5
  const day = (ago: number) => Math.sin((2 * Math.PI * ago) / 24)
  const made: Device[] = []
  for (let i = 1; i <= 6; i++) {
    const name = i === 1 ? 'Web <b>one' : `web-${i}`
    const tags = ['web', 'odd"&<']
    const host = await makeHost(store, { id: `web-${i}`, name, tags, profile: PROFILE })
    made.push(host)
    const rows: Record<string, (ago: number) => number> = {
      '/': () => 35 + noise(),
      '/srv': () => (i === 6 ? 88 : 20) + noise(),
    }
    if (i === 1) {
      rows[LOG] = ago => 78 - 0.25 * ago + 3 * day(ago) + noise()
      rows['/home'] = ago => 60 - 0.05 * ago + noise()
      rows['/backup'] = () => 100
      // Each second day something grows that is gone by the next: a trend falls for it.
      rows['/spool'] = ago => 10 + (Math.floor(ago / 24) % 2 ? 0 : 1) * ((24 - (ago % 24)) ** 2 / 9)
    }
    const past = { group: GROUP, metric: 'percent', rows }
    await writePast(store, host.uid, past, HOURS, Date.now())
  }
  return made
}

t.test('six hosts are forecast', async t => {
  const stats = await forecastNow(store, hosts, PROFILE)
  t.equal(stats.failed, 0)
  t.equal(stats.series, 16)
})

t.test('the nearest first, with a range and its report card', async t => {
  const page = await text('/forecasts')
  const at = (what: string) => page.indexOf(what)
  t.ok(at('/backup') > 0 && at('/backup') < at('/var/log'), 'what is full comes first')
  t.notOk(page.includes('>/home<'), 'not within thirty days')
  t.ok((await text('/forecasts?days=365')).includes('>/home<'))
  t.ok(page.includes('/var/log&lt;i&gt;') && page.includes('Web &lt;b&gt;one'), 'names are text')
  t.notOk(page.includes('<i>'))
  t.match(page, /in [345] days/)
  t.match(page, /\/devices\/web-1\/rows\/hr_storage\/%2Fvar%2Flog%3Ci%3E/)
  t.match(await text('/forecasts?kind=supply'), /Nothing runs out within this time/)
  const french = await text('/forecasts', { cookie, 'accept-language': 'fr' })
  t.match(french, /Bientôt à la limite[\s\S]*dans [345] jours/)
})

t.test('report cards, also of what is muted', async t => {
  const page = await text('/forecasts?view=cards')
  t.match(page, /does not reach its limit/)
  t.match(page, /compared over \d days/)
  t.match(page, /spool[\s\S]*?muted: worse than naive/)
  t.notOk((await text('/forecasts?days=365')).includes('/spool'), 'it is not forecast')
})

t.test('the one that differs from its peers', async t => {
  const page = await text('/forecasts?view=peers')
  t.match(page, /web-6[\s\S]*times the usual distance from the middle of 6/)
  t.notOk(page.includes('>web-2<'))
  t.notOk(page.includes('/var/log'), 'what only one has, has no peers')
})

t.test('the API: the same, in pages', async t => {
  const read = async (query: string) => {
    const answer = await get(`/api/v1/forecasts?${query}`)
    const { forecasts } = (await answer.json()) as { forecasts: Record<string, unknown>[] }
    return { forecasts, link: answer.headers.get('link') }
  }
  const { forecasts } = await read('days=30')
  t.match(forecasts[0], { device: 'web-1', row: '/backup', state: 'reached', kind: 'storage' })
  const log = forecasts.find(({ row }) => row === LOG)
  t.match(log, { state: 'reaches', limit: 100, model: 'trend', card: { hours: 120 } })
  t.ok(Number(log?.soonestAt) <= Number(log?.reachAt))
  const first = await read('limit=1')
  t.equal(first.forecasts.length, 1)
  t.match(first.link, /cursor=1/)
  t.equal((await read('limit=1&cursor=1')).forecasts[0]?.row, LOG)
  t.same((await read('state=muted&device=web-2')).forecasts, [])
  t.equal((await get('/api/v1/forecasts?device=nothing')).status, 404)
  for (const wrong of ['limit=0', 'cursor=-1', 'kind=x', 'days=0', 'days=1e9', 'x=1'])
    t.equal((await get(`/api/v1/forecasts?${wrong}`)).status, 400, wrong)
})

t.test('a chart that goes on: dashed line, band and report card', async t => {
  const chart = async (row: string, query: string) => {
    const where = `/devices/web-1/charts/${GROUP}/percent?row=${encodeURIComponent(row)}&${query}`
    const { ahead } = (await (await get(where)).json()) as { ahead: ChartForecast | null }
    return ahead
  }
  const ahead = await chart(LOG, 'range=7d&forecast=on')
  const [line] = ahead?.lines ?? []
  t.match(ahead?.note, /error 0\.\d+, naive [\d.]+; the range of 80 % held \d+ %/)
  t.ok((line?.points.length ?? 0) > 36, 'a quarter of a week')
  for (const [at, middle, low, high] of line?.points ?? [])
    if (!(low <= middle && middle <= high && high <= 100 && at <= (ahead?.until ?? 0)))
      t.fail(`${at} ${middle} ${low} ${high}`)
  const [, last = 0] = line?.points.at(-1) ?? []
  t.ok(last > 83, `it goes on growing to ${last}`)
  t.equal(await chart(LOG, 'range=7d'), null, 'nobody asked')
  t.equal(await chart(LOG, 'range=1h&forecast=on'), null, 'too short')
  const past = `from=${Date.now() - 9e8}&to=${Date.now() - 5e8}&forecast=on`
  t.equal(await chart(LOG, past), null, 'the past has no future')
  const many = `/devices/web-1/charts/${GROUP}/percent?range=7d&forecast=on`
  const crowded = (await (await get(many)).json()) as { ahead: ChartForecast }
  t.match(crowded.ahead, { lines: [], note: /more than three lines/ })
  const row = `/devices/web-1/rows/${GROUP}/${encodeURIComponent(LOG)}`
  t.match(await text(`${row}?range=7d`), /range=7d&amp;forecast=on"[^>]*>Forecast</)
  t.notMatch(await text(`${row}?range=1h`), />Forecast</)
})

t.test('a thread that fails takes no chart away', async t => {
  const said = { words: DICTIONARIES.en.forecasts, language: 'en' } as const
  const [device] = hosts
  if (!device) return t.fail('no host')
  const series = { id: 'a', metric: 'percent', row: '/home', points: [[1, 2]], mirror: false }
  // Only what a forecast looks at.
  const asked = {
    view: { device },
    group: GROUP,
    chart: { type: 'line' },
    data: { series: [series], states: {}, min: 0, max: 100 },
  } as unknown as Parameters<typeof chartForecast>[1]
  const window = windowOf({ range: '7d', forecast: 'on' }, Date.now())
  const line = () => Promise.reject(new Error('it is gone'))
  const ahead = await chartForecast({ store, forecasts: { line } }, asked, window, said)
  t.same(ahead?.lines, [])
  t.match(ahead?.note, /could not be made/)
})

t.test('hostile addresses, and nobody', async t => {
  for (const query of [
    'view=x',
    'days=-1',
    'page=0',
    'page=999',
    'kind[]=a',
    'page=1e9',
    'view=a&view=b',
  ])
    t.equal((await get(`/forecasts?${query}`)).status, 200, query)
  t.equal((await get('/forecasts', {})).status, 303)
  t.equal((await get('/api/v1/forecasts', {})).status, 401)
})

t.test('the pages as everybody sees them', async t => {
  const browser = await startChromium(t)
  await examineAll(t, { browser, url, cookie }, [
    '/forecasts?days=365',
    '/forecasts?view=cards',
    '/forecasts?view=peers',
    `/devices/web-1/rows/${GROUP}/%2Fhome?range=30d&forecast=on`,
  ])
})
