// Goal: the wall shows the overview without controls, with a clock and the age of the last sample,
// and greys as soon as it hears nothing, whether the connection breaks or only falls silent.

import t from 'tap'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const { url, program, adminPassword } = await startTestProgram(t, { network: true })
const browser = await startChromium(t)

t.test('alive, silent, cut off', async t => {
  const { page, problems } = await openPage(browser, url, adminPassword)
  await page.clock.install()
  await page.goto(`${url}/?wall=1`)
  const live = () => page.evaluate('document.documentElement.dataset.live')
  const tick = () => page.clock.runFor(6000)
  t.equal(await page.locator('nav.nav').count(), 0, 'no navigation')
  t.ok((await page.locator('.tile').count()) > 10, 'a tile for each device')
  await page.waitForSelector('time[data-age]')
  t.match(await page.locator('.wall-clock').innerText(), /last sample .* ago/)
  await tick()
  t.equal(await live(), 'on')
  t.notMatch(await page.locator('[data-clock]').innerText(), /NaN/)

  // The connection is open and nothing comes: the page itself must notice.
  await page.evaluate(`document.querySelector('[hx-sse\\\\:connect]').remove()`)
  await page.clock.runFor(40_000)
  t.equal(await live(), 'lost', 'silence is not taken for calm')
  t.ok(await page.locator('#offline').isVisible(), 'and said')
  t.match(
    await page.evaluate(`getComputedStyle(document.getElementById('wall')).filter`),
    'grayscale',
  )

  await page.goto(`${url}/?wall=1`)
  await until(async () => (await live()) === 'on', 'the stream')
  t.same(problems, [])
  await program.stop()
  await until(async () => {
    await page.clock.runFor(2000)
    return (await live()) === 'lost'
  }, 'the wall to grey')
  t.pass('a server that is gone greys it')
})
