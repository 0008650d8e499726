// Goal: what an admin does with people is in force at once, is in the audit log, and never leaves
// Pollux without somebody who can manage it. On both databases.

import { randomBytes } from 'node:crypto'
import path from 'node:path'
import t, { type Test } from 'tap'
import { createAudit } from '../../server/audit.ts'
import { createAuth } from '../../server/auth/auth.ts'
import { createPeople } from '../../server/auth/people.ts'
import { createThrottle } from '../../server/auth/throttle.ts'
import { createSecrets } from '../../server/secrets.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { tempDir } from '../parts/find.ts'
import { anyMariaDb } from '../parts/mariadb.ts'

const BY = { name: 'root-admin', address: '192.0.2.1' }

async function start(t: Test, url: string) {
  const store = await openStore({ url, log: silentLog })
  t.teardown(() => store.close())
  const audit = createAudit(store.audit)
  const people = createPeople({ users: store.users, audit })
  const auth = createAuth({
    users: store.users,
    audit,
    secrets: createSecrets(randomBytes(32)),
    throttle: createThrottle(),
  })
  return { store, people, auth }
}

async function story(t: Test, url: string): Promise<void> {
  const { store, people, auth } = await start(t, url)
  const root = (await people.create({ name: 'root-admin', role: 'admin' }, BY)).user
  const { user: ann, password } = await people.create({ name: 'Ann', role: 'technician' }, BY)
  await t.rejects(people.create({ name: 'ANN', role: 'viewer' }, BY), { code: 'E_USER_EXISTS' })
  await t.rejects(people.create({ name: '<b>', role: 'viewer' }, BY), { code: 'E_USER_NAME' })

  const signIn = async (word: string) => {
    const result = await auth.signIn('ann', word, { address: '192.0.2.2', browser: '' })
    return result.ok ? result.token : null
  }
  const held = await signIn(password)
  t.ok(held, 'she signs in')
  await people.change(ann.id, { role: 'engineer', disabled: false }, BY)
  t.equal((await auth.session(held ?? ''))?.user.role, 'engineer', 'another role at once')
  await people.change(ann.id, { role: 'engineer', disabled: true }, BY)
  t.equal(await auth.session(held ?? ''), null, 'disabled: her session has ended')
  t.equal(await signIn(password), null, 'and she does not get in')
  await people.change(ann.id, { role: 'engineer', disabled: false }, BY)
  t.equal(await auth.session(held ?? ''), null, 'the old session stays ended')

  const again = await signIn(password)
  const reset = await people.resetPassword(ann.id, BY)
  t.equal(await auth.session(again ?? ''), null, 'a reset ends her sessions')
  t.equal(await signIn(password), null, 'the old password is over')
  const third = await signIn(reset.password)
  t.ok(third, 'the new one works')
  await people.endSessions(ann.id, BY)
  t.equal(await auth.session(third ?? ''), null, 'signed out everywhere')

  t.test('somebody can always manage the others', async t => {
    await t.rejects(people.change(root.id, { role: 'viewer', disabled: false }, BY), {
      code: 'E_USER_SELF',
    })
    const other = { name: 'a token', address: '' }
    for (const to of [
      { role: 'viewer', disabled: false },
      { role: 'admin', disabled: true },
    ] as const) {
      await t.rejects(people.change(root.id, to, other), { code: 'E_USER_LAST_ADMIN' })
    }
    const { user: second } = await people.create({ name: 'second', role: 'admin' }, BY)
    // Each takes the other's role in the same moment: one of them must stay.
    const both = await Promise.allSettled([
      people.change(root.id, { role: 'viewer', disabled: false }, { name: 'second', address: '' }),
      people.change(second.id, { role: 'viewer', disabled: false }, BY),
    ])
    t.ok(
      both.some(one => one.status === 'rejected'),
      'one of two is refused',
    )
    const admins = (await people.list()).filter(one => one.role === 'admin' && !one.disabled)
    t.equal(admins.length, 1, 'an administrator is left')
    await t.rejects(people.get(999_999), { code: 'E_USER_UNKNOWN' })
  })

  const { token } = await people.makeToken({ name: 'ci', role: 'viewer', expiresInMs: 60_000 }, BY)
  t.match(await auth.bearer(token), { name: 'ci', role: 'viewer' })
  await people.revokeToken('ci', BY)
  t.equal(await auth.bearer(token), null, 'revoked at once')
  await t.rejects(people.revokeToken('ci', BY), { code: 'E_TOKEN_UNKNOWN' })

  const entries = await store.audit.list({ limit: 1000 })
  const text = JSON.stringify(entries)
  for (const secret of [password, reset.password, token]) t.notMatch(text, secret)
  const hers = await store.audit.list({ limit: 100, thing: 'user:Ann', action: 'user.' })
  t.same(
    hers.map(entry => entry.action),
    ['user.sign-out', 'user.password-reset', ...Array(3).fill('user.change'), 'user.create'],
    'all of it is in the log, newest first',
  )
  t.match(hers[3], { before: { role: 'engineer' }, after: { disabled: true }, actor: BY.name })
  t.same(await store.audit.list({ limit: 5, actor: 'nobody' }), [])
  t.same(await store.audit.list({ limit: 5, from: Date.now() + 60_000 }), [])
  const [newest] = entries
  const older = await store.audit.list({ limit: 2, before: newest?.id })
  t.equal(older[0]?.id, entries[1]?.id, 'pages go on where they ended')
}

t.test('SQLite', async t => story(t, `sqlite:${path.join(await tempDir(t), 'pollux.db')}`))

t.test('MariaDB', async t => story(t, await (await anyMariaDb(t)).createDatabase()))
