// Goal: every page, with real data, passes axe-core (WCAG 2.2 A and AA) in both themes, wide and on a
// phone; is never wider than the screen; stays below its bytes of script and style; asks no other host.

import { gzipSync } from 'node:zlib'
import type { BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { axe } from './axe.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

/** Bytes, gzip. */
const SCRIPT_BYTES_MAX = 110 * 1024
const STYLE_BYTES_MAX = 30 * 1024
const WIDTHS = [360, 768, 1440, 2560]
const DEVICE = 'acc-sw-11'
/** A colour in transition from one theme to the other is neither's. */
const CALM = { colorScheme: 'light', reducedMotion: 'reduce' } as const
const SETTLED = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
  .then(() => Promise.allSettled(document.getAnimations().map(one => one.finished)))`
/** What else may be wrong on a phone. */
const NARROW = [
  'color-contrast',
  'scrollable-region-focusable',
  'target-size',
  'link-name',
  'label',
]

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '1s' })
const { url } = test
const { cookie } = await test.signIn()
const browser = await startChromium(t)
const text = async (path: string) => (await fetch(url + path, { headers: { cookie } })).text()
let row = ''
await until(async () => {
  const body = await text(`/devices/${DEVICE}`)
  row = /href="(\/devices\/[^"]+\/rows\/interface\/[^"]+)"/.exec(body)?.[1] ?? ''
  return row !== ''
}, 'a row of a table')

const PAGES = [
  '/',
  '/?wall=1',
  '/devices',
  '/devices?q=nothing-like-this',
  '/devices/new',
  '/devices/import',
  `/devices/${DEVICE}`,
  `/devices/${DEVICE}/edit`,
  `/devices/${DEVICE}/delete`,
  row,
  '/containers',
  '/events',
  '/events?q=nothing-like-this',
  '/profiles',
  '/profiles/if-mib',
  '/profiles/if-mib/edit',
  '/about',
  '/settings',
  '/users',
  '/users/1',
  '/tokens',
  '/agents',
  '/audit',
  '/audit?actor=nobody',
  '/account',
  '/nothing-here',
]

const sizes = new Map<string, Promise<number>>()

/** Bytes of a file as a server that compresses would send it. */
function sizeOf(address: string): Promise<number> {
  const known = sizes.get(address)
  if (known) return known
  const size = fetch(address).then(async answer => gzipSync(await answer.bytes()).length)
  sizes.set(address, size)
  return size
}

/** Bytes of all files of a page that end so, whoever asked for them. */
async function bytesOf(page: Page, ending: '.js' | '.css'): Promise<number> {
  const all = await page.evaluate<string[]>(
    `performance.getEntriesByType('resource').map(({ name }) => name)`,
  )
  const found = all.filter(name => new URL(name).pathname.endsWith(ending))
  const bytes = await Promise.all(found.map(sizeOf))
  return bytes.reduce((sum, one) => sum + one, 0)
}

async function signedIn(): Promise<BrowserContext> {
  const context = await browser.newContext(CALM)
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url }])
  return context
}

async function examine(t: Tap, context: BrowserContext, path: string): Promise<void> {
  const page = await context.newPage()
  const elsewhere: string[] = []
  page.on('request', request => {
    const asked = request.url()
    if (!asked.startsWith(`${url}/`) && !asked.startsWith('data:')) elsewhere.push(asked)
  })
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(url + path, { waitUntil: 'load' })
  t.same((await axe(page)).violations, [], `${path}, wide, light`)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.evaluate(SETTLED)
  t.same((await axe(page, ['color-contrast'])).violations, [], `${path}, wide, dark`)
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    const shown = await widest(page)
    t.equal(shown, width, `${path}, ${width} pixels`)
  }
  await page.setViewportSize({ width: 360, height: 800 })
  t.same((await axe(page, NARROW)).violations, [], `${path}, phone, dark`)
  const [script, style] = [await bytesOf(page, '.js'), await bytesOf(page, '.css')]
  t.ok(script <= SCRIPT_BYTES_MAX, `${path}: ${script} bytes of script`)
  t.ok(style > 1000 && style <= STYLE_BYTES_MAX, `${path}: ${style} bytes of style`)
  t.same(elsewhere, [], `${path} asks nobody else`)
  await page.close()
}

type Tap = Pick<typeof t, 'same' | 'equal' | 'ok'>

t.test('for an administrator', async t => {
  const context = await signedIn()
  t.teardown(() => context.close())
  for (const path of PAGES) await examine(t, context, path)
})

t.test('before signing in, and in French', async t => {
  const context = await browser.newContext({ ...CALM, locale: 'fr-FR' })
  t.teardown(() => context.close())
  await examine(t, context, '/login')
  const page = await context.newPage()
  await page.goto(`${url}/login`)
  t.equal(await page.getAttribute('html', 'lang'), 'fr')
  t.equal(await page.locator('h1').innerText(), 'Connexion')
})

t.test('axe would see what is wrong', async t => {
  const context = await signedIn()
  t.teardown(() => context.close())
  const page = await context.newPage()
  await page.goto(`${url}/users`)
  await page.evaluate(`document.querySelector('label[for="role"]').remove()`)
  await page.evaluate(
    `document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="/public/icon.svg">')`,
  )
  const { violations, passed } = await axe(page)
  t.match(violations.join('\n'), /select-name/)
  t.match(violations.join('\n'), /image-alt/)
  t.ok(passed > 10, `${passed} rules had something to check`)
})
