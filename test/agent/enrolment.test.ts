// Goal: a token enrols one host, once, and no two at the same time, over both databases; what fails
// leaves nothing behind; who is revoked or whose device is gone has no account.

import { createHash } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { accountOf, createEnrolment } from '../../server/agents/enrolment.ts'
import { freeId } from '../../server/agents/id.ts'
import { createAudit } from '../../server/audit.ts'
import type { Account, Accounts } from '../../server/bus/accounts.ts'
import { authorize } from '../../server/bus/principals.ts'
import { DEVICE_ID_PATTERN } from '../../server/model/device.ts'
import { AppError } from '../../server/model/errors.ts'
import { openStore } from '../../server/store/open.ts'
import { silentLog } from '../parts/broker.ts'
import { anyMariaDb, rawRows } from '../parts/mariadb.ts'
import type { NewPlace } from '../store/place.ts'
import { config } from '../store/samples.ts'
import { sqlitePlace } from '../store/sqlite-place.ts'

const ADMIN = { name: 'admin', address: '127.0.0.1' }
const FROM = { address: '127.0.0.9', mqttUrl: 'mqtt://broker:1883' }
const REQUEST = { name: 'Web 1', every: '10s', version: '1.0.0', facts: { os: 'Debian' } }

/** A broker's accounts in memory; it refuses on request. */
function accountsOf() {
  const known = new Map<string, Account>()
  const at = { isAway: false, afterIssue: async () => {} }
  const accounts: Accounts = {
    async issue(account) {
      if (at.isAway) throw new AppError('E_ACCOUNT', 'the broker is away', { passing: true })
      known.set(account.username, { ...account, createdAt: 1 })
      await at.afterIssue()
      return { username: account.username, password: `secret ${known.size}` }
    },
    revoke: async username => known.delete(username),
    list: async () => [...known.values()],
  }
  return { accounts, known, at }
}

async function open(t: Test, newPlace: NewPlace) {
  const { url } = await newPlace(t)
  const store = await openStore({ url, log: silentLog })
  t.teardown(() => store.close())
  const { accounts, known, at } = accountsOf()
  const clock = { now: 1_000_000_000 }
  const identified: string[] = []
  const enrolment = createEnrolment({
    ...{ store: store.enrolment, accounts, site: 'main', log: silentLog, now: () => clock.now },
    audit: createAudit(store.audit),
    addDevice: ({ id, name, every }) =>
      store.devices.create({ ...config(id), kind: 'agent', name, every }, 'api', 1),
    removeDevice: id => store.devices.remove(id, { history: true, at: 1 }),
    device: id => store.devices.get(id),
    identify: async ({ config: { id } }, facts) => {
      identified.push(`${id} ${facts.name} ${facts.os}`)
    },
  })
  const token = async (device?: string) =>
    (await enrolment.makeToken({ expiresInMs: 3_600_000, device: device ?? null }, ADMIN)).token
  return { store, enrolment, token, known, at, clock, identified }
}

const shared = await anyMariaDb(t)
const mariadbPlace: NewPlace = async () => {
  const url = await shared.createDatabase()
  return { url, raw: statement => rawRows(url, statement) }
}

for (const [name, newPlace] of [
  ['sqlite', sqlitePlace],
  ['mariadb', mariadbPlace],
] as const) {
  t.test(`${name}: once, and of many at once one`, async t => {
    const { store, enrolment, token, known, identified } = await open(t, newPlace)
    const one = await token()
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => enrolment.enrol(one, REQUEST, FROM)),
    )
    const won = tries.flatMap(tried => (tried.status === 'fulfilled' ? [tried.value] : []))
    t.match(won, [{ site: 'main', device: 'web-1', src: /^agent-[0-9a-f]{16}$/ }])
    t.equal(won.length, 1)
    for (const tried of tries) {
      if (tried.status === 'rejected')
        t.match(tried.reason, { code: 'E_ENROL_TOKEN', message: /used before/ })
    }
    t.same([...known.keys()], ['agent-web-1'])
    t.same(identified, ['web-1 Web 1 Debian'])
    t.match(await store.devices.list(), {
      length: 1,
      0: { config: { kind: 'agent', every: '10s' } },
    })
    t.match(await enrolment.agents(), [
      { deviceId: 'web-1', revokedAt: null, address: '127.0.0.9' },
    ])
    t.same(await enrolment.tokens(), [])
    const actions = (await store.audit.list({ limit: 20 })).map(({ action }) => action)
    t.equal(actions.filter(action => action === 'agent.enrol').length, 1)
    t.equal(actions.filter(action => action === 'agent.refused').length, 7)
    const dump = JSON.stringify(await store.audit.list({ limit: 20 }))
    t.notOk(dump.includes(one) || dump.includes('secret 1'), 'no secret is in the audit log')

    const second = await enrolment.enrol(await token(), REQUEST, FROM)
    t.equal(second.device, 'web-1-2', 'another host of the same name')
    await enrolment.revoke('web-1', ADMIN)
    t.same([...known.keys()], ['agent-web-1-2'])
    await t.rejects(enrolment.revoke('web-1', ADMIN), { code: 'E_AGENT_UNKNOWN' })
    await t.rejects(enrolment.revoke('nobody', ADMIN), { code: 'E_AGENT_UNKNOWN' })
    const again = await enrolment.enrol(await token('web-1'), REQUEST, FROM)
    t.equal(again.device, 'web-1', 'the same device again')
    t.not(again.src, won[0]?.src)
    t.match(await enrolment.agents(), { length: 2 })
    await enrolment.revokeGone(agent => agent.deviceId !== 'web-1-2')
    t.same([...known.keys()], ['agent-web-1'])
  })
}

t.test('tokens that are wrong, expired, withdrawn, or of a device that is gone', async t => {
  const { store, enrolment, token, clock, known } = await open(t, sqlitePlace)
  for (const guess of ['', 'enrol_', `enrol_${'A'.repeat(43)}`, 'pollux_x', '\u0000'])
    await t.rejects(enrolment.enrol(guess, REQUEST, FROM), { message: /not known/ })
  const old = await token()
  clock.now += 3_600_001
  await t.rejects(enrolment.enrol(old, REQUEST, FROM), { message: /expired/ })
  const { token: taken, prefix } = await enrolment.makeToken({ expiresInMs: 3_600_000 }, ADMIN)
  t.equal(await enrolment.withdraw(prefix, ADMIN), true)
  t.equal(await enrolment.withdraw(prefix, ADMIN), false)
  await t.rejects(enrolment.enrol(taken, REQUEST, FROM), { message: /not known/ })
  await store.devices.create({ ...config('gone'), kind: 'agent' }, 'api', 1)
  const orphan = await token('gone')
  await store.devices.remove('gone', { history: true, at: 2 })
  await t.rejects(enrolment.enrol(orphan, REQUEST, FROM), { message: /not there any more/ })
  await store.devices.create(config('switch'), 'api', 1)
  await t.rejects(token('switch'), { code: 'E_DEVICE_UNKNOWN' }, 'not a host')
  for (const expiresInMs of [0, -1, 59_999, 31 * 86_400_000, Number.NaN])
    await t.rejects(enrolment.makeToken({ expiresInMs }, ADMIN), { code: 'E_AGENT_TOKEN_AGE' })
  t.equal(known.size, 0)
  clock.now += 100 * 86_400_000
  for (let i = 0; i < 100; i++) await token()
  await t.rejects(token(), { code: 'E_AGENT_TOKENS' }, 'tokens are bounded')
})

t.test('a broker that gives no account: no device, and the token is good still', async t => {
  const { store, enrolment, token, at, known } = await open(t, sqlitePlace)
  const one = await token()
  at.isAway = true
  await t.rejects(enrolment.enrol(one, REQUEST, FROM), { code: 'E_ACCOUNT' })
  t.same(await store.devices.list(), [])
  t.same(await enrolment.agents(), [])
  at.isAway = false
  t.equal((await enrolment.enrol(one, REQUEST, FROM)).device, 'web-1')
  t.equal(known.size, 1)
})

t.test('the stale row of a deleted device does not end the new agent of its name', async t => {
  const { store, enrolment, token, known } = await open(t, sqlitePlace)
  const old = await enrolment.enrol(await token(), REQUEST, FROM)
  // Deleted, and enrolled anew, before anybody could revoke the old one.
  await store.devices.remove('web-1', { history: true, at: 1 })
  const fresh = await enrolment.enrol(await token(), REQUEST, FROM)
  t.equal(fresh.device, old.device)
  const devices = await store.devices.list()
  await enrolment.revokeGone(agent => devices.some(({ uid }) => uid === agent.deviceUid))
  t.same([...known.keys()], ['agent-web-1'])
  const agents = await enrolment.agents()
  t.equal(agents.find(({ src }) => src === fresh.src)?.revokedAt, null)
  t.not(agents.find(({ src }) => src === old.src)?.revokedAt, null)
  await enrolment.revokeGone(() => false)
  t.equal(known.size, 0, 'and a deleted one is revoked still')
})

t.test('an agent that is revoked while it enrols anew does not end the new one', async t => {
  const { store, enrolment, token, known, at } = await open(t, sqlitePlace)
  const old = await enrolment.enrol(await token(), REQUEST, FROM)
  let ended = Promise.resolve()
  at.afterIssue = async () => {
    ended = enrolment.revokeGone(agent => agent.src !== old.src)
    // It waits for its turn; if it did not, it would be through by then.
    await Promise.race([ended, setTimeout(500)])
  }
  const { src } = await enrolment.enrol(await token('web-1'), REQUEST, FROM)
  await ended
  t.ok(known.get('agent-web-1')?.subscribe.includes(`pollux/main/acks/${src}`))
  t.match(await store.enrolment.agents(), [{ src, revokedAt: null }])
})

t.test('an enrolment anew that fails leaves the running agent alone', async t => {
  const { enrolment, token, at, known } = await open(t, sqlitePlace)
  const { src } = await enrolment.enrol(await token(), REQUEST, FROM)
  const again = await token('web-1')
  at.isAway = true
  await t.rejects(enrolment.enrol(again, REQUEST, FROM), { code: 'E_ACCOUNT' })
  t.same([...known.keys()], ['agent-web-1'])
  t.match(await enrolment.agents(), [{ src, revokedAt: null }])
})

t.test('nobody enrols as the machine that Pollux itself measures', async t => {
  const { store, enrolment, token, known } = await open(t, sqlitePlace)
  await store.devices.create({ ...config('this-machine'), kind: 'agent' }, 'api', 1)
  await t.rejects(token('this-machine'), { code: 'E_AGENT_LOCAL' })
  // As a token of an earlier release.
  const text = 'enrol_old'
  const hash = createHash('sha256').update(text).digest('hex')
  const shown = { prefix: 'enrol_ol', note: '', createdBy: 'admin', createdAt: 1 }
  await store.enrolment.addToken({ hash, ...shown, deviceId: 'this-machine', expiresAt: 2e12 })
  await t.rejects(enrolment.enrol(text, REQUEST, FROM), { code: 'E_AGENT_LOCAL' })
  t.equal(known.size, 0)
})

t.test('what a host says of itself is checked before its token is used up', async t => {
  const { enrolment, token } = await open(t, sqlitePlace)
  const one = await token()
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${'x'.repeat(i)}`, 'v']))
  for (const bad of [
    undefined,
    null,
    [],
    {},
    { ...REQUEST, name: '' },
    { ...REQUEST, name: 'x'.repeat(101) },
    { ...REQUEST, every: 'soon' },
    { ...REQUEST, version: '<script>' },
    { ...REQUEST, facts: { 'Bad Key': 'v' } },
    { ...REQUEST, facts: { os: 'x'.repeat(201) } },
    { ...REQUEST, facts: many },
    { ...REQUEST, device: 'this-machine' },
    JSON.parse('{"__proto__": {"name": "x"}, "name": "a"}'),
  ])
    await t.rejects(enrolment.enrol(one, bad, FROM), { code: 'E_ENROL_INVALID' })
  t.equal((await enrolment.enrol(one, REQUEST, FROM)).device, 'web-1')
})

t.test('ids of hosts', async t => {
  const pattern = new RegExp(DEVICE_ID_PATTERN)
  const firstOf = (name: string) => [...freeId(name, 3)][0] ?? ''
  for (const [name, id] of [
    ['web-1.example.org', 'web-1.example.org'],
    ['Köln Straße', 'koln-stra-e'],
    ['../../etc', 'etc'],
    ['a/b#+', 'a-b'],
    ['日本', 'host'],
    ['this-machine', 'this-machine-2'],
    ['new', 'new-2'],
    ['x'.repeat(100), 'x'.repeat(63)],
  ] as const) {
    t.equal(firstOf(name), id)
    for (const one of freeId(name, 20)) t.match(one, pattern)
  }
})

t.test('an agent may publish its own topics and nothing else', async t => {
  const account = accountOf('main', 'web-1', 'agent-00')
  const mine = 'pollux/main/devices/web-1'
  const may = (action: 'publish' | 'subscribe', topic: string) => authorize(account, action, topic)
  for (const topic of [`${mine}/samples/host`, `${mine}/rows/host_disk`, `${mine}/events/docker`])
    t.ok(may('publish', topic), topic)
  for (const topic of [
    'pollux/main/devices/web-2/samples/host',
    'pollux/main/devices/web-1x/samples/host',
    `${mine}/status`,
    ...[`${mine}/events`, `${mine}/events/x`, `${mine}/events/trap`, `${mine}/events/comment`],
    'pollux/main/devices/web-2/events/docker',
    `${mine}/alarms/x`,
    `${mine}/samples/a/b`,
    'pollux/other/devices/web-1/samples/host',
    'pollux/main/acks/agent-00',
    'pollux/main/commands/all',
    'pollux/main/receipts/web-1',
    '$SYS/x',
  ])
    t.notOk(may('publish', topic), topic)
  t.ok(may('subscribe', 'pollux/main/acks/agent-00'))
  for (const filter of ['#', 'pollux/main/acks/+', 'pollux/main/acks/other', `${mine}/#`])
    t.notOk(may('subscribe', filter), filter)
})
