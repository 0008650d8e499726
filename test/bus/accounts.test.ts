// Accounts on the broker, over the embedded one and over a real Mosquitto with its
// dynamic-security plugin: made, used, replaced and revoked while in use.

import t from 'tap'
import { type Account, type Accounts, newPassword } from '../../server/bus/accounts.ts'
import { createDynsecAccounts } from '../../server/bus/accounts-dynsec.ts'
import { loadAccounts } from '../../server/bus/accounts-embedded.ts'
import { startBroker } from '../../server/bus/broker.ts'
import { connectBus, type MqttBus } from '../../server/bus/client.ts'
import { createDynsec } from '../../server/bus/dynsec.ts'
import { authorize, type Credentials, createPrincipals } from '../../server/bus/principals.ts'
import { openStore } from '../../server/store/open.ts'
import { mosquittoBroker, silentLog } from '../parts/broker.ts'
import { type Teardown, until } from '../parts/find.ts'
import { startDynsecMosquitto } from '../parts/mosquitto-dynsec.ts'

interface Place {
  accounts: Accounts
  /** Everything that was published, seen by a part of Pollux. */
  seen: { topic: string; text: string }[]
  connect(credentials: Credentials, clientId?: string): MqttBus
}

function agent(name: string): Omit<Account, 'createdAt'> {
  const mine = `pollux/test/devices/${name}`
  return {
    username: `agent-${name}`,
    role: 'agent',
    publish: [`${mine}/samples/+`, `${mine}/rows/+`],
    subscribe: [`pollux/test/acks/${name}`],
  }
}

const topicOf = (name: string) => `pollux/test/devices/${name}/samples/cpu`

function client(t: Teardown, url: string, credentials: Credentials, clientId: string): MqttBus {
  const backoff = { msMin: 50, msMax: 200 }
  const bus = connectBus({ url, ...credentials, clientId, log: silentLog, backoff })
  t.teardown(() => bus.close())
  return bus
}

async function watch(bus: MqttBus): Promise<Place['seen']> {
  const seen: Place['seen'] = []
  await until(() => bus.connected, 'the watching part')
  await bus.subscribe('pollux/#', ({ topic, payload }) => {
    seen.push({ topic, text: payload.toString() })
  })
  return seen
}

async function embedded(t: Teardown): Promise<Place> {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const principals = createPrincipals()
  let accounts: Awaited<ReturnType<typeof loadAccounts>> | null = null
  const broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    authenticate: (username, password) =>
      principals.authenticate(username, password) ??
      accounts?.authenticate(username, password) ??
      null,
    authorize,
    log: silentLog,
  })
  t.teardown(() => broker.close())
  const { disconnect } = broker
  const load = () => loadAccounts({ store: store.accounts, isReserved: principals.has, disconnect })
  accounts = await load()
  const url = `mqtt://${broker.address}`
  const part = principals.add({ username: 'server', publish: ['#'], subscribe: ['#'] })
  const seen = await watch(client(t, url, part, 'server'))
  return {
    accounts,
    seen,
    connect: (credentials, clientId = credentials.username) =>
      client(t, url, credentials, clientId),
  }
}

async function mosquitto(t: Teardown): Promise<Place> {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const { url, admin } = await startDynsecMosquitto(t)
  const bus = client(t, url, admin, 'server')
  const seen = await watch(bus)
  return {
    accounts: createDynsecAccounts({ store: store.accounts, dynsec: createDynsec(bus) }),
    seen,
    connect: (credentials, clientId = credentials.username) =>
      client(t, url, credentials, clientId),
  }
}

for (const [name, open] of Object.entries({ embedded, mosquitto })) {
  t.test(name, async t => {
    const place = await open(t)
    const { accounts, seen } = place

    await t.test('an account publishes its own topics, and no others', async t => {
      const a = await accounts.issue(agent('a'))
      t.equal(a.username, 'agent-a')
      t.equal(Buffer.from(a.password, 'base64url').length, 32)
      const bus = place.connect(a)
      await until(() => bus.connected, 'the agent')
      for (const topic of [topicOf('b'), 'pollux/test/acks/a', 'pollux/test/commands/all', 'x']) {
        await bus.publish(topic, 'forged').catch(() => undefined)
      }
      await bus.publish(topicOf('a'), 'own')
      await until(() => seen.some(one => one.text === 'own'), 'its own message')
      t.same(
        seen.filter(one => one.text === 'forged'),
        [],
      )
      await bus.close()
    })

    await t.test('a wrong password and an unknown name are refused', async t => {
      for (const username of ['agent-a', 'agent-nobody', '__proto__']) {
        const bus = place.connect({ username, password: newPassword() })
        await until(() => bus.isRefused, `the refusal of ${username}`)
        await bus.close()
      }
      t.pass('all were refused')
    })

    await t.test('an account that is issued again loses its old password at once', async t => {
      const old = await accounts.issue(agent('c'))
      const first = place.connect(old)
      await until(() => first.connected, 'the first')
      const fresh = await accounts.issue(agent('c'))
      await until(() => first.isRefused, 'the old password is refused')
      const second = place.connect(fresh)
      await until(() => second.connected, 'the new password')
      t.equal((await accounts.list()).filter(one => one.username === 'agent-c').length, 1)
      await Promise.all([first.close(), second.close()])
    })

    await t.test('revoked while it sends: nothing comes after', async t => {
      const d = place.connect(await accounts.issue(agent('d')))
      const e = place.connect(await accounts.issue(agent('e')))
      await until(() => d.connected && e.connected, 'both')
      let stopped = false
      const sending = (async () => {
        for (let i = 0; !stopped; i++) {
          await d.publish(topicOf('d'), `d${i}`).catch(() => undefined)
          await new Promise(resolve => setImmediate(resolve))
        }
      })()
      await until(() => seen.filter(one => one.text.startsWith('d')).length > 50, 'a stream')
      t.equal(await accounts.revoke('agent-d'), true)
      await until(() => d.isRefused, 'the refusal')
      const until_ = seen.length
      await e.publish(topicOf('e'), 'after the revocation')
      await until(() => seen.some(one => one.text === 'after the revocation'), 'the other agent')
      t.same(
        seen.slice(until_).map(one => one.text),
        ['after the revocation'],
      )
      t.equal(e.stats.connects, 1, 'the others stay')
      stopped = true
      await Promise.all([sending, d.close()])
      t.equal(await accounts.revoke('agent-d'), false)
      t.notOk((await accounts.list()).some(one => one.username === 'agent-d'))
      await e.close()
    })

    await t.test("another's client id takes nobody's connection over", async t => {
      const f = place.connect(await accounts.issue(agent('f')))
      await until(() => f.connected, 'the first')
      const thief = place.connect(await accounts.issue(agent('g')), 'agent-f')
      await until(() => thief.connected || thief.isRefused, 'the second')
      await f.publish(topicOf('f'), 'still here')
      t.equal(f.stats.connects, 1)
      await Promise.all([f.close(), thief.close()])
    })

    await t.test('what no broker should get is refused', async t => {
      const wrong: Partial<Account>[] = [
        { username: '' },
        { username: 'a b' },
        { username: 'x'.repeat(129) },
        { publish: ['$CONTROL/#'] },
        { publish: ['$SYS'] },
        { publish: ['a/#/b'] },
        { publish: ['a+'] },
        { subscribe: [''] },
        { subscribe: Array(51).fill('a') },
        { publish: ['a\0'] },
      ]
      for (const part of wrong) {
        await t.rejects(accounts.issue({ ...agent('z'), ...part }), { code: 'E_ACCOUNT' })
      }
      t.notOk((await accounts.list()).some(one => one.username === 'agent-z'))
    })

    await t.test('the list tells role, topics and time, and no password', async t => {
      const [first] = await accounts.list()
      t.match(first, { ...agent('a'), createdAt: Number })
      t.same(Object.keys(first ?? {}).sort(), [
        ...['createdAt', 'publish', 'role', 'subscribe', 'username'],
      ])
    })
  })
}

t.test('embedded: accounts live through a restart; names of our parts are taken', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const options = {
    store: store.accounts,
    isReserved: (username: string) => username === 'server',
    disconnect: () => undefined,
  }
  const before = await loadAccounts(options)
  const { username, password } = await before.issue(agent('a'))
  await before.issue(agent('b'))
  await before.revoke('agent-b')
  const after = await loadAccounts(options)
  t.match(after.authenticate(username, password), { username, publish: agent('a').publish })
  t.equal(after.authenticate(username, `${password}x`), null)
  t.equal(after.authenticate(username, ''), null)
  t.same(
    (await after.list()).map(one => one.username),
    ['agent-a'],
  )
  await t.rejects(after.issue({ ...agent('a'), username: 'server' }), { code: 'E_ACCOUNT' })
  const stored = JSON.stringify(await store.accounts.list())
  t.notOk(stored.includes(password), 'the password itself is nowhere')
})

t.test('mosquitto: a user that Pollux did not make is not replaced, nor ended', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const { url, admin } = await startDynsecMosquitto(t)
  const bus = client(t, url, admin, 'server')
  await until(() => bus.connected, 'the connection')
  const accounts = createDynsecAccounts({ store: store.accounts, dynsec: createDynsec(bus) })
  const { username } = admin
  await t.rejects(accounts.issue({ ...agent('x'), username }), {
    code: 'E_ACCOUNT',
    message: /there already/,
  })
  t.equal(await accounts.revoke(username), false)
  t.same(await accounts.list(), [])
  await bus.publish('pollux/test/x', 'the user still works')
})

t.test('mosquitto: a name can be issued again after a failure at any place', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const { url, admin } = await startDynsecMosquitto(t)
  const bus = client(t, url, admin, 'server')
  await until(() => bus.connected, 'the connection')
  const real = createDynsec(bus)
  const failing = { put: false, make: false, all: false }
  const broken = new Error('it is away')
  const accounts = createDynsecAccounts({
    store: {
      ...store.accounts,
      put: row => (failing.put ? Promise.reject(broken) : store.accounts.put(row)),
    },
    dynsec: {
      async run(commands) {
        if (failing.all) throw broken
        const errors = await real.run(commands)
        // Made, but the answer is lost.
        if (!failing.make || !commands.some(one => one.command === 'createClient')) return errors
        failing.all = true
        throw broken
      },
    },
  })
  failing.put = true
  await t.rejects(accounts.issue(agent('h')), { message: 'it is away' })
  failing.put = false
  const first = client(t, url, await accounts.issue(agent('h')), 'agent-h')
  await until(() => first.connected, 'after a database that was away')

  failing.put = true
  await t.rejects(accounts.issue(agent('h')), { message: 'it is away' })
  await first.publish(topicOf('h'), 'still here')
  t.equal(first.stats.connects, 1, 'nothing is cut off for an account that is not made')
  failing.put = false

  failing.make = true
  await t.rejects(accounts.issue(agent('i')), { message: 'it is away' })
  Object.assign(failing, { make: false, all: false })
  const second = client(t, url, await accounts.issue(agent('i')), 'agent-i')
  await until(() => second.connected, 'after a broker that was away')
  t.equal(await accounts.revoke('agent-i'), true)
  await until(() => second.isRefused, 'and it ends')
})

t.test('mosquitto without the plugin, or without the right to it: a clear error', async t => {
  const store = await openStore({ url: 'sqlite::memory:', log: silentLog })
  t.teardown(() => store.close())
  const broker = await mosquittoBroker(t)
  for (const user of ['core', 'agent-a']) {
    const bus = broker.connect({ user })
    await until(() => bus.connected, user)
    const dynsec = createDynsec(bus, { answerMs: 500 })
    const accounts = createDynsecAccounts({ store: store.accounts, dynsec })
    await t.rejects(accounts.issue(agent('x')), { code: 'E_ACCOUNT', hint: /dynamic-security/ })
  }
  t.same(await store.accounts.list(), [])
})
