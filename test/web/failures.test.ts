// Goal: when a part behind the pages fails, in any way, a person gets a page and a program a problem
// document with a number to look for in the log, and neither gets our own error's text. And what
// changes when pages are served over TLS.

import t from 'tap'
import type { Device } from '../../server/model/device.ts'
import { AppError } from '../../server/model/errors.ts'
import { createWeb } from '../../server/web/app.ts'
import type { Route, WebContext } from '../../server/web/context.ts'
import { routes } from '../../server/web/routes.ts'
import { silentLog } from '../parts/broker.ts'

const CSRF = 'a-token-of-this-session'
const HEADERS = { cookie: 'sid=anything', 'x-csrf-token': CSRF, 'sec-fetch-site': 'same-origin' }
const SECRET = 'ECONNREFUSED mysql://pollux:hunter2@db'

/** Whatever is called of it fails; what is subscribed to is silent. */
function failing<T extends object>(failure: () => unknown): T {
  return new Proxy({} as T, {
    get: (_target, key) =>
      key === 'onChange' || key === 'subscribe'
        ? () => () => undefined
        : key === 'samples' ||
            key === 'events' ||
            key === 'devices' ||
            key === 'users' ||
            key === 'views'
          ? failing(failure)
          : () => failure(),
  })
}

/** The real server over parts that all fail, for a signed-in admin. */
async function brokenServer(failure: () => never, secure = false) {
  const web: WebContext = {
    auth: {
      signIn: async () => failure(),
      session: async () => ({
        user: {
          id: 1,
          name: 'admin',
          role: 'admin',
          disabled: false,
          createdAt: 0,
          lastSignInAt: 0,
          language: null,
          twoStep: false,
          origin: null,
        },
        csrf: CSRF,
      }),
      signOut: async () => failure(),
      changePassword: async () => failure(),
      signInByCode: async () => failure(),
      signInOutsider: async () => failure(),
      sessions: async () => [],
      endSession: async () => failure(),
      endSessions: async () => failure(),
      assertPerson: async () => failure(),
      beginTotp: async () => failure(),
      totpAgain: () => failure(),
      confirmTotp: async () => failure(),
      endTotp: async () => failure(),
      recoveryCodes: async () => failure(),
      slowed: () => failure(),
      ages: { idleMs: 1, mostMs: 1 },
      bearer: async () => failure(),
    },
    people: failing<WebContext['people']>(failure),
    agents: failing<WebContext['agents']>(failure),
    events: failing<WebContext['events']>(failure),
    alarms: failing<WebContext['alarms']>(failure),
    notify: failing<WebContext['notify']>(failure),
    backups: failing<WebContext['backups']>(failure),
    publicUrl: null,
    secondStep: 'nobody' as const,
    devices: failing<WebContext['devices']>(failure),
    store: failing<WebContext['store']>(failure),
    live: failing<WebContext['live']>(failure),
    catalogue: failure,
    plan: failure,
    ownProfiles: failing<WebContext['ownProfiles']>(failure),
    tryProfile: failing<WebContext['tryProfile']>(failure),
    openId: null,
    checks: async () => failure(),
    settings: async () => failure(),
    retention: failing<WebContext['retention']>(failure),
    health: async () => failure(),
    ingest: failure,
    metrics: async () => failure(),
    secure,
    log: silentLog,
    version: '0',
  }
  const app = await createWeb({ web, tls: null, trustProxy: [] })
  t.teardown(() => app.close())
  return {
    app,
    table: routes(web, {
      handler: async () => '',
      log: async () => '',
      close: () => undefined,
    }),
  }
}

const GOOD_FORM: Partial<Device['config']> & Record<string, string> = {
  name: 'a',
  id: 'a',
  kind: 'docker',
  address: 'unix:///run/docker.sock',
  password: 'b',
  current: 'c',
  next: 'a long enough password',
  again: 'a long enough password',
  passphrase: 'a long enough password',
}

const request = (route: Route, headers: Record<string, string>) => ({
  method: route.method as 'GET',
  url: route.path.replaceAll(/:\w+/g, 'some'),
  headers: { ...HEADERS, ...headers },
  ...(route.method === 'GET' ? {} : { payload: GOOD_FORM }),
})

t.test('an error of ours: its text stays in the log', async t => {
  const { app, table } = await brokenServer(() => {
    throw new TypeError(SECRET)
  })
  let failed = 0
  for (const route of table.filter(one => one.kind !== 'stream')) {
    const line = `${route.method} ${route.path}`
    for (const headers of [{}, { 'hx-request': 'true' }]) {
      const answer = await app.inject(request(route, headers))
      t.notMatch(
        answer.body + JSON.stringify(answer.headers),
        /hunter2|ECONNREFUSED|TypeError|\n\s+at /,
        line,
      )
      if (answer.statusCode < 500) continue
      failed++
      t.match(
        answer.body,
        /[0-9a-f]{8}-[0-9a-f]{4}-/,
        `${line}: ${answer.statusCode}, with a number`,
      )
      const type = String(answer.headers['content-type'])
      t.match(type, route.path.startsWith('/api/') ? /problem\+json/ : /text\//, `${line}: ${type}`)
    }
  }
  t.ok(failed > 30, `${failed} answers were failures`)
})

t.test('a database that is away: 503, and not where it is', async t => {
  const { app } = await brokenServer(() => {
    throw new AppError('E_STORE_UNAVAILABLE', SECRET, { passing: true })
  })
  for (const url of ['/devices', '/api/v1/devices']) {
    const answer = await app.inject({ url, headers: HEADERS })
    t.equal(answer.statusCode, 503)
    t.match(answer.body, /the database is not available/i)
    t.match(answer.body, 'E_STORE_UNAVAILABLE')
    t.notMatch(answer.body, 'hunter2')
  }
})

t.test('a database that is away while the session is looked up', async t => {
  const { app } = await brokenServer(() => {
    throw new AppError('E_STORE_UNAVAILABLE', 'the database is away', { passing: true })
  })
  const headers = { authorization: 'Bearer pollux_x' }
  t.equal((await app.inject({ url: '/devices', headers })).statusCode, 503)
  t.equal((await app.inject({ url: '/no-such-page', headers })).statusCode, 503)
  t.equal((await app.inject({ url: '/api/v1/nothing', headers })).statusCode, 503)
})

t.test('over TLS: the cookie is bound to the host, and https is demanded', async t => {
  const { app } = await brokenServer(() => {
    throw new Error(SECRET)
  }, true)
  const plain = await app.inject({ url: '/account', headers: HEADERS })
  t.equal(plain.statusCode, 303, 'the cookie of plain http opens nothing')
  const bound = await app.inject({ url: '/account', headers: { cookie: '__Host-sid=anything' } })
  t.equal(bound.statusCode, 200)
  t.match(bound.headers['strict-transport-security'], /max-age=\d{7,}/)
})

t.test('a long name in an address', async t => {
  const { app } = await brokenServer(() => {
    throw new AppError('E_DEVICE_UNKNOWN', 'there is no device "a"')
  })
  for (const key of ['x'.repeat(512), '界'.repeat(512), '|/%'.repeat(170)]) {
    const url = `/devices/a/rows/interface/${encodeURIComponent(key)}`
    t.equal((await app.inject({ url, headers: HEADERS })).statusCode, 404, key.slice(0, 3))
  }
})
