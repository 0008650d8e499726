// Goal: the settings page says what is kept and what it costs; only an admin changes the days, sees first
// what that drops, and is in the audit log.

import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openStore } from '../../server/store/open.ts'
import { bytesInAYear, droppedBy, readDays } from '../../server/web/retention.ts'
import { silentLog } from '../parts/broker.ts'
import { startChromium } from '../parts/chromium.ts'
import { config } from '../store/samples.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

const DAY = 86_400_000
const STREAMS = 40
const BLOCK_BYTES = 10_000

t.setTimeout(600_000)
const test = await startTestProgram(t)
// Before the first test: tap ends a file whose tests are done while the next is awaited.
const browser = await startChromium(t)
const { url } = test
const everybody = await people(test)
const file = path.join(test.dataDir, 'pollux.db')

/** Streams of the class `short`, one block a day for four days: sizes that are known. */
function fill(at: string, uid: number): void {
  const database = new DatabaseSync(at, { timeout: 5000 })
  const today = Math.floor(Date.now() / DAY) * DAY
  database.exec('begin immediate')
  for (let stream = 1; stream <= STREAMS; stream++) {
    const id = 1_000_000 + stream * 7
    database
      .prepare('insert into stream (id, device_uid, group_name, retention) values (?, ?, ?, ?)')
      .run(id, uid, `filled-${stream}`, 'short')
    for (let day = 4; day >= 1; day--) {
      const t0 = today - day * DAY
      database
        .prepare(
          'insert into block_short (stream_id, t0, t1, n, fmt, data) values (?, ?, ?, 240, 1, ?)',
        )
        .run(id, t0, t0 + DAY, new Uint8Array(BLOCK_BYTES))
    }
  }
  database.exec('commit')
  database.close()
}

const store = await openStore({ url: `sqlite:${file}`, log: silentLog })
t.teardown(() => store.close())
const filled = { ...config('filled'), enabled: false, retention: 'short' as const }
fill(file, (await store.devices.create(filled, 'api', 1)).uid)

const change = (days: Record<string, string | number>, person = everybody.admin) =>
  ask(url, '/settings/retention', {
    ...as(url, person, { method: 'POST', headers: FORM }),
    body: new URLSearchParams(
      Object.entries(days).map(([name, n]): [string, string] => [name, String(n)]),
    ).toString(),
  })
const days = async () => (await store.retention.days()).default
const changes = async () =>
  (await store.audit.list({ limit: 100 })).filter(({ action }) => action === 'retention.change')

t.test('sizes are estimated from a part of the streams', async t => {
  const sizes = await store.retention.sizes()
  const raw = sizes.find(size => size.kept === 'short' && size.tier === 'raw')
  t.equal(raw?.bytes, STREAMS * 4 * BLOCK_BYTES)
  t.equal(raw?.bytesPerDay, STREAMS * BLOCK_BYTES)
  t.equal(raw?.oldestAt, Math.floor(Date.now() / DAY) * DAY - 4 * DAY)
  const quarters = sizes.find(size => size.kept === 'short' && size.tier === 'r15m')
  t.match(quarters, { bytes: 0, bytesPerDay: null, oldestAt: null })
  t.notOk(
    sizes.some(({ kept }) => kept === 'long'),
    'no class without streams',
  )
})

t.test('in a year', async t => {
  const now = 1000 * DAY
  const size = {
    ...({ kept: 'default', tier: 'raw' } as const),
    ...{ bytes: 500, bytesPerDay: 10, oldestAt: now - 50 * DAY },
  }
  t.equal(bytesInAYear(size, 30, now), 300, 'all of today is gone then')
  t.equal(bytesInAYear(size, 1000, now), 4150, 'all of today is still there')
  t.equal(bytesInAYear(size, 390, now), 3900, 'half of it is')
  t.equal(bytesInAYear({ ...size, bytesPerDay: null }, 30, now), null)
})

t.test('days that are refused', async t => {
  const wrong: [Record<string, string>, string[]][] = [
    [{}, ['raw', 'r15m', 'r1h']],
    [{ raw: '0', r15m: '365', r1h: '365' }, ['raw']],
    [{ raw: '3651', r15m: '4000', r1h: '4000' }, ['raw']],
    [{ raw: '1.5', r15m: '1e3', r1h: '-9' }, ['raw', 'r15m', 'r1h']],
    [{ raw: '30', r15m: '29', r1h: '29' }, ['r15m', 'r1h']],
    [{ raw: '30', r15m: '60', r1h: '59' }, ['r1h']],
    [{ raw: '30', r15m: '60', r1h: '36501' }, ['r1h']],
  ]
  for (const [values, fields] of wrong) {
    const read = readDays(values)
    t.same(read.ok ? [] : read.errors.map(error => error.path), fields, JSON.stringify(values))
    const answer = await change(values)
    t.equal(answer.status, 422)
    for (const field of fields) t.match(answer.body, `id="default-${field}-error"`)
  }
  const strange = await change({ kept: '<i>eternal', raw: 1, r15m: 1, r1h: 1 })
  t.equal(strange.status, 422)
  t.match(strange.body, 'is no class of retention')
  t.notMatch(strange.body, '<i>eternal')
  const shown = await change({ raw: '"><b>', r15m: '9', r1h: '9' })
  t.notMatch(shown.body, '"><b>', 'what was typed comes back as text')
  t.same(await days(), { raw: 30, r15m: 365, r1h: 1825 }, 'nothing has changed')
  t.same(await changes(), [])
})

t.test('each role sees what it may', async t => {
  const page = async (role: keyof typeof everybody) =>
    ask(url, '/settings', as(url, everybody[role]))
  t.match((await page('admin')).body, 'action="/settings/retention"')
  for (const role of ['engineer', 'technician'] as const) {
    const { status, body } = await page(role)
    t.equal(status, 200)
    t.match(body, 'What is kept')
    t.match(body, 'data-kept="short-raw"')
    t.match(body, 'data-kept="long-raw"')
    t.match(body, /data-devices="short">1 device has/)
    t.notMatch(body, 'action="/settings/retention"', role)
    t.equal((await change({ raw: 60, r15m: 400, r1h: 2000 }, everybody[role])).status, 403)
  }
  t.equal((await page('viewer')).status, 403)
  const forged = await ask(url, '/settings/retention', {
    method: 'POST',
    headers: { cookie: everybody.admin.cookie, origin: url, ...FORM },
    body: 'raw=60&r15m=400&r1h=2000',
  })
  t.equal(forged.status, 403, 'without the token of the form')
  t.same(await days(), { raw: 30, r15m: 365, r1h: 1825 })
})

t.test('longer at once, shorter only after what goes was shown', async t => {
  const longer = { raw: 60, r15m: 400, r1h: 2000 }
  t.equal((await change(longer)).status, 303)
  t.same(await days(), longer)

  const shorter = { raw: 10, r15m: 400, r1h: 1000 }
  t.same(droppedBy(longer, shorter, 0).length, 2)
  const step = await change(shorter)
  t.equal(step.status, 200)
  t.match(step.body, /Every sample of before \d{4}-\d\d-\d\d/)
  t.match(step.body, '1-hour points of before')
  t.notMatch(step.body, '15-minute points of before')
  t.same(await days(), longer, 'not saved yet')

  t.equal((await change({ ...shorter, shown: '99 400 2000' })).status, 200, 'shown for other days')
  t.same(await days(), longer)
  t.equal((await change({ ...shorter, shown: '60 400 2000' })).status, 303)
  t.same(await days(), shorter)
  t.match(await changes(), [
    { actor: 'test-admin', thing: 'retention:default', before: longer, after: shorter },
    { before: { raw: 30, r15m: 365, r1h: 1825 }, after: longer },
  ])
})

t.test('each class has days of its own', async t => {
  const before = await store.retention.days()
  t.equal((await change({ kept: 'long', raw: 100, r15m: 800, r1h: 4000 })).status, 303)
  const shorter = await change({ kept: 'short', raw: 3, r15m: 90, r1h: 365 })
  t.match(shorter.body, 'name="kept" value="short"')
  t.match(shorter.body, 'of the class short for a shorter time?')
  const shown = '7 90 365'
  t.equal((await change({ kept: 'short', raw: 3, r15m: 90, r1h: 365, shown })).status, 303)
  t.same(await store.retention.days(), {
    default: before.default,
    short: { raw: 3, r15m: 90, r1h: 365 },
    long: { raw: 100, r15m: 800, r1h: 4000 },
  })
  t.match(await changes(), [{ thing: 'retention:short' }, { thing: 'retention:long' }])
})

t.test('hourly rows for SQL', async t => {
  const hourly = (days: string | number, more = {}, person = everybody.admin) =>
    ask(url, '/settings/hourly-rows', {
      ...as(url, person, { method: 'POST', headers: FORM }),
      body: new URLSearchParams({ hourly: String(days), ...more }).toString(),
    })
  for (const wrong of ['', '-1', '367', '1.5', 'all', '<b>']) {
    const { status, body } = await hourly(wrong)
    t.equal(status, 422, wrong)
    t.match(body, 'id="hourly-hourly-error"')
  }
  t.equal((await hourly(9, {}, everybody.engineer)).status, 403)
  t.equal(await store.retention.hourlyDays(), 0)
  t.equal((await hourly(30)).status, 303)
  t.equal(await store.retention.hourlyDays(), 30)
  t.match((await hourly(0)).body, 'Hourly rows of before')
  t.equal(await store.retention.hourlyDays(), 30, 'not before it was shown')
  t.equal((await hourly(0, { shown: '30' })).status, 303)
  t.equal(await store.retention.hourlyDays(), 0)
  t.match(await changes(), [{ thing: 'retention:hourly-rows', after: { days: 0 } }])
})

for (const width of [1360, 390]) {
  for (const colorScheme of ['light', 'dark'] as const) {
    t.test(`${width} pixels, ${colorScheme}, without JavaScript`, async t => {
      const viewport = { width, height: 900 }
      const context = await browser.newContext({ viewport, colorScheme, javaScriptEnabled: false })
      t.teardown(() => context.close())
      const [name = '', value = ''] = everybody.admin.cookie.split('=')
      await context.addCookies([{ name, value, url }])
      const page = await context.newPage()
      const shot = async (what: string) => {
        const folder = process.env.TEST_SCREENSHOTS
        if (folder)
          await page.screenshot({
            path: `${folder}/${what}-${width}-${colorScheme}.png`,
            fullPage: true,
          })
        t.equal(await widest(page), width, `${what} is not too wide`)
      }
      await page.goto(`${url}/settings`)
      await shot('settings')
      const before = await days()
      const form = page.locator('form[data-days=default]')
      await page.getByText('Change the days of default').click()
      await form.getByLabel('Every sample, days').fill(String(before.raw - 1))
      await form.getByRole('button', { name: 'Change days' }).click()
      await page.getByText('This will be dropped').waitFor()
      await shot('confirm')
      await page.getByRole('button', { name: 'Drop it and save' }).click()
      await page.locator('#kept').waitFor()
      t.same(await days(), { ...before, raw: before.raw - 1 })
    })
  }
}
