// What every page must pass, whoever's test opens it: axe-core (WCAG 2.2 A and AA) in both themes, wide
// and on a phone; never wider than the screen; below its bytes of script and style; no other host asked.

import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import type t from 'tap'
import { axe } from './axe.ts'
import { widest } from './widest.ts'

/** Bytes, gzip. */
const SCRIPT_BYTES_MAX = 110 * 1024
const STYLE_BYTES_MAX = 30 * 1024
const WIDTHS = [360, 768, 1440, 2560]
/** Pages that are examined side by side, each in a browser context of its own. */
const LANES = 3
/** A colour in transition from one theme to the other is neither's. */
const CALM = { colorScheme: 'light', reducedMotion: 'reduce' } as const
/** What else may be wrong on a phone. */
const NARROW = [
  'color-contrast',
  'scrollable-region-focusable',
  'target-size',
  'link-name',
  'label',
]

type Tap = Pick<typeof t, 'same' | 'equal' | 'ok' | 'teardown'>

export interface Visit {
  name: string
  /** Leads a new page to what is examined. */
  open(page: Page): Promise<unknown>
}

export interface Examined {
  browser: Browser
  url: string
  /** `name=value`; none: nobody is signed in. */
  cookie?: string
  options?: BrowserContextOptions
}

/** Examines all pages: paths, or ways to what no address leads to. */
export async function examineAll(
  t: Tap,
  { browser, url, cookie, options }: Examined,
  visits: readonly (string | Visit)[],
): Promise<void> {
  const waiting = visits.map(visit =>
    typeof visit === 'string' ? { name: visit, open: goTo(url + visit) } : visit,
  )
  const lane = async () => {
    const context = await browser.newContext({ ...CALM, ...options })
    t.teardown(() => context.close())
    const [name = '', value = ''] = cookie?.split('=') ?? []
    if (cookie) await context.addCookies([{ name, value, url }])
    for (let visit = waiting.shift(); visit; visit = waiting.shift()) {
      const page = await context.newPage()
      await examine(t, page, url, visit)
      await page.close()
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}

const goTo = (address: string) => (page: Page) => page.goto(address, { waitUntil: 'load' })

async function examine(t: Tap, page: Page, url: string, { name, open }: Visit): Promise<void> {
  const elsewhere: string[] = []
  page.on('request', request => {
    const asked = request.url()
    if (!asked.startsWith(`${url}/`) && !asked.startsWith('data:')) elsewhere.push(asked)
  })
  await page.setViewportSize({ width: 1440, height: 900 })
  await open(page)
  t.equal(await page.locator('h1').count(), 1, `${name} has one title`)
  t.same((await axe(page)).violations, [], `${name}, wide, light`)
  await page.emulateMedia({ colorScheme: 'dark' })
  t.same((await axe(page, ['color-contrast'])).violations, [], `${name}, wide, dark`)
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    t.equal(await widest(page), width, `${name}, ${width} pixels`)
  }
  await page.setViewportSize({ width: 360, height: 800 })
  t.same((await axe(page, NARROW)).violations, [], `${name}, phone, dark`)
  const [script, style] = [await bytesOf(page, '.js'), await bytesOf(page, '.css')]
  t.ok(script <= SCRIPT_BYTES_MAX, `${name}: ${script} bytes of script`)
  t.ok(style > 1000 && style <= STYLE_BYTES_MAX, `${name}: ${style} bytes of style`)
  t.same(elsewhere, [], `${name} asks nobody else`)
}

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
