// Goal: an engineer writes a profile: it is checked as it is typed, tried, saved, in force at once, brought
// back and deleted; of two who save the second is told; what is hostile is refused, and nothing typed is lost.

import t from 'tap'
import { startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { axe } from './axe.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const test = await startTestProgram(t, { network: true })
const { url, program, network } = test
const { engineer, technician, admin } = await people(test)
const agent = network?.devices[0]
if (!agent) throw new Error('no network')

const doc = (title: string, more: object = {}) => ({
  title,
  scalars: {
    mine_box: {
      title: 'Box',
      metrics: { load: { title: 'Load <b>', unit: '1', oid: '1.3.6.1.2.1.2.1.0' } },
    },
  },
  ...more,
})
const textOf = (title: string, more: object = {}) => JSON.stringify(doc(title, more), null, 2)

const get = (path: string, person = engineer) => ask(url, path, as(url, person))
const post = (
  path: string,
  fields: Record<string, string>,
  { person = engineer, headers = {} }: { person?: typeof engineer; headers?: object } = {},
) =>
  ask(
    url,
    path,
    as(url, person, {
      method: 'POST',
      headers: { ...FORM, ...headers },
      body: new URLSearchParams({ ...fields, _csrf: person.csrf }).toString(),
    }),
  )
const call = (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
  ask(url, `/api/v1${path}`, {
    method,
    headers: {
      authorization: engineer.bearer,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
const fieldIn = (body: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(body)?.[1] ?? ''

t.test('written, saved, changed by two, brought back, deleted', async t => {
  t.match((await get('/profiles/new')).body, /my_probe/, 'a text to begin with')
  const wrong = await post('/profiles/save', { id: 'mine', text: textOf('Mine', { titel: 1 }) })
  t.equal(wrong.status, 422)
  t.match(wrong.body, /unknown key &quot;titel&quot;|unknown key "titel"/)
  t.match(wrong.body, /data-line="15"/, 'with its line')
  t.match(wrong.body, /&quot;titel&quot;: 1/, 'what was typed is there')
  t.equal((await get('/profiles/mine')).status, 404, 'nothing was saved')

  const saved = await post('/profiles/save', { id: 'mine', text: textOf('Mine') })
  t.equal(saved.status, 303)
  const shown = await get('/profiles/mine')
  t.equal(shown.status, 200, 'in force at once')
  t.match(shown.body, /test-engineer/, 'who')
  t.match(shown.body, /Load &lt;b&gt;/, 'as text')
  t.match((await get('/profiles?origin=own')).body, /\/profiles\/mine"/)
  t.notMatch((await get('/profiles?q=no-such')).body, /\/profiles\/mine"/)

  const edit = await get('/profiles/mine/edit')
  t.equal(fieldIn(edit.body, '_version'), '1')
  const first = { id: 'mine', _version: '1', known: 'yes' }
  t.equal((await post('/profiles/save', { ...first, text: textOf('Theirs') })).status, 303)
  const late = await post('/profiles/save', { ...first, text: textOf('Ours') }, { person: admin })
  t.equal(late.status, 409)
  t.match(late.body, /after you opened it/)
  t.match(late.body, /&quot;title&quot;: &quot;Ours&quot;/, 'nothing typed is lost')
  t.match(late.body, /&quot;title&quot;: &quot;Theirs&quot;/, 'and what is in force is shown')
  t.equal(fieldIn(late.body, '_version'), '2', 'saving again goes over it')

  const back = await post('/profiles/mine/restore', { version: '1', _version: '2' })
  t.equal(back.status, 303)
  t.match((await get('/profiles/mine')).body, /<h1>Mine<\/h1>/)
  t.equal((await post('/profiles/mine/restore', { version: '99', _version: '3' })).status, 404)
  t.equal((await post('/profiles/mine/delete', { _version: '2' })).status, 409, 'an old page')
  t.equal((await post('/profiles/mine/delete', { _version: '3' })).status, 303)
  t.match((await get('/profiles/mine')).body, /deleted/, 'its history stays')
  const audit = await ask(url, '/audit.csv?thing=profile:mine', as(url, admin))
  t.equal(audit.body.trim().split('\r\n').length, 5, 'created, changed twice, deleted')
})

t.test('one that comes with Pollux: changed here, and back', async t => {
  const shipped = await call('GET', '/profiles/system')
  const { text, origin, version } = JSON.parse(shipped.body)
  t.same([origin, version], ['shipped', 0])
  const fields = { id: 'system', known: 'yes' }
  const changed = text.replace('"title": "', '"title": "Ours: ')
  t.equal((await post('/profiles/save', { ...fields, text: changed })).status, 303)
  t.match((await get('/profiles/system')).body, /<h1>Ours: /)
  t.equal(
    (await post('/profiles/system/delete', { _version: '1' })).status,
    303,
    'though it is used',
  )
  t.notMatch((await get('/profiles/system')).body, /<h1>Ours: /)
  const bad = await post('/profiles/save', {
    ...fields,
    text: text.replace('"scalars"', '"scalar"'),
  })
  t.equal(bad.status, 422, 'what would break others is refused')
})

t.test('tried on a device and on a recording, without JavaScript and by htmx', async t => {
  const fields = { id: 'tried', text: textOf('Tried', { type: 'base' }) }
  const device = await post('/profiles/check', { ...fields, do: 'device', device: agent.id })
  t.equal(device.status, 200)
  t.match(device.body, /data-tried/)
  t.match(device.body, /mine_box\.load/)
  t.match(device.body, /1 request more a read, 1 series/)
  t.match(device.body, /name="text"[^>]*>\s*\{/, 'the text is there')
  const part = await post(
    '/profiles/check',
    { ...fields, do: 'recording', recording: '1.3.6.1.2.1.2.1.0|2|72\n' },
    { headers: { 'hx-request': 'true' } },
  )
  t.match(part.body, /data-tried/)
  t.notMatch(part.body, /<html/)
  const none = await post('/profiles/check', { ...fields, do: 'recording', recording: 'x' })
  t.equal(none.status, 422)
  t.match(none.body, /no value in it/)
  const gone = await post('/profiles/check', { ...fields, do: 'device', device: 'nobody' })
  t.match(gone.body, /no SNMP device/)
  t.notOk((await call('GET', '/profiles/tried')).status === 200, 'a try saves nothing')
})

t.test('the API', async t => {
  const put = (body: object | string, headers = {}) =>
    call('PUT', '/profiles/api', typeof body === 'string' ? body : JSON.stringify(body), headers)
  const made = await put(doc('By API'))
  t.equal(made.status, 201)
  t.equal(made.headers.etag, '"1"')
  t.equal((await put(doc('Two'), { 'if-match': '"9"' })).status, 412)
  t.equal((await put(doc('Two'), { 'if-match': '"1"' })).status, 200)
  const wrong = await put({ title: 'x', nonsense: 1 })
  t.equal(wrong.status, 422)
  t.match(JSON.parse(wrong.body).errors[0], { path: /^api\.json:\d+:\d+$/ })
  t.equal((await put('{"title":"a","__proto__":{"x":1}}')).status, 400)
  t.equal((await put('['.repeat(10_000))).status, 400)
  t.equal((await put(`{"title":"${'x'.repeat(5 * 2 ** 20)}"}`)).status, 413)
  t.equal((await call('GET', '/profiles/none')).status, 404)
  t.equal((await call('PUT', '/profiles/..%2Fetc', JSON.stringify(doc('x')))).status, 422)
  await program.devices.create(
    {
      ...{ id: 'user', kind: 'snmp', address: '127.0.0.1', port: 9, every: '1h' },
      ...{ profiles: ['auto', 'api'], credentials: { version: '2c', community: 'x' } },
    },
    { name: 'test', address: '' },
    'api',
  )
  t.equal((await call('DELETE', '/profiles/api')).status, 409, 'it is used')
  await program.devices.remove('user', { history: true }, { name: 'test', address: '' })
  t.equal((await call('DELETE', '/profiles/api', undefined, { 'if-match': '"1"' })).status, 412)
  t.equal((await call('DELETE', '/profiles/api')).status, 204)
  t.equal((await call('DELETE', '/profiles/api')).status, 404)
})

t.test('hostile forms', async t => {
  const status = async (fields: Record<string, string>, path = '/profiles/save') =>
    (await post(path, fields)).status
  t.equal(await status({ id: '../x', text: textOf('x') }), 422)
  t.equal(await status({ id: 'new', text: textOf('x') }), 422)
  t.equal(await status({ id: '', text: '' }), 422)
  t.equal(await status({ id: 'big', text: 'x'.repeat(300_000) }), 422)
  t.equal(await status({ id: 'big', text: 'x'.repeat(9 * 2 ** 20) }), 413)
  t.equal(await status({ id: 'deep', text: '['.repeat(10_000) }), 422)
  const slow = { id: 'slow', text: textOf('x', { match: [{ sysDescr: '(a+)+$' }] }) }
  t.equal(await status(slow), 422)
  t.equal(await status({}, '/profiles/check'), 200, 'nothing typed yet')
  const twice = 'id=a&id=b&text=x'
  const answer = await ask(
    url,
    '/profiles/save',
    as(url, engineer, { method: 'POST', headers: FORM, body: twice }),
  )
  t.ok(answer.status >= 400 && answer.status < 500, String(answer.status))
  t.equal((await get('/profiles/new', technician)).status, 403)
})

t.test('in a browser: checked while typing, to the place of a fault, saved by keys', async t => {
  const browser = await startChromium(t)
  const context = await browser.newContext()
  const misdeeds = await watchMisdeeds(context)
  const [name = '', value = ''] = engineer.cookie.split(/=(.*)/s)
  await context.addCookies([{ name, value, url }])
  const page = await context.newPage()
  await page.goto(`${url}/profiles/new`)
  await page.fill('#profile-id', 'typed')
  await page.fill('#text', textOf('Typed', { wrong: true }))
  const errors = () => page.locator('[data-errors]').getAttribute('data-errors')
  await until(async () => (await page.locator('[data-line="15"]').count()) === 1, 'the fault')
  await page.click('[data-line="15"]')
  const chosen = await page.evaluate(
    'document.activeElement.value.slice(document.activeElement.selectionStart).slice(0, 7)',
  )
  t.equal(chosen, '"wrong"')
  await page.fill('#text', textOf('Typed'))
  await until(async () => (await errors()) === '0', 'no fault')
  t.equal(await page.locator('[data-change="added"]').count(), 1)
  await page.fill('#device', agent.id)
  await page.click('button[value="device"]')
  await until(async () => (await page.locator('[data-tried]').count()) === 1, 'the try')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    t.same((await axe(page)).violations, [], `the editor, ${colorScheme}`)
  }
  await page.focus('#text')
  await page.keyboard.press('Control+s')
  await page.waitForURL(/\/profiles\/typed$/)
  for (const path of ['/profiles/typed', '/about']) {
    await page.goto(`${url}${path}`)
    t.same((await axe(page)).violations, [], path)
  }
  t.same(misdeeds.violations, [])
  t.same(misdeeds.errors, [])
})
