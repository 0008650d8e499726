// The MQTT client over both brokers: delivery, retained, will, reconnects, refusals, sizes, closing.

import { createServer } from 'node:net'
import t from 'tap'
import { connectBus } from '../../server/bus/client.ts'
import type { BusMessage } from '../../server/bus/contract.ts'
import { eachBroker, mosquittoBroker, silentLog } from '../parts/broker.ts'
import { freePort, until } from '../parts/find.ts'

const text = (message: BusMessage) => message.payload.toString()

t.test('publishes and subscribes, and tells retained from live', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect()
    const states: boolean[] = []
    bus.onState(state => states.push(state))
    await until(() => bus.connected, 'the connection')
    t.same(states, [false, true])
    const got: BusMessage[] = []
    const stop = await bus.subscribe('a/+/c', message => void got.push(message))
    await bus.publish('a/1/c', 'live', { qos: 0 })
    await bus.publish('a/2/c', Buffer.from('kept'), { retain: true })
    await bus.publish('a/2/d', 'not asked for')
    await until(() => got.length === 2, 'both messages')
    t.same(got.map(text), ['live', 'kept'])
    t.same(
      got.map(message => message.retained),
      [false, false],
    )

    const late: BusMessage[] = []
    await broker.connect().subscribe('a/#', message => void late.push(message))
    await until(() => late.length === 1, 'the retained message')
    t.match(late[0], { topic: 'a/2/c', retained: true })

    await stop()
    await bus.publish('a/1/c', 'nobody')
    await bus.publish('a/9/c', 'nobody', { qos: 0 })
    await until(() => late.length === 3, 'the other subscriber')
    t.equal(got.length, 2, 'an ended subscription gets nothing')
  }),
)

t.test('two subscriptions that overlap both get the message', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    let wide = 0
    let narrow = 0
    await bus.subscribe('x/#', () => void wide++)
    const stop = await bus.subscribe('x/y', () => void narrow++)
    await bus.publish('x/y', '1')
    await until(() => wide > 0 && narrow > 0, 'both')
    await stop()
    const before = narrow
    await bus.publish('x/z', '2')
    await until(() => wide > 1, 'the wide one')
    t.equal(narrow, before)
  }),
)

t.test('the will is published when the client dies, not when it closes', t =>
  eachBroker(t, async (t, broker) => {
    const wills: string[] = []
    const watcher = broker.connect()
    await until(() => watcher.connected, 'the watcher')
    await watcher.subscribe('nodes/+', message => void wills.push(message.topic))
    const will = (name: string) => ({ topic: `nodes/${name}`, payload: 'gone', retain: true })
    const polite = broker.connect({ will: will('polite') })
    await until(() => polite.connected, 'the polite one')
    await polite.close()
    // An oversized packet is one way to be cut off without a good-bye.
    const rude = broker.connect({ will: will('rude'), clientId: 'rude' })
    await until(() => rude.connected, 'the rude one')
    const same = broker.connect({ clientId: 'rude' })
    await until(() => wills.length > 0, 'the will')
    t.same(wills[0], 'nodes/rude')
    await rude.close()
    await same.close()
  }),
)

t.test('after a broker that lost everything, subscriptions are back', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    const got: string[] = []
    await bus.subscribe('k/#', message => void got.push(text(message)))
    await bus.publish('k/1', 'before')
    await until(() => got.length === 1, 'the first message')
    await broker.kill()
    await until(() => !bus.connected, 'the client to notice')
    await t.rejects(bus.publish('k/1', 'lost'), { code: 'E_BUS_OFFLINE', passing: true })
    await bus.subscribe('later/#', message => void got.push(text(message)))
    t.ok(bus.lastError, 'the reason is visible')
    await broker.start()
    await until(() => bus.connected, 'the connection again')
    t.equal(bus.lastError, null)
    await bus.publish('k/1', 'after')
    await bus.publish('later/1', 'made while offline')
    await until(() => got.length === 3, 'both subscriptions')
    t.same(got, ['before', 'after', 'made while offline'])
    t.equal(bus.stats.connects, 2)
  }),
)

t.test('publishes under way when the broker dies are rejected, not left hanging', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    const results = Array.from({ length: 600 }, (_, i) =>
      bus.publish('h/1', Buffer.alloc(20_000, i)).then(
        () => 'taken',
        error => error.code,
      ),
    )
    await broker.kill()
    const outcomes = new Set(await Promise.all(results))
    outcomes.delete('taken')
    t.same([...outcomes], ['E_BUS_OFFLINE'])
  }),
)

t.test('a wrong password stays offline and says why; so does no password', t =>
  eachBroker(t, async (t, broker) => {
    const wrong = broker.connect({ password: 'guess' })
    await until(() => wrong.lastError, 'the refusal')
    t.match(wrong.lastError, /refused the user "core"/)
    const bus = connectBus({
      url: broker.url,
      clientId: 'nobody',
      log: silentLog,
      backoff: { msMin: 50, msMax: 100 },
    })
    t.teardown(() => bus.close())
    await until(() => bus.lastError, 'the refusal of the anonymous one')
    t.match(bus.lastError, /refused the user "\(none\)"/)
    t.notOk(wrong.connected)
    t.notOk(bus.connected)
  }),
)

t.test('a message above the limit is refused before it is sent', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect({ packetBytesMax: 10_000 })
    await until(() => bus.connected, 'the connection')
    await t.rejects(bus.publish('big', Buffer.alloc(10_001)), { code: 'E_BUS_TOO_LARGE' })
    await bus.publish('big', Buffer.alloc(9_000))
    t.ok(bus.connected)
    t.equal(bus.stats.refused, 1)
  }),
)

t.test('a packet above its limit never reaches the client: it is cut or left out', t =>
  eachBroker(t, async (t, broker) => {
    const small = broker.connect({ packetBytesMax: 10_000 })
    const large = broker.connect()
    await until(() => small.connected && large.connected, 'both')
    const got: number[] = []
    await small.subscribe('size/#', message => void got.push(message.payload.length))
    await large.publish('size/1', Buffer.alloc(50_000))
    await large.publish('size/1', Buffer.alloc(5_000))
    await until(async () => {
      if (got.length === 0 && small.connected) await large.publish('size/1', Buffer.alloc(5_000))
      return got.length > 0
    }, 'the small message')
    t.notOk(got.includes(50_000))
  }),
)

t.test('a handler that fails is counted, and the others still get their messages', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    let good = 0
    await bus.subscribe('f/#', () => {
      throw new Error('sync')
    })
    await bus.subscribe('f/#', async () => {
      throw new Error('async')
    })
    await bus.subscribe('f/#', () => void good++)
    await bus.publish('f/1', '1')
    await until(() => good > 0 && bus.stats.failed >= 2, 'all three')
    t.ok(bus.connected)
  }),
)

t.test('unfinished handlers are bounded, start in order, and nothing is lost meanwhile', t =>
  eachBroker(t, async (t, broker) => {
    const bus = broker.connect({ handlersMax: 4 })
    await until(() => bus.connected, 'the connection')
    let running = 0
    let most = 0
    const started: number[] = []
    const gate: { open: () => void } = { open: () => undefined }
    const opened = new Promise<void>(resolve => (gate.open = resolve))
    await bus.subscribe('slow/#', async message => {
      most = Math.max(most, ++running)
      started.push(Number(text(message)))
      await opened
      running--
    })
    const sender = broker.connect()
    await until(() => sender.connected, 'the sender')
    for (let i = 0; i < 300; i++) await sender.publish('slow/1', String(i))
    await until(() => started.length === 4, 'the first handlers')
    gate.open()
    await until(() => started.length === 300, 'all of them')
    t.equal(most, 4)
    t.same(
      started,
      [...started].sort((a, b) => a - b),
    )
    t.equal(bus.stats.dropped, 0)
  }),
)

t.test('a broker that takes the connection and says nothing cannot hold up closing', async t => {
  const port = await freePort()
  const sockets = new Set<import('node:net').Socket>()
  const server = createServer(socket => void sockets.add(socket)).listen(port, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const bus = connectBus({ url: `mqtt://127.0.0.1:${port}`, clientId: 'x', log: silentLog })
  await until(() => sockets.size > 0, 'the connection')
  await t.rejects(bus.publish('a', 'b'), { code: 'E_BUS_OFFLINE' })
  await bus.close()
  await bus.close()
  t.notOk(bus.connected)
})

t.test('a stopped broker (SIGSTOP) cannot hold up closing either', async t => {
  const broker = await mosquittoBroker(t)
  const bus = broker.connect()
  await until(() => bus.connected, 'the connection')
  broker.part.pause()
  t.teardown(() => broker.part.resume())
  const outcome = bus.publish('a', 'b').catch(error => error.code)
  await bus.close()
  t.equal(await outcome, 'E_BUS_OFFLINE')
  broker.part.resume()
})

t.test('an address that names no broker is refused at once', async t => {
  for (const url of ['', 'broker', 'http://127.0.0.1', 'mqtt://']) {
    t.throws(() => connectBus({ url, clientId: 'x', log: silentLog }), { code: 'E_BUS_URL' }, url)
  }
})

t.test('close without a broker ever there', async t => {
  const bus = connectBus({
    url: `mqtt://127.0.0.1:${await freePort()}`,
    clientId: 'x',
    log: silentLog,
  })
  await until(() => bus.lastError, 'the reason')
  await bus.close()
  t.notOk(bus.connected)
})
