// Goal: every route is open to exactly the roles that its line in the table names; a person without
// a session learns nothing; a forged request changes nothing. Every route × every role × no role.

import t from 'tap'
import { can, ROLES } from '../../server/model/user.ts'
import type { Route, WebContext } from '../../server/web/context.ts'
import { routes } from '../../server/web/routes.ts'
import { type Answer, as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const SECRET_NAME = 'hidden-device-name'
const TABLE: Route[] = routes({} as WebContext, {
  handler: async () => '',
  log: async () => '',
  close: () => undefined,
})
/** They end the session that walks, so they are walked on their own. */
const ENDING = ['/logout', '/account/sessions/end']
const WALKED = TABLE.filter(route => !ENDING.includes(route.path))

const test = await startTestProgram(t)
const { url } = test
const everybody = await people(test)
await test.program.devices.create(
  {
    id: 'hidden',
    name: SECRET_NAME,
    kind: 'snmp',
    address: '127.0.0.1',
    port: 9,
    every: '1h',
    credentials: { version: '2c', community: 'grep-me-community' },
  },
  { name: 'test', address: '' },
  'api',
)

/** Names nothing that exists, so that what is allowed still changes nothing. */
const pathOf = (route: Route): string => route.path.replaceAll(/:\w+/g, 'none')
const methodOf = (route: Route): string => String(route.method)
const isLogin = (answer: Answer): boolean =>
  answer.status === 303 && String(answer.headers.location).startsWith('/login')

t.test('only these are open to everybody', async t => {
  t.same(
    TABLE.filter(route => route.permission === 'public')
      .map(route => `${methodOf(route)} ${route.path}`)
      .sort(),
    // An agent that enrols is known by its one-time token alone.
    [
      'GET /healthz',
      'GET /login',
      'GET /login/openid',
      'GET /login/openid/callback',
      'GET /readyz',
      'POST /api/v1/agents/enrol',
      'POST /login',
      'POST /login/code',
    ],
  )
})

/** What only a person has, and no token: an account, views of their own. */
const PERSONAL = /^\/(account\/|devices\/views|settings\/backup)/

for (const role of ROLES) {
  t.test(`${role}: a session and a token may do what the table says`, async t => {
    const person = everybody[role]
    for (const route of WALKED) {
      const line = `${methodOf(route)} ${route.path}`
      const asked = { method: methodOf(route), headers: {} }
      const answers = [
        await ask(url, pathOf(route), as(url, person, asked)),
        await ask(url, pathOf(route), { ...asked, headers: { authorization: person.bearer } }),
      ]
      for (const [at, answer] of answers.entries()) {
        const by = `${line} by ${at === 0 ? 'session' : 'token'}: ${answer.status}`
        const isPersonal = at === 1 && PERSONAL.test(route.path)
        if (can(role, route.permission) && !isPersonal)
          t.notOk([401, 403].includes(answer.status) || isLogin(answer), by)
        else t.equal(answer.status, 403, by)
        t.ok(answer.status < 500 || route.path === '/readyz', `${by}, no failure of ours`)
      }
    }
  })
}

t.test('nobody: asked to sign in, and told nothing', async t => {
  for (const route of WALKED.filter(one => one.permission !== 'public')) {
    const path = route.path.replace(':id', 'hidden').replaceAll(/:\w+/g, 'none')
    const line = `${methodOf(route)} ${route.path}`
    const same = { origin: url, 'sec-fetch-site': 'same-origin' }
    const plain = await ask(url, path, { method: methodOf(route), headers: same })
    t.ok(isLogin(plain) || plain.status === 401, `${line}: ${plain.status}`)
    const htmx = await ask(url, path, {
      method: methodOf(route),
      headers: { ...same, 'hx-request': 'true' },
    })
    t.equal(htmx.status, 401, `${line} by htmx`)
    if (!path.startsWith('/api/')) t.match(htmx.headers['hx-redirect'], /^\/login/, line)
    t.notMatch(plain.body + htmx.body, SECRET_NAME, `${line} says nothing`)
  }
})

t.test('odd paths and methods open nothing', async t => {
  const paths = [
    '//devices',
    '/devices/.',
    '/x/../devices',
    '/%2e%2e/devices',
    '/Devices',
    '/devices;a=b',
    '/devices%2fhidden',
    '/devices/:id',
    '/devices/hidden/',
    '/devices/hidden%00',
    '/devices/%E0%A4%A',
    '/public/../package.json',
    '/public/%2e%2e/package.json',
    '/public/..%2fpackage.json',
    '/vendor/htmx/..%2f..%2fpackage.json',
    '/views/layout/page.eta',
    '/.env',
  ]
  for (const path of paths) {
    const answer = await ask(url, path)
    t.ok(
      isLogin(answer) || [400, 401, 403, 404].includes(answer.status),
      `${path}: ${answer.status}`,
    )
    t.notMatch(answer.body, /hidden-device-name|"name": "pollux"|\n {4}at /, `${path} says nothing`)
  }
  for (const method of ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE']) {
    const answer = await ask(url, '/devices/hidden', { method })
    t.ok(answer.status >= 300 && answer.status < 500, `${method}: ${answer.status}`)
    t.notOk(answer.headers['access-control-allow-origin'], `${method}: no other origin is let in`)
  }
  const override = await ask(url, '/api/v1/devices/hidden', {
    headers: { authorization: everybody.admin.bearer, 'x-http-method-override': 'DELETE' },
  })
  t.not(override.status, 204)
  t.ok(await test.program.devices.get('hidden'), 'no method override')
})

t.test('a forged change is refused', async t => {
  const { admin, engineer } = everybody
  const pause = '/devices/hidden/pause'
  const from = { cookie: admin.cookie, ...FORM }
  const token = `_csrf=${admin.csrf}`
  const cases: [string, Record<string, string>, string][] = [
    ['no token', { ...from, origin: url }, ''],
    ['a wrong token', { ...from, origin: url }, '_csrf=wrong'],
    ['the token of another session', { ...from, origin: url }, `_csrf=${engineer.csrf}`],
    ['no origin at all', from, token],
    ['a foreign origin', { ...from, origin: 'http://evil.example' }, token],
    ['the null origin', { ...from, origin: 'null' }, token],
    ['another port', { ...from, origin: 'http://127.0.0.1:1' }, token],
    [
      'cross-site, says the browser',
      { ...from, origin: url, 'sec-fetch-site': 'cross-site' },
      token,
    ],
    ['same-site, says the browser', { ...from, origin: url, 'sec-fetch-site': 'same-site' }, token],
    ['token in a text', { ...from, origin: url, 'content-type': 'text/plain' }, token],
    ['token twice', { ...from, origin: url }, `${token}&${token}`],
  ]
  for (const [what, headers, body] of cases) {
    const answer = await ask(url, pause, { method: 'POST', headers, body })
    t.equal(answer.status, 403, `${what}: ${answer.status}`)
  }
  t.equal((await test.program.devices.get('hidden'))?.config.enabled, true, 'nothing has changed')
  const good = await ask(url, pause, {
    method: 'POST',
    headers: { ...from, origin: url },
    body: token,
  })
  t.equal(good.status, 303, 'the page itself may')
  const login = await ask(url, '/login', {
    method: 'POST',
    headers: { ...FORM, origin: 'http://evil.example' },
    body: `name=admin&password=${test.adminPassword}`,
  })
  t.equal(login.status, 403, 'nobody is signed in from another site')
  t.notOk(login.headers['set-cookie'])
})

t.test('a GET changes nothing', async t => {
  const before = await test.program.devices.list()
  for (const route of WALKED.filter(one => methodOf(one) === 'GET')) {
    const path = route.path.replace(':id', 'hidden').replaceAll(/:\w+/g, 'none')
    await ask(
      url,
      `${path}?history=1&enabled=false&_csrf=${everybody.admin.csrf}`,
      as(url, everybody.admin),
    )
  }
  t.same(
    (await test.program.devices.list()).map(d => [d.config, d.version]),
    before.map(d => [d.config, d.version]),
  )
})

t.test('headers of every answer: of each route, to an admin and to nobody', async t => {
  const walked = WALKED.flatMap(route => {
    const method = methodOf(route)
    const path = pathOf(route).replace('/devices/none', '/devices/hidden')
    // Changes are only tried as nobody: what they would change is other tests' business.
    const asAdmin = method === 'GET' ? [[path, as(url, everybody.admin, { method })] as const] : []
    return [[path, { method }] as const, ...asAdmin]
  })
  for (const [path, asked] of [
    ...walked,
    ['/login', {}],
    ['/devices', as(url, everybody.viewer)],
    ['/nothing-here', as(url, everybody.viewer)],
    ['/api/v1/devices', as(url, everybody.viewer)],
  ] as const) {
    const { headers } = await ask(url, path, asked)
    const csp = String(headers['content-security-policy'])
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
    ])
      if (!csp.includes(rule)) t.fail(`${path}: ${rule}`)
    t.notMatch(csp, /unsafe|nonce|\*/, path)
    t.equal(headers['x-content-type-options'], 'nosniff', path)
    t.equal(headers['referrer-policy'], 'same-origin', path)
    t.equal(headers['cross-origin-opener-policy'], 'same-origin', path)
    t.match(headers['cache-control'], /^(no-store|no-cache)$/, path)
    t.match(
      String(headers['set-cookie'] ?? 'HttpOnly; SameSite=Lax'),
      /HttpOnly; SameSite=Lax/,
      path,
    )
    t.notOk(headers['strict-transport-security'], `${path}: not on plain http`)
    t.notOk(headers['access-control-allow-origin'], path)
    t.notOk(headers['x-powered-by'], path)
  }
})
