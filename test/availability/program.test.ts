// Goal: availability over the real program: what a device did is on the page, in the CSV and in the API,
// also after a restart; who may not read devices sees none of it; hostile addresses do no harm.
// Method: the whole program twice over one data folder, with a page of the test's own that is checked.

import { createServer } from 'node:http'
import t from 'tap'
import { listening } from '../checks/parts.ts'
import { tempDir, until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'

const BY = { name: 'test', address: '' }

t.setTimeout(600_000)

t.test('from a device to its availability', async t => {
  let isWell = true
  const web = createServer((_, answer) => {
    answer.statusCode = isWell ? 200 : 503
    answer.end('hello')
  })
  const url = `http://127.0.0.1:${await listening(t, web)}/`
  const dataDir = `${await tempDir(t)}/data`
  const month = new Date().toISOString().slice(0, 7)
  const first = await startTestProgram(t, { dataDir })
  const { cookie } = await first.signIn()
  await first.program.devices.create(
    {
      ...{ id: 'shop', name: 'Shop <b>', kind: 'check', address: '127.0.0.1', every: '3s' },
      ...{ tags: ['web', 'odd"&'], checks: [{ name: 'front', type: 'http', url }] },
    },
    BY,
    'api',
  )
  const get = (path: string, headers: Record<string, string> = { cookie }) =>
    fetch(first.url + path, { headers, redirect: 'manual' })
  const line = async (id: string, query = '') => {
    // No faster than somebody may ask.
    await new Promise(resolve => setTimeout(resolve, 250))
    const answer = await get(`/api/v1/availability?month=${month}${query}`)
    const { lines } = (await answer.json()) as { lines: Record<string, unknown>[] }
    return lines.find(one => one.id === id)
  }
  await until(async () => Number((await line('shop'))?.up) > 0, 'it was up for some time')
  t.match(await line('shop'), { name: 'Shop <b>', tags: ['web', 'odd"&'], isDeleted: false })

  isWell = false
  await until(async () => Number((await line('shop'))?.down) > 0, 'it is down')
  const shop = await line('shop')
  t.match(shop, { maintenance: 0, countedDown: shop?.down })
  t.ok(Number(shop?.outages) > 0)
  t.ok(Number(shop?.availability) < 1)
  t.match(await line('web', '&by=tag'), { devices: 1, maintenance: 0 })

  const page = await (await get('/availability')).text()
  t.match(page, 'Shop &lt;b&gt;')
  t.notMatch(page, 'Shop <b>')
  t.match(page, 'href="/devices/shop"')
  const tags = await (await get('/availability?by=tag')).text()
  t.match(tags, 'odd&quot;&amp;')
  t.match(await (await get('/availability?device=shop')).text(), 'Shop &lt;b&gt;')
  t.match(await (await get('/devices/shop')).text(), 'href="/availability?device=shop"')
  const french = { cookie, 'accept-language': 'fr' }
  t.match(await (await get('/availability', french)).text(), /Disponibilité[\s\S]*hors maintenance/)
  const csv = await get(`/availability.csv?month=${month}`)
  t.match(csv.headers.get('content-disposition'), `availability-${month}.csv`)
  t.match(await csv.text(), /^device,name,devices,from[^\n]+\r\n[\s\S]*shop,Shop <b>,1,/)

  await t.test('hostile and wrong addresses', async t => {
    const odd = encodeURIComponent('"><script>alert(1)</script>')
    for (const path of [
      `/availability?month=${odd}&by=${odd}&device=${odd}&sort=${odd}&page=0`,
      '/availability?month=2026-13&page=99999&sort=-unknown',
      `/availability?tag=${odd}`,
      '/availability?device=a&device=b&month=1',
    ]) {
      const answer = await get(path)
      t.equal(answer.status, 200, path)
      t.notMatch(await answer.text(), '<script>alert')
    }
    t.equal((await get('/availability?month=2099-01')).status, 404)
    const problem = async (query: string) => (await get(`/api/v1/availability${query}`)).status
    t.equal(await problem(''), 200, 'the month of now')
    t.equal(await problem('?month='), 400)
    t.equal(await problem('?month=2026-1'), 400)
    t.equal(await problem('?month=2099-01'), 422)
    t.equal(await problem(`?month=${month}&zone=Nowhere/City`), 422)
    t.equal(await problem(`?month=${month}&zone=Europe/Paris`), 200)
    t.equal(await problem(`?month=${month}&limit=0`), 400)
    t.equal(await problem('?month=2020-01'), 200, 'nothing was there: no lines, no error')
  })

  await t.test('nobody else sees it', async t => {
    for (const path of ['/availability', '/availability.csv', '/api/v1/availability?month=2026-01'])
      t.ok([303, 302, 401].includes((await get(path, {})).status), path)
  })

  await t.test('maintenance is taken out, also where it was said afterwards', async t => {
    const before = await line('shop')
    const document = {
      name: 'works',
      devices: { ids: ['shop'] },
      once: { from: Date.now() - 3_600_000, to: Date.now() + 3_600_000 },
    }
    const { csrf, cookie: own } = await first.signIn()
    const headers = { cookie: own, origin: first.url, 'x-csrf-token': csrf }
    const answer = await fetch(`${first.url}/api/v1/maintenance`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(document),
    })
    t.equal(answer.status, 201, await answer.text())
    const after = await line('shop')
    t.match(after, { availability: null, countedDown: 0, outages: 0 })
    t.ok(Number(after?.down) >= Number(before?.down))
    t.ok(Number(after?.availabilityWithMaintenance) < 1)
  })

  await first.program.devices.remove('shop', { history: false }, BY)
  const deleted = await line('shop')
  t.match(deleted, { isDeleted: true })
  t.match(await (await get('/availability')).text(), /Shop &lt;b&gt; <span class="tag">deleted/)
  await first.program.stop()

  const second = await startTestProgram(t, { dataDir })
  const signed = await second.signIn()
  const again = async (id: string) => {
    const path = `/api/v1/availability?month=${month}`
    const answer = await fetch(second.url + path, { headers: { cookie: signed.cookie } })
    const { lines } = (await answer.json()) as { lines: Record<string, number>[] }
    return lines.find(one => String(one.id) === id)
  }
  const gone = await again('shop')
  t.ok(Number(gone?.down) > 0, 'what was, stays')
  t.equal(gone?.total, deleted?.total, 'its time ended when it was deleted')
})
