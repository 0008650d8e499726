// Goal: an admin makes accounts on the broker on the page, by the API and by the command; they work at
// once, end at once, are in the audit log without their passwords, and nobody else may make them.

import t from 'tap'
import Type from 'typebox'
import { connectBus, type MqttBus } from '../../server/bus/client.ts'
import { parser } from '../../server/validate.ts'
import { shell } from '../cli/run.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, until } from '../parts/find.ts'
import { startDynsecMosquitto } from '../parts/mosquitto-dynsec.ts'
import { as, ask, FORM, type Person, people } from './people.ts'
import { startTestProgram } from './program.ts'

const Made = Type.Object({ username: Type.String(), password: Type.String() })
const madeOf = parser(Made, 'E_TEST', 'an account')
const accountsIn = parser(
  Type.Array(Type.Object({ username: Type.String(), role: Type.String(), isLeft: Type.Boolean() })),
  'E_TEST',
  'accounts',
)

t.setTimeout(600_000)
// One for all commands: what the first compiled serves the others.
const commands = await shell(t)

function client(t: Teardown, url: string, made: { username: string; password: string }): MqttBus {
  const backoff = { msMin: 50, msMax: 100 }
  const clientId = made.username
  const bus = connectBus({ url, ...made, clientId, log: silentLog, protocol: 4, backoff })
  t.teardown(() => bus.close())
  return bus
}

t.test('on the embedded broker', async t => {
  const test = await startTestProgram(t)
  const { url } = test
  const { admin, engineer } = await people(test)
  const mqtt = `mqtt://127.0.0.1:${test.program.broker.port}`
  const json = { 'content-type': 'application/json' }
  const api = (method: string, path: string, body?: object, person: Person = admin) =>
    ask(url, `/api/v1/accounts${path}`, {
      method,
      headers: { authorization: person.bearer, ...(body && json) },
      ...(body && { body: JSON.stringify(body) }),
    })
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
  const agentsPage = async (person: Person = admin) =>
    (await ask(url, '/agents', as(url, person))).body

  await t.test('by the API: made, used, refused, removed', async t => {
    const wish = { role: 'sensor', name: 'roof', topics: ['weather/+'] }
    const answer = await api('POST', '', wish)
    t.equal(answer.status, 201, answer.body)
    const made = madeOf(JSON.parse(answer.body))
    const bus = client(t, mqtt, made)
    await until(() => bus.connected, 'the sensor')
    await bus.publish('weather/roof', '1')
    t.equal((await api('POST', '', wish)).status, 409, 'a name is taken once')
    t.equal((await api('POST', '', { ...wish, name: 'x', topics: ['#'] })).status, 422)
    t.equal((await api('POST', '', { ...wish, name: 'x', role: 'admin' })).status, 422)
    t.equal((await api('POST', '', { ...wish, name: 'y' }, engineer)).status, 403)
    t.same(
      accountsIn(JSON.parse((await api('GET', '')).body)).map(one => one.username),
      ['sensor-roof'],
    )
    t.notOk((await api('GET', '')).body.includes(made.password))
    t.equal((await api('DELETE', '/sensor-roof')).status, 204)
    await until(() => bus.isRefused, 'it to be cut off')
    t.equal((await api('DELETE', '/sensor-roof')).status, 404)
  })

  await t.test('on the page: the password is shown once, and what was wrong is said', async t => {
    const wrong = await post('/agents/accounts', {
      ...{ role: 'sensor', name: 'a<b', topics: 'pollux/#' },
    })
    t.equal(wrong.status, 422)
    t.match(wrong.body, /value="a&lt;b"/, 'what was typed is kept, as text')
    t.match(wrong.body, /topics .*pollux\/#/)
    const made = await post('/agents/accounts', {
      role: 'guest',
      name: 'wall',
      topics: 'left/over',
    })
    t.equal(made.status, 201)
    t.equal(made.headers['cache-control'], 'no-store')
    const password = /id="account-password">([^<]+)</.exec(made.body)?.[1] ?? ''
    const bus = client(t, mqtt, { username: 'guest-wall', password })
    await until(() => bus.connected, 'the guest')
    const page = await agentsPage()
    t.match(page, /data-account="guest-wall"/)
    t.notOk(page.includes(password))
    t.match(await agentsPage(engineer), /data-account="guest-wall"/)
    t.notMatch(await agentsPage(engineer), /action="\/agents\/accounts/, 'no form for others')
    for (const path of ['/agents/accounts', '/agents/accounts/remove'])
      t.equal((await post(path, { role: 'guest', name: 'z' }, engineer)).status, 403)
    t.equal((await post('/agents/accounts/remove', { username: 'guest-wall' })).status, 303)
    await until(() => bus.isRefused, 'it to be cut off')
    const { body: audit } = await ask(url, '/audit', as(url, admin))
    t.match(audit, /account\.create/)
    t.match(audit, /account\.remove/)
    t.notOk(audit.includes(password))
  })

  await t.test('by the command, while the server runs: let in, and cut off', async t => {
    const env = { POLLUX_DATA_DIR: test.dataDir }
    const args = ['add', 'sensor', 'cellar', '--topic', 'tele/cellar/#', '--json']
    const made = madeOf(await commands.json(['account', ...args], { env }))
    const bus = client(t, mqtt, made)
    await until(() => bus.connected, 'the sensor of the command')
    t.match(
      (await commands.run(['account', 'list'], { env })).stdout,
      /sensor-cellar +sensor +tele\/cellar/,
    )
    t.equal((await commands.run(['account', 'remove', made.username], { env })).code, 0)
    await until(() => bus.isRefused, 'it to be cut off by the server')
  })

  await t.test('an account that an enrolment left behind is named and can be removed', async t => {
    const { accounts } = test.program.broker
    await accounts.issue({ username: 'agent-lost', role: 'agent', publish: ['a'], subscribe: [] })
    const [left] = accountsIn(JSON.parse((await api('GET', '')).body))
    t.match(left, { username: 'agent-lost', isLeft: true })
    t.match(await agentsPage(), /agent-lost[\s\S]{0,200}left behind/)
    t.equal((await post('/agents/accounts/remove', { username: 'agent-lost' })).status, 303)
    t.same(await accounts.list(), [])
  })
})

t.test('on Mosquitto, by the command', async t => {
  const { url, admin } = await startDynsecMosquitto(t)
  const { host } = new URL(url)
  const secret = encodeURIComponent(admin.password)
  const env = { POLLUX_MQTT_URL: `mqtt://${admin.username}:${secret}@${host}` }
  const args = ['add', 'sensor', 'plug', '--topic', 'stat/#', '--client-id', 'DVES_1', '--json']
  const made = madeOf(await commands.json(['account', ...args], { env }))
  const other = client(t, url, made)
  await until(() => other.isRefused, 'another client id to be refused')
  const options = { url, ...made, log: silentLog, backoff: { msMin: 50, msMax: 100 } }
  const bus = connectBus({ ...options, clientId: 'DVES_1' })
  t.teardown(() => bus.close())
  await until(() => bus.connected, 'the sensor with its own client id')
  t.equal((await commands.run(['account', 'remove', 'sensor-plug'], { env })).code, 0)
  await until(() => bus.isRefused, 'it to be cut off')
})
