// Goal: in a real Chromium the pages run nothing that their own policy forbids, fit a phone, work by
// keyboard and without JavaScript, remember the theme, and go on by the live stream.

import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import t from 'tap'
import { type Misdeeds, startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { freePort, type Teardown, tempDir, until } from '../parts/find.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

const BY = { name: 'test', address: '' }
const HOSTILE = `"><svg onload=alert(1)><img src=x onerror=alert(2)> ' hx-get=/logout hx-trigger=load`

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true })
const { url, program, network } = test
const agent = network?.devices[0]
if (!network || !agent) throw new Error('no network')
await program.devices.create(
  {
    id: 'hostile',
    name: HOSTILE.slice(0, 100),
    location: `<script>alert(3)</script>${'wide'.repeat(15)}`,
    tags: ['<b>x</b>'],
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
await until(() => program.devices.status('hostile')?.state === 'down', 'a device down', 20_000)
await until(() => program.devices.status(agent.id)?.state === 'up', 'a device up', 20_000)

const browser: Browser = await startChromium(t)
const { cookie } = await test.signIn()

const PATHS = [
  '/',
  '/devices',
  '/devices?q=none',
  '/devices?state=down',
  '/devices/new',
  '/devices/hostile/edit',
  '/devices/hostile/delete',
  `/devices/${agent.id}/edit`,
  `/devices/${agent.id}`,
  '/devices/hostile',
  '/profiles',
  '/profiles/if-mib',
  '/settings',
  '/account',
  '/nothing-here',
]

interface Opened {
  context: BrowserContext
  page: Page
  misdeeds: Misdeeds
}

/** A page of a signed-in admin, in a context of its own. */
async function open(t: Teardown, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options })
  t.teardown(() => context.close())
  const misdeeds = await watchMisdeeds(context)
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url }])
  return { context, misdeeds, page: await context.newPage() }
}

const NOTHING = { violations: [], errors: [], dialogs: [] }

const SCREENS = [
  { width: 1360, height: 900, colorScheme: 'light' },
  { width: 768, height: 1024, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const

for (const { width, height, colorScheme } of SCREENS) {
  t.test(`${width} pixels, ${colorScheme}: nothing forbidden, nothing too wide`, async t => {
    const { page, misdeeds } = await open(t, { colorScheme, viewport: { width, height } })
    for (const path of PATHS) {
      await page.goto(url + path)
      t.equal(await widest(page), width, path)
      t.equal(await page.locator('h1').count(), 1, `${path} has one title`)
      t.equal(
        await page.locator('main [style]:not(canvas, .mark)').count(),
        0,
        `${path} has no inline style but what scripts give a canvas and the place of a mark`,
      )
    }
    const background = await page.evaluate(
      'getComputedStyle(document.documentElement).backgroundColor',
    )
    t.equal(background, colorScheme === 'dark' ? 'rgb(14, 17, 22)' : 'rgb(246, 247, 249)')
    t.same(misdeeds, NOTHING)
  })
}

t.test('a finger finds what it aims at', async t => {
  const { page } = await open(t, {
    hasTouch: true,
    isMobile: true,
    viewport: { width: 390, height: 844 },
  })
  for (const path of ['/', '/devices', '/devices/new', '/account']) {
    await page.goto(url + path)
    const small =
      await page.evaluate(`[...document.querySelectorAll('.button, .nav a, .segment, .tile, main input:not([type=hidden], [type=checkbox], [type=radio]), select, tr[data-row]')]
      .map(one => ({ text: one.className + ' ' + one.textContent.trim().slice(0, 30), height: one.getBoundingClientRect().height }))
      .filter(one => one.height > 0 && one.height < 42)`)
    t.same(small, [], path)
  }
})

t.test('by keyboard', async t => {
  const { page, misdeeds } = await open(t)
  const focused = () =>
    page.evaluate('document.activeElement.getAttribute("href") ?? document.activeElement.id')
  await page.goto(`${url}/devices?sort=name`)
  await page.keyboard.press('j')
  const first = await focused()
  await page.keyboard.press('j')
  t.not(await focused(), first)
  await page.keyboard.press('k')
  t.equal(await focused(), first)
  await page.keyboard.press('/')
  t.equal(await focused(), 'q')
  await page.keyboard.type('jgd?')
  t.equal(await page.inputValue('#q'), 'jgd?', 'in a field, keys are letters')
  await page.keyboard.press('Escape')
  t.not(await focused(), 'q')
  await page.keyboard.press('?')
  t.equal(await page.locator('dialog#keys').isVisible(), true)
  await page.keyboard.press('Escape')
  t.equal(await page.locator('dialog#keys').isVisible(), false)
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(url + first)
  for (const [key, path] of [
    ['p', '/profiles'],
    ['s', '/settings'],
    ['d', '/devices'],
    ['o', '/'],
  ]) {
    await page.keyboard.press('g')
    await page.keyboard.press(key ?? '')
    await page.waitForURL(`${url}${path}`)
  }
  await page.keyboard.press('d')
  await page.keyboard.press('Control+/')
  t.equal(page.url(), `${url}/`, 'a letter alone goes nowhere')
  t.same(misdeeds, NOTHING)
})

t.test('without JavaScript: add, be refused, test, change, delete', async t => {
  const { page } = await open(t, { javaScriptEnabled: false })
  await page.goto(`${url}/devices/new`)
  t.equal(await page.locator('[name="credentials.user"]').isVisible(), true, 'every field shows')
  await page.fill('[name="name"]', 'No Script')
  await page.fill('[name="address"]', '127.0.0.1')
  await page.fill('[name="port"]', String(agent.port))
  await page.fill('[name="every"]', 'often')
  await page.click('text="Add device" >> nth=-1')
  t.match(await page.locator('#errors').innerText(), /Poll every/)
  await page.click('#errors a[href="#every"]')
  await page.fill('[name="every"]', '10s')
  await page.fill('[name="credentials.community"]', network.community)
  await page.click('text="Test"')
  t.match(await page.locator('#test-result').innerText(), /It answers/)
  t.equal(await page.inputValue('[name="name"]'), 'No Script')
  await page.fill('[name="credentials.community"]', network.community)
  await page.click('main button.primary')
  await page.waitForURL(`${url}/devices/no-script`)
  await page.goto(`${url}/devices?q=script`)
  await page.click('text="No Script"')
  await page.waitForURL(`${url}/devices/no-script`)
  await page.goto(`${url}/devices/no-script/delete`)
  await page.click('main button.danger')
  await page.waitForURL(`${url}/devices`)
  t.equal(await program.devices.get('no-script'), null)
})

t.test('with JavaScript: only the fields that are needed, and Test stays on the page', async t => {
  const { page, misdeeds } = await open(t)
  await page.goto(`${url}/devices/new`)
  const visible = (name: string) => page.locator(`[name="${name}"]`).isVisible()
  t.equal(await visible('credentials.user'), false)
  await page.selectOption('[name="credentials.version"]', '3')
  t.same([await visible('credentials.user'), await visible('credentials.community')], [true, false])
  await page.selectOption('[name="kind"]', 'docker')
  t.equal(await visible('credentials.version'), false)
  await page.selectOption('[name="kind"]', 'snmp')
  await page.selectOption('[name="credentials.version"]', '2c')
  await page.fill('[name="address"]', '127.0.0.1')
  await page.fill('[name="port"]', String(agent.port))
  await page.fill('[name="credentials.community"]', network.community)
  await page.click('text="Test"')
  await page.waitForSelector('#test-result .note-ok')
  t.equal(page.url(), `${url}/devices/new`)
  t.equal(
    await page.inputValue('[name="credentials.community"]'),
    network.community,
    'typed values stay',
  )
  await page.fill('[name="credentials.community"]', '')
  await page.click('text="Test"')
  await page.waitForSelector('#test-result .note-warning')
  t.same(misdeeds, NOTHING)
})

t.test('the theme is remembered', async t => {
  const { page } = await open(t, { colorScheme: 'light' })
  await page.goto(`${url}/account`)
  await page.click('[data-theme-choice="dark"]')
  const background = () =>
    page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
  t.equal(await background(), 'rgb(14, 17, 22)', 'at once')
  await page.goto(`${url}/devices`)
  t.equal(await background(), 'rgb(14, 17, 22)', 'and on the next page')
  t.equal(await page.getAttribute('html', 'data-theme'), 'dark', 'as the server drew it')
})

t.test('the overview and the list go on by themselves', async t => {
  const { page, misdeeds } = await open(t)
  const list = await page.context().newPage()
  await page.goto(`${url}/`)
  await list.goto(`${url}/devices?state=paused`)
  const before = await stored(agent.id)
  await program.devices.update(agent.id, { ...before.config, enabled: false }, before.version, BY)
  await page.waitForSelector(`.tile-paused[href="/devices/${agent.id}"]`)
  await list.waitForSelector(`.row-link[href="/devices/${agent.id}"]`)
  const paused = await stored(agent.id)
  await program.devices.update(agent.id, { ...paused.config, enabled: true }, paused.version, BY)
  await page.waitForSelector(`.tile-up[href="/devices/${agent.id}"]`)
  t.same(misdeeds, NOTHING)
})

t.test('the stream is opened however late its script comes', async t => {
  const { page } = await open(t)
  await page.route('**/hx-sse.min.js', async route => {
    await new Promise(resolve => setTimeout(resolve, 500))
    await route.continue()
  })
  await page.goto(`${url}/`)
  await page.waitForSelector('[data-live="on"]')
})

t.test('a page that no longer moves says so, and goes on when it can', async t => {
  const port = String(await freePort())
  const dataDir = `${await tempDir(t)}/data`
  const env = { POLLUX_PORT: port }
  const first = await startTestProgram(t, { dataDir, env })
  const session = await first.signIn()
  const { page, context } = await open(t)
  const [name = '', value = ''] = session.cookie.split('=')
  await context.addCookies([{ name, value, url: first.url }])
  await page.goto(`${first.url}/`)
  await page.waitForSelector('[data-live="on"]')
  t.equal(await page.locator('#offline').isVisible(), false)
  await first.program.stop()
  await page.waitForSelector('#offline:visible')
  await startTestProgram(t, { dataDir, env })
  await page.waitForSelector('[data-live="on"]')
  t.equal(await page.locator('#offline').isVisible(), false)
})

async function stored(id: string) {
  const device = await program.devices.get(id)
  if (!device) throw new Error(`no device ${id}`)
  return device
}
