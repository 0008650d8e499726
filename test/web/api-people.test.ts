// Goal: programs of an administrator look after people and tokens, read the audit log and the names of
// secrets; a password and a token's text are told once; nobody else may any of it.

import t from 'tap'
import { ROLES } from '../../server/model/user.ts'
import { ask, people } from './people.ts'
import { startTestProgram } from './program.ts'

const TEXT = 'grep-me-community'
const test = await startTestProgram(t)
const { url, program } = test
const everybody = await people(test)
await program.devices.create(
  {
    ...{ id: 'kept', kind: 'snmp', address: '127.0.0.1', port: 9, every: '1h' },
    credentials: { version: '2c', community: TEXT },
  },
  { name: 'test', address: '' },
  'api',
)

async function call(method: string, path: string, body?: unknown, by = everybody.admin.bearer) {
  const answer = await ask(url, `/api/v1/${path}`, {
    method,
    headers: {
      authorization: by,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const { status, headers } = answer
  return { status, headers, body: answer.body === '' ? null : JSON.parse(answer.body) }
}

t.test('a person: added, changed, given a new password, signed out, disabled', async t => {
  const { status, body } = await call('POST', 'users', { name: 'Zoé', role: 'viewer' })
  t.equal(status, 201)
  t.match(body, { user: { name: 'Zoé', role: 'viewer', disabled: false }, password: /^.{12,}$/ })
  const { id } = body.user
  t.same((await call('GET', `users/${id}`)).body, body.user)
  const listed = await call('GET', 'users')
  t.ok(listed.body.some((user: { id: number }) => user.id === id))
  t.notMatch(JSON.stringify(listed.body), body.password)
  t.match((await call('PATCH', `users/${id}`, { role: 'technician' })).body, {
    ...{ role: 'technician', disabled: false },
  })
  const again = await call('POST', `users/${id}/password`)
  t.not(again.body.password, body.password)
  t.match(await call('POST', `users/${id}/sign-out`), { status: 204, body: null })
  t.match((await call('PATCH', `users/${id}`, { disabled: true })).body, {
    ...{ role: 'technician', disabled: true },
  })
  const trail = JSON.stringify((await call('GET', 'audit?thing=user:Zo')).body)
  for (const action of ['create', 'change', 'password-reset', 'sign-out'])
    t.match(trail, `"action":"user.${action}"`)
  t.notMatch(trail, again.body.password)
})

t.test('what is refused of people', async t => {
  for (const [body, path] of [
    [{ name: 'x' }, 'role'],
    [{ name: 'x', role: 'root' }, 'role'],
    [{ name: 'x', role: 'viewer', password: 'chosen' }, ''],
    [{ name: 'x'.repeat(65), role: 'viewer' }, 'name'],
    [[], ''],
  ] as const) {
    const answer = await call('POST', 'users', body)
    t.equal(answer.status, 422, JSON.stringify(body))
    if (path)
      t.ok(
        answer.body.errors.some((one: { path: string }) => one.path === path),
        path,
      )
  }
  t.equal((await call('POST', 'users', { name: '<b>', role: 'viewer' })).status, 400)
  t.equal((await call('POST', 'users', { name: 'test-viewer', role: 'viewer' })).status, 409)
  for (const id of ['0', '999999']) t.equal((await call('GET', `users/${id}`)).status, 404)
  for (const id of ['-1', 'x', '1e3', '99999999999']) {
    t.equal((await call('GET', `users/${id}`)).status, 400, id)
  }
  t.equal((await call('PATCH', 'users/999999', { role: 'viewer' })).status, 404)
  t.equal((await call('PATCH', 'users/1', { id: 7 })).status, 422)
  t.equal((await call('PATCH', 'users/1', { role: null })).status, 422)
  const admins = (await call('GET', 'users')).body.filter(
    (user: { role: string }) => user.role === 'admin',
  )
  const answers = []
  for (const { id } of admins) answers.push(await call('PATCH', `users/${id}`, { disabled: true }))
  t.same(
    answers.map(({ status, body }) => (status === 409 ? body.code : status)).at(-1),
    'E_USER_LAST_ADMIN',
    'nobody locks the last one out',
  )
  for (const { id } of admins) await call('PATCH', `users/${id}`, { disabled: false })
})

t.test('a token: told once, no stronger than its role and scope, revoked', async t => {
  const wanted = { name: 'wall', role: 'viewer', expires: '1d', scope: ['devices.read'] }
  const made = await call('POST', 'tokens', wanted)
  t.equal(made.status, 201)
  t.match(made.body.token, /^pollux_/)
  const bearer = `Bearer ${made.body.token}`
  t.equal((await call('GET', 'devices', undefined, bearer)).status, 200)
  t.equal((await call('GET', 'profiles', undefined, bearer)).status, 403, 'not in its scope')
  const listed = await call('GET', 'tokens')
  t.match(JSON.stringify(listed.body), '"name":"wall"')
  t.notMatch(JSON.stringify(listed.body), made.body.token)
  t.equal((await call('POST', 'tokens', wanted)).status, 409)
  for (const [more, status] of [
    [{ name: 'a b' }, 400],
    [{ expires: '0d' }, 422],
    [{ expires: '9999999d' }, 400],
    [{ scope: [] }, 422],
    [{ scope: ['users.write'] }, 422],
    [{ scope: ['devices.write'] }, 400],
    [{ role: 'root' }, 422],
  ] as const) {
    const answer = await call('POST', 'tokens', { ...wanted, name: 'other', ...more })
    t.equal(answer.status, status, JSON.stringify(more))
  }
  t.equal((await call('DELETE', 'tokens/wall')).status, 204)
  t.equal((await call('GET', 'devices', undefined, bearer)).status, 401, 'at once')
  t.equal((await call('DELETE', 'tokens/wall')).status, 404)
})

t.test('the audit log in pages, and by what it is filtered', async t => {
  const all = (await call('GET', 'audit?limit=999')).body
  t.ok(all.length > 5)
  const first = await call('GET', 'audit?limit=3')
  t.equal(first.body.length, 3)
  const link = /<\/api\/v1\/([^>]+)>; rel="next"/.exec(String(first.headers.link))?.[1] ?? ''
  const second = await call('GET', link)
  t.ok(second.body[0].id < first.body[2].id, 'older')
  t.equal(second.body.length, 3)
  const { at } = all.at(-1)
  t.ok(
    (await call('GET', `audit?from=${at}&to=${at}`)).body.every(
      (one: { at: number }) => one.at === at,
    ),
  )
  t.same((await call('GET', 'audit?actor=nobody')).body, [])
  for (const query of ['limit=0', 'limit=1000', 'cursor=x', 'from=yesterday', 'who=x']) {
    t.equal((await call('GET', `audit?${query}`)).status === 200, false, query)
  }
})

t.test('secrets: names alone', async t => {
  const { status, body } = await call('GET', 'secrets')
  t.equal(status, 200)
  t.match(body, [{ name: 'kept.community', updatedAt: Number }])
  t.same(Object.keys(body[0]).sort(), ['name', 'updatedAt'])
})

t.test('nobody but administrators', async t => {
  for (const role of ROLES.filter(one => one !== 'admin')) {
    for (const path of ['users', 'users/1', 'tokens', 'audit', 'secrets']) {
      t.equal((await call('GET', path, undefined, everybody[role].bearer)).status, 403, path)
    }
  }
})
