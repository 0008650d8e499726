// The embedded broker under people who mean harm: a flood from one client, huge packets, wrong
// passwords, topics of others. What matters is that the others are served and that it is told.

import { connect, Socket } from 'node:net'
import t from 'tap'
import { type BrokerOptions, startBroker } from '../../server/bus/broker.ts'
import { connectBus } from '../../server/bus/client.ts'
import { createDoor } from '../../server/bus/door.ts'
import { authorize, createPrincipals } from '../../server/bus/principals.ts'
import { createRetainedBound } from '../../server/bus/retained.ts'
import { createSignInThrottle } from '../../server/bus/throttle.ts'
import { createSetAside } from '../../server/model/setaside.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, until } from '../parts/find.ts'

const field = (text: string) => {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
}

/** A packet of MQTT 3.1.1: first byte, length, body. */
function packet(first: number, body: Buffer): Buffer {
  const length: number[] = []
  let rest = body.length
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0))
    rest >>= 7
  } while (rest > 0)
  return Buffer.concat([Buffer.from([first, ...length]), body])
}

function connectPacket(username: string, password: string, clientId: string): Buffer {
  const head = Buffer.concat([field('MQTT'), Buffer.from([4, 0xc2, 0, 0])])
  return packet(0x10, Buffer.concat([head, field(clientId), field(username), field(password)]))
}

const publishPacket = (topic: string, payload: Buffer) =>
  packet(0x30, Buffer.concat([field(topic), payload]))

async function place(t: Teardown, options: Partial<BrokerOptions> = {}) {
  const principals = createPrincipals()
  const setAside = createSetAside()
  const broker = await startBroker({
    host: '127.0.0.1',
    port: 0,
    authenticate: principals.authenticate,
    authorize,
    log: silentLog,
    setAside,
    ...options,
  })
  t.teardown(() => broker.close())
  const join = (username: string, limits: { messagesPerSecondMax?: number } = {}) => {
    const publish = [`${username}/#`]
    const own = { username, publish, subscribe: ['#'], bytesPerSecondMax: 50e6 }
    return principals.add({ ...own, ...limits })
  }
  const client = (credentials: { username: string; password: string }) => {
    const backoff = { msMin: 50, msMax: 100 }
    const url = `mqtt://${broker.address}`
    const clientId = credentials.username
    const bus = connectBus({ url, ...credentials, clientId, log: silentLog, backoff })
    t.teardown(() => bus.close())
    return bus
  }
  const raw = async (bytes: Buffer): Promise<Socket> => {
    const socket = connect(broker.port, '127.0.0.1')
    socket.on('error', () => undefined)
    t.teardown(() => void socket.destroy())
    socket.write(bytes)
    return socket
  }
  return { broker, setAside, join, client, raw }
}

t.test('100,000 messages at once from one client: the others are served meanwhile', async t => {
  const { broker, join, client, raw } = await place(t)
  const good = client(join('good', { messagesPerSecondMax: 1000 }))
  await until(() => good.connected, 'the good client')
  const seen = { flood: 0, good: 0 }
  const lags: number[] = []
  await good.subscribe('flood/#', () => void seen.flood++)
  await good.subscribe('good/#', ({ payload }) => {
    seen.good++
    lags.push(performance.now() - Number(payload.toString()))
  })
  const { username, password } = join('flood', { messagesPerSecondMax: 1000 })
  const flood = await raw(connectPacket(username, password, 'f'))
  await new Promise(resolve => flood.once('data', resolve))
  const one = publishPacket('flood/x', Buffer.from('{"value":1}'))
  flood.write(Buffer.concat(Array<Buffer>(100_000).fill(one)))
  await until(() => seen.flood > 0, 'the flood')
  for (let i = 0; i < 100; i++) await good.publish('good/x', String(performance.now()))
  await until(() => seen.good === 100, 'every message of the good client')
  t.ok(seen.flood < 100_000, `of the flood ${seen.flood} came in the meantime`)
  t.ok(broker.stats.held > 0, 'it was held back')
  t.equal(good.stats.connects, 1)
  const worst = Math.max(...lags).toFixed(0)
  t.comment(`100 messages beside a flood: the slowest took ${worst} ms; ${seen.flood} of the flood`)
})

t.test('what a slowed client sent comes all the same, in order', async t => {
  const { broker, join, client, raw } = await place(t)
  const hearer = client(join('hearer'))
  await until(() => hearer.connected, 'the hearer')
  const got: number[] = []
  await hearer.subscribe('slow/#', ({ payload }) => void got.push(Number(payload.toString())))
  const { username, password } = join('slow', { messagesPerSecondMax: 500 })
  const socket = await raw(connectPacket(username, password, 's'))
  await new Promise(resolve => socket.once('data', resolve))
  const numbers = Array.from({ length: 3000 }, (_, i) => i)
  const pieces = numbers.map(i => publishPacket('slow/x', Buffer.from(String(i).padEnd(100))))
  for (let i = 0; i < pieces.length; i += 100) {
    socket.write(Buffer.concat(pieces.slice(i, i + 100)))
    await new Promise(resolve => setImmediate(resolve))
  }
  await until(() => got.length === numbers.length, 'all of them')
  t.same(got, numbers)
  t.ok(broker.stats.held > 0)
})

t.test('retained messages: an account fills its own part alone, which goes with it', async t => {
  const { broker, join, client } = await place(t)
  const [good, evil] = [client(join('good')), client(join('evil'))]
  await until(() => good.connected && evil.connected, 'both')
  const keep = (bus: typeof good, topic: string, payload: string | Buffer = '{') =>
    bus.publish(topic, payload, { retain: true })
  for (let i = 0; i < 1010; i++) await keep(evil, `evil/${i}`)
  t.equal(broker.stats.notRetained, 10)
  await keep(evil, 'evil/0', 'newer')
  t.equal(broker.stats.notRetained, 10, 'one that is replaced needs no room')
  await keep(evil, 'evil/1', '')
  await keep(evil, 'evil/1010')
  t.equal(broker.stats.notRetained, 10, 'one that is deleted leaves room')
  await keep(good, 'good/x')
  const kept = async () => {
    const hearer = client(join(`hearer-${Math.random()}`))
    await until(() => hearer.connected, 'the hearer')
    const got = new Set<string>()
    await hearer.subscribe('#', ({ topic }) => void got.add(topic))
    await until(() => got.has('good/x'), 'what the other one keeps')
    await keep(good, 'good/last')
    await until(() => got.has('good/last'), 'all that is kept')
    await hearer.close()
    return [...got].filter(topic => topic.startsWith('evil/')).length
  }
  t.equal(await kept(), 1000)
  await broker.forget('evil')
  t.equal(await kept(), 0)
  await keep(evil, 'evil/0')
  t.equal(await kept(), 1, 'and its room is free again')
})

t.test('retained messages: bytes are counted, names of topics too', t => {
  let full = 0
  const { mayKeep, forget } = createRetainedBound(() => full++)
  const own = { username: 'own', publish: [], subscribe: [], retainedMax: { topics: 9, bytes: 20 } }
  t.ok(mayKeep(own, { topic: 'a', payload: '123456789' }))
  t.ok(mayKeep(own, { topic: 'b', payload: '123456789' }))
  t.notOk(mayKeep(own, { topic: 'c', payload: '1' }))
  t.notOk(mayKeep(own, { topic: 'a', payload: '1234567890' }))
  t.ok(mayKeep({ ...own, username: 'another' }, { topic: 'a', payload: '1' }))
  t.ok(mayKeep(own, { topic: 'long topic', payload: '' }))
  t.ok(mayKeep(own, { topic: 'c', payload: '123456789' }), 'what another overwrote is its own')
  t.same(forget('own'), ['b', 'c'])
  t.equal(full, 2)
  t.end()
})

t.test('connections that say nothing do not keep the others out', async t => {
  const { broker, join, client, raw } = await place(t, { addressMax: 300 })
  const before = client(join('before'))
  await until(() => before.connected, 'one that was there before')
  const silent: Socket[] = []
  for (let i = 0; i < 250; i++) silent.push(await raw(Buffer.alloc(0)))
  await until(() => silent.filter(socket => socket.closed).length === 150, 'all but 100 are cut')
  t.ok(silent[0]?.closed && !silent[249]?.closed, 'the oldest went')
  const newcomer = client(join('newcomer'))
  await until(() => newcomer.connected, 'the newcomer')
  await newcomer.publish('newcomer/x', 'served')
  t.equal(before.stats.connects, 1, 'who signed in is left alone')
  t.equal(broker.stats.rejected, 151)
})

t.test('one address has a bound; who signed in counts, and who went does not', async t => {
  const { broker, join, client, raw } = await place(t, { addressMax: 3 })
  const first = client(join('first'))
  await until(() => first.connected, 'the first')
  const [second] = [await raw(Buffer.alloc(0)), await raw(Buffer.alloc(0))]
  await until(() => second?.readyState === 'open', 'the second')
  const fourth = await raw(Buffer.alloc(0))
  await until(() => fourth.closed, 'the fourth to be refused')
  t.equal(broker.stats.rejected, 1)
  second?.destroy()
  const next = client(join('next'))
  await until(() => next.connected, 'one in the free place')
  t.equal(first.stats.connects, 1)
})

t.test('of many that wait, the address that has the most loses its oldest', t => {
  const limits = { addressMax: 10, waitingMax: 5, addressWaitingMax: 4 }
  let cut = 0
  const door = createDoor(limits, () => cut++)
  const come = (remoteAddress: string) => {
    const socket = new Socket()
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress })
    Object.defineProperty(socket, 'remotePort', { value: Math.random() })
    door.enter(socket)
    return socket
  }
  const honest = come('a')
  const flood = [1, 2, 3, 4, 5].map(() => come('b'))
  t.same(
    flood.map(socket => socket.destroyed),
    [true, false, false, false, false],
  )
  come('c')
  t.same([honest.destroyed, flood[1]?.destroyed, flood[2]?.destroyed], [false, true, false])
  t.equal(cut, 2)
  t.end()
})

t.test('a payload of 10 MB: the connection is cut, it is counted and told', async t => {
  const { broker, setAside, join, client, raw } = await place(t)
  const good = client(join('good'))
  await until(() => good.connected, 'the good client')
  let huge = 0
  await good.subscribe('big/#', () => void huge++)
  const { username, password } = join('big')
  const socket = await raw(connectPacket(username, password, 'b'))
  await new Promise(resolve => socket.once('data', resolve))
  const gone = new Promise(resolve => socket.once('close', resolve))
  socket.write(publishPacket('big/x', Buffer.alloc(10_000_000)))
  await gone
  await good.publish('good/x', 'still served')
  t.equal(huge, 0)
  t.equal(broker.stats.oversize, 1)
  t.match(setAside.list(), [
    { reason: 'packet', count: 1, sender: 'big', detail: /a packet above/ },
  ])
})

t.test('a forbidden topic is told with its sender and its first bytes', async t => {
  const { setAside, join, client } = await place(t)
  const bad = client(join('bad'))
  await until(() => bad.connected, 'the client')
  await bad.publish('good/x', '{"forged":true}')
  await bad.publish('$SYS/x', 'y')
  const all = setAside.list()
  t.match(all, [{ reason: 'not-allowed', count: 2, topic: '$SYS/x', sender: 'bad', excerpt: 'y' }])
})

t.test(
  'wrong passwords are answered ever later, and told; the right one is not slowed',
  async t => {
    const { broker, setAside, join, client, raw } = await place(t)
    const { username, password } = join('good')
    for (let i = 0; i < 3; i++) {
      const socket = await raw(connectPacket(username, `${password}${i}`, 'g'))
      const answer = await new Promise<Buffer>(resolve => socket.once('data', resolve))
      t.same([...answer], [0x20, 2, 0, 4])
    }
    const nobody = await raw(
      packet(0x10, Buffer.concat([field('MQTT'), Buffer.from([4, 2, 0, 0]), field('c')])),
    )
    await new Promise(resolve => nobody.resume().once('close', resolve))
    const good = client({ username, password })
    await until(() => good.connected, 'the right password')
    t.equal(broker.stats.denied, 4)
    t.match(setAside.list(), [{ reason: 'sign-in', count: 4, detail: /without user and password/ }])
    t.notOk(JSON.stringify(setAside.list()).includes(password))
  },
)

t.test('the waits grow by address and are forgotten; not too many are held', async t => {
  let now = 0
  // Waits alone do not keep the process alive.
  const alive = setInterval(() => undefined, 1000)
  t.teardown(() => clearInterval(alive))
  const throttle = createSignInThrottle(() => now)
  t.equal(await throttle.wait('a'), true, 'the first of an address')
  t.equal(await throttle.wait('a'), false)
  t.equal(await throttle.wait('b'), true, 'another address begins anew')
  now = 61_000
  t.equal(await throttle.wait('a'), true)
  const held = Array.from({ length: 300 }, () => throttle.wait('c'))
  let answered = 0
  for (const one of held) void one.then(() => answered++)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(answered, 100, 'above 200 that wait, the answer comes at once')
})
