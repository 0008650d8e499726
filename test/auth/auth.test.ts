// Sign-in, sessions and tokens over a real store: what a person holds is kept only as a hash.
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createAudit } from '../../server/audit.ts'
import { addUser, createAuth } from '../../server/auth/auth.ts'
import { createThrottle } from '../../server/auth/throttle.ts'
import { addToken } from '../../server/auth/tokens.ts'
import { createLog } from '../../server/log.ts'
import { createSecrets } from '../../server/secrets.ts'
import { openStore } from '../../server/store/open.ts'

async function setUp(t: Test, clock = { now: Date.now() }) {
  const store = await openStore({ url: 'sqlite::memory:', log: createLog('silent') })
  t.teardown(() => store.close())
  const auth = createAuth({
    users: store.users,
    audit: createAudit(store.audit),
    throttle: createThrottle(),
    secrets: createSecrets(randomBytes(32)),
    now: () => clock.now,
  })
  const { password } = await addUser(store.users, {
    name: 'ann',
    role: 'technician',
    password: null,
    at: clock.now,
  })
  return { store, auth, password, clock }
}

t.test('signs in with the right password alone, and says nothing of which was wrong', async t => {
  const { auth, password, store } = await setUp(t)
  t.match(await auth.signIn('ann', 'wrong password 1', { address: 'a', browser: '' }), {
    ok: false,
  })
  t.match(await auth.signIn('nobody', password, { address: 'a', browser: '' }), { ok: false })
  const signedIn = await auth.signIn('ANN', password, { address: 'a', browser: '' })
  if (!signedIn.ok) return t.fail('refused')
  t.match(await auth.session(signedIn.token), {
    user: { name: 'ann', role: 'technician' },
    csrf: signedIn.session.csrf,
  })
  t.equal(await auth.session('made up'), null)
  t.notMatch(JSON.stringify(await auth.session(signedIn.token)), /argon2/)
  const actions = (await store.audit.list({ limit: 10 })).map(entry => entry.action)
  t.same(actions.sort(), ['session.refused', 'session.refused', 'session.start'])
})

t.test('a session ends by sign-out, by age and by idleness', async t => {
  const { auth, password, clock } = await setUp(t)
  const enter = async () => {
    const signedIn = await auth.signIn('ann', password, { address: 'a', browser: '' })
    if (!signedIn.ok) throw new Error('refused')
    return signedIn.token
  }
  const [first, second, third] = [await enter(), await enter(), await enter()]
  await auth.signOut(first)
  t.equal(await auth.session(first), null)
  t.ok(await auth.session(second), 'the other one goes on')
  clock.now += 13 * 3_600_000
  t.equal(await auth.session(second), null, 'idle')
  t.equal(await auth.session(third), null, 'idle')
  const fourth = await enter()
  for (let hour = 0; hour < 24 * 7; hour += 6) {
    clock.now += 6 * 3_600_000
    if (hour < 24 * 7 - 6) t.ok(await auth.session(fourth), `used after ${hour + 6} h`)
  }
  clock.now += 1
  t.equal(await auth.session(fourth), null, 'a week is enough')
})

t.test('a new password ends the other sessions and needs the old one', async t => {
  const { auth, password } = await setUp(t)
  const here = await auth.signIn('ann', password, { address: 'a', browser: '' })
  const there = await auth.signIn('ann', password, { address: 'b', browser: '' })
  if (!here.ok || !there.ok) return t.fail('refused')
  const { user } = here.session
  await t.rejects(
    auth.changePassword(user, 'not it at all', 'correct horse battery', here.token, 'a'),
    { code: 'E_PASSWORD_WRONG' },
  )
  await t.rejects(auth.changePassword(user, password, 'short', here.token, 'a'), {
    code: 'E_PASSWORD_WEAK',
    errors: [{ path: 'next' }],
  })
  await auth.changePassword(user, password, 'correct horse battery', here.token, 'a')
  t.ok(await auth.session(here.token))
  t.equal(await auth.session(there.token), null)
  t.match(await auth.signIn('ann', password, { address: 'c', browser: '' }), { ok: false })
  t.match(await auth.signIn('ann', 'correct horse battery', { address: 'c', browser: '' }), {
    ok: true,
  })
})

t.test('guessing is stopped even with the right password', async t => {
  const { auth, password } = await setUp(t)
  for (let i = 0; i < 5; i++)
    await auth.signIn('ann', `wrong password ${i}`, { address: 'a', browser: '' })
  t.match(await auth.signIn('ann', password, { address: 'a', browser: '' }), {
    ok: false,
    retryAfterMs: 1000,
  })
  t.match(await auth.signIn('ann', password, { address: 'b', browser: '' }), { ok: true })
})

t.test('a token is shown once, expires, and can be revoked', async t => {
  const { auth, store, clock } = await setUp(t)
  const { token, prefix } = await addToken(store.users, {
    name: 'ci',
    role: 'viewer',
    expiresInMs: 1000,
    at: clock.now,
  })
  t.match(await auth.bearer(token), { name: 'ci', role: 'viewer' })
  t.ok(token.startsWith(prefix))
  t.notMatch(JSON.stringify(await store.users.tokens()), token)
  t.equal(await auth.bearer(`${token}x`), null)
  t.equal(await auth.bearer('Bearer'), null)
  clock.now += 1001
  t.equal(await auth.bearer(token), null, 'expired')
  await t.rejects(
    addToken(store.users, { name: 'old', role: 'viewer', expiresInMs: 400 * 86_400_000, at: 0 }),
    { code: 'E_TOKEN_AGE' },
  )
  t.equal(await store.users.revokeToken('ci'), true)
})

t.test('after a start, guesses from everywhere do not shut out who has a session here', async t => {
  const { auth, password, store, clock } = await setUp(t)
  const home = { address: '10.9.9.9', browser: '' }
  t.ok((await auth.signIn('ann', password, home)).ok)
  const throttle = createThrottle()
  const started = createAuth({
    users: store.users,
    audit: createAudit(store.audit),
    throttle,
    secrets: createSecrets(randomBytes(32)),
    now: () => clock.now,
  })
  for (let i = 0; i < 50; i++) throttle.failed('ann', `10.0.0.${i}`, clock.now)
  const stranger = await started.signIn('ann', password, { address: '10.1.1.1', browser: '' })
  t.match(stranger, { ok: false }, 'from another address even the right password waits')
  t.ok(!stranger.ok && stranger.retryAfterMs > 0)
  t.ok((await started.signIn('Ann', password, home)).ok, 'from hers she gets in at once')
  for (let i = 0; i < 10; i++) throttle.failed('ann', home.address, clock.now)
  t.notOk((await started.signIn('ann', password, home)).ok, 'guesses from there count as before')
})

t.test('from where somebody signed in is remembered, the newest twenty', async t => {
  const { store, auth, password, clock } = await setUp(t)
  const from = async (address: string, secret = password) => {
    clock.now += 1000
    return auth.signIn('ann', secret, { address, browser: '' })
  }
  t.match(await from('10.0.0.1'), { ok: true })
  const ann = await store.users.byName('ann')
  if (!ann) return t.fail('no ann')
  const last = async () => (await store.users.lastAddresses()).get(ann.id)
  const first = await last()
  t.same(first, { address: '10.0.0.1', firstAt: clock.now, lastAt: clock.now }, 'the first time')
  t.match(await from('10.0.0.1'), { ok: true })
  t.match(await last(), { firstAt: first?.firstAt, lastAt: clock.now })
  t.match(await from('10.0.0.9', 'a wrong password'), { ok: false })
  t.equal((await last())?.address, '10.0.0.1', 'who is refused was not there')
  for (let i = 1; i <= 25; i++) await store.users.signedIn(ann.id, clock.now + i, `10.1.0.${i}`)
  const kept = (await store.users.addressesOf(ann.id)).map(({ address }) => address)
  t.same([kept.length, kept[0], kept.at(-1)], [20, '10.1.0.25', '10.1.0.6'])
  await store.users.endSessions(ann.id)
  const restarted = createAuth({
    users: store.users,
    audit: createAudit(store.audit),
    throttle: createThrottle(),
    secrets: createSecrets(randomBytes(32)),
    now: () => clock.now,
  })
  const enter = (address: string, secret: string) =>
    restarted.signIn('ann', secret, { address, browser: '' })
  for (const address of ['10.1.0.25', '10.7.7.7'])
    for (let i = 0; i < 2; i++) {
      const retryAfterMs = i === 1 && address === '10.7.7.7' ? 1000 : 0
      t.match(await enter(address, 'a wrong password'), { ok: false, retryAfterMs })
    }
  t.match(await enter('10.1.0.25', password), { ok: true }, 'a known address, after a restart too')
  t.match(await enter('10.7.7.7', password), { ok: false, retryAfterMs: 1000 }, 'a new one waits')
})
