// Goal: whatever text a device, a person or an address carries, it is text on every page: no element
// of it is made, no script of it runs, the Content-Security-Policy refuses nothing because nothing
// is tried, and characters that deceive the eye do not reach it. A real agent, a real browser.

import t from 'tap'
import { type Objects, startSimulatedAgent } from '../../bench/network/agent.ts'
import { addInterfaces, addSystem, type Interface } from '../../bench/network/objects.ts'
import { startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { people } from './people.ts'
import { startTestProgram } from './program.ts'

/** All carry the class `evil`: an element of that class is a defeat. */
const EVIL = [
  '<img class=evil src=x onerror=alert(1)>',
  '"><svg class=evil onload=alert(2)>',
  "' class='evil' hx-get='/logout' hx-trigger='load",
  '<script class=evil>alert(3)</script>',
  '<hx-partial class=evil hx-target="#main" hx-swap="innerHTML">gone</hx-partial>',
  '<template class=evil><meta name="htmx-config"></template>',
  '{{7*7}}<%= 7*7 %><b class=evil>',
  '</title></textarea></style><a class=evil data-hx-on:load="alert(4)">',
  'javascript:alert(5)//<u class=evil>',
]
/** Escape sequences, direction marks, NUL. */
const SIGNS = ['\u202e', '\u2066', '\u0000', '\u001b']
const DECEITFUL = `up${SIGNS.join('x')}nwod`

t.setTimeout(600_000)
const test = await startTestProgram(t)
const { url } = test
const { admin } = await people(test)
await addHostileDevice()
const browser = await startChromium(t)

async function addHostileDevice(): Promise<void> {
  const objects: Objects = new Map()
  const started = performance.now()
  addSystem(objects, {
    descr: EVIL.join(' ') + DECEITFUL,
    objectId: '1.3.6.1.4.1.9.1.1208',
    name: EVIL[0] ?? '',
    location: EVIL[1] ?? '',
    upSeconds: () => 5000 + (performance.now() - started) / 1000,
  })
  const interfaces = EVIL.map((text, at): Interface => {
    const seconds = () => (performance.now() - started) / 1000
    const octets = () => Math.floor(1e9 + seconds() * 1e6 * (at + 1))
    return {
      index: at + 1,
      name: `${text}${at}`,
      alias: `${text}${DECEITFUL}`,
      type: 6,
      speedMbit: 1000,
      adminUp: true,
      operUp: () => true,
      counters: {
        get inOctets() {
          return octets()
        },
        get outOctets() {
          return octets()
        },
        inPackets: 1,
        outPackets: 1,
        inErrors: 0,
      },
    }
  })
  addInterfaces(objects, interfaces)
  const options = { host: '127.0.0.1', port: 0, community: 'public', objects }
  const agent = await startSimulatedAgent(options)
  t.teardown(() => agent.close())
  await test.program.devices.create(
    {
      id: 'hostile',
      name: EVIL[0],
      kind: 'snmp',
      address: '127.0.0.1',
      port: agent.port,
      credentials: { version: '2c', community: 'public' },
      location: EVIL[1],
      tags: ["'><i/class=evil>", '"onmouseover=alert(6)'],
      every: '1s',
    },
    { name: 'test', address: '' },
    'api',
  )
}

async function signedIn() {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } })
  const misdeeds = await watchMisdeeds(context)
  const [name = '', value = ''] = admin.cookie.split('=')
  await context.addCookies([{ name, value, url }])
  return { context, misdeeds, page: await context.newPage() }
}

t.test('every page, with text of a hostile device', async t => {
  const { context, misdeeds, page } = await signedIn()
  t.teardown(() => context.close())
  await page.goto(`${url}/devices/hostile`)
  await until(
    async () => {
      await page.reload()
      return (await page.locator('main').innerText()).includes(EVIL[8] ?? '')
    },
    'the hostile interfaces on the page of the device',
    40_000,
  )
  const rows: string[] = await page.$$eval('a[href*="/rows/"]', links =>
    links.map(link => link.getAttribute('href') ?? ''),
  )
  t.ok(rows.length > 0, 'rows have pages of their own')
  const evil = encodeURIComponent(EVIL.join(''))
  const paths = [
    '/',
    '/devices',
    `/devices?q=${evil}&sort=${evil}&state=${evil}&kind=${evil}&order=${evil}`,
    `/devices/hostile?range=${evil}&from=${evil}&to=${evil}`,
    '/devices/hostile',
    '/devices/hostile/edit',
    '/devices/hostile/delete',
    '/devices/new',
    `/devices/${evil}`,
    `/profiles/${evil}`,
    `/login?next=${evil}`,
    '/profiles',
    '/profiles/if-mib',
    '/settings',
    '/account',
    `/${evil}`,
    ...rows.slice(0, EVIL.length),
  ]
  let seen = 0
  for (const path of paths) {
    await page.goto(url + path)
    // What comes later (charts, a message of the stream) must be there too: a sample passes.
    await page.waitForTimeout(/^\/(devices\/hostile)?$|rows/.test(path) ? 1500 : 50)
    t.equal(await page.locator('.evil').count(), 0, `${path.slice(0, 60)}: no element of theirs`)
    t.equal(
      await page.locator('main [onerror], main [onload], main [onmouseover], main meta').count(),
      0,
      `${path.slice(0, 60)}: no handler of theirs`,
    )
    const html = await page.content()
    for (const sign of SIGNS)
      t.notOk(html.includes(sign), `${path.slice(0, 60)}: nothing deceitful`)
    if (html.includes('onerror=alert(1)')) seen++
  }
  t.ok(seen >= 5, `the text was on ${seen} pages`)
  t.same(misdeeds, { violations: [], errors: [], dialogs: [] })
})

t.test('what was typed into a refused form', async t => {
  const { context, misdeeds, page } = await signedIn()
  t.teardown(() => context.close())
  await page.goto(`${url}/devices/new`)
  for (const name of [
    'name',
    'id',
    'address',
    'location',
    'tags',
    'profiles',
    'every',
    'timeout',
  ]) {
    await page.fill(`[name="${name}"]`, EVIL.slice(0, 3).join(''))
  }
  const answer = page.waitForResponse(response => response.request().method() === 'POST')
  await page
    .locator(
      'main form[action="/devices"] button[type=submit], main form[action="/devices"] button.primary',
    )
    .first()
    .click()
  t.equal((await answer).status(), 422)
  await page.waitForTimeout(300)
  t.equal(await page.locator('.evil').count(), 0)
  t.ok(
    (await page.inputValue('[name="address"]')).includes('onerror=alert(1)'),
    'typed text is kept',
  )
  t.same(misdeeds, { violations: [], errors: [], dialogs: [] })
})

t.test('a form of 2 MB gets a page, not a broken connection', async t => {
  const { context, page } = await signedIn()
  t.teardown(() => context.close())
  await page.goto(`${url}/devices/new`)
  await page.evaluate(`for (const field of document.querySelectorAll('[name="location"]')) {
    field.removeAttribute('maxlength')
    field.value = 'x'.repeat(2 * 1024 * 1024)
  }
  const form = document.querySelector('main form[action="/devices"]')
  for (const name of form.getAttributeNames()) if (name.startsWith('hx-')) form.removeAttribute(name)
  form.noValidate = true`)
  const answer = page.waitForResponse(response => response.request().method() === 'POST')
  await page.evaluate(
    `HTMLFormElement.prototype.submit.call(document.querySelector('main form[action="/devices"]'))`,
  )
  t.equal((await answer).status(), 413)
  await page.waitForLoadState()
  t.match(await page.locator('main').innerText(), /1 MB/)
})
