// Goal: the interval and the pause of an agent's device reach the agent, as a real command, over the
// embedded broker and over Mosquitto; it says what it follows; what is no settings changes nothing.

import path from 'node:path'
import t, { type Test } from 'tap'
import Type from 'typebox'
import { readIdentity } from '../../agent/identity.ts'
import { keptPace, paceAsked } from '../../agent/settings.ts'
import { connectBus } from '../../server/bus/client.ts'
import { agentSettingsTopic, eventTopic } from '../../server/bus/topics.ts'
import { EVENT_KINDS } from '../../server/model/event.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { startDynsecMosquitto } from '../parts/mosquitto-dynsec.ts'
import { installation, spawnCommand } from '../system/server.ts'
import { type Caller, startApi } from '../web/caller.ts'
import { ask as askRaw } from '../web/people.ts'

t.setTimeout(600_000)

const Receipts = Type.Array(Type.Object({ stage: Type.String(), version: Type.Integer() }))
const Versioned = Type.Object({ version: Type.Integer() })
const DEVICE = 'rack-7'

const HOSTILE = [
  'text',
  '[]',
  'null',
  '{}',
  '{"v":1,"every":"1s"}',
  '{"v":2,"every":"1s","enabled":true}',
  '{"v":1,"every":"0s","enabled":true}',
  '{"v":1,"every":"25h","enabled":true}',
  '{"v":1,"every":"9999999d","enabled":true}',
  '{"v":1,"every":"1e3s","enabled":true}',
  '{"v":1,"every":1000,"enabled":true}',
  '{"v":1,"every":"1s","enabled":"false"}',
  '{"__proto__":{"v":1,"every":"1s","enabled":false}}',
  `{"v":1,"every":"1s","enabled":false,"more":"${'x'.repeat(5000)}"}`,
  `${'['.repeat(2000)}${']'.repeat(2000)}`,
]

t.test('what is settings, and what is not', async t => {
  const bytes = (text: string) => Buffer.from(text)
  t.same(paceAsked(bytes('{"v":1,"every":"1s","enabled":true}')), { everyMs: 1000, enabled: true })
  t.same(paceAsked(bytes('{"v":1,"every":"24h","enabled":false,"new":[1]}')), {
    everyMs: 86_400_000,
    enabled: false,
  })
  for (const text of HOSTILE) t.type(paceAsked(bytes(text)), 'string', text.slice(0, 60))
  t.type(paceAsked(Buffer.from([0xff, 0xfe, 0x7b])), 'string')
})

interface Place {
  name: string
  env(t: Teardown): Promise<Record<string, string>>
}

const PLACES: Place[] = [
  { name: 'embedded', env: async () => ({}) },
  {
    name: 'mosquitto',
    async env(t) {
      const { url, admin } = await startDynsecMosquitto(t)
      const { host } = new URL(url)
      const { username, password } = admin
      return { POLLUX_MQTT_URL: `mqtt://${username}:${encodeURIComponent(password)}@${host}` }
    },
  },
]

/** `pollux agent` of a device that is there already, measuring seldom. */
async function agentOf(t: Test, api: Caller) {
  const { test } = api
  const answer = await api.ask('POST', '/agents/tokens', { body: {} })
  const { token } = answer.as(Type.Object({ token: Type.String() }))
  const where = await installation(t)
  const dir = path.join(await tempDir(t), 'agent')
  const start = () =>
    spawnCommand(t, where, [
      ...['agent', '--server', test.url, '--token', token, '--data', dir],
      ...['--name', DEVICE, '--every', '30s'],
    ])
  return { dir, start }
}

/** An account that may write there: a server that was taken over, or a broker that lets all in. */
async function forger(t: Test, { test }: Caller, mqttUrl: string) {
  const { accounts } = test.program.broker
  const account = { username: 'forger', role: 'poller' as const, subscribe: [] }
  const credentials = await accounts.issue({ ...account, publish: ['pollux/main/settings/#'] })
  const bus = connectBus({ url: mqttUrl, ...credentials, clientId: 'forger', log: silentLog })
  t.teardown(() => bus.close())
  await until(() => bus.connected, 'the forger')
  return bus
}

for (const place of PLACES) {
  t.test(place.name, async t => {
    const api = await startApi(t, { env: await place.env(t) })
    const value = async (metric: string) =>
      (await api.latest(DEVICE).catch(() => null))?.samples.find(one => one.metric === metric)
    const measuresEvery = (seconds: number) =>
      until(async () => (await value('host.interval'))?.value === seconds, `${seconds} s`)
    const change = async (body: object) => {
      const answer = await api.ask('PATCH', `/devices/${DEVICE}`, { body })
      if (answer.status !== 200) throw new Error(answer.text)
      return answer.as(Versioned).version
    }
    const isLoaded = async (version: number) =>
      (await api.ask('GET', `/devices/${DEVICE}/receipts`))
        .as(Receipts)
        .some(one => one.stage === 'loaded' && one.version === version)
    const agent = await agentOf(t, api)
    let running = agent.start()
    await measuresEvery(30)
    const identity = await readIdentity(agent.dir)
    if (!identity) throw new Error('it did not enrol')
    const { src, mqtt } = identity.answer
    const topic = agentSettingsTopic('main', src)

    await t.test('another interval', async t => {
      const version = await change({ every: '1s' })
      await measuresEvery(1)
      await until(() => isLoaded(version), 'the receipt')
      t.same(await keptPace(agent.dir, src), { everyMs: 1000, enabled: true })
      t.equal(await keptPace(agent.dir, 'agent-of-before'), null)
    })

    await t.test('a pause, over a restart of the agent, and on again', async t => {
      const version = await change({ enabled: false })
      await measuresEvery(0)
      await until(() => isLoaded(version), 'the receipt')
      const page = await askRaw(api.test.url, `/devices/${DEVICE}`, {
        headers: { cookie: api.everybody.admin.cookie },
      })
      t.notMatch(page.body, /id="device-agent"/, 'it does what is asked')
      const pausedAt = (await value('host.interval'))?.at ?? 0
      t.equal((await running.stop()).code, 0)
      running = agent.start()
      await until(() => /connected to the MQTT broker/.test(running.stderr()), 'the next start')
      // Three beats of the interval that it had: the time in which a fault would be seen.
      await until(() => Date.now() > pausedAt + 3000, 'three beats')
      const resumed = Date.now()
      await change({ enabled: true })
      await measuresEvery(1)
      await until(async () => ((await value('host_load.one'))?.at ?? 0) >= resumed, 'the load')
      const { series } = await api.history({
        ...{ device: DEVICE, metric: 'host_load.one', points: '5000' },
        ...{ from: String(pausedAt - 60_000), to: String(Date.now() + 60_000) },
      })
      const times = series.flatMap(({ points }) => points.map(([at]) => at))
      t.same(
        times.filter(at => at > pausedAt + 10 && at < resumed),
        [],
        'nothing was measured meanwhile',
      )
      t.ok(times.some(at => at < pausedAt))
    })

    await t.test('what is no settings changes nothing', async t => {
      const forged = await forger(t, api, mqtt.url)
      for (const text of HOSTILE) await forged.publish(topic, text, { retain: true })
      const after = Date.now()
      await until(async () => ((await value('host.interval'))?.at ?? 0) > after + 2000, 'beats')
      t.equal((await value('host.interval'))?.value, 1)
      await until(() => /cannot be followed/.test(running.stderr()), 'the log')
      t.equal(running.child.exitCode, null)
      t.same(await keptPace(agent.dir, src), { everyMs: 1000, enabled: true })
    })

    await t.test('what its account may, and may not', async t => {
      await running.stop()
      const version = await change({ every: '5m' })
      const bus = connectBus({ ...mqtt, clientId: mqtt.username, log: silentLog })
      t.teardown(() => bus.close())
      await until(() => bus.connected, 'the account')
      const heard: string[] = []
      await bus.subscribe(topic, ({ payload }) => void heard.push(payload.toString()))
      await until(() => heard.some(text => text.includes('5m')), 'the retained message')
      t.same(JSON.parse(heard.at(-1) ?? ''), { v: 1, every: '5m', enabled: true })
      await t.rejects(
        bus.subscribe(agentSettingsTopic('main', 'agent-0000'), () => undefined),
        { code: 'E_BUS_REFUSED' },
      )
      await bus.publish(topic, '{"v":1,"every":"7m","enabled":false}').catch(() => undefined)

      // Of its own device it may tell what its containers do, and nothing in another's words.
      const told = { v: 1, at: Date.now(), severity: 'critical', text: 'told by the agent' }
      const tell = (to: string, kind: string, name: string) =>
        bus.publish(to, JSON.stringify({ ...told, kind, name })).catch(() => undefined)
      const own = eventTopic('main', DEVICE, 'docker')
      for (const kind of EVENT_KINDS) {
        await tell(eventTopic('main', DEVICE), kind, 'forged')
        if (kind === 'docker') continue
        await tell(eventTopic('main', DEVICE, kind), kind, 'forged')
        await tell(own, kind, 'forged')
      }
      await tell(own, 'docker', 'own')
      const events = await until(async () => {
        const { text } = await api.ask('GET', `/events?device=${DEVICE}`)
        return text.includes('"own"') && text
      }, 'its own event')
      t.notMatch(events, /forged/)
      const aside = new RegExp(`"schema","count":${EVENT_KINDS.length - 1},`)
      t.match((await api.ask('GET', '/ingest')).text, aside, 'what it said is set aside')
      await bus.close()
      t.notOk(heard.some(text => text.includes('7m')))

      t.notOk(await isLoaded(version), 'the agent is away')
      const page = await askRaw(api.test.url, `/devices/${DEVICE}`, {
        headers: { cookie: api.everybody.admin.cookie },
      })
      t.match(page.body, /id="device-agent"[^>]*>The agent still measures every 1 s/)
      running = agent.start()
      await measuresEvery(300)
      await until(() => isLoaded(version), 'the receipt of what was asked meanwhile')
    })

    await t.test('revoked: nothing of it is left on the broker', async t => {
      await running.stop()
      const { accounts } = api.test.program.broker
      const reader = { username: 'reader', role: 'poller' as const, publish: [] }
      const credentials = await accounts.issue({ ...reader, subscribe: ['pollux/main/settings/#'] })
      const bus = connectBus({ ...credentials, url: mqtt.url, clientId: 'reader', log: silentLog })
      t.teardown(() => bus.close())
      const heard: { topic: string; text: string }[] = []
      await bus.subscribe('pollux/main/settings/#', one => {
        heard.push({ topic: one.topic, text: one.payload.toString() })
      })
      await until(() => heard.some(one => one.text.includes('5m')), 'what is retained')
      t.equal((await api.ask('DELETE', `/agents/${DEVICE}`)).status, 204)
      await until(() => heard.at(-1)?.text === '', 'it to be taken back')
      t.ok(heard.every(one => one.topic === topic))
      await bus.close()
    })
  })
}
