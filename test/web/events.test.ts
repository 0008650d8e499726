// Goal: what happened is on the pages and in the API, by filters that lie in the address; people may
// comment, those who may; nothing that a device or a person wrote becomes markup; in a real Chromium
// it comes by itself, also as marks on charts, and works without scripts.

import path from 'node:path'
import type { BrowserContextOptions } from 'playwright-core'
import t from 'tap'
import Type from 'typebox'
import { DeviceEvent } from '../../server/model/event.ts'
import { openStore } from '../../server/store/open.ts'
import { parser } from '../../server/validate.ts'
import { createEvents } from '../../server/web/events.ts'
import { silentLog } from '../parts/broker.ts'
import { startChromium, watchMisdeeds } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'
import { widest } from './widest.ts'

t.setTimeout(600_000)

const test = await startTestProgram(t, { network: true, every: '1s' })
const { url, program, network } = test
const all = await people(test)
const ID = 'acc-sw-11'
const BY = { name: 'test', address: '' }
const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>`

const { v: _v, src: _s, boot: _b, seq: _q, ...body } = DeviceEvent.properties
const parseEvents = parser(
  Type.Array(
    Type.Object(
      { ...body, id: Type.String(), device: Type.String() },
      { additionalProperties: false },
    ),
  ),
  'E_TEST',
  'events',
)

const get = (path: string, person = all.viewer) => ask(url, path, as(url, person))
const events = async (query = '') => {
  const answer = await get(`/api/v1/events${query}`)
  t.equal(answer.status, 200, query)
  return parseEvents(JSON.parse(answer.body))
}
const comment = (
  text: string,
  person = all.technician,
  more: Record<string, string> = {},
  id = ID,
) =>
  ask(
    url,
    `/devices/${id}/comments`,
    as(url, person, {
      method: 'POST',
      headers: FORM,
      body: new URLSearchParams({ text, ...more }).toString(),
    }),
  )

await until(() => program.devices.status(ID)?.state === 'up', 'the device to be up')

t.test('adding, changing, pausing and losing a device are events of it', async t => {
  const agent = network?.agent(ID)
  const before = await program.devices.get(ID)
  if (!agent || !before) throw new Error('no device')
  await program.devices.update(ID, { ...before.config, location: 'cellar' }, before.version, BY)
  agent.silent = true
  const newest = async () => (await events(`?device=${ID}&kind=status`))[0]?.name
  await until(async () => (await newest()) === 'down', 'down')
  agent.silent = false
  await until(async () => (await newest()) === 'up', 'up')
  const told = (await events(`?device=${ID}`))
    .toReversed()
    .filter(({ kind }) => kind !== 'alarm')
    .map(({ kind, name, severity }) => `${kind} ${name} ${severity}`)
  // Where its first answer was late, it came up before it was changed: that is told too.
  t.same(
    told.filter((one, i) => i > told.indexOf('config changed info') || one.startsWith('config')),
    ['config created info', 'config changed info', 'status down critical', 'status up info'],
  )
  const [changed] = await events(`?device=${ID}&kind=config`)
  t.equal(changed?.text, 'Changed by test: location')
  t.notMatch(JSON.stringify(await events()), /cellar|public/, 'never what is in the config')
})

t.test('comments: by whom they may, and told by whom', async t => {
  t.equal((await comment('no', all.viewer)).status, 403)
  const forged = as(url, all.technician, { method: 'POST', headers: FORM, body: 'text=x' })
  forged.headers = { ...forged.headers, 'x-csrf-token': 'wrong' }
  t.equal((await ask(url, `/devices/${ID}/comments`, forged)).status, 403)
  for (const text of ['', ' \u202e\n', 'x'.repeat(1001)]) t.equal((await comment(text)).status, 422)
  t.equal((await comment('x', all.admin, {}, 'nobody')).status, 404)
  t.equal((await comment('x', all.admin, { group: 'interface', row: 'nowhere' })).status, 404)
  const done = await comment(HOSTILE)
  t.match([done.status, done.headers.location], [303, `/devices/${ID}#events`])
  const onRow = await comment('new cable', all.technician, { group: 'interface', row: 'Gi1/0/1' })
  t.equal(onRow.headers.location, `/devices/${ID}/rows/interface/Gi1%2F0%2F1#events`)
  const [row, whole, ...more] = await events('?kind=comment')
  t.match(row, { text: 'new cable', group: 'interface', row: 'Gi1/0/1' })
  t.match(whole, { text: HOSTILE, fields: { by: 'test-technician' } })
  t.same(more, [])
  const api = (document: unknown, person = all.technician) =>
    ask(url, `/api/v1/devices/${ID}/comments`, {
      method: 'POST',
      headers: { authorization: person.bearer, 'content-type': 'application/json' },
      body: JSON.stringify(document),
    })
  t.equal((await api({ text: 'by a program' })).status, 204)
  t.equal((await api({ text: 'x' }, all.viewer)).status, 403)
  for (const wrong of [{}, { text: 5 }, { text: 'x', kind: 'trap' }, { text: 'x', row: '' }])
    t.equal((await api(wrong)).status, 422, JSON.stringify(wrong))
  t.match(await events('?kind=comment&limit=1'), [{ text: 'by a program' }])
  const audit = await get('/audit?action=event.comment', all.admin)
  t.equal(audit.body.match(/>event\.comment</g)?.length, 3)
})

/** Ids of all events, three a page. */
async function pagedIds(): Promise<string[]> {
  const ids: string[] = []
  let path: string | null = '/api/v1/events?limit=3'
  while (path !== null) {
    const answer = await get(path)
    for (const { id } of parseEvents(JSON.parse(answer.body))) ids.push(id)
    path = /<([^>]+)>; rel="next"/.exec(String(answer.headers.link ?? ''))?.[1] ?? null
  }
  return ids
}

t.test('filters, pages and the export of the API', async t => {
  // Something may still be told of a moment ago: compared is what was read while nothing was.
  const ids = async () => (await events('?limit=1000')).map(({ id }) => id)
  const { all, paged, lines } = await until(async () => {
    const all = await ids()
    const read = { all, paged: await pagedIds(), lines: await get('/api/v1/events.jsonl') }
    return (await ids()).join() === all.join() ? read : null
  }, 'a moment in which nothing is told')
  t.same(paged, all)
  t.match(lines.headers['content-type'], /^application\/jsonl/)
  t.same(
    lines.body
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).id),
    all,
  )
  t.equal((await events('?severity=critical&kind=status')).length, 1)
  t.ok((await events('?kind=config&kind=status')).every(({ kind }) => kind !== 'comment'))
  t.equal((await events('?q=ONERROR')).length, 1)
  t.equal((await events(`?device=${ID}&group=interface&row=Gi1/0/1`)).length, 1)
  t.same(await events('?from=1970-01-01&to=1970-01-02'), [])
  for (const wrong of ['?kind=x', '?limit=0', '?row=a', '?from=never', '?cursor=x', '?unknown=1'])
    t.ok([400, 422].includes((await get(`/api/v1/events${wrong}`)).status), wrong)
  t.equal((await get('/api/v1/events?device=nobody')).status, 404)
  t.equal((await ask(url, '/api/v1/events')).status, 401)
})

t.test('an answer of the API is bounded in bytes; its pages go on to the end', async t => {
  const uid = (await program.devices.get(ID))?.uid ?? 0
  const long = Array.from({ length: 300 }, (_, i) => ({
    ...({
      deviceUid: uid,
      at: 86_400_000 + i,
      kind: 'syslog',
      severity: 'info',
      name: 'long',
    } as const),
    ...{
      text: `line ${i}`,
      fields: { a: 'ä'.repeat(1000), b: '"'.repeat(1000), c: '"'.repeat(1000) },
    },
  }))
  const file = path.join(test.dataDir, 'pollux.db')
  const store = await openStore({ url: `sqlite:${file}`, log: silentLog })
  t.teardown(() => store.close())
  await store.events.write(long)
  const seen: string[] = []
  let next: string | null = '/api/v1/events?kind=syslog&limit=1000'
  let pages = 0
  while (next !== null) {
    const answer = await get(next)
    t.ok(Buffer.byteLength(answer.body) <= 1024 * 1024 + 1000, `${answer.body.length} characters`)
    for (const { text } of parseEvents(JSON.parse(answer.body))) seen.push(text)
    next = /<([^>]+)>; rel="next"/.exec(String(answer.headers.link ?? ''))?.[1] ?? null
    pages++
  }
  t.same(seen, long.map(({ text }) => text).toReversed())
  t.equal(pages, 2)
})

t.test('the page: filters, empty states, nothing wrong in the address breaks it', async t => {
  const page = async (query: string) => {
    const answer = await get(`/events${query}`)
    t.equal(answer.status, 200, query)
    return answer.body
  }
  const whole = await page('')
  t.match(whole, /&lt;img src=x onerror=alert\(1\)&gt;/)
  t.notMatch(whole, /<img|<script>/)
  t.match(whole, /test-technician:/)
  t.notMatch(whole, /name="days"/, 'who may not change it is only told')
  t.match(await page('?severity=critical'), /Down: /)
  t.match(await page('?q=nothing-like-that'), /No event fits these filters/)
  t.match(await page('?device=nobody'), /There is no device “nobody”/)
  t.match(await page('?before=1-AAAA'), /There are no older events/)
  for (const wrong of ['?kind=x&severity=&from=soon&before=%00', '?q=%27%25%5C&kind=a&kind=b'])
    await page(wrong)
  const row = await get(`/devices/${ID}/rows/interface/Gi1%2F0%2F1`)
  t.match(row.body, /new cable/)
  t.notMatch(row.body, /onerror/, 'of the row alone')
  t.notMatch((await get(`/devices/${ID}`)).body, /event-comment/, 'a viewer has no form')
  t.match((await get(`/devices/${ID}`, all.technician)).body, /event-comment/)
})

t.test('for how long events are kept', async t => {
  const change = (days: string, person = all.admin) =>
    ask(
      url,
      '/events/kept',
      as(url, person, { method: 'POST', headers: FORM, body: `days=${days}` }),
    )
  t.equal((await change('30', all.engineer)).status, 403)
  for (const wrong of ['0', '3651', '-1', 'x', ''])
    t.equal((await change(wrong)).status, 422, wrong)
  t.equal((await change('30')).status, 303)
  t.match((await get('/events', all.admin)).body, /name="days"[^>]* value="30"/)
})

t.test('a comment on a device that goes at that moment is refused', async t => {
  const service = createEvents({
    store: {
      write: async () => [{ refused: 'unknown-device' }],
      list: async () => [],
      count: async () => 0,
      days: async () => 365,
      setDays: async () => undefined,
      trim: async () => 0,
    },
    audit: {
      async record() {
        t.fail('nothing was done')
      },
    },
  })
  await t.rejects(service.comment({ id: 'x', uid: 1 }, { text: 'x' }, BY), {
    code: 'E_DEVICE_UNKNOWN',
  })
})

t.test('in a browser', async t => {
  const browser = await startChromium(t)
  const open = async (options: BrowserContextOptions = {}) => {
    const context = await browser.newContext(options)
    const [name = '', value = ''] = all.technician.cookie.split('=')
    await context.addCookies([{ name, value, url }])
    const misdeeds = await watchMisdeeds(context)
    return { page: await context.newPage(), misdeeds }
  }
  const { page, misdeeds } = await open()
  await page.goto(`${url}/events?device=${ID}`)
  await page.waitForSelector('[data-live="on"]')
  const device = await page.context().newPage()
  await device.goto(`${url}/devices/${ID}`)
  await device.waitForSelector('[data-live="on"]')
  await device.fill('#comment', 'told to open pages')
  await comment('told to open pages')
  await page.waitForSelector('.event-text >> text=told to open pages')
  await device.waitForSelector('#device-events >> text=told to open pages')
  t.equal(await device.inputValue('#comment'), 'told to open pages', 'what is typed stays')
  await comment('of another device', all.technician, {}, 'acc-sw-12')
  await comment('after it')
  await page.waitForSelector('.event-text >> text=after it')
  t.equal(await page.locator('text=of another device').count(), 0, 'its filter holds')

  await device.goto(`${url}/devices/${ID}/rows/interface/Gi1%2F0%2F1?range=15m`)
  const mark = device.locator('figure.chart .mark').last()
  await mark.waitFor()
  await mark.focus()
  await device.waitForSelector('.mark-note:visible')
  t.match(await device.locator('.mark-note:visible').textContent(), /after it/)
  await device.locator('.chart-as-table').first().click()
  await device.waitForSelector('.chart-events >> text=new cable')
  await device.locator('.chart-as-table').first().click()
  await mark.press('Enter')
  await device.waitForURL(/\/events\?device=acc-sw-11&from=\d+/)
  await device.waitForSelector('.event-text >> text=after it')
  t.same(misdeeds, { violations: [], errors: [], dialogs: [] })

  for (const colorScheme of ['light', 'dark'] as const) {
    const phone = await open({ colorScheme, viewport: { width: 400, height: 800 } })
    await phone.page.goto(`${url}/events`)
    const width = await widest(phone.page)
    t.equal(width, 400, `fits a phone, ${colorScheme}`)
    t.same(phone.misdeeds, { violations: [], errors: [], dialogs: [] })
  }
  const plain = await open({ javaScriptEnabled: false })
  await plain.page.goto(`${url}/events`)
  await plain.page.selectOption('#severity', 'critical')
  await plain.page.click('.filters button')
  t.equal(await plain.page.locator('tr.event').count(), 2)
  await plain.page.goto(`${url}/devices/${ID}`)
  await plain.page.fill('#comment', 'without scripts')
  await plain.page.click('.event-comment button')
  await plain.page.waitForSelector('#device-events >> text=without scripts')
})

t.test('a deleted device: its events stay with its history, and go with it', async t => {
  await program.devices.remove('acc-sw-12', { history: false }, BY)
  t.match((await get('/events?q=of+another')).body, /acc-sw-12 \(deleted\)/)
  await program.devices.remove(ID, { history: true }, BY)
  await until(
    async () => (await events('?limit=1000')).every(({ device }) => device !== ID),
    'gone',
  )
})
