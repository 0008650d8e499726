// Goal: signing in leads where one wanted to go; the overview counts what is so; the list of devices
// finds, filters, sorts and turns pages by its address alone; hostile texts stay texts.

import t from 'tap'
import { PAGE_SIZE } from '../../server/web/pages/devices.ts'
import { filterOf, listHref } from '../../server/web/pages/devices-filter.ts'
import { until } from '../parts/find.ts'
import { ask, FORM } from './people.ts'
import { startTestProgram } from './program.ts'

const BY = { name: 'test', address: '' }
const HOSTILE = `"><svg onload=alert(1)> <script>alert(2)</script> ' hx-get=/logout \u202Etxt`

const test = await startTestProgram(t)
const { url } = test
const { cookie } = await test.signIn()
const get = (path: string) => ask(url, path, { headers: { cookie } })

const add = (id: string, more: Record<string, unknown> = {}) =>
  test.program.devices.create(
    {
      id,
      kind: 'snmp',
      address: '127.0.0.1',
      port: 9,
      every: '1h',
      retries: 0,
      timeout: '1s',
      credentials: { version: '2c', community: 'secret-community' },
      ...more,
    },
    BY,
    'api',
  )

/** Names of the rows, in the order of the page. */
const rowsOf = (body: string): string[] =>
  [...body.matchAll(/class="row-link" href="\/devices\/([^"]+)"/g)].map(([, id]) => id ?? '')

/** What a count of the overview, or a segment of the list, says. */
const countOf = (body: string, state: string): number =>
  Number(
    new RegExp(
      `href="/devices\\?state=${state}">.*?<(?:strong|span class="segment-count")>(\\d+)`,
      's',
    ).exec(body)?.[1],
  )

const login = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(url, '/login', {
    method: 'POST',
    headers: { ...FORM, origin: url, ...headers },
    body: new URLSearchParams(fields).toString(),
  })

t.test('who is not signed in comes back to the page that was asked for', async t => {
  const asked = await ask(url, '/devices?q=core&sort=-name')
  t.equal(asked.status, 303)
  t.equal(asked.headers.location, `/login?next=${encodeURIComponent('/devices?q=core&sort=-name')}`)
  const form = await ask(url, String(asked.headers.location))
  t.match(form.body, 'name="next" value="/devices?q=core&amp;sort=-name"')
  const good = await login({ name: 'admin', password: test.adminPassword, next: '/devices?q=core' })
  t.equal(good.status, 303)
  t.equal(good.headers.location, '/devices?q=core')
  for (const next of [
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    'javascript:x',
  ]) {
    const answer = await login({ name: 'admin', password: test.adminPassword, next })
    t.equal(answer.headers.location, '/', `${next} is not followed`)
  }
})

t.test('a wrong password names neither field and keeps the name', async t => {
  const answers = [
    await login({ name: 'admin', password: 'wrong', next: '/devices' }),
    await login({ name: 'no<b>body', password: 'wrong', next: '/devices' }),
  ]
  for (const answer of answers) {
    t.equal(answer.status, 422)
    t.match(answer.body, 'Name or password is not right.')
    t.match(answer.body, 'name="next" value="/devices"')
    t.notOk(answer.headers['set-cookie'])
  }
  t.match(answers[0]?.body, 'value="admin"')
  t.match(answers[1]?.body, 'value="no&lt;b&gt;body"')
  t.notMatch(answers[0]?.body, 'value="wrong"')
})

t.test('a form larger than the limit is refused in words', async t => {
  const body = `name=${'x'.repeat(2 * 1024 * 1024)}`
  const answer = await ask(url, '/devices', {
    method: 'POST',
    headers: { ...FORM, origin: url, cookie },
    body,
  })
  t.equal(answer.status, 413)
  t.match(answer.body, /larger than 1 MB/)
  t.match(answer.body, /Go to the overview/)
})

t.test('the overview counts states, names trouble first and groups tiles', async t => {
  await add('down-1', { location: 'hall 1', name: 'Down one' })
  await add('paused-1', { location: 'hall 2', enabled: false })
  await until(
    () => test.program.devices.status('down-1')?.state === 'down',
    'a device down',
    20_000,
  )
  const { status, body } = await get('/')
  t.equal(status, 200)
  t.equal(countOf(body, 'down'), 1)
  t.equal(countOf(body, 'paused'), 1)
  t.match(body, 'count count-down', 'what is wrong is loud')
  t.notMatch(body, 'count count-degraded', 'what is zero is not')
  t.same(rowsOf(body), ['down-1'], 'only trouble is in the table')
  t.match(body, /Down one: down/, 'a tile has words')
  t.ok(body.indexOf('hall 1') < body.indexOf('No location'), 'without location last')
})

t.test('the list finds, filters and sorts', async t => {
  await add('core-9', { location: 'paris', tags: ['backbone'], address: '127.0.0.9' })
  await add('core-10', { location: 'paris', address: '127.0.0.10' })
  t.same(
    rowsOf((await get('/devices?q=paris&sort=name')).body),
    ['core-9', 'core-10'],
    'numbers in order',
  )
  t.same(rowsOf((await get('/devices?q=PARIS&sort=-name')).body), ['core-10', 'core-9'])
  t.same(rowsOf((await get('/devices?q=backbone')).body), ['core-9'], 'by tag')
  t.same(rowsOf((await get('/devices?tag=backbone')).body), ['core-9'], 'by the tag itself')
  t.same(rowsOf((await get('/devices?tag=back')).body), [], 'and not by a part of it')
  t.same(rowsOf((await get('/devices?q=127.0.0.10')).body), ['core-10'], 'by address')
  t.same(rowsOf((await get('/devices?state=paused')).body), ['paused-1'])
  t.same(rowsOf((await get('/devices?kind=agent')).body), ['this-machine'])
  const down = await get('/devices?state=down')
  t.same(rowsOf(down.body).includes('down-1'), true)
  t.match(down.body, 'aria-current="true">Down')
  const sorted = await get('/devices?sort=-name')
  t.match(sorted.body, /aria-sort="descending"><a id="sort-name" href="\/devices\?sort=name"/)
  t.equal(rowsOf((await get('/devices')).body)[0], rowsOf(down.body)[0], 'the worst comes first')
})

t.test('nothing found: the words of the search and a way out', async t => {
  const { body } = await get(`/devices?q=${encodeURIComponent('<b>none')}`)
  t.match(body, 'No device matches “&lt;b&gt;none”')
  t.match(body, 'Clear filters')
})

t.test('what the address says wrongly counts as not said', async t => {
  const all = rowsOf((await get('/devices')).body)
  for (const query of [
    'state=x',
    'kind=%00',
    'sort=uid',
    'page=-1',
    'page=0',
    'page=9999',
    'q[]=1',
    `q=${'x'.repeat(3000)}`,
    'sort=name&sort=kind',
  ]) {
    const { status, body } = await get(`/devices?${query}`)
    t.equal(status, 200, query)
    t.equal(rowsOf(body).length, all.length, query)
  }
  t.same(filterOf({ sort: '__proto__', page: {} }), {
    q: '',
    tag: '',
    state: '',
    kind: '',
    location: '',
    profile: '',
    sort: 'state',
    down: false,
    page: 1,
    columns: null,
  })
  const filter = filterOf({ q: 'a&b', sort: '-kind', page: '3' })
  t.same(
    filterOf(Object.fromEntries(new URL(listHref(filter, {}), 'http://x').searchParams)),
    filter,
  )
})

t.test('a long list has pages', async t => {
  for (let i = 0; i < PAGE_SIZE; i++) await add(`many-${i}`, { enabled: false, location: 'many' })
  await add('many-last', { enabled: false, location: 'many' })
  const first = await get('/devices?q=many&sort=name')
  t.equal(rowsOf(first.body).length, PAGE_SIZE)
  t.match(first.body, 'rel="next" href="/devices?q=many&amp;sort=name&amp;page=2"')
  t.notMatch(first.body, 'rel="prev"')
  const second = await get('/devices?q=many&sort=name&page=2')
  t.same(rowsOf(second.body), ['many-last'])
  t.match(second.body, 'Page 2 of 2')
  t.match(
    (await get('/')).body,
    'class="tile tile-paused"',
    'the overview still has a tile for each',
  )
})

t.test('hostile texts stay texts', async t => {
  await add('hostile', {
    name: HOSTILE,
    location: HOSTILE.slice(0, 90),
    tags: ["<img/src=x>'", '"onclick=x'],
  })
  for (const path of [
    '/',
    '/devices',
    '/devices?q=svg',
    '/devices/hostile/edit',
    '/devices/hostile/delete',
  ]) {
    const { status, body } = await get(path)
    t.equal(status, 200, path)
    t.match(body, '&lt;svg onload', path)
    t.notMatch(body, /<svg onload|<script>alert|<img\/src|' hx-get=\//, path)
    t.notMatch(body, '\u202E', `${path}: no turned text`)
  }
})

t.test('no devices at all: one sentence, one button', async t => {
  for (const { config } of await test.program.devices.list())
    await test.program.devices.remove(config.id, { history: true }, BY)
  for (const path of ['/', '/devices', '/devices?q=x']) {
    const { status, body } = await get(path)
    t.equal(status, 200, path)
    t.match(body, 'No devices yet. Add one, or load the demo network', path)
    t.match(body, 'href="/devices/new"', path)
  }
})
