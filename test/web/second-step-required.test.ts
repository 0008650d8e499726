// Goal: where administrators must have a second step, one without it reaches the account page and no
// other page, call, stream or change, until it is set up; everybody else and tokens go on as before.

import t from 'tap'
import { can } from '../../server/model/user.ts'
import type { Route, WebContext } from '../../server/web/context.ts'
import { routes } from '../../server/web/routes.ts'
import { as, ask, people } from './people.ts'
import { startTestProgram } from './program.ts'
import { poster, switchOn } from './totp.ts'

const TABLE: Route[] = routes({} as WebContext, {
  handler: async () => '',
  log: async () => '',
  close: () => undefined,
})
const OPEN = [
  'GET /account',
  'POST /account/language',
  'POST /account/totp/begin',
  'POST /account/totp/confirm',
  'POST /logout',
]

const test = await startTestProgram(t, { env: { POLLUX_SECOND_STEP: 'administrators' } })
const { url } = test
const { admin, technician } = await people(test)
const post = poster(url)

t.test('what stays open', async t => {
  const open = TABLE.filter(route => route.beforeSecondStep)
  t.same(open.map(route => `${route.method} ${route.path}`).sort(), OPEN)
})

t.test('an administrator without it reaches nothing else', async t => {
  const walked = TABLE.filter(
    route =>
      route.permission !== 'public' && !route.beforeSecondStep && can('admin', route.permission),
  )
  t.ok(walked.length > 150, `${walked.length} routes`)
  for (const route of walked) {
    const line = `${route.method} ${route.path}`
    const path = route.path.replaceAll(/:\w+/g, 'none')
    const answer = await ask(url, path, as(url, admin, { method: String(route.method) }))
    if (route.kind === 'page') {
      t.equal(answer.status, 303, line)
      t.equal(answer.headers.location, '/account', line)
    } else t.equal(answer.status, 403, line)
  }
  const api = await ask(url, '/api/v1/devices', as(url, admin))
  t.match(JSON.parse(api.body), { code: 'E_SECOND_STEP', status: 403 })
  const part = await ask(url, '/devices', as(url, admin, { headers: { 'hx-request': 'true' } }))
  t.match(part, { status: 403, headers: { 'hx-redirect': '/account' } })
})

t.test('the account page says so', async t => {
  const { status, body } = await ask(url, '/account', as(url, admin))
  t.equal(status, 200)
  t.match(body, /Pollux asks you for a second step/)
  t.notMatch((await ask(url, '/account', as(url, technician))).body, /asks you for a second step/)
})

t.test('others, and tokens, go on', async t => {
  t.equal((await ask(url, '/devices', as(url, technician))).status, 200)
  const headers = { authorization: admin.bearer }
  t.equal((await ask(url, '/api/v1/users', { headers })).status, 200)
})

t.test('set up: everything is open; switched off: closed again', async t => {
  await switchOn(post, admin)
  t.equal((await ask(url, '/users', as(url, admin))).status, 200)
  t.notMatch((await ask(url, '/account', as(url, admin))).body, /asks you for a second step/)
  await post('/account/totp/off', { current: admin.password }, admin)
  t.equal((await ask(url, '/users', as(url, admin))).headers.location, '/account')
})
