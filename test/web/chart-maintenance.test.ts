// Goal: maintenance is shaded on charts and told in words: of the devices that a window names, joined
// where windows lie over one another, bounded, with a legend, in the table, in print, and without scripts.
import t, { type Test } from 'tap'
import { createLog } from '../../server/log.ts'
import { openStore } from '../../server/store/open.ts'
import { chartMaintenance, spansMax } from '../../server/web/chart-maintenance.ts'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'
import { chartOf } from './chart.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)

const { url, signIn, adminPassword } = await startTestProgram(t, { network: true, every: '1s' })
const { cookie, csrf } = await signIn()

const DAY = 86_400_000
const HOUR = 3_600_000
const T0 = Date.UTC(2026, 10, 1)
const device = { id: 'sw-1', kind: 'snmp' as const, tags: ['core'], location: 'paris' }

async function store(t: Test) {
  const place = await sqlitePlace(t)
  const opened = await openStore({ url: place.url, log: createLog('silent') })
  t.teardown(() => opened.close())
  return opened
}

t.test('windows that lie over one another are one span, with both names', async t => {
  const opened = await store(t)
  const { rules } = opened
  const once = (name: string, from: number, to: number, devices: object = { all: true }) =>
    rules.putWindow(name, { name, devices, once: { from, to } }, to, 'a', T0)
  await once('b', T0 + 2 * HOUR, T0 + 4 * HOUR)
  await once('a', T0 + HOUR, T0 + 3 * HOUR, { tags: ['core'] })
  await once('other', T0 + HOUR, T0 + 3 * HOUR, { ids: ['sw-2'] })
  await once('next', T0 + 4 * HOUR, T0 + 5 * HOUR)
  await once('before', T0 - 2 * HOUR, T0 - HOUR)
  await once('from before <b>', T0 - 2 * HOUR, T0 + 1)
  await rules.putWindow('broken', { name: 'broken', devices: 7 }, null, 'a', T0)
  const found = await chartMaintenance(opened, device, { from: T0, to: T0 + DAY })
  t.same(found, {
    maintenance: [
      [T0, T0 + 1, 'from before <b>'],
      [T0 + HOUR, T0 + 4 * HOUR, 'a, b'],
      [T0 + 4 * HOUR, T0 + 5 * HOUR, 'next'],
    ],
    maintenanceLeft: 0,
  })
})

t.test('one that comes again each day of two years: bounded, the newest', async t => {
  const opened = await store(t)
  const weekly = {
    days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
    at: '02:00',
    minutes: 60,
  }
  for (const name of ['w1', 'w2', 'w3', 'w4']) {
    await opened.rules.putWindow(name, { name, devices: { all: true }, weekly }, null, 'a', 1)
  }
  const to = T0 + 700 * DAY
  const { maintenance, maintenanceLeft } = await chartMaintenance(opened, device, { from: T0, to })
  t.equal(maintenance.length, spansMax)
  t.equal(maintenanceLeft, 701 - spansMax)
  t.same(maintenance.at(-1), [to + 2 * HOUR, to + 3 * HOUR, 'w1, w2, w3, …'])
  await opened.rules.removeWindow('w1', T0 + DAY)
  const early = await chartMaintenance(opened, device, { from: T0, to: T0 + DAY })
  t.same(
    early.maintenance.map(([, , names]) => names),
    ['w1, w2, w3, …', 'w2, w3, w4'],
    'what was removed was in force until then',
  )
})

const EVIL = '<img src=x onerror=alert(1)> swap'

t.test('on a chart, its table and a page, in words', async t => {
  const made = await fetch(`${url}/api/v1/maintenance`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json', 'x-csrf-token': csrf, origin: url },
    body: JSON.stringify({
      name: EVIL,
      devices: { ids: ['acc-sw-11'] },
      once: { from: Date.now() - 5 * 60_000, to: Date.now() + HOUR },
    }),
  })
  t.ok(made.ok, `${made.status}`)
  const path = '/devices/acc-sw-11/charts/interface/status'
  await until(async () => {
    const found = await chartOf(url, cookie, `${path}?range=15m`).catch(() => null)
    return found !== null && found.series.length > 0
  }, 'states of its ports')
  const shadedOn = (id: string) =>
    until(async () => {
      const place = `${url}/devices/${id}/charts/interface/status?range=15m`
      const answer = await fetch(place, { headers: { cookie } })
      return answer.ok && JSON.parse(await answer.text()).maintenance
    }, `the chart of ${id}`)
  t.match(await shadedOn('acc-sw-11'), [[Number, Number, EVIL]])
  t.same(await shadedOn('acc-sw-12'), [], 'only where the window says so')
  const headers = { cookie: `${cookie}; lang=fr` }
  const table = await (await fetch(`${url}${path}/table?range=15m`, { headers })).text()
  t.match(table, /id="chart-maintenance"/)
  t.match(table, '&lt;img src=x onerror=alert(1)&gt; swap')
  const later = await (
    await fetch(`${url}${path}/table?from=1000000&to=2000000`, { headers })
  ).text()
  t.notMatch(later, 'chart-maintenance"', 'not where there was none')

  const browser = await startChromium(t)
  const { page, problems } = await openPage(browser, url, adminPassword)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.goto(`${url}/devices/acc-sw-11/rows/interface/Gi1%2F0%2F1?range=15m`)
  const drawn = page.locator('figure[data-drawn] canvas').first()
  await drawn.waitFor()
  t.match(await drawn.getAttribute('aria-label'), `chart. Maintenance: ${EVIL}, `)
  const id = await page.locator('figure:has(canvas)').first().getAttribute('id')
  const figure = page.locator(`#${id}`)
  t.equal(await figure.locator('.legend-maintenance').textContent(), 'Maintenance')
  /** Pixels of exactly the colour of the bar, as tokens.css gives it for light pages. */
  const bar = async () =>
    Number(
      await page.evaluate(`(() => {
        const canvas = document.querySelector('figure[data-drawn] canvas')
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        let found = 0
        for (let i = 0; i < data.length; i += 4)
          if (data[i] === 12 && data[i + 1] === 76 && data[i + 2] === 177) found++
        return found
      })()`),
    )
  await until(async () => (await bar()) > 100, 'a bar above the shaded part')
  await page.emulateMedia({ media: 'print' })
  await until(async () => (await bar()) > 100, 'the same on paper')
  await page.emulateMedia({ media: 'screen' })
  await figure.locator('.chart-as-table').click({ force: true })
  t.match(await figure.locator('.chart-table-scroll').textContent(), EVIL)
  t.equal(await page.locator('main img').count(), 0, 'a name is text')

  await page.goto(`${url}/devices/acc-sw-11?range=15m`)
  await page.waitForSelector('figure[data-drawn] canvas')
  await page.evaluate(
    'for (const d of document.querySelectorAll("#device-body details")) d.open = true',
  )
  const strip = page.locator('.chart-status .strip').first()
  await strip.waitFor()
  t.match(await strip.locator('svg').getAttribute('aria-label'), `Maintenance: ${EVIL}`)
  t.equal(await strip.locator('rect.strip-maintenance').count(), 1)
  t.same(problems, [], 'no violations, no errors')
})
