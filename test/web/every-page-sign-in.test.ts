// Goal: the pages of signing in are as examine.ts wants them, in French too, also those that no address
// leads to: the set-up of the second step, and the code that is asked after a password.

import type { Page } from 'playwright-core'
import t from 'tap'
import { codeAt } from '../../server/auth/totp.ts'
import { startChromium } from '../parts/chromium.ts'
import { examineAll } from './examine.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url } = test
const { viewer, technician } = await people(test)
const browser = await startChromium(t)

t.test('nobody signed in', async t => {
  await examineAll(t, { browser, url }, ['/login'])
})

t.test('in French', async t => {
  const options = { locale: 'fr-FR' }
  await examineAll(t, { browser, url, cookie: viewer.cookie, options }, ['/', '/account'])
  const context = await browser.newContext(options)
  t.teardown(() => context.close())
  const page = await context.newPage()
  await page.goto(`${url}/login`)
  t.equal(await page.getAttribute('html', 'lang'), 'fr')
  t.equal(await page.locator('h1').innerText(), 'Connexion')
})

async function typePassword(page: Page): Promise<void> {
  await page.goto(`${url}/account`)
  await page.fill('form[action="/account/totp/begin"] [name="current"]', technician.password)
  await page.click('form[action="/account/totp/begin"] button')
  await page.waitForSelector('#totp-key')
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function keyOf(shown: string): Buffer {
  const bits = [...shown.replaceAll(' ', '')].map(one => BASE32.indexOf(one).toString(2))
  const bytes =
    bits
      .map(five => five.padStart(5, '0'))
      .join('')
      .match(/.{8}/g) ?? []
  return Buffer.from(bytes.map(byte => Number.parseInt(byte, 2)))
}

t.test('the second step: its key, its recovery codes, and the code after a password', async t => {
  const own = { browser, url, cookie: technician.cookie }
  await examineAll(t, own, [{ name: 'the key', open: typePassword }])
  await examineAll(t, own, [
    {
      name: 'recovery codes',
      async open(page) {
        await typePassword(page)
        const key = keyOf(await page.locator('#totp-key').innerText())
        await page.fill('[name="code"]', codeAt(key, Math.floor(Date.now() / 30_000)))
        await page.click('form[action="/account/totp/confirm"] button')
        await page.waitForSelector('#recovery-codes')
      },
    },
  ])
  await examineAll(t, { browser, url }, [
    {
      name: 'the code',
      async open(page) {
        await page.goto(`${url}/login`)
        await page.fill('#name', 'test-technician')
        await page.fill('#password', technician.password)
        await page.click('.login button')
        await page.waitForSelector('[name="code"]')
      },
    },
  ])
})
