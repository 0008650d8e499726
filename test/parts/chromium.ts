// A real Chromium for tests, headless, with a profile of its own. It gathers what a page did wrong:
// uncaught errors, and everything that the Content-Security-Policy refused.

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { program, type Teardown } from './find.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A running Chromium, closed after the test. */
export async function startChromium(t: Teardown): Promise<Browser> {
  const executablePath = await program('chromium', 'chromium')
  const browser = await chromium.launch({ executablePath, args: FLAGS })
  t.teardown(() => browser.close())
  return browser
}

/** What went wrong in the pages of a context, oldest first. */
export interface Misdeeds {
  /** Directives and what they refused, as `script-src-elem inline`. */
  violations: string[]
  /** Uncaught errors of scripts. */
  errors: string[]
  /** Dialogs: nothing of ours opens one, so each is a script of somebody else's. */
  dialogs: string[]
}

/** Watches every page of the context, from its first byte. */
export async function watchMisdeeds(context: BrowserContext): Promise<Misdeeds> {
  const misdeeds: Misdeeds = { violations: [], errors: [], dialogs: [] }
  await context.exposeBinding('reportViolation', (_source, text: string) => {
    misdeeds.violations.push(text)
  })
  // A text, not a function: this project's types know no `document`.
  await context.addInitScript(`document.addEventListener('securitypolicyviolation', event =>
    reportViolation(event.effectiveDirective + ' ' + event.blockedURI + ' ' + event.sourceFile))`)
  context.on('page', (page: Page) => {
    page.on('pageerror', error => misdeeds.errors.push(`${page.url()}: ${error.message}`))
    page.on('dialog', dialog => {
      misdeeds.dialogs.push(`${page.url()}: ${dialog.message()}`)
      dialog.dismiss().catch(() => undefined)
    })
  })
  return misdeeds
}

/** A page that is signed in, and what went wrong on it. */
export async function openPage(
  browser: Browser,
  url: string,
  password: string,
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('console', message => {
    if (message.type() === 'error' || message.text().includes('Content Security Policy'))
      problems.push(message.text())
  })
  page.on('pageerror', error => problems.push(error.message))
  await page.goto(`${url}/login`)
  await page.fill('#name', 'admin')
  await page.fill('#password', password)
  await page.click('.login button')
  await page.waitForURL(`${url}/`)
  return { page, problems }
}
