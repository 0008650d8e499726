// Who may do what at a broker: anonymous, access lists, sizes, client ids, `$SYS`, ports, limits.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { type BrokerOptions, startBroker } from '../../server/bus/broker.ts'
import { connectBus } from '../../server/bus/client.ts'
import { authorize, createPrincipals } from '../../server/bus/principals.ts'
import { ackTopic, eventTopic, rowsTopic, sampleTopic } from '../../server/bus/topics.ts'
import { eachBroker, embeddedBroker, SITE, silentLog } from '../parts/broker.ts'
import { program, type Teardown, tempDir, until } from '../parts/find.ts'

t.test('an agent publishes for its own device alone', t =>
  eachBroker(t, async (t, broker) => {
    const core = broker.connect()
    const agent = broker.connect({ user: 'agent-a' })
    await until(() => core.connected && agent.connected, 'both')
    const got: string[] = []
    await core.subscribe('#', message => void got.push(message.topic))
    const own = [
      sampleTopic(SITE, 'agent-a', 'cpu'),
      rowsTopic(SITE, 'agent-a', 'disk'),
      eventTopic(SITE, 'agent-a'),
    ]
    const foreign = [
      sampleTopic(SITE, 'agent-b', 'cpu'),
      rowsTopic(SITE, 'agent-b', 'disk'),
      eventTopic(SITE, 'agent-b'),
      `pollux/${SITE}/devices/agent-a/status`,
      `pollux/${SITE}/devices/agent-a/alarms/1`,
      ackTopic(SITE, 'agent-a'),
      'anything',
    ]
    // MQTT 5 says that it is refused; 3.1.1 has no words for that.
    for (const topic of foreign) await agent.publish(topic, 'forged').catch(() => undefined)
    for (const topic of own) await agent.publish(topic, 'own')
    await until(() => got.length >= own.length, 'its own messages')
    t.same(got.sort(), own.sort())
    t.ok(agent.connected, 'a refused topic does not stop the rest')
  }),
)

t.test('an agent hears its own acks alone, whatever it asks for', t =>
  eachBroker(t, async (t, broker) => {
    const core = broker.connect()
    const agent = broker.connect({ user: 'agent-a' })
    await until(() => core.connected && agent.connected, 'both')
    const got: string[] = []
    const filters = ['#', '+/+/#', 'pollux/#', `pollux/${SITE}/acks/+`, '$SYS/#']
    for (const filter of filters) {
      await agent
        .subscribe(filter, message => void got.push(`${filter}: ${message.topic}`))
        .catch(() => undefined)
    }
    const own: string[] = []
    await agent.subscribe(ackTopic(SITE, 'agent-a'), message => void own.push(message.topic))
    await core.publish(sampleTopic(SITE, 'agent-b', 'cpu'), 'secret', { retain: true })
    await core.publish(ackTopic(SITE, 'agent-b'), 'not yours')
    await core.publish(ackTopic(SITE, 'agent-a'), 'yours')
    await until(() => own.length > 0, 'its own ack')
    t.same(
      got.filter(line => !line.endsWith(ackTopic(SITE, 'agent-a'))),
      [],
    )
  }),
)

t.test('a client id belongs to its user: nobody takes over a connection', async t => {
  const broker = await embeddedBroker(t)
  const first = broker.connect({ user: 'agent-a', clientId: 'same' })
  await until(() => first.connected, 'the first')
  const second = broker.connect({ user: 'agent-b', clientId: 'same' })
  await until(() => second.connected, 'the second')
  await first.publish(sampleTopic(SITE, 'agent-a', 'cpu'), 'still here')
  t.equal(first.stats.connects, 1)
})

t.test('samples, acks and commands are never retained', async t => {
  const broker = await embeddedBroker(t)
  const core = broker.connect()
  await until(() => core.connected, 'the connection')
  await core.publish(sampleTopic(SITE, 'd', 'g'), 'old', { retain: true })
  await core.publish(ackTopic(SITE, 's'), 'old', { retain: true })
  await core.publish(rowsTopic(SITE, 'd', 'g'), 'kept', { retain: true })
  const got: string[] = []
  await core.subscribe('pollux/#', message => void got.push(message.payload.toString()))
  await until(() => got.length > 0, 'what is retained')
  t.same(got, ['kept'])
})

/** Sends raw bytes and resolves when the broker hangs up. */
function hangsUp(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const answer: Buffer[] = []
    socket.on('data', chunk => answer.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(Buffer.concat(answer)))
    socket.setTimeout(8000, () => reject(new Error('the broker kept the connection')))
  })
}

async function privateBroker(t: Teardown, options: Partial<BrokerOptions> = {}) {
  const principals = createPrincipals()
  const broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    authenticate: principals.authenticate,
    authorize,
    log: silentLog,
    ...options,
  })
  t.teardown(() => broker.close())
  return { broker, principals }
}

t.test('a packet that announces too much is cut before it arrives', async t => {
  const { broker } = await privateBroker(t)
  // PUBLISH of 256 MB; CONNECT of 1 MB; a length that never ends.
  await hangsUp(broker.port, Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3]))
  await hangsUp(broker.port, Buffer.from([0x10, 0x80, 0x80, 0x40, 0, 4]))
  await hangsUp(broker.port, Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff]))
  t.equal(broker.stats.oversize, 3)
  await hangsUp(broker.port, Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  t.equal(broker.connectedClients, 0)
})

t.test("a principal's own packet limit holds, and is enforced after it signed in", async t => {
  const { broker, principals } = await privateBroker(t)
  const { username, password } = principals.add({
    username: 'small',
    publish: ['#'],
    subscribe: ['#'],
    packetBytesMax: 20_000,
  })
  const bus = connectBus({
    url: `mqtt://${broker.address}`,
    username,
    password,
    clientId: 'c',
    log: silentLog,
    backoff: { msMin: 50, msMax: 100 },
  })
  t.teardown(() => bus.close())
  await until(() => bus.connected, 'the connection')
  await bus.publish('a', Buffer.alloc(15_000))
  await t.rejects(bus.publish('a', Buffer.alloc(25_000)), { code: 'E_BUS_OFFLINE' })
  t.equal(broker.stats.oversize, 1)
  await until(() => bus.connected, 'the connection again')
  t.equal(broker.disconnect('nobody'), 0)
  t.equal(broker.disconnect('small'), 1)
  await until(() => bus.stats.connects === 3, 'another connection')
  principals.remove('small')
  broker.disconnect('small')
  await until(() => bus.lastError?.includes('refused the user'), 'the refusal')
})

t.test('a port in use names the setting; close works twice', async t => {
  const { broker } = await privateBroker(t)
  await t.rejects(
    startBroker({
      host: '127.0.0.1',
      port: broker.port,
      authenticate: () => null,
      authorize,
      log: silentLog,
    }),
    { code: 'E_PORT_IN_USE', hint: /POLLUX_MQTT_LISTEN/ },
  )
  await t.rejects(
    startBroker({
      host: '192.0.2.1',
      port: 0,
      authenticate: () => null,
      authorize,
      log: silentLog,
    }),
    { code: 'E_BROKER_LISTEN', hint: /POLLUX_MQTT_LISTEN/ },
  )
  await broker.close()
  await broker.close()
})

t.test('a sign-in that cannot be checked is refused, and nothing breaks', async t => {
  let ask: (username: string) => Promise<null> = async () => null
  const broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    authenticate: username => ask(username),
    authorize,
    log: silentLog,
  })
  t.teardown(() => broker.close())
  ask = async () => {
    throw new Error('the database is away')
  }
  // CONNECT, MQTT 3.1.1, clean session, client "c", user "u", password "p".
  const body = Buffer.from([0, 4, 77, 81, 84, 84, 4, 0xc2, 0, 60, 0, 1, 99, 0, 1, 117, 0, 1, 112])
  const answer = await hangsUp(broker.port, Buffer.concat([Buffer.from([0x10, body.length]), body]))
  t.same([...answer], [0x20, 2, 0, 4], 'CONNACK: bad user name or password')
})

t.test('a subscriber that takes nothing is cut, and the others get everything', async t => {
  const broker = await embeddedBroker(t)
  const core = broker.connect()
  const other = broker.connect()
  await until(() => core.connected && other.connected, 'both')
  let got = 0
  await other.subscribe('load/#', () => void got++)
  const stuck = connect(Number(new URL(broker.url).port), '127.0.0.1')
  t.teardown(() => stuck.destroy())
  let gone = false
  stuck.on('error', () => (gone = true))
  const field = (text: string) => Buffer.from([0, text.length, ...Buffer.from(text)])
  const connectBody = Buffer.concat([
    field('MQTT'),
    Buffer.from([4, 0xc2, 0, 0]),
    field('stuck'),
    field('core'),
    field(broker.password),
  ])
  const subscribeBody = Buffer.concat([Buffer.from([0, 1]), field('load/#'), Buffer.from([1])])
  stuck.write(Buffer.concat([Buffer.from([0x10, connectBody.length]), connectBody]))
  stuck.write(Buffer.concat([Buffer.from([0x82, subscribeBody.length]), subscribeBody]))
  await new Promise(resolve => stuck.once('data', resolve))
  stuck.pause()
  const payload = Buffer.alloc(100_000)
  for (let i = 0; i < 200; i++) await core.publish('load/1', payload)
  await until(() => got === 200, 'the other subscriber', 20_000)
  // Bytes that the kernel still held come first, then the end of the connection.
  await until(
    () => {
      if (!gone) stuck.write(Buffer.from([0xc0, 0]), error => (gone ||= Boolean(error)))
      return gone
    },
    'the cut',
    20_000,
  )
  t.ok(core.connected && other.connected)
})

t.test('TLS: the right authority connects, any other does not', async t => {
  const openssl = await program('openssl', 'openssl')
  const dir = await tempDir(t)
  const pem = async (name: string) => {
    const [key, cert] = [path.join(dir, `${name}.key`), path.join(dir, `${name}.pem`)]
    const subject = [
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost,IP:127.0.0.1',
    ]
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    await promisify(execFile)(openssl, [
      ...['req', '-x509', ...kind, ...subject],
      ...['-keyout', key, '-out', cert],
    ])
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  }
  const ours = await pem('ours')
  const other = await pem('other')
  const { broker, principals } = await privateBroker(t, { tls: ours })
  const credentials = principals.add({ username: 'u', publish: ['#'], subscribe: ['#'] })
  const open = (ca: string) => {
    const bus = connectBus({
      url: `mqtts://127.0.0.1:${broker.port}`,
      ...credentials,
      clientId: 'c',
      log: silentLog,
      tls: { ca },
      backoff: { msMin: 50, msMax: 100 },
    })
    t.teardown(() => bus.close())
    return bus
  }
  const good = open(ours.cert)
  await until(() => good.connected, 'the connection')
  await good.publish('a', 'b')
  const bad = open(other.cert)
  await until(() => bad.lastError, 'the refusal')
  t.match(bad.lastError, /certificate/)
  t.notOk(bad.connected)
})

t.test('an access list cannot be widened by wildcards', async t => {
  const principals = createPrincipals()
  const { username, password } = principals.add({
    username: 'a',
    publish: ['p/a/+'],
    subscribe: ['s/a/#'],
  })
  const principal = principals.authenticate(username, password)
  t.ok(principal)
  t.equal(principals.authenticate(username, `${password}x`), null)
  t.equal(principals.authenticate('b', password), null)
  t.equal(principals.authenticate('__proto__', ''), null)
  if (!principal) return
  const may = (topic: string) => authorize(principal, 'subscribe', topic)
  t.ok(may('s/a/#') && may('s/a/b') && may('s/a/+/c') && may('s/a') && may('$share/g/s/a/b'))
  for (const filter of ['#', '+/a/#', 's/#', 's/+/b', 's/b/#', '$SYS/#', '$share/g/#', '']) {
    t.notOk(may(filter), filter)
  }
  t.ok(authorize(principal, 'publish', 'p/a/x'))
  for (const topic of ['p/a', 'p/a/x/y', 'p/b/x', '$p/a/x', '']) {
    t.notOk(authorize(principal, 'publish', topic), topic)
  }
})
