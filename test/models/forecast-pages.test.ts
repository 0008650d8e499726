// Goal: what runs out is on its page, in the API and in both languages; report cards and peers too; who may
// not read devices sees none of it; hostile addresses and names do no harm.
// Method: the whole program, with a past written beside it and one round of forecasts over that.

import path from 'node:path'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { log } from '../store/place.ts'
import { examineAll } from '../web/examine.ts'
import { startTestProgram } from '../web/program.ts'
import { forecastNow, writePast } from './hosts.ts'
import { randomOf } from './random.ts'

const BY = { name: 'test', address: '' }
const HOURS = 240
const PROFILE = 'host-resources-mib'

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url, program, dataDir } = test
const store = await openStore({ url: `sqlite:${path.join(dataDir, 'pollux.db')}`, log })
t.teardown(() => store.close())
const { cookie } = await test.signIn()
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

t.test('hosts with a past', async t => {
  const random = randomOf(77)
  const noise = () => random() / 5
  const day = (ago: number) => Math.sin((2 * Math.PI * ago) / 24)
  for (let i = 1; i <= 6; i++)
    await program.devices.create(
      {
        ...{ id: `web-${i}`, name: i === 1 ? 'Web <b>one' : `web-${i}`, kind: 'snmp' },
        ...{ address: '127.0.0.1', port: 9, credentials: { version: '2c', community: 'x' } },
        ...{ every: '1h', timeout: '1s', retries: 0, enabled: false },
        ...{ tags: ['web', 'odd"&<'], profiles: [PROFILE] },
      },
      BY,
      'api',
    )
  const devices = await program.devices.list()
  const hosts = devices.filter(({ config }) => config.id.startsWith('web-'))
  for (const [i, host] of hosts.entries()) {
    const rows: Record<string, (ago: number) => number> = {
      '/': () => 35 + noise(),
      '/srv': () => (host.config.id === 'web-6' ? 88 : 20) + noise(),
    }
    if (host.config.id === 'web-1') {
      rows['/var/log<i>'] = ago => 78 - 0.25 * ago + 3 * day(ago) + noise()
      rows['/home'] = ago => 60 - 0.05 * ago + noise()
      rows['/backup'] = () => 100
      rows['/spool'] = ago => 10 + (Math.floor(ago / 24) % 2 ? 0 : 1) * ((24 - (ago % 24)) ** 2 / 9)
    }
    await writePast(
      store,
      host.uid,
      { group: 'hr_storage', metric: 'percent', rows },
      HOURS - i,
      Date.now(),
    )
  }
  const stats = await forecastNow(store, hosts, PROFILE)
  t.equal(stats.failed, 0)
  t.ok(stats.series >= 16)
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
  const log = forecasts.find(({ row }) => row === '/var/log<i>')
  t.match(log, { state: 'reaches', limit: 100, model: 'trend', card: { hours: 120 } })
  t.ok(Number(log?.soonestAt) <= Number(log?.reachAt))
  const first = await read('limit=1')
  t.equal(first.forecasts.length, 1)
  t.match(first.link, /cursor=1/)
  t.equal((await read('limit=1&cursor=1')).forecasts[0]?.row, '/var/log<i>')
  t.same((await read('state=muted&device=web-2')).forecasts, [])
  t.equal((await get('/api/v1/forecasts?device=nothing')).status, 404)
  for (const wrong of ['limit=0', 'cursor=-1', 'kind=x', 'days=0', 'days=1e9', 'x=1'])
    t.equal((await get(`/api/v1/forecasts?${wrong}`)).status, 400, wrong)
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
  ])
})
