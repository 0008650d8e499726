// Goal: an admin manages people, tokens and the audit log by plain forms; what is secret is shown
// once; nobody else sees these pages; what was typed wrongly is said at the field.

import path from 'node:path'
import t from 'tap'
import { addToken } from '../../server/auth/tokens.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { as, ask, FORM, people } from './people.ts'
import { startTestProgram } from './program.ts'

const test = await startTestProgram(t)
const { url } = test
const everybody = await people(test)
const { admin, technician } = everybody

const get = (path: string, person = admin) => ask(url, path, as(url, person))
const post = (path: string, fields: Record<string, string>, person = admin) =>
  ask(
    url,
    path,
    as(url, person, {
      method: 'POST',
      headers: FORM,
      body: new URLSearchParams({ ...fields, _csrf: person.csrf }).toString(),
    }),
  )
const codeIn = (body: string): string => /<code class="mono">([^<]+)</.exec(body)?.[1] ?? ''

t.test('a user is added, changed, reset and signed out', async t => {
  const made = await post('/users', { name: 'Zoé <i>', role: 'technician' })
  t.equal(made.status, 422, 'a name that is none')
  t.match(made.body, /is not a user name/)
  t.match(made.body, /value="Zoé &lt;i&gt;"/, 'what was typed is kept, as text')

  const added = await post('/users', { name: 'Zoé', role: 'technician' })
  t.equal(added.status, 201)
  const password = codeIn(added.body)
  t.ok(password.length > 12, 'the password is shown')
  t.equal(added.headers['cache-control'], 'no-store', 'and kept by no cache')
  t.notMatch((await get('/users')).body, password, 'and never again')
  const id = /href="\/users\/(\d+)">Zoé</.exec((await get('/users')).body)?.[1]
  t.ok(id, 'she is in the list')

  const changed = await post(`/users/${id}`, { role: 'viewer' })
  t.equal(changed.status, 303)
  t.equal((await post(`/users/${id}`, { role: 'emperor' })).status, 422, 'no such role')
  const reset = await post(`/users/${id}/password`, {})
  t.not(codeIn(reset.body), password)
  t.equal((await post(`/users/${id}/sign-out`, {})).status, 303)
  t.equal((await post('/users/999999', { role: 'viewer' })).status, 404)
  t.equal((await get('/users/1e3')).status, 404)

  const own = /href="\/users\/(\d+)">test-admin</.exec((await get('/users')).body)?.[1]
  t.match((await get(`/users/${own}`)).body, /You are admin/, 'no form for the own role')
  const self = await post(`/users/${own}`, { role: 'viewer' })
  t.equal(self.status, 409, 'nor by hand')
})

t.test('a token with a scope may that of its role and no more', async t => {
  const wanted = { name: 'scoped', role: 'engineer', days: '3' }
  const none = await post('/tokens', { ...wanted, 'may.users.write': 'on' })
  t.equal(none.status, 422, 'a scope that its role has nothing of')
  const made = await post('/tokens', {
    ...wanted,
    'may.devices.read': 'on',
    'may.users.write': 'on',
  })
  t.equal(made.status, 201, made.body)
  t.match((await get('/audit?action=token.create')).body, /devices\.read/)
  const authorization = `Bearer ${codeIn(made.body)}`
  for (const [path, method, status] of [
    ['/api/v1/devices', 'GET', 200],
    ['/api/v1/devices', 'POST', 403],
    ['/api/v1/events', 'GET', 200],
    ['/api/v1/profiles', 'GET', 403],
    ['/devices', 'GET', 200],
    ['/devices/new', 'GET', 403],
    ['/users', 'GET', 403],
    ['/account', 'GET', 403],
  ] as const) {
    const answer = await ask(url, path, { method, headers: { authorization } })
    t.equal(answer.status, status, `${method} ${path}`)
  }
  const page = (await ask(url, '/devices', { headers: { authorization } })).body
  t.notMatch(page, /href="\/devices\/new"/, 'no way is shown that is shut')
})

t.test('a scope names no way to all the other rights', async t => {
  const wanted = { name: 'climber', role: 'admin', days: '3' }
  for (const may of ['may.users.write', 'may.tokens.write', 'may.self']) {
    t.equal((await post('/tokens', { ...wanted, [may]: 'on' })).status, 422, may)
    t.notMatch((await get('/tokens')).body, `name="${may}"`, 'it is not offered')
  }
  // One that an earlier version made.
  const database = `sqlite:${path.join(test.dataDir, 'pollux.db')}`
  const store = await openStore({ url: database, log: silentLog })
  const { token } = await addToken(store.users, {
    ...{ name: 'old', role: 'admin', scope: ['users.write', 'tokens.write', 'audit.read'] },
    ...{ expiresInMs: 3_600_000, at: Date.now() },
  }).finally(() => store.close())
  const authorization = `Bearer ${token}`
  const call = (path: string, fields: Record<string, string> = {}) =>
    ask(url, path, {
      method: Object.keys(fields).length > 0 ? 'POST' : 'GET',
      headers: { ...FORM, authorization },
      body: new URLSearchParams(fields).toString(),
    })
  t.equal((await call('/audit')).status, 200, 'it may the rest')
  t.equal((await call('/users', { name: 'mine', role: 'admin' })).status, 403)
  t.equal((await call('/tokens', { name: 'mine', role: 'admin', days: '3' })).status, 403)
  t.notMatch((await get('/users')).body, />mine</)
})

t.test('the table says what the server does', async t => {
  const { body } = await get('/users')
  for (const [permission, role, may] of [
    ['users.write', 'admin', true],
    ['users.write', 'engineer', false],
    ['devices.poll', 'technician', true],
    ['devices.write', 'viewer', false],
  ] as const) {
    const line = body.split('data-permission="').find(part => part.startsWith(permission)) ?? ''
    const cell = line.split(`data-role="${role}">`)[1]?.slice(0, 30) ?? ''
    t.equal(cell.startsWith('yes'), may, `${role}, ${permission}`)
  }
})

t.test('a token is shown once, works, and is revoked', async t => {
  const wrong = await post('/tokens', { name: 'ci', role: 'viewer', days: '400' })
  t.equal(wrong.status, 422)
  t.match(wrong.body, /from 1 to 366/)
  const made = await post('/tokens', { name: 'ci', role: 'viewer', days: '30' })
  t.equal(made.status, 201)
  const token = codeIn(made.body)
  const call = () => ask(url, '/api/v1/devices', { headers: { authorization: `Bearer ${token}` } })
  t.equal((await call()).status, 200, 'it works')
  t.equal((await post('/tokens', { name: 'ci', role: 'viewer', days: '30' })).status, 422, 'twice')
  const list = await get('/tokens')
  t.notMatch(list.body, token)
  t.match(list.body, token.slice(0, 11), 'only how it begins')
  t.equal((await post('/tokens/ci/revoke', {})).status, 303)
  t.equal((await call()).status, 401, 'revoked at once')
  t.equal((await post('/tokens/ci/revoke', {})).status, 404)
})

t.test('the audit log is filtered and exported', async t => {
  const { body } = await get('/audit?action=token.')
  t.match(body, /token\.create/)
  t.notMatch(body, /user\.change/)
  t.match((await get('/audit?actor=nobody')).body, /No entry fits/)
  t.match((await get('/audit?from=yesterday&before=-1')).body, /user\.create/, 'nonsense: unsaid')
  const csv = await get('/audit.csv?thing=token:ci')
  t.match(csv.headers['content-type'], /text\/csv/)
  const lines = csv.body.trim().split('\r\n')
  t.equal(lines.length, 3, 'a head, made, revoked')
  t.match(lines[2], /test-admin,token\.create,token:ci,/)
})

t.test('only admins', async t => {
  for (const path of ['/users', '/users/1', '/tokens', '/audit', '/audit.csv']) {
    t.equal((await get(path, technician)).status, 403, path)
  }
  t.equal((await post('/users', { name: 'x', role: 'admin' }, technician)).status, 403)
  t.equal((await post('/tokens', { name: 'x', role: 'admin', days: '1' }, technician)).status, 403)
})
