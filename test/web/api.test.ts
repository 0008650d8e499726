// Goal: a program can do by the API what a person does on the pages, by a token or by a session, each
// role what it may; two programs do not overwrite each other, and no answer tells a secret.
import t from 'tap'
import type { WebContext } from '../../server/web/context.ts'
import { routes } from '../../server/web/routes.ts'
import { until } from '../parts/find.ts'
import {
  type Answer,
  isProblem,
  OpenApi,
  Receipts,
  Shown,
  silentDevice,
  startApi,
  Things,
} from './caller.ts'
import type { Person } from './people.ts'

const { test, everybody, ask, latest, add, audit } = await startApi(t, {
  network: true,
  every: '1s',
})
const { admin, engineer, technician, viewer } = everybody

t.test('a tour: add, read, change, poll, remove', async t => {
  const made = await ask('POST', '/devices', { body: silentDevice('tour'), by: engineer })
  t.equal(made.status, 201, made.text)
  t.equal(made.headers.get('location'), '/api/v1/devices/tour')
  t.equal(made.headers.get('etag'), '"1"')
  t.match(made.body, {
    id: 'tour',
    name: 'tour',
    kind: 'snmp',
    profiles: ['auto'],
    timeout: '2s',
    credentials: { version: '2c', community: { secret: 'tour.community' } },
    version: 1,
    source: 'api',
    identity: null,
  })

  const read = await ask('GET', '/devices/tour', { by: viewer })
  t.equal(read.headers.get('etag'), '"1"')
  const shown = read.as(Shown)
  t.same({ ...made.as(Shown), status: shown.status }, shown, 'POST answers as GET does')

  const put = await ask('PUT', '/devices/tour', { body: { ...shown, name: 'Tour' } })
  t.match(put, { status: 200, body: { name: 'Tour', version: 2 } }, 'what GET gave may be put back')
  t.equal(put.headers.get('etag'), '"2"')

  const patched = await ask('PATCH', '/devices/tour', { body: { location: 'lab', tags: ['a'] } })
  t.match(patched, {
    status: 200,
    body: { location: 'lab', tags: ['a'], name: 'Tour', version: 3 },
  })
  const cleared = await ask('PATCH', '/devices/tour', {
    body: { location: null },
    headers: { 'content-type': 'application/merge-patch+json; charset=utf-8' },
  })
  t.equal(cleared.status, 200)
  t.notMatch(cleared.text, 'location', 'null takes a key away')
  const paused = await ask('PATCH', '/devices/tour', { body: { enabled: false } })
  t.match(paused.body, { enabled: false, status: { state: 'paused' } })

  const json = { 'content-type': 'application/json' }
  const removed = await ask('DELETE', '/devices/tour', { headers: json })
  t.equal(removed.status, 204, 'a body that was announced and not sent is none')
  isProblem(t, await ask('GET', '/devices/tour'), 404, 'E_DEVICE_UNKNOWN', 'it is gone')
  isProblem(t, await ask('DELETE', '/devices/tour'), 404, 'E_DEVICE_UNKNOWN', 'and stays so')
})

t.test('a change is in force at once: the receipt says so, and poll now is heard', async t => {
  const { port } = test.network?.devices.find(({ id }) => id === 'db-01') ?? {}
  t.teardown(() => ask('DELETE', '/devices/receipt?history=true'))
  const made = await ask('POST', '/devices', {
    body: {
      ...silentDevice('receipt'),
      port,
      credentials: { version: '2c', community: 'public' },
    },
  })
  t.equal(made.status, 201, made.text)
  const stages = async () =>
    (await ask('GET', '/devices/receipt/receipts')).as(Receipts).map(r => r.stage)
  await until(async () => (await stages()).includes('first-good'), 'the first good sample', 20_000)
  t.equal((await stages())[0], 'accepted')
  const first = (await latest('receipt')).at
  const poll = await ask('POST', '/devices/receipt/poll', {
    by: technician,
    headers: { 'content-type': 'application/json' },
  })
  t.match(poll, { status: 202, body: { device: 'receipt', queued: true } })
  await until(async () => (await latest('receipt')).at !== first, 'a read an hour early', 20_000)
  t.match((await ask('GET', '/devices/receipt')).body, {
    status: { state: 'up' },
    identity: { facts: { name: 'db-01' }, profiles: ['net-snmp'] },
  })
})

t.test('test of a document that is not stored', async t => {
  const network = test.network?.devices.find(({ id }) => id === 'core-sw-01')
  const document = {
    ...silentDevice('not-stored'),
    port: network?.port,
    timeout: '1s',
    retries: 0,
  }
  const good = await ask('POST', '/devices/check', {
    body: { ...document, credentials: { version: '2c', community: 'public' } },
    by: engineer,
  })
  t.match(good, { status: 200, body: { ok: true, identity: { profiles: ['cisco-ios'] } } })
  const silent = await ask('POST', '/devices/check', { body: document })
  t.match(silent, { status: 200, body: { ok: false, reason: 'timeout', error: /./, hint: /./ } })
  t.notMatch(silent.text, 'grep-me')
  t.equal((await ask('GET', '/devices/not-stored')).status, 404)
  const wrong = await ask('POST', '/devices/check', { body: { id: 'x' } })
  isProblem(t, wrong, 422, 'E_DEVICE_INVALID', 'a wrong document')
})

t.test('a session may write too, with its token and from our own pages', async t => {
  const session = { cookie: viewer.cookie, origin: test.url }
  t.equal((await ask('GET', '/devices', { by: null, headers: session })).status, 200)
  const { cookie, csrf } = engineer
  const write = (headers: Record<string, string>) =>
    ask('POST', '/devices', { by: null, body: silentDevice('by-session'), headers })
  isProblem(t, await write({ cookie, origin: test.url }), 403, 'E_FORGED', 'without the token')
  isProblem(t, await write({ cookie, 'x-csrf-token': csrf }), 403, 'E_FORGED', 'from nowhere')
  const foreign = { cookie, 'x-csrf-token': csrf, origin: 'https://evil.example' }
  isProblem(t, await write(foreign), 403, 'E_FORGED', 'from another site')
  t.teardown(() => ask('DELETE', '/devices/by-session?history=true'))
  const good = await write({ cookie, 'x-csrf-token': csrf, origin: test.url })
  t.equal(good.status, 201, good.text)
})

t.test('nobody, and a wrong token: told how to sign in, and nothing else', async t => {
  for (const [headers, challenge] of [
    [{}, 'Bearer realm="pollux"'],
    [{ authorization: 'Bearer pollux_wrong' }, 'Bearer realm="pollux", error="invalid_token"'],
    [{ authorization: 'Basic YTpi' }, 'Bearer realm="pollux"'],
    [{ cookie: 'sid=wrong' }, 'Bearer realm="pollux"'],
  ] as [Record<string, string>, string][]) {
    const answer = await ask('GET', '/devices/app-01', { by: null, headers })
    isProblem(t, answer, 401, 'E_SIGN_IN', JSON.stringify(headers))
    t.equal(answer.headers.get('www-authenticate'), challenge)
    t.notMatch(answer.text, 'app-01')
  }
})

t.test('roles', async t => {
  const calls: [string, string, Person[]][] = [
    ['GET', '/devices', [admin, engineer, technician, viewer]],
    ['GET', '/devices/none', [admin, engineer, technician, viewer]],
    ['GET', '/devices/none/latest', [admin, engineer, technician, viewer]],
    ['GET', '/devices/none/series', [admin, engineer, technician, viewer]],
    ['GET', '/devices/none/receipts', [admin, engineer, technician, viewer]],
    ['GET', '/samples?device=none&metric=a.b', [admin, engineer, technician, viewer]],
    ['GET', '/profiles', [admin, engineer, technician, viewer]],
    ['GET', '/health', [admin, engineer, technician, viewer]],
    ['GET', '/ingest', [admin, engineer, technician]],
    ['POST', '/devices/none/poll', [admin, engineer, technician]],
    ['POST', '/devices', [admin, engineer]],
    ['POST', '/devices/check', [admin, engineer]],
    ['PUT', '/devices/none', [admin, engineer]],
    ['PATCH', '/devices/none', [admin, engineer]],
    ['DELETE', '/devices/none', [admin, engineer]],
  ]
  for (const [method, path, may] of calls) {
    for (const person of Object.values(everybody)) {
      const answer = await ask(method, path, { by: person })
      const line = `${method} ${path} by ${person.role}: ${answer.status}`
      if (may.includes(person)) t.ok([200, 404, 415].includes(answer.status), line)
      else isProblem(t, answer, 403, 'E_FORBIDDEN', line)
    }
    isProblem(t, await ask(method, path, { by: null }), 401, 'E_SIGN_IN', `${method} ${path}`)
  }
})

t.test('two who change one device: If-Match, and the version in the document', async t => {
  await add(t, silentDevice('shared'))
  const match = (tag: string) => ({ 'if-match': tag })
  const patch = (name: string, tag: string) =>
    ask('PATCH', '/devices/shared', { body: { name }, headers: match(tag) })
  t.equal((await patch('one', '"1"')).status, 200)
  isProblem(t, await patch('two', '"1"'), 412, 'E_PRECONDITION', 'the other was faster')
  isProblem(t, await patch('two', 'W/"2"'), 412, 'E_PRECONDITION', 'a weak tag never matches')
  isProblem(t, await patch('two', '2'), 412, 'E_PRECONDITION', 'no entity tag')
  t.equal((await ask('GET', '/devices/shared')).as(Shown).name, 'one', 'nothing was changed')
  t.equal((await patch('two', '"7", "2"')).status, 200, 'one of a list')
  t.equal((await patch('three', '*')).status, 200)

  const put = (body: object, headers = {}) => ask('PUT', '/devices/shared', { body, headers })
  const document = silentDevice('shared')
  isProblem(t, await put(document, match('"1"')), 412, 'E_PRECONDITION', 'PUT')
  const late = await put({ ...document, version: 1 })
  isProblem(t, late, 409, 'E_DEVICE_CHANGED', 'an old document put back')
  isProblem(t, await put({ ...document, version: 'x' }), 422, 'E_DEVICE_INVALID', 'a wrong version')
  t.equal((await put({ ...document, version: 4 })).status, 200)
  t.equal((await put({ ...document, name: 'five' })).status, 200, 'without either: what is there')

  const remove = (tag: string) => ask('DELETE', '/devices/shared', { headers: match(tag) })
  isProblem(t, await remove('"1"'), 412, 'E_PRECONDITION', 'DELETE')

  const racing = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      ask('PATCH', '/devices/shared', { body: { location: `r${i}` }, headers: match('"6"') }),
    ),
  )
  t.equal(racing.filter(({ status }) => status === 200).length, 1, 'one of eight wins')
  t.equal(racing.filter(({ status }) => status === 412).length, 7, 'the others are told')
  t.equal((await remove('"7"')).status, 204)
})

t.test('the list: filters and pages', async t => {
  const ids = async (query = '') =>
    (await ask('GET', `/devices?${query}`)).as(Things).map(d => d.id)
  const all = await ids()
  t.ok(all.length >= 12)
  t.same(all, [...all].sort())
  t.same(await ids('tag=linux&tag=database'), ['db-01'], 'all of the tags')
  t.same(await ids('q=UPS'), ['ups-rack-a', 'ups-rack-b'], 'whatever the case')
  t.same(await ids('q=rack+b&tag=linux'), ['backup-01', 'db-01'], 'the location too')
  t.same(await ids('kind=docker'), [])
  await until(async () => (await ids('state=up')).includes('core-sw-01'), 'a device that is up')
  t.notOk((await ids('state=down')).includes('core-sw-01'))

  const paged: string[] = []
  let path: string | null = '/devices?limit=5'
  for (let pages = 0; path !== null && pages < 10; pages++) {
    const answer: Answer = await ask('GET', path)
    t.equal(answer.headers.get('x-total-count'), String(all.length))
    const found = answer.as(Things)
    t.ok(found.length <= 5)
    paged.push(...found.map(d => d.id))
    path = /<\/api\/v1(.*)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1] ?? null
  }
  t.same(paged, all, 'the pages together are the list')
  t.equal((await ask('GET', '/devices?limit=1000')).headers.get('link'), null, 'the last page')
})

t.test('profiles and health', async t => {
  const profiles = await ask('GET', '/profiles', { by: viewer })
  t.match(
    profiles.as(Things).find(p => p.id === 'if-mib'),
    { title: /./, type: /./, source: 'snmp', from: 'shipped', groups: /interface/, problems: 0 },
  )
  const health = await ask('GET', '/health', { by: viewer })
  t.match(health.body, { ok: true, version: /^\d/, parts: [{ name: /./, ok: true, text: /./ }] })
})

/** What calls must be asked with. */
const NEEDED: Record<string, string> = {
  '/api/v1/samples': '?device=db-01&metric=system.uptime',
  '/api/v1/search': '?q=db',
}

t.test('openapi.json: every call, and each answers as it says', async t => {
  const { paths } = (await ask('GET', '/openapi.json', { by: viewer })).as(OpenApi)
  const described = Object.entries(paths).flatMap(([path, calls]) =>
    Object.keys(calls).map(method => `${method.toUpperCase()} ${path}`),
  )
  const table = routes({} as WebContext, {
    handler: async () => '',
    log: async () => '',
    close: () => undefined,
  })
  const served = table
    .filter(({ kind, path }) => kind === 'api' && path !== '/api/v1/openapi.json')
    .map(({ method, path }) => `${String(method)} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  t.same(described.sort(), served.sort())
  for (const [path, { get }] of Object.entries(paths)) {
    if (!get) continue
    const inPath = get.parameters.filter(one => one.in === 'path').map(({ name }) => `{${name}}`)
    t.same(inPath, path.match(/\{\w+\}/g) ?? [], path)
    const needed = NEEDED[path] ?? ''
    const id = path === '/api/v1/users/{id}' ? '1' : 'db-01'
    const url = path.replace('/api/v1', '').replace('{id}', id)
    const { status } = await ask('GET', `${url}${needed}`)
    // Nothing but a device is called so: that answer is the `default` one.
    const isThere = !/\/(channels|alarms|profiles)\/\{id\}/.test(path)
    t.ok(isThere ? String(status) in get.responses : status === 404, `${path}: ${status}`)
  }
  const required = paths['/api/v1/samples']?.get?.parameters.filter(one => one.required)
  t.same(
    required?.map(({ name }) => name),
    ['device', 'metric'],
  )
})

t.test('no secret is in any answer, nor in the audit log; every change is there', async t => {
  const made = await add(t, silentDevice('sealed'))
  t.match(made.body, { credentials: { community: { secret: 'sealed.community' } } })
  await ask('PATCH', '/devices/sealed', {
    body: { credentials: { community: 'grep-me-changed' } },
    by: engineer,
  })
  const paths = [
    '/devices',
    '/devices/sealed',
    '/devices/sealed/receipts',
    '/devices/sealed/latest',
    '/devices/sealed/series',
    '/profiles',
    '/health',
    '/ingest',
  ]
  for (const path of paths) {
    const { status, text } = await ask('GET', path)
    t.equal(status, 200)
    t.notMatch(text, /grep-me|scrypt|argon2|"uid"/, path)
  }
  const document = { ...silentDevice('sealed'), port: 'x' }
  t.notMatch((await ask('PUT', '/devices/sealed', { body: document })).text, 'grep-me')
  t.notMatch((await ask('POST', '/devices', { body: '{"community": grep-me}' })).text, 'grep-me')
  const entries = await audit('device:sealed')
  t.same(
    entries.map(({ actor, action, address }) => [actor, action, address]),
    [
      ['token:test-engineer', 'device.update', '127.0.0.1'],
      ['token:test-admin', 'device.create', '127.0.0.1'],
    ],
  )
  t.notMatch(JSON.stringify(entries), 'grep-me')
})
