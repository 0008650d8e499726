// Goal: whom the provider vouches for gets in with the role of the claim and nothing more; every
// answer that is not the provider's, not for us, or not of this browser, lets nobody in.

import path from 'node:path'
import t from 'tap'
import { createLog } from '../../server/log.ts'
import { openStore } from '../../server/store/open.ts'
import { CLIENT_ID, CLIENT_SECRET, startProvider } from '../parts/openid.ts'
import { type Answer, ask } from './people.ts'
import { startTestProgram } from './program.ts'

const provider = await startProvider(t)
const { mood } = provider
const test = await startTestProgram(t, {
  env: {
    POLLUX_OIDC_ISSUER: provider.issuer,
    POLLUX_OIDC_CLIENT_ID: CLIENT_ID,
    POLLUX_OIDC_CLIENT_SECRET: CLIENT_SECRET,
    POLLUX_OIDC_ROLES: 'admin=net admins, viewer=staff',
  },
})
const { url } = test
const store = await openStore({
  url: `sqlite:${path.join(test.dataDir, 'pollux.db')}`,
  log: createLog('silent'),
})
t.teardown(() => store.close())

const cookieIn = (answer: Answer, name: string): string =>
  [answer.headers['set-cookie'] ?? []]
    .flat()
    .map(one => one.split(';')[0] ?? '')
    .find(one => one.startsWith(`${name}=`) && one.length > name.length + 1) ?? ''

/** To the provider and back; what the browser brings back may be changed on the way. */
async function signIn(
  change: (back: URL) => void = () => undefined,
  cookie?: string,
  next = '/devices?q=a',
): Promise<{ answer: Answer; sid: string }> {
  const away = await ask(url, `/login/openid?next=${encodeURIComponent(next)}`)
  if (away.status !== 303) throw new Error(`the way there gave ${away.status}: ${away.body}`)
  const there = await fetch(String(away.headers.location), { redirect: 'manual' })
  const back = new URL(there.headers.get('location') ?? '')
  change(back)
  const answer = await ask(url, `${back.pathname}${back.search}`, {
    headers: { cookie: cookie ?? cookieIn(away, 'openid') },
  })
  return { answer, sid: cookieIn(answer, 'sid') }
}
const isOpen = async (sid: string, path = '/devices') =>
  (await ask(url, path, { headers: { cookie: sid } })).status === 200
const person = (sub: string, groups: unknown, name = sub) => {
  Object.assign(mood, { lies: {}, forged: false, error: null })
  mood.claims = { sub, preferred_username: name, groups }
}

t.test('the first sign-in makes the user, with the strongest role of the claim', async t => {
  person('u-1', ['staff', 'net admins'], 'zoé')
  t.match((await ask(url, '/login')).body, /href="\/login\/openid\?next=/, 'the page offers it')
  const { answer, sid } = await signIn()
  t.equal(answer.status, 303, answer.body)
  t.equal(answer.headers.location, '/devices?q=a', 'where they wanted to go')
  t.ok(await isOpen(sid, '/users'), 'as an administrator')
  t.match(await store.users.byName('zoé'), { role: 'admin', origin: provider.issuer })
  const account = await ask(url, '/account', { headers: { cookie: sid } })
  t.match(account.body, provider.issuer, 'the page says where from')
  t.notMatch(account.body, /account\/password/, 'and has no password to change')
  const audit = await store.audit.list({ limit: 20 })
  t.match(
    audit.find(entry => entry.action === 'user.create' && entry.actor === 'zoé'),
    {
      after: { role: 'admin', by: provider.issuer },
    },
  )
})

t.test('the role follows the claim, and another name is the same person', async t => {
  person('u-1', 'staff', 'renamed there')
  const { sid } = await signIn()
  t.ok(await isOpen(sid))
  t.notOk(await isOpen(sid, '/users'), 'no administrator any more')
  t.match(await store.users.byName('zoé'), { role: 'viewer' })
  t.equal(await store.users.byName('renamed there'), null)
})

t.test('no role, no entry', async t => {
  for (const groups of [[], ['others'], undefined, 7, { staff: true }, 'net', 'STAFF']) {
    person('u-2', groups)
    const { answer, sid } = await signIn()
    t.equal(answer.status, 403, JSON.stringify(groups))
    t.equal(sid, '')
    t.match(answer.body, /POLLUX_OIDC_ROLES/, 'the page says what to mend')
  }
  t.equal(await store.users.byName('u-2'), null, 'and nobody was made')
})

t.test('a disabled user stays out, a name that is taken is not taken over', async t => {
  const zoe = await store.users.byName('zoé')
  await store.users.change(zoe?.id ?? 0, { role: 'viewer', disabled: true })
  person('u-1', 'staff')
  t.equal((await signIn()).answer.status, 403)
  person('u-3', 'staff', 'admin')
  const { answer, sid } = await signIn()
  t.equal(answer.status, 409)
  t.equal(sid, '', 'the local admin is another person')
})

t.test('an ID token that is not right', async t => {
  const now = Math.floor(Date.now() / 1000)
  const lies: [string, Partial<typeof mood>][] = [
    ['for another client', { lies: { aud: 'another' } }],
    ['of another issuer', { lies: { iss: 'http://127.0.0.1:1' } }],
    ['with another nonce', { lies: { nonce: 'planted' } }],
    ['without a nonce', { lies: { nonce: undefined } }],
    ['that is over', { lies: { iat: now - 7200, exp: now - 3600 } }],
    ['without a subject', { lies: { sub: undefined } }],
    ['signed by another', { forged: true }],
    ['refused there', { error: 'access_denied' }],
  ]
  for (const [what, lie] of lies) {
    person('u-4', 'staff')
    Object.assign(mood, lie)
    const { answer, sid } = await signIn()
    t.equal(answer.status, 403, what)
    t.equal(sid, '', what)
  }
  t.equal(await store.users.byName('u-4'), null)
})

t.test('what comes back must be what went out from this browser', async t => {
  person('u-5', 'staff')
  const before = provider.grants()
  const another = cookieIn(await ask(url, '/login/openid'), 'openid')
  const cases: [string, Parameters<typeof signIn>[0], string | undefined][] = [
    ['no cookie', undefined, ''],
    ['a cookie of ours that was cut', undefined, another.slice(0, -4)],
    ['the cookie of another sign-in', undefined, another],
    ['another state', back => back.searchParams.set('state', 'x'), undefined],
    ['no state', back => back.searchParams.delete('state'), undefined],
    ['no code', back => back.searchParams.delete('code'), undefined],
  ]
  for (const [what, change, cookie] of cases) {
    const { answer, sid } = await signIn(change, cookie)
    t.ok([403, 422].includes(answer.status), `${what}: ${answer.status}`)
    t.equal(sid, '', what)
  }
  t.equal(provider.grants(), before, 'no code was ever turned in')
  const guessed = await signIn(back => back.searchParams.set('code', 'guessed'))
  t.equal(guessed.answer.status, 403, 'a code that the provider never gave')
})

t.test('another site is never where it ends', async t => {
  person('u-6', 'staff')
  const { answer } = await signIn(undefined, undefined, '//evil.example')
  t.equal(answer.headers.location, '/')
})

t.test('a password never signs in who comes from the provider', async t => {
  t.ok(await store.users.byName('u-6'))
  for (const password of ['', 'u-6', 'correct horse battery']) {
    const answer = await ask(url, '/login', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: url },
      body: new URLSearchParams({ name: 'u-6', password }).toString(),
    })
    t.equal(answer.status, 422)
  }
})
