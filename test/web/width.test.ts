// Goal: the pages of devices, whose tables and texts come from profiles and agents, are never wider
// than the screen: a table may scroll in its own box, the page may not.

import t from 'tap'
import { startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true, every: '1s' })
const { url } = test
const { admin } = await people(test)
const browser = await startChromium(t)

for (const width of [390, 768, 1360]) {
  t.test(`${width} pixels`, async t => {
    const context = await browser.newContext({ viewport: { width, height: 844 } })
    t.teardown(() => context.close())
    const [name = '', value = ''] = admin.cookie.split('=')
    await context.addCookies([{ name, value, url }])
    const page = await context.newPage()
    for (const id of ['acc-sw-11', 'app-01', 'ups-rack-a']) {
      await page.goto(`${url}/devices/${id}`)
      await until(
        async () => {
          await page.reload()
          return (await page.locator('main table td').count()) > 0
        },
        `a table of ${id}`,
        30_000,
      )
      // Charts measure themselves when they are seen, and must not widen what they measure.
      await page.locator('canvas').first().waitFor()
      t.equal(await widest(page), width, id)
      const row = page.locator('a[href*="/rows/"]').first()
      if ((await row.count()) === 0) continue
      await page.goto(`${url}${await row.getAttribute('href')}`)
      await page.locator('h1').waitFor()
      t.equal(await widest(page), width, `${id}, one row`)
    }
  })
}
