// Goal: every page of devices, with real data, is as examine.ts wants it. The pages of alarms and those
// of people and profiles have tests of their own beside this one, and so that none is long, pages of
// devices that need no data are with the alarms.

import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { axe } from './axe.ts'
import { examineAll } from './examine.ts'
import { startTestProgram } from './program.ts'

const DEVICE = 'acc-sw-11'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '5s' })
const { url } = test
const { cookie } = await test.signIn()
const browser = await startChromium(t)
const text = async (path: string) => (await fetch(url + path, { headers: { cookie } })).text()
const linkOf = (path: string, pattern: RegExp) =>
  until(async () => pattern.exec(await text(path))?.[1], `${pattern} on ${path}`)
const row = await linkOf(`/devices/${DEVICE}`, /href="(\/devices\/[^"]+\/rows\/interface\/[^"]+)"/)
const table = await linkOf(`/devices/${DEVICE}`, /href="(\/devices\/[^"?]+\/table)[?"]/)

t.test('for an administrator', async t => {
  await examineAll(t, { browser, url, cookie }, [
    '/',
    '/?wall=1',
    '/devices',
    '/devices/new',
    `/devices/${DEVICE}`,
    `/devices/${DEVICE}/edit`,
    `/devices/${DEVICE}/delete`,
    row,
    table,
    '/containers',
    `/search?q=${DEVICE}`,
  ])
})

t.test('axe would see what is wrong', async t => {
  const context = await browser.newContext()
  t.teardown(() => context.close())
  const [name = '', value = ''] = cookie.split('=')
  await context.addCookies([{ name, value, url }])
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
