// Goal: an edge and a core as docker/mosquitto/ ships them, with the line between them frozen and cut
// under load: every sample is in the database afterwards, once. And what each role may not.

import { readFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { connectBus, type MqttBus } from '../../server/bus/client.ts'
import type { Credentials } from '../../server/bus/principals.ts'
import { createSender } from '../../server/bus/sender.ts'
import { agentSettingsTopic, eventTopic, sampleTopic } from '../../server/bus/topics.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { device, lookup, silent } from '../ingest/messages.ts'
import { addDevice, sqlite } from '../ingest/store.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { startLine } from './line.ts'
import { type Shipped, script, startCore, startEdge } from './shipped.ts'

const SITE = 'main'
const stepMs = 10
/** Each half of the time frozen, and the first part of the cut. */
const phaseMs = 4000
/** How long the line is cut; a longer one is asked for by hand. */
const cutMs = Math.max(2 * phaseMs, Number(process.env.POLLUX_TEST_CUT_S ?? 8) * 1000)

t.setTimeout(600_000)

function join(t: Teardown, { port }: Shipped, credentials: Credentials): MqttBus {
  const bus = connectBus({
    url: `mqtt://127.0.0.1:${port}`,
    ...credentials,
    clientId: `${credentials.username}-test`,
    log: silentLog,
    backoff: { msMin: 50, msMax: 500 },
  })
  t.teardown(() => bus.close())
  return bus
}

/** A sender without a disk of its own: it asks the edge again until that has taken the message. */
async function untilTaken(bus: MqttBus, topic: string, message: string): Promise<void> {
  while (
    !(await bus.publish(topic, message).then(
      () => true,
      () => false,
    ))
  ) {
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

t.test('the line is frozen, and cut, under load', async t => {
  const { core, pollux, user, dir } = await startCore(t)
  const line = await startLine(t, core.tlsPort)
  const { password } = await user('edge-1', 'poller', 'secret-of-the-bridge')
  const users = ['poller', 'plain', 'guest']
  const { edge, credentials } = await startEdge(t, {
    ...{ corePort: line.port, coreDir: dir, password, users },
  })

  const store = await sqlite(t)
  const spooled = await addDevice(store, 'spooled')
  const plain = await addDevice(store, 'plain')
  const bus = join(t, core, pollux)
  await until(() => bus.connected, 'Pollux at the core')
  const devices = lookup(device('spooled', spooled), device('plain', plain))
  const live = createMemoryLive()
  const ingest = createIngest({ bus, site: SITE, store, live, devices, consumers: [], log: silent })
  t.teardown(() => ingest.close())
  await ingest.start()

  // One sender as ours are, with a spool and acknowledgements; one that trusts the edge alone.
  const node = join(t, edge, credentials('poller'))
  const simple = join(t, edge, credentials('plain'))
  await until(() => node.connected && simple.connected, 'both senders at the edge')
  const sender = await createSender({
    ...{ bus: node, site: SITE, dir: await tempDir(t), log: silentLog },
    resend: { msMin: 2000, msMax: 4000 },
  })
  t.teardown(() => sender.close())
  // As fast as they are sent: however long the cut is, no sample is of the future.
  const begin = Date.now()
  let sent = 0
  const publishing: Promise<unknown>[] = []
  const sendOne = () => {
    const n = sent++
    const body = { at: begin + n * stepMs, took: 1, ok: true, metrics: { n: [n] } }
    sender.send(sampleTopic(SITE, 'spooled', 'g'), Buffer.from(JSON.stringify(body)))
    const numbered = { v: 1, src: 'plain', boot: 'b', seq: n + 1, ...body }
    const message = JSON.stringify(numbered)
    publishing.push(untilTaken(simple, sampleTopic(SITE, 'plain', 'g'), message))
  }
  const timer = setInterval(sendOne, stepMs)
  t.teardown(() => clearInterval(timer))
  const phase = (ms = phaseMs) => new Promise(resolve => setTimeout(resolve, ms))
  const arrived = () => ingest.stats().received

  await until(() => arrived() > 100, 'samples over the bridge')
  line.freeze()
  await phase()
  const whileFrozen = arrived()
  await phase()
  t.equal(arrived(), whileFrozen, 'nothing passes a frozen line')
  line.thaw()
  await until(() => arrived() > whileFrozen + 200, 'samples after the thaw')
  line.cut()
  await phase()
  const whileCut = arrived()
  await phase(cutMs - phaseMs)
  t.equal(arrived(), whileCut, 'nothing passes a cut line')
  // The edge itself stops and starts in the meantime: it kept what waits on its disk.
  clearInterval(timer)
  await Promise.all(publishing)
  await edge.stop('SIGTERM')
  await edge.start()
  await line.mend()
  await until(() => sender.ledger.waiting === 0, 'every acknowledgement', 90_000)

  const read = async (deviceUid: number) => {
    const to = begin + sent * stepMs
    const [series] = await store.samples.read({
      deviceUid,
      group: 'g',
      metrics: ['n'],
      from: begin,
      to,
    })
    return (series?.points ?? []).map(point => point.value)
  }
  const wanted = Array.from({ length: sent }, (_, n) => n)
  await until(async () => (await read(plain)).length >= sent, 'every message of the plain sender')
  t.same(await read(spooled), wanted, 'with a spool: every sample, once, in order')
  t.same(await read(plain), wanted, 'without one: every sample, once, in order')
  const { received, stored, duplicate, refused } = ingest.stats()
  t.equal(
    Object.values(refused).reduce((sum, count) => sum + count, 0),
    0,
  )
  t.equal(sender.ledger.stored, sent)
  t.comment(
    `each of two senders sent ${sent}; at the core ${received} came, ${stored} stored, ${duplicate} came twice; in the database ${(await read(spooled)).length} and ${(await read(plain)).length}; ${line.connections} connections of the bridge`,
  )
})

t.test('each role may what it needs, and no more', async t => {
  const { core, pollux, user, dir } = await startCore(t)
  const { password } = await user('edge-1', 'poller', 'secret-of-the-bridge')
  const guestOfCore = await user('visitor', 'guest', 'secret-of-the-visitor')
  const users = ['poller', 'sw-1', 'guest']
  const { edge, credentials } = await startEdge(t, {
    ...{ corePort: core.tlsPort, coreDir: dir, password, users },
  })
  const bus = join(t, core, pollux)
  const [agent, guest, visitor] = [
    join(t, edge, credentials('sw-1')),
    join(t, edge, credentials('guest')),
    join(t, core, guestOfCore),
  ]
  await until(() => [bus, agent, guest, visitor].every(one => one.connected), 'everybody')
  const got: string[] = []
  const seen = { guest: 0, visitor: 0 }
  await bus.subscribe('pollux/#', ({ topic, payload }) => void got.push(`${topic} ${payload}`))
  await guest.subscribe('pollux/main/devices/#', () => void seen.guest++)
  await visitor.subscribe('pollux/main/devices/#', () => void seen.visitor++)
  const forbidden: [MqttBus, string][] = [
    [agent, sampleTopic(SITE, 'sw-2', 'g')],
    [agent, 'pollux/main/commands/all'],
    [agent, 'pollux/main/acks/sw-1'],
    [guest, sampleTopic(SITE, 'guest-2', 'g')],
    [guest, 'pollux/main/commands/all'],
    [visitor, sampleTopic(SITE, 'sw-1', 'g')],
    [visitor, '$CONTROL/dynamic-security/v1'],
  ]
  for (const [who, topic] of forbidden) await who.publish(topic, 'forged').catch(() => undefined)
  // The bridge's subscriptions and ours take a moment: told until it is heard.
  await until(async () => {
    await agent.publish(sampleTopic(SITE, 'sw-1', 'g'), 'own')
    return got.length > 0 && seen.guest > 0 && seen.visitor > 0
  }, 'its own message at the core, and at both guests')
  t.same(
    got.filter(line => line !== `${sampleTopic(SITE, 'sw-1', 'g')} own`),
    [],
  )
  const stranger = join(t, edge, { username: 'sw-1', password: 'guessed' })
  await until(() => stranger.isRefused, 'a wrong password')
  const nobody = connectBus({
    url: `mqtt://127.0.0.1:${core.port}`,
    ...{ clientId: 'x', log: silentLog, backoff: { msMin: 50, msMax: 500 } },
  })
  t.teardown(() => nobody.close())
  await until(() => nobody.isRefused, 'an anonymous client')
})

t.test('an enrolled agent at the edge', async t => {
  const { core, pollux, user, dir } = await startCore(t)
  const { password } = await user('edge-1', 'poller', 'secret-of-the-bridge')
  const options = { corePort: core.tlsPort, coreDir: dir, password, users: ['poller', 'sw-1'] }
  const { edge, dir: folder, credentials } = await startEdge(t, options)
  const made = async (...args: string[]) => script('edge-agent.sh', args, 'secret-of-web-1\n')
  const files = async () =>
    (
      await Promise.all(['acl', 'passwords'].map(name => readFile(path.join(folder, name), 'utf8')))
    ).join()
  const before = await files()
  for (const wrong of ['web 1', 'web/1', 'web+', '#', 'web\nuser server'])
    await t.rejects(made(folder, wrong, 'agent-1'), /ended with 2/, wrong)
  await t.rejects(script('edge-agent.sh', [folder, 'web-1', 'agent-1'], 'a b\n'), /ended with 2/)
  t.equal(await files(), before, 'nothing was changed')
  await made(folder, 'web-1', 'agent-0')
  await made(folder, 'web-2', 'agent-2')
  await made(folder, 'web-1', 'agent-1')
  const after = await files()
  t.equal(after.match(/^user agent-web-1$/gm)?.length, 1, 'said again, it replaces')
  t.equal(after.match(/agent-web-1:/g)?.length, 1)
  t.notMatch(after, /secret-of-web-1|agent-0/)
  await edge.stop('SIGTERM')
  await edge.start()

  const bus = join(t, core, pollux)
  const agent = connectBus({
    url: `mqtt://127.0.0.1:${edge.port}`,
    ...{ username: 'agent-web-1', password: 'secret-of-web-1', clientId: 'agent-web-1' },
    ...{ log: silentLog, backoff: { msMin: 50, msMax: 500 } },
  })
  t.teardown(() => agent.close())
  await until(() => bus.connected && agent.connected, 'both')
  const got: string[] = []
  await bus.subscribe('pollux/#', ({ topic }) => void got.push(topic))
  const heard: string[] = []
  await agent.subscribe('pollux/main/acks/agent-1', ({ topic }) => void heard.push(topic))
  await agent
    .subscribe('pollux/main/acks/agent-2', ({ topic }) => void heard.push(topic))
    .catch(() => undefined)
  const forbidden = [
    'pollux/main/acks/agent-1',
    sampleTopic(SITE, 'web-2', 'g'),
    eventTopic(SITE, 'web-2', 'docker'),
    eventTopic(SITE, 'web-1'),
    eventTopic(SITE, 'web-1', 'trap'),
    'pollux/other/devices/web-1/samples/g',
  ]
  for (const topic of forbidden) await agent.publish(topic, 'forged').catch(() => undefined)
  await until(async () => {
    await agent.publish(sampleTopic(SITE, 'web-1', 'g'), 'own')
    await bus.publish('pollux/main/acks/agent-2', '{}')
    await bus.publish('pollux/main/acks/agent-1', '{}')
    await agent.publish(eventTopic(SITE, 'web-1', 'docker'), 'own')
    const own = [sampleTopic(SITE, 'web-1', 'g'), eventTopic(SITE, 'web-1', 'docker')]
    return own.every(topic => got.includes(topic)) && heard.length > 0
  }, 'its own sample and event at the core, and its acknowledgement')
  const others = (topic: string) =>
    ![
      sampleTopic(SITE, 'web-1', 'g'),
      eventTopic(SITE, 'web-1', 'docker'),
      'pollux/main/acks/agent-1',
      'pollux/main/acks/agent-2',
    ].includes(topic)
  t.same(got.filter(others), [])
  t.same([...new Set(heard)], ['pollux/main/acks/agent-1'])

  // Settings are retained: the edge keeps them for an agent that comes later.
  const settings = ['agent-1', 'agent-2'].map(src => agentSettingsTopic(SITE, src))
  const asked: string[] = []
  for (const topic of settings) await bus.publish(topic, 'settings', { retain: true })
  for (const topic of settings)
    await agent.subscribe(topic, one => void asked.push(one.topic)).catch(() => undefined)
  await until(() => asked.length > 0, 'its settings')
  await agent.publish(settings[0] ?? '', 'forged').catch(() => undefined)
  await agent.publish(sampleTopic(SITE, 'web-1', 'last'), 'own')
  await until(() => got.includes(sampleTopic(SITE, 'web-1', 'last')), 'what it sent last')
  t.same([...new Set(asked)], settings.slice(0, 1))
  t.equal(got.filter(topic => topic === settings[0]).length, 1, 'it sets itself nothing')

  await made('--remove', folder, 'web-1')
  await made('--remove', folder, 'web-2')
  t.equal(await files(), before, 'all as it was')
  await edge.stop('SIGTERM')
  await edge.start()
  await until(() => agent.isRefused, 'its end')
  const plain = join(t, edge, credentials('sw-1'))
  await until(() => plain.connected, 'the others go on')
})
