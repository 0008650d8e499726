// Goal: the short commands do what they say and end with the right code (0 good, 1 found a problem);
// what is secret is printed once or never.
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import Type from 'typebox'
import { createAudit } from '../../server/audit.ts'
import { createAuth } from '../../server/auth/auth.ts'
import { createThrottle } from '../../server/auth/throttle.ts'
import { createLog } from '../../server/log.ts'
import { createSecrets } from '../../server/secrets.ts'
import { openStore } from '../../server/store/open.ts'
import { parser } from '../../server/validate.ts'
import { type Shell, shell } from './run.ts'

const asToken = parser(Type.Object({ token: Type.String() }), 'E_TEST', 'the answer')
const asPassword = parser(Type.Object({ password: Type.String() }), 'E_TEST', 'the answer')
const asProfiles = parser(
  Type.Object({ profiles: Type.Array(Type.String()), problems: Type.Array(Type.Unknown()) }),
  'E_TEST',
  'the answer',
)

/** What the commands have left in the data folder. */
async function inspect<T>(
  { dataDir }: Shell,
  look: (parts: {
    store: Awaited<ReturnType<typeof openStore>>
    auth: ReturnType<typeof createAuth>
  }) => Promise<T>,
): Promise<T> {
  const url = `sqlite:${path.join(dataDir, 'pollux.db')}`
  const store = await openStore({ url, log: createLog('silent') })
  try {
    const audit = createAudit(store.audit)
    return await look({
      store,
      auth: createAuth({
        users: store.users,
        audit,
        secrets: createSecrets(randomBytes(32)),
        throttle: createThrottle(),
      }),
    })
  } finally {
    await store.close()
  }
}

// Each command is a process of its own, and a busy machine starts them slowly.
t.setTimeout(600_000)

t.test('token add: works once it is made, and is kept only as a hash', async t => {
  const it = await shell(t)
  const made = await it.json(['token', 'add', '--name', 'ci', '--role', 'engineer', '--json'])
  t.match(made, { name: 'ci', role: 'engineer', token: /^pollux_/, expiresAt: Number })
  const { token } = asToken(made)
  await inspect(it, async ({ auth }) => {
    t.match(await auth.bearer(token), { name: 'ci', role: 'engineer' })
    t.equal(await auth.bearer(`${token}x`), null)
  })
  const listed = await it.run(['token', 'list', '--json'])
  t.match(JSON.parse(listed.stdout), [{ name: 'ci', role: 'engineer' }])
  t.notMatch(listed.stdout, token)
  const plain = await it.run(['token', 'add', '--name', 'plain'])
  t.match(plain, { code: 0, stdout: /^pollux_[\w-]+\n$/ }, 'the token alone, for $(…)')
  for (const args of [
    ['--name', 'ci'],
    ['--name', 'old', '--expires', '9999d'],
  ]) {
    const { code, stderr, stdout } = await it.run(['token', 'add', ...args])
    t.equal(code, 1, args.join(' '))
    t.match(stderr, /^pollux: ./, args.join(' '))
    t.notMatch(stdout + stderr, /pollux_|\n {4}at /, args.join(' '))
  }
})

t.test('user add and passwd: the password signs in, and the old one no more', async t => {
  const it = await shell(t)
  const args = ['user', 'add', '--name', 'ann', '--role', 'technician', '--json']
  const made = await it.json(args)
  t.match(made, { name: 'ann', role: 'technician', password: /.{12}/ })
  const first = asPassword(made).password
  t.match(await it.run(args), { code: 1, stderr: /^pollux: .*ann/ }, 'the name is taken')
  const second = asPassword(await it.json(['user', 'passwd', '--name', 'ann', '--json'])).password
  t.not(first, second)
  await inspect(it, async ({ auth, store }) => {
    t.match(await auth.signIn('ann', first, { address: 'test', browser: '' }), { ok: false })
    t.match(await auth.signIn('ann', second, { address: 'test', browser: '' }), { ok: true })
    const actions = (await store.audit.list({ limit: 10 })).map(entry => entry.action)
    t.ok(actions.includes('user.create') && actions.includes('user.password'), 'both are audited')
  })
  t.match(await it.run(['user', 'passwd', '--name', 'bob']), { code: 1, stderr: /no user "bob"/ })
})

t.test('secret set and list: names come out, texts never', async t => {
  const it = await shell(t)
  const input = 'grep-me-community\n'
  t.match(await it.run(['secret', 'set', 'campus-ro'], { input }), { code: 0 })
  const listed = await it.run(['secret', 'list', '--json'])
  t.match(JSON.parse(listed.stdout), [{ name: 'campus-ro', updatedAt: Number }])
  t.notMatch(listed.stdout, 'grep-me')
  await inspect(it, async ({ store }) => {
    t.notMatch(await store.secrets.get('campus-ro'), 'grep-me', 'sealed')
    t.notMatch(JSON.stringify(await store.audit.list({ limit: 10 })), 'grep-me')
  })
  t.match(await it.run(['secret', 'set', 'Not a name'], { input }), { code: 1, stderr: /name/ })
  t.match(await it.run(['secret', 'set', 'empty'], { input: '\n' }), {
    code: 1,
    stderr: /1 to 256/,
  })
})

const device = (id: string, more: object = {}) => ({
  id,
  kind: 'snmp',
  address: '192.0.2.10',
  credentials: { version: '2c', community: 'grep-me' },
  ...more,
})

t.test('devices: out as they came in, but for secrets', async t => {
  const it = await shell(t)
  await writeFile(path.join(it.folder, 'two.json'), JSON.stringify([device('a'), device('b')]))
  t.same(await it.json(['devices', 'import', 'two.json', '--json']), {
    created: 2,
    updated: 0,
    refused: 0,
  })
  const exported = await it.run(['devices', 'export'])
  t.equal(exported.code, 0)
  t.notMatch(exported.stdout, 'grep-me')
  t.match(JSON.parse(exported.stdout), [
    { id: 'a', credentials: { community: { secret: 'a.community' } }, profiles: ['auto'] },
    { id: 'b' },
  ])
  const again = await it.json(['devices', 'import', '-', '--json'], { input: exported.stdout })
  t.match(again, { created: 0, updated: 2, refused: 0 }, 'what came out goes in')
  t.same((await it.run(['devices', 'export'])).stdout, exported.stdout, 'and changes nothing')

  const input = JSON.stringify([device('c', { port: 'x' }), device('d'), { id: 'e' }])
  const some = await it.run(['devices', 'import', '-', '--json'], { input })
  t.equal(some.code, 1)
  t.same(JSON.parse(some.stdout), { created: 1, updated: 0, refused: 2 }, 'the good one is in')
  t.match(some.stderr, /-, line 1, c: .*port/s)
  t.match(some.stderr, /-, line 1, e: .*kind/s)
  t.notMatch(some.stderr, /grep-me|\n {4}at /)

  const broken = await it.run(['devices', 'import', '-'], { input: '[{"community": grep-me' })
  t.match(broken, { code: 1, stderr: /line 1: / })
  const absent = await it.run(['devices', 'import', 'nothing.json'])
  t.match(absent, { code: 1, stderr: /nothing\.json/ })
  t.notMatch(absent.stderr, /\n {4}at /, 'a file that is not there is no fault of ours')
})

t.test('profiles check: 0 for ours, 1 where a file of the user is broken', async t => {
  const it = await shell(t)
  const ours = await it.run(['profiles', 'check', '--json'])
  t.equal(ours.code, 0, ours.stderr)
  const { profiles } = asProfiles(JSON.parse(ours.stdout))
  t.ok(profiles.includes('if-mib'))

  const mine = path.join(it.folder, 'profiles')
  await mkdir(mine)
  const good = {
    title: 'Mine',
    type: 'device',
    source: 'snmp',
    match: [{ sysObjectID: '1.3.6.1.4.1.99999.*' }],
    extends: ['system'],
  }
  await writeFile(path.join(mine, 'mine.json'), JSON.stringify(good, null, 2))
  const env = { POLLUX_PROFILES_DIR: mine }
  const with_ = await it.run(['profiles', 'check'], { env })
  t.equal(with_.code, 0, with_.stdout)
  t.match(with_.stdout, `${profiles.length + 1} profiles, 0 errors`)

  await writeFile(path.join(mine, 'torn.json'), '{\n  "title": "Torn",\n  "type": }')
  await writeFile(path.join(mine, 'odd.json'), JSON.stringify({ ...good, colour: 'red' }, null, 2))
  const broken = await it.run(['profiles', 'check'], { env })
  t.equal(broken.code, 1)
  t.match(broken.stdout, /torn\.json:3:\d+: error E_JSON: ./)
  t.match(broken.stdout, /odd\.json:\d+:\d+: error E_SCHEMA: .*colour/)
  const asJson = await it.run(['profiles', 'check', '--json'], { env })
  t.equal(asJson.code, 1)
  const answer = asProfiles(JSON.parse(asJson.stdout))
  t.ok(answer.profiles.includes('mine') && !answer.profiles.includes('torn'))
  t.match(answer.problems, [{ severity: 'error', line: Number, message: /./ }])
})

t.test('migrate: makes the schema, and may be repeated', async t => {
  const { run } = await shell(t)
  t.match(await run(['migrate']), { code: 0, stdout: /up to date \(sqlite\)/ })
  t.match(await run(['migrate']), { code: 0, stdout: /up to date/ })
})
