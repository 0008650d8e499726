// Goal: a person's views and columns are theirs alone and work without a script; filters by place and
// profile; one search finds devices and their rows whichever way they are written; the overview has a
// tile for each of 2,000 devices; every state of these lists says what it is.

import t from 'tap'
import { openPage, startChromium } from '../parts/chromium.ts'
import { until } from '../parts/find.ts'
import { as, ask, FORM, type Person, people } from './people.ts'
import { startTestProgram } from './program.ts'

t.setTimeout(600_000)
const BY = { name: 'test', address: '' }
const test = await startTestProgram(t, { network: true, every: '2s' })
const { url, program } = test
const { admin, viewer } = await people(test)
const get = (path: string, person: Person = admin) => ask(url, path, as(url, person))
const post = (path: string, fields: Record<string, string> | [string, string][], person = admin) =>
  ask(url, path, {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie: person.cookie },
    body: new URLSearchParams([
      ['_csrf', person.csrf],
      ...(Array.isArray(fields) ? fields : Object.entries(fields)),
    ]).toString(),
  })
/** Ids of the rows, in the order of the page. */
const rowsOf = (body: string): string[] =>
  [...body.matchAll(/class="row-link" href="\/devices\/([^"/]+)"/g)].map(([, id]) => id ?? '')
const headsOf = (body: string): string[] =>
  [...body.matchAll(/<th scope="col" class="col-(\w+)/g)].map(([, name]) => name ?? '')
const USUAL = ['state', 'name', 'kind', 'address', 'profiles', 'cpu', 'memory', 'traffic', 'age']
const viewsOf = (body: string): string[] =>
  [
    ...(/<nav class="segments views".*?<\/nav>/s.exec(body)?.[0] ?? '').matchAll(/>([^<]+)<\/a>/g),
  ].map(([, name]) => name ?? '')

t.test('filters by place and profile', async t => {
  const hall = await get('/devices?location=hall+1&sort=name')
  t.same(rowsOf(hall.body), ['acc-sw-11', 'acc-sw-12', 'core-sw-01'])
  t.match(hall.body, '<option value="hall 1" selected>')
  const profile = await until(
    async () =>
      /<select id="filter-profile".*?<option value="([^"]+)"/s.exec(
        (await get('/devices')).body,
      )?.[1],
    'profiles to be chosen',
  )
  const readBy = await get(`/devices?profile=${profile}`)
  t.ok(rowsOf(readBy.body).length > 0)
  t.match(readBy.body, `<option value="${profile}" selected>`)
  t.same(rowsOf((await get(`/devices?profile=${profile}&kind=docker`)).body), [])
  t.same(rowsOf((await get('/devices?location=nowhere')).body), [])
  t.match((await get('/devices?location=nowhere')).body, 'No device matches these filters.')
  t.match((await get('/devices?location=nowhere')).body, '<option value="nowhere" selected>')
})

t.test('columns: in the address, kept for the person, never without the name', async t => {
  t.same(headsOf((await get('/devices', viewer)).body), USUAL)
  t.same(headsOf((await get('/devices?columns=tags.every', viewer)).body), [
    'name',
    'tags',
    'every',
  ])
  t.same(headsOf((await get('/devices?columns=uid.__proto__', viewer)).body), USUAL)
  const chosen = await post(
    '/devices/columns',
    [
      ...['tags', 'location', 'nonsense'].map((c): [string, string] => ['column', c]),
      ['back', 'q=sw'],
    ],
    viewer,
  )
  t.equal(chosen.status, 303)
  t.equal(chosen.headers.location, '/devices?q=sw&columns=location.tags')
  t.same(headsOf((await get('/devices', viewer)).body), ['name', 'location', 'tags'], 'kept')
  t.same(headsOf((await get('/devices')).body), ['choose', ...USUAL], 'of that person alone')
  const usual = await post('/devices/columns', { usual: '1', column: 'tags' }, viewer)
  t.equal(usual.headers.location, '/devices?all=1')
  t.same(headsOf((await get('/devices', viewer)).body), USUAL)
})

t.test('views: saved, renamed, started with, deleted; each person has their own', async t => {
  const saved = await post('/devices/views', {
    name: '  Halls <b> ',
    query: 'location=hall+1&sort=-name&page=3&evil=1',
  })
  t.equal(saved.headers.location, '/devices?location=hall+1&sort=-name', 'only what a list knows')
  t.same(viewsOf((await get('/devices')).body), ['All devices', 'Halls &lt;b&gt;'])
  t.same(viewsOf((await get('/devices', viewer)).body), [])
  t.match((await get(String(saved.headers.location))).body, /aria-current="true">Halls/)
  const change = (fields: Record<string, string>) => post('/devices/views/change', fields)
  t.equal((await change({ name: 'Halls <b>', to: 'Halls', do: 'rename' })).status, 303)
  await post('/devices/views', { name: 'Down', query: 'state=down', start: 'yes' })
  t.equal((await get('/devices')).headers.location, '/devices?state=down', 'it starts with that')
  t.equal((await get('/devices?all=1')).status, 200, 'the whole list is still there')
  t.match((await get('/devices?state=down')).body, 'href="/devices?all=1"')
  await change({ name: 'Halls', do: 'default' })
  t.equal(
    (await get('/devices')).headers.location,
    '/devices?location=hall+1&sort=-name',
    'one alone',
  )
  await change({ name: 'Halls', do: 'no-default' })
  t.equal((await get('/devices')).status, 200)
  const taken = await change({ name: 'Halls', to: 'Down', do: 'rename' })
  t.equal(taken.status, 422)
  t.match(taken.body, 'There is a view of this name already.')
  for (const fields of [
    { name: 'nobody', do: 'remove' },
    { name: 'Halls', do: 'everything' },
    { name: 'Halls', do: 'rename', to: ' ' },
    { name: 'Halls', do: 'rename', to: 'x'.repeat(61) },
  ])
    t.equal((await change(fields)).status, 422, JSON.stringify(fields))
  t.equal((await post('/devices/views', { name: '', query: '' })).status, 422)
  t.equal((await change({ name: 'Halls', do: 'remove' })).status, 303)
  t.equal((await change({ name: 'Down', do: 'remove' })).status, 303)
  t.match((await get('/devices/views')).body, 'No views yet.')
  for (let n = 0; n < 50; n++) await post('/devices/views', { name: `v${n}`, query: '' }, viewer)
  const full = await post('/devices/views', { name: 'one more', query: '' }, viewer)
  t.equal(full.status, 422)
  t.match(full.body, 'You have 50 views')
  const bearer = { headers: { authorization: admin.bearer } }
  t.equal((await ask(url, '/devices/views', bearer)).status, 403, 'a token has no views')
})

t.test('one search: devices and rows, by name, alias and MAC', async t => {
  const rows = async (q: string) =>
    [
      ...(await get(`/search?q=${encodeURIComponent(q)}`)).body.matchAll(
        /href="\/devices\/([^"/]+)\/rows\/interface\/([^"]+)"/g,
      ),
    ].map(([, device, row]) => `${device} ${row}`)
  await until(
    async () =>
      (await rows('ge-0/0/1')).length > 0 ||
      (await rows('1')).length > 0 ||
      (await rows('Gi')).length > 0 ||
      (await rows('et')).length > 0,
    'rows to be named',
  )
  const answer = await ask(url, '/api/v1/search?q=sw-01', {
    headers: { authorization: viewer.bearer },
  })
  t.equal(answer.status, 200)
  t.match(JSON.parse(answer.body), { devices: [{ id: 'core-sw-01', location: 'hall 1' }] })
  t.same(rowsOf((await get('/search?q=HALL+2')).body).sort(), [
    'acc-sw-21',
    'acc-sw-22',
    'core-sw-02',
  ])
  t.match((await get('/search?q=%3Cb%3Enothing')).body, 'Nothing matches “&lt;b&gt;nothing”.')
  t.match((await get('/search')).body, 'Devices by name, address, tag or place')
  for (const q of ['%', '_', "'", '!%', `${'x'.repeat(100)}`, '\u0000']) {
    t.equal((await get(`/search?q=${encodeURIComponent(q)}`)).status, 200, JSON.stringify(q))
    t.same(await rows(q === '%' || q === '_' ? `${q}${q}` : q), [], 'no wildcard')
  }
  t.equal((await get(`/search?q=${'x'.repeat(101)}`)).status, 200)
  t.equal(
    (await ask(url, '/api/v1/search?q=', { headers: { authorization: viewer.bearer } })).status,
    400,
  )
})

t.test('in the browser: as one types, the list and its address follow, live goes on', async t => {
  const browser = await startChromium(t)
  const { page, problems } = await openPage(browser, url, test.adminPassword)
  await page.goto(`${url}/devices?sort=name`)
  await page.fill('#q', 'acc-sw-2')
  await until(async () => (await page.locator('[data-row]').count()) === 2, 'the list to follow')
  t.match(page.url(), /[?&]q=acc-sw-2/)
  t.equal(await page.inputValue('#q'), 'acc-sw-2', 'the field keeps what was typed')
  await page.selectOption('#filter-location', 'hall 1')
  await page.waitForSelector('#devices .empty')
  t.match(await page.locator('#devices .empty').innerText(), /under these filters/)
  await page.click('#devices .empty a')
  await until(async () => (await page.locator('[data-row]').count()) > 10, 'all of them again')
  await page.click('.chooser summary')
  await page.check('input[name="column"][value="tags"]')
  await page.uncheck('input[name="column"][value="profiles"]')
  await page.click('.chooser-body button')
  await page.waitForSelector('th.col-tags')
  t.equal(await page.locator('th.col-profiles').count(), 0)
  const age = () => page.locator('tr[data-row] time').first().getAttribute('data-age')
  const before = await age()
  await until(async () => (await age()) !== before, 'the live stream, with these columns')
  t.equal(await page.locator('th.col-tags').count(), 1, 'that it keeps')
  t.same(problems, [])
})

t.test('loading, lost, come back: the list says so and goes on', async t => {
  const browser = await startChromium(t)
  const { page } = await openPage(browser, url, test.adminPassword)
  await page.goto(`${url}/devices?sort=name`)
  const live = () => page.evaluate('document.documentElement.dataset.live')
  await until(async () => (await live()) === 'on', 'the stream')
  await page.context().setOffline(true)
  await page.evaluate(`document.querySelector('[hx-sse\\\\:connect]').remove()`)
  await page.evaluate(`document.dispatchEvent(new CustomEvent('htmx:sse:error', { detail: {} }))`)
  t.equal(await live(), 'lost')
  t.ok(await page.locator('#offline').isVisible())
  t.ok((await page.locator('[data-row]').count()) > 10, 'what was there stays, grey')
  await page.context().setOffline(false)
  await page.reload()
  await until(async () => (await live()) === 'on', 'the stream again')
})

t.test('2,000 devices: a tile for each, grouped by place or tag, trouble first', async t => {
  const before = (await program.devices.list()).length
  const document = {
    ...{ kind: 'mqtt', topics: ['none'], every: '1h', enabled: false, location: 'many' },
  }
  for (let n = 0; n < 60; n++) {
    const tags = n % 2 ? [`odd`] : ['even']
    await program.devices.create({ ...document, id: `many-${n}`, tags }, BY, 'api')
  }
  const byPlace = await get('/')
  const tiles = byPlace.body.match(/class="tile /g)?.length ?? 0
  t.equal(tiles, before + 60)
  t.match(byPlace.body, /<h3>many <span>60<\/span>/)
  const byTag = await get('/?group=tag')
  t.match(byTag.body, /<h3>even <span>30<\/span>/)
  t.match(byTag.body, /<h3>odd <span>30<\/span>/)
  t.match(byTag.body, 'hx-sse:connect="/live?page=overview&amp;group=tag"', 'and stays so, live')
  t.equal((await get('/?group=nonsense')).status, 200)
})
