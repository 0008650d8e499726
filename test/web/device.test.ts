// Goal: the page of a device shows what its profiles say and nothing else: without scripts, with
// them, for every kind of device, by role, and with a hostile device's texts as harmless text.
import t from 'tap'
import { startSimulatedAgent } from '../../bench/network/agent.ts'
import { addInterfaces, addSystem, column, octets } from '../../bench/network/objects.ts'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const { url, program, signIn, adminPassword } = await startTestProgram(t, {
  network: true,
  every: '1s',
})
const { cookie } = await signIn()
const actor = { name: 'test', address: '' }

const get = (path: string) => fetch(`${url}${path}`, { headers: { cookie } })
const text = async (path: string) => (await get(path)).text()
/** The page once it shows this. */
const pageWith = (path: string, pattern: RegExp) =>
  until(
    async () => {
      const html = await text(path)
      return pattern.test(html) && html
    },
    `${pattern} on ${path}`,
    20_000,
  )

t.test('a switch, without scripts', async t => {
  const html = await pageWith('/devices/acc-sw-11', /Gi1\/0\/48<[\s\S]*bit\/s/)
  t.match(html, /<h1>acc-sw-11<\/h1>/)
  t.match(html, /id="device-status"/)
  t.match(html, /action="\/devices\/acc-sw-11\/poll"/)
  t.match(
    html,
    /data-src="\/devices\/acc-sw-11\/charts\/interface\/traffic\?row=[^"]+range=15m"/,
    'a young device starts with a short range',
  )
  t.ok(html.indexOf('>Gi1/0/2<') < html.indexOf('>Gi1/0/10<'), 'rows in the natural order')
  t.match(html, /admin down/, 'what an admin switched off is not called down')
  t.match(html, /1 Gbit\/s/)
  t.match(html, /Profiles: why these, and what they read/)
  t.match(
    html,
    /<td>Interfaces<\/td><td class="mono">.*?<td class="number">1s<\/td><td class="number">\d\d<\/td><td class="number">50<\/td>/,
  )
  t.notMatch(html, /undefined|NaN|\[object/)
  for (const section of ['System', 'Interfaces', 'CPU', 'Memory']) t.match(html, `>${section}</h2>`)
  await pageWith(
    '/devices/acc-sw-11',
    /aria-label="In in the last hour: at most [^"]+"><title>[^<]+<\/title><polyline points="[0-9. ,-]+"\/>/,
  )
})

t.test('a UPS and this machine come from their profiles alone', async t => {
  const ups = await pageWith('/devices/ups-rack-a', /Battery charge/)
  t.match(ups, />Power<\/h2>/)
  t.notMatch(ups, />Interfaces<\/h2>/, 'what it does not have is not there')
  const own = await pageWith('/devices/this-machine', />File systems/)
  t.match(own, />CPU<\/h2>/)
  t.notMatch(own, '/devices/this-machine/poll', 'what sends by itself cannot be asked')
  t.notMatch(own, /undefined|NaN|\[object/)
})

t.test('ranges are links, and the page is as its URL says', async t => {
  const html = await text('/devices/acc-sw-11?range=6h')
  t.match(html, /href="\?range=6h" aria-current="true"/)
  t.match(html, /data-src="[^"]+range=6h"/)
  const zoomed = await text('/devices/acc-sw-11?from=1000000&to=2000000')
  t.match(zoomed, /from=1000000&amp;to=2000000/)
  t.equal((await get('/devices/acc-sw-11?range=99h')).status, 422)
  t.equal((await get('/devices/nobody')).status, 404)
})

t.test('a table shows the rows that are asked for, and the address keeps it', async t => {
  const rowsOf = (html: string) => html.match(/<tr id="row-interface-/g)?.length ?? 0
  const few = await text('/devices/acc-sw-11?range=6h&in=interface&filter=gI1%2F0%2F1')
  t.equal(rowsOf(few), 11, 'Gi1/0/1 and Gi1/0/10 to 19')
  t.match(few, /<span class="muted">11 \/ 50<\/span>/)
  t.match(few, /name="filter" value="gI1\/0\/1"/)
  t.match(few, /href="\?in=interface&amp;filter=gI1%2F0%2F1&amp;range=24h"/, 'other ranges keep it')
  t.match(few, /hx-sse:connect="[^"]+in=interface&amp;filter=gI1%2F0%2F1&amp;range=6h/)
  const down = await text('/devices/acc-sw-11?in=interface&filter=admin%20down')
  t.ok(rowsOf(down) > 0 && rowsOf(down) < 50, 'a state is found by its word')
  t.notMatch(down.slice(down.indexOf('id="rows-interface"')), />down</)
  const none = await text('/devices/acc-sw-11?in=interface&filter=%3Cimg%3E')
  t.equal(rowsOf(none), 0)
  t.match(none, /No row matches “&lt;img&gt;”/)
  for (const odd of ['in=interface&filter=%20', 'in=other&filter=x', 'filter=x', 'in=interface'])
    t.equal(rowsOf(await text(`/devices/acc-sw-11?${odd}`)), 50, odd)
})

t.test('a row has a page', async t => {
  const html = await pageWith('/devices/acc-sw-11/rows/interface/Gi1%2F0%2F1', /Traffic/)
  t.match(html, /<h1>Gi1\/0\/1<\/h1>/)
  t.match(html, /desk 2-1/)
  t.match(html, /Unicast packets/, 'also charts that the device page leaves out')
  t.match(html, /Newest values/)
  t.match(
    html,
    /id="row-stats"[\s\S]*?<th scope="row"[^>]*>In<\/th><td class="number">[\d.]+ [KMG]iB</,
  )
  t.match(html, /95th percentile/)
  t.notMatch(html, /undefined|NaN|\[object/)
  const root = await pageWith('/devices/this-machine', /\/rows\/host_disk\/([^"]+)"/)
  const link = /href="(\/devices\/this-machine\/rows\/host_disk\/[^"]+)"/.exec(root)?.[1] ?? ''
  t.equal((await get(link)).status, 200, link)
  t.equal((await get('/devices/acc-sw-11/rows/interface/Gi9')).status, 404)
  t.equal((await get('/devices/acc-sw-11/rows/nothing/Gi1')).status, 404)
})

t.test('a device that never answered says so in the place of charts', async t => {
  await program.devices.create(
    {
      id: 'silent',
      kind: 'snmp',
      address: '127.0.0.1',
      port: 9,
      credentials: { version: '2c', community: 'public' },
      every: '10s',
    },
    actor,
    'api',
  )
  const html = await text('/devices/silent')
  t.match(html, /chart-waiting/)
  t.match(html, /First samples expected in about \d+ s|Nothing has been read so far/)
  t.match(html, /Accepted/)
  const fragment = await text('/devices/silent/receipts')
  t.match(fragment, /^\s*<div id="device-receipts">/)
  await program.devices.remove('silent', { history: true }, actor)
})

const EVIL = '"><img src=x onerror=alert(1)><svg onload=alert(2)>{{7*7}} <%= 7*7 %> \u202egnp'

t.test("a hostile device's texts stay text", async t => {
  const objects = new Map()
  addSystem(objects, {
    descr: EVIL,
    objectId: '1.3.6.1.4.1.99999.1',
    name: EVIL,
    location: EVIL,
    upSeconds: () => 4242,
  })
  const interfaces = ['1', `<b hx-get="/x">${EVIL}`].map((name, at) => ({
    index: at + 1,
    name,
    alias: EVIL,
    type: 6,
    speedMbit: 100,
    adminUp: true,
    operUp: () => true,
    counters: { inOctets: 1e6, outOctets: 1e6, inPackets: 1, outPackets: 1, inErrors: 0 },
  }))
  addInterfaces(objects, interfaces)
  column(objects, '1.3.6.1.2.1.31.1.1.1.18', [1, 2], () => octets(EVIL))
  const agent = await startSimulatedAgent({
    host: '127.0.0.1',
    port: 0,
    community: 'public',
    objects,
  })
  t.teardown(() => agent.close())
  await program.devices.create(
    {
      id: 'evil',
      name: EVIL.slice(0, 90),
      kind: 'snmp',
      address: '127.0.0.1',
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      every: '1s',
    },
    actor,
    'api',
  )
  await pageWith('/devices/evil', /rows\/interface\//)
  const { page, problems } = await openPage(await startChromium(t), url, adminPassword)
  page.on('dialog', dialog => {
    problems.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  const isClean = async (where: string) => {
    t.equal(await page.locator('img').count(), 0, `${where}: no picture`)
    t.equal(
      await page.locator('svg[onload], b[hx-get]').count(),
      0,
      `${where}: no element of theirs`,
    )
    t.same(problems, [], `${where}: nothing was run or refused`)
  }
  await page.goto(`${url}/devices/evil`)
  t.match(await page.title(), /<img src=x/, 'the title is text')
  await page.waitForSelector('figure[data-drawn] canvas')
  await page.evaluate(
    'for (const d of document.querySelectorAll("#device-body details")) d.open = true',
  )
  await page.waitForSelector('figure[data-drawn] .strip rect')
  const canvas = await page.locator('canvas').first().boundingBox()
  if (canvas) await page.mouse.move(canvas.x + canvas.width * 0.9, canvas.y + 40)
  await page.locator('.chart-as-table').first().click({ force: true })
  await page.waitForSelector('.chart-table')
  await isClean('the device page')
  const href = await page.locator('#rows-interface tr:last-child th a').getAttribute('href')
  await page.goto(`${url}${href}`)
  await page.waitForSelector('figure[data-drawn] canvas')
  await isClean('the row page')
})

t.test('in a browser: charts of a switch and of this machine', async t => {
  const { page, problems } = await openPage(await startChromium(t), url, adminPassword)
  for (const id of ['acc-sw-11', 'this-machine']) {
    await page.goto(`${url}/devices/${id}`)
    await page.waitForSelector('figure[data-drawn] canvas')
    const isDrawn = await page.evaluate(`(() => {
      const canvas = document.querySelector('figure[data-drawn] canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      return data.some((value, at) => at % 4 === 3 && value > 0)
    })()`)
    t.ok(isDrawn, `${id}: something is drawn`)
    t.match(await page.locator('figure .legend b').first().textContent(), /\d/)
  }
  await page.goto(`${url}/devices/acc-sw-11`)
  const canvas = page.locator('figure[data-drawn] canvas').first()
  await canvas.waitFor()
  const box = await canvas.boundingBox()
  if (!box) throw new Error('the chart is not there')
  await page.mouse.move(box.x + box.width * 0.7, box.y + 50)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.9, box.y + 50, { steps: 4 })
  await page.mouse.up()
  await page.waitForURL(/from=\d+&to=\d+/)
  t.pass('dragging zooms, and the URL keeps it')
  await page.waitForSelector('figure[data-src*="from="][data-drawn]')
  t.same(problems, [], 'no violations, no errors')
})
