// Goal: many devices are changed from the list at once; what cannot be done for one is said and the
// others go on; deleting is asked for with the names; a choice outlives the live list.

import t from 'tap'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true })
const { url, program } = test
const { admin, technician } = await people(test)
const { devices } = program
const ids = (await devices.list()).map(({ config }) => config.id).filter(id => /^acc-sw/.test(id))
const [first = '', second = ''] = ids

const post = (fields: Record<string, string>, chosen: string[] = ids, person = admin) => {
  const body = new URLSearchParams({ ...fields, _csrf: person.csrf })
  for (const id of chosen) body.append('id', id)
  const asked = { method: 'POST', headers: FORM, body: body.toString() }
  return ask(url, '/devices/bulk', as(url, person, asked))
}
const configOf = async (id: string) => (await devices.get(id))?.config

t.test('tags, intervals, pause and resume', async t => {
  t.ok(ids.length >= 3, `${ids.length} devices`)
  t.equal((await post({ action: 'tag', value: 'bulk' })).status, 200)
  for (const id of ids) t.ok((await configOf(id))?.tags?.includes('bulk'), `${id} is tagged`)
  await post({ action: 'tag', value: 'bulk' })
  t.equal((await configOf(first))?.tags?.filter(tag => tag === 'bulk').length, 1, 'once')
  await post({ action: 'untag', value: 'bulk' }, [first])
  t.notOk((await configOf(first))?.tags?.includes('bulk'))
  t.ok((await configOf(second))?.tags?.includes('bulk'), 'the others keep it')

  await post({ action: 'every', value: '30s' })
  t.equal((await configOf(second))?.every, '30s')
  const wrong = await post({ action: 'every', value: '5 parsecs' })
  t.equal(wrong.status, 422)
  t.match(wrong.body, /Not done/, 'said for each device')
  t.match(wrong.body, /every /)
  t.equal((await configOf(second))?.every, '30s', 'and nothing changed')

  await post({ action: 'pause', back: 'q=acc&state=paused' })
  t.equal((await configOf(second))?.enabled, false)
  await post({ action: 'resume' })
  t.equal((await configOf(second))?.enabled, true)
  t.equal((await post({ action: 'poll' })).status, 200)
})

t.test('one that cannot be changed does not stop the others', async t => {
  const answer = await post({ action: 'poll', back: 'q=%3Cb%3E' }, ['gone', 'this-machine', first])
  t.equal(answer.status, 422)
  t.match(answer.body, /1 device at the head of the queue/)
  t.match(answer.body, /no such device any more/)
  t.match(answer.body, /it sends by itself/)
  t.match(answer.body, 'href="/devices?q=%3Cb%3E"', 'back to the list as it was')
})

t.test('nonsense changes nothing', async t => {
  const configs = async () =>
    (await devices.list()).map(({ config, version }) => ({ config, version }))
  const before = await configs()
  for (const [fields, chosen] of [
    [{ action: 'pause' }, []],
    [{ action: 'explode' }, ids],
    [{ action: 'tag', value: 'two words' }, ids],
    [{ action: 'every', value: '' }, ids],
    [{ action: 'pause' }, ['../../etc']],
    [{ action: 'delete', confirm: '999' }, ids],
  ] as const) {
    const { status } = await post(fields, [...chosen])
    t.equal(status, 422, JSON.stringify(fields))
  }
  t.equal((await post({ action: 'pause' }, ids, technician)).status, 403, 'nor another role')
  t.same(await configs(), before)
})

t.test('in a browser: chosen by hand, kept over the live list, deleted by names', async t => {
  const browser = await startChromium(t)
  const { page, problems } = await openPage(browser, url, test.adminPassword)
  await page.goto(`${url}/devices?q=acc-sw`)
  const bar = page.locator('#bulk')
  t.notOk(await bar.isVisible(), 'no bar while nothing is chosen')
  await page.locator(`input[name=id][value="${first}"]`).check()
  await page.keyboard.press('Escape')
  await page.locator('[data-row] .row-link').nth(1).focus()
  await page.keyboard.press('x')
  t.ok(await bar.isVisible(), 'the bar')
  t.equal(await page.locator('input[name=id]:checked').count(), 2)
  const ages = () => page.locator('.col-age').allTextContents()
  const before = await page
    .locator('.col-age time')
    .evaluateAll(all => all.map(one => one.outerHTML))
  await until(
    async () =>
      (
        await page.locator('.col-age time').evaluateAll(all => all.map(one => one.outerHTML))
      ).join() !== before.join(),
    'the list to move',
  )
  t.ok((await ages()).length > 2)
  t.equal(await page.locator('input[name=id]:checked').count(), 2, 'the choice is still there')

  await page.locator('[data-check-all]').check()
  await page.selectOption('#bulk-action', 'delete')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.waitForSelector('text=Type how many are deleted')
  t.equal(await page.locator('ul.chosen li').count(), ids.length, 'all names')
  await page.fill('#confirm', String(ids.length))
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.waitForSelector(`text=${ids.length} devices deleted.`)
  t.same(
    (await devices.list()).filter(({ config }) => ids.includes(config.id)),
    [],
    'they are gone',
  )
  t.same(problems, [])
})
