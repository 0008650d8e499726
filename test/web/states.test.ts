// Goal: a page says how it stands. Loading, failed, cut off, empty, something down: each is seen by a
// person in a real Chromium. Keys press what can be pressed, and nothing while somebody types.

import type { Browser, BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from './program.ts'

const BY = { name: 'test', address: '' }

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '1s' })
const { url, program } = test
const DEVICE = 'acc-sw-11'
await until(() => program.devices.status(DEVICE)?.state === 'up', 'a device up')
const { cookie, csrf } = await test.signIn()
const browser: Browser = await startChromium(t)

async function open(t: { teardown(end: () => unknown): unknown }): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1360, height: 900 },
  })
  t.teardown(() => context.close())
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url }])
  return context.newPage()
}

t.test('a part that loads, fails and is tried again keeps what it showed', async t => {
  const page = await open(t)
  await page.goto(`${url}/devices`)
  const rows = await page.locator('#devices [data-row]').count()
  let isDown = true
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  await page.route('**/devices?*', async route => {
    if (!isDown) return route.continue()
    await held
    return route.abort('connectionfailed')
  })
  await page.fill('#q', DEVICE)
  await page.waitForSelector('#list[aria-busy="true"]')
  t.equal(await page.locator('#devices [data-row]').count(), rows, 'the old list stays')
  const bar = await page.evaluate<[string, string]>(
    `(({ height, animationDelay }) => [height, animationDelay])(getComputedStyle(document.getElementById('list'), '::before'))`,
  )
  t.same(bar, ['2px', '0.3s'], 'a bar, after 300 ms')
  release()
  await page.waitForSelector('.panel-error')
  t.equal(await page.locator('#list[aria-busy="true"]').count(), 0)
  t.match(await page.locator('.panel-error').innerText(), /could not be loaded at \d/)
  t.equal(await page.locator('#devices [data-row]').count(), rows, 'and stays still')
  t.equal(await page.locator('#list').getAttribute('data-failed'), '', 'shown as old')
  isDown = false
  await page.click('.panel-error button')
  await page.waitForSelector(`#devices [data-row] a[href="/devices/${DEVICE}"]`)
  await until(async () => (await page.locator('#devices [data-row]').count()) === 1, 'the answer')
  t.equal(await page.locator('.panel-error').count(), 0, 'nothing is said any more')
})

t.test('cut off: a banner that counts down, a grey page, and a button', async t => {
  const page = await open(t)
  let isDown = false
  await page.route('**/live?*', route =>
    isDown
      ? route.fulfill({ status: 503, body: '' })
      : route.fulfill({ status: 200, body: 'data: x\n\n', contentType: 'text/event-stream' }),
  )
  await page.goto(`${url}/`)
  await page.waitForSelector('[data-live="on"]')
  isDown = true
  await page.waitForSelector('[data-live="lost"]')
  await page.locator('#offline').waitFor()
  t.match(await page.locator('#offline').innerText(), /No connection to Pollux/)
  await until(
    async () => /Next try in \d+ s\./.test(await page.locator('[data-countdown]').innerText()),
    'the count of seconds',
  )
  const filter = await page.evaluate<string>(
    `getComputedStyle(document.getElementById('overview')).filter`,
  )
  t.match(filter, /grayscale/)
  isDown = false
  await page.unroute('**/live?*')
  await page.click('[data-try-now]')
  await page.waitForSelector('[data-live="on"]')
  t.equal(await page.locator('#offline').isVisible(), false)
})

t.test('refused at the first try, the stream is asked for again', async t => {
  const page = await open(t)
  let tries = 0
  await page.route('**/live?*', route =>
    ++tries < 3 ? route.fulfill({ status: 503, body: '' }) : route.continue(),
  )
  await page.goto(`${url}/`)
  await page.locator('#offline').waitFor()
  await page.waitForSelector('[data-live="on"]')
  t.equal(tries, 3)
  t.equal(await page.locator('#offline').isVisible(), false)
})

t.test('empty, and empty by a filter, are different sentences with different ways on', async t => {
  const page = await open(t)
  for (const [path, sentence] of [
    ['/devices?q=nothing-like-this', /nothing-like-this/],
    ['/events?q=nothing-like-this', /No event fits/],
    ['/audit?actor=nobody', /No entry fits/],
  ] as const) {
    await page.goto(url + path)
    t.match(await page.locator('.empty').innerText(), sentence, path)
    t.ok(await page.locator('.empty a', { hasText: 'Clear filters' }).isVisible(), path)
  }
  for (const [path, sentence] of [
    ['/containers', /No engine is watched yet/],
    ['/tokens', /No tokens yet/],
    ['/agents', /No agent has enrolled yet/],
  ] as const) {
    await page.goto(url + path)
    t.match(await page.locator('.empty').first().innerText(), sentence, path)
  }
})

t.test('the title and the icon say that something is down, as it happens', async t => {
  const page = await open(t)
  await page.goto(`${url}/devices`)
  t.equal(await page.title(), 'Devices · Pollux')
  await program.devices.create(
    {
      id: 'gone',
      kind: 'snmp',
      address: '127.0.0.1',
      port: 9,
      every: '5s',
      timeout: '1s',
      retries: 0,
      credentials: { version: '2c', community: 'none' },
    },
    BY,
    'api',
  )
  await until(async () => (await page.title()) === '1 down · Devices · Pollux', 'the title')
  t.equal(await page.getAttribute('link[rel="icon"]', 'href'), '/public/icon-trouble.svg')
  await page.goto(`${url}/events`)
  t.equal(await page.title(), '1 down · Events · Pollux', 'as the server draws it')
  await program.devices.remove('gone', { history: true }, BY)
  await until(async () => (await page.title()) === 'Events · Pollux', 'the title without it')
  t.equal(await page.getAttribute('link[rel="icon"]', 'href'), '/public/icon.svg')
})

t.test('keys: rows, places, pause, range, the sheet', async t => {
  const page = await open(t)
  const focused = () =>
    page.evaluate<string>(
      'document.activeElement.getAttribute("href") ?? document.activeElement.id',
    )
  await page.goto(`${url}/devices?sort=name&all=1`)
  await page.keyboard.press('j')
  const first = await focused()
  t.match(first, /^\/devices\//)
  await page.keyboard.press('x')
  t.equal(await page.locator('.col-choose input[name="id"]:checked').count(), 1, 'x chooses')
  await page.keyboard.press('j')
  t.not(await focused(), first)
  await page.keyboard.press('Control+k')
  t.not(await focused(), first, 'with a modifier it is no key of ours')
  for (const [key, path] of [
    ['e', '/events'],
    ['c', '/containers'],
    ['p', '/profiles'],
    ['s', '/settings'],
    ['o', '/'],
    ['d', '/devices'],
  ] as const) {
    await page.keyboard.press('g')
    await page.keyboard.press(key)
    await page.waitForURL(`${url}${path}`)
  }
  await page.goto(`${url}/devices/${DEVICE}`)
  await page.keyboard.press('r')
  t.match(await focused(), /range=/, 'r goes to the ranges')
  await page.keyboard.press('Escape')
  await page.fill('#comment', '')
  await page.focus('#comment')
  await page.keyboard.type('p?r/')
  t.equal(await page.inputValue('#comment'), 'p?r/', 'while typing keys are letters')
  await page.keyboard.press('Escape')
  await page.keyboard.press('p')
  await until(async () => (await program.devices.get(DEVICE))?.config.enabled === false, 'paused')
  await page.goto(`${url}/devices`)
  await page.keyboard.press('?')
  t.equal(await page.locator('dialog#keys').isVisible(), true)
  const shown = await page.locator('dialog#keys kbd').allInnerTexts()
  for (const key of [
    '/',
    'j',
    'k',
    'x',
    'Enter',
    'a',
    'p',
    'r',
    'g',
    'o',
    'd',
    'c',
    'e',
    '?',
    'Esc',
  ])
    t.ok(shown.includes(key), `the sheet names ${key}`)
  await page.keyboard.press('j')
  t.equal(await page.locator('dialog#keys').isVisible(), true, 'nothing behind the sheet moves')
})

t.test('a person chooses a language, and keeps it', async t => {
  const page = await open(t)
  await page.goto(`${url}/account`)
  await page.selectOption('#chosen-language', 'fr')
  await page.click('#language button')
  await page.waitForSelector('html[lang="fr"]')
  await page.goto(`${url}/devices`)
  t.equal(await page.getAttribute('html', 'lang'), 'fr')
  t.match(await page.title(), /Équipements/)
  t.match(await page.locator('.nav').innerText(), /Événements/)
  const elsewhere = await fetch(`${url}/account`, { headers: { cookie, 'accept-language': 'en' } })
  t.match(await elsewhere.text(), /<html lang="fr"/, 'in another browser too')
  const post = (language: string) =>
    fetch(`${url}/account/language`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, origin: url, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ _csrf: csrf, language }),
    })
  for (const wrong of ['../../etc', 'constructor', 'x'.repeat(5000), '']) {
    t.equal((await post(wrong)).status, 303)
    const back = await fetch(`${url}/account`, { headers: { cookie, 'accept-language': 'en' } })
    t.match(await back.text(), /<html lang="en"/, `${wrong.slice(0, 12)} is none`)
    await post('fr')
  }
  await post('')
})
