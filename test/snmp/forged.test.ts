// Goal: only the device's own answer to a request that is open counts. Whoever else sends, knowing the
// request or not, and whatever comes twice or too late, changes nothing, and is counted by its kind.
import { createSocket, type Socket } from 'node:dgram'
import t from 'tap'
import type { Drops } from '../../server/snmp/drops.ts'
import { type Teardown, until } from '../parts/find.ts'
import { integer, octets, tlv } from '../parts/hostile-agent.ts'
import { startQuirkyAgent } from '../parts/quirky-agent.ts'
import { value } from '../parts/quirky-objects.ts'
import { type Asked, asked } from './fuzz-answers.ts'
import { device, failure, open, ownExchange, SYSTEM, shown } from './quirks-device.ts'

const NAME = `${SYSTEM}.5.0`
const NONE: Drops = {
  late: 0,
  duplicate: 0,
  forged: 0,
  weak: 0,
  malformed: 0,
  stale: 0,
}

/** A sound answer that says "forged" of each object, to this request but for what is changed. */
function forge(request: Buffer, changes: Partial<Asked> = {}, type = 0xa2): Buffer {
  const { version, community, id, oids } = { ...asked(request), ...changes }
  const list = oids.map(oid => tlv(0x30, Buffer.concat([tlv(0x06, oid), octets('forged')])))
  const parts = [tlv(0x02, id), integer(0), integer(0), tlv(0x30, Buffer.concat(list))]
  const pdu = tlv(type, Buffer.concat(parts))
  return tlv(0x30, Buffer.concat([tlv(0x02, version), tlv(0x04, community), pdu]))
}

async function socketAt(t: Teardown, address: string, port = 0): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>(resolve => socket.bind(port, address, resolve))
  t.teardown(() => {
    socket.close()
  })
  return socket
}

function sentBy(socket: Socket, bytes: Buffer, to: { address: string; port: number }) {
  return new Promise<void>(resolve => socket.send(bytes, to.port, to.address, () => resolve()))
}

/** A device, a session with it, and what was asked last: whoever sees it can answer. */
async function start(t: Teardown, address = '127.0.0.1') {
  const agent = await startQuirkyAgent(
    t,
    { ...device(), [NAME]: value.octets('true') },
    { address },
  )
  const exchange = ownExchange(t)
  const session = open(t, agent, {}, exchange)
  const name = async () => {
    const [found] = await session.get([NAME])
    return found ? shown(found.value) : 'nothing'
  }
  return { agent, exchange, session, name }
}
const TRUE = value.octets('true').text

t.test('from elsewhere, with all that the request says', async t => {
  const places: Record<string, [device: string, forger: string, samePort: boolean]> = {
    'another port': ['127.0.0.1', '127.0.0.1', false],
    'another address': ['127.0.0.1', '127.3.2.1', false],
    'another address, the same port': ['127.0.0.1', '127.3.2.1', true],
    'IPv6, another port': ['::1', '::1', false],
  }
  for (const [what, [address, from, samePort]] of Object.entries(places)) {
    const { agent, exchange, session, name } = await start(t, address)
    const forger = await socketAt(t, from, samePort ? agent.port : 0)
    let sent = 0
    agent.heard = (request, to) => {
      const three = [0, 1, 2].map(() => sentBy(forger, forge(request), to))
      sent += three.length
      agent.faults = { hold: Promise.all(three) }
    }
    for (let i = 0; i < 5; i++) t.equal(await name(), TRUE, what)
    t.same(exchange.counters, { ...NONE, forged: sent }, `${what}: counted`)
    t.equal(session.counters.dropped, sent, `${what}: and shown at the device`)
  }
})

t.test('from the device, to another request', async t => {
  const { agent, exchange, name } = await start(t)
  const bends: Record<string, (id: Buffer) => Buffer> = {
    'one more': id => changed(id, 3, 1),
    'one less': id => changed(id, 3, -1),
    'another generation of the slot': id => changed(id, 2, 0x40),
    'a later generation': id => changed(id, 1, 1),
    'the highest bits': id => changed(id, 0, 0x40),
    zero: () => Buffer.from([0]),
    'one octet': id => id.subarray(3),
    negative: () => Buffer.from([0xff, 0xff, 0xff, 0xff]),
    'two to the 32nd more': id => Buffer.concat([Buffer.from([1]), id]),
  }
  let sent = 0
  for (const [what, bend] of Object.entries(bends)) {
    agent.ahead = request => {
      sent++
      return [forge(request, { id: bend(asked(request).id) })]
    }
    t.equal(await name(), TRUE, what)
  }
  const { late, duplicate, stale, ...others } = exchange.counters
  t.equal(late + duplicate + stale, sent, 'counted')
  t.same(others, { forged: 0, weak: 0, malformed: 0 })
})

function changed(id: Buffer, at: number, by: number): Buffer {
  const other = Buffer.from(id)
  other[at] = ((other[at] ?? 0) + by) & 255
  return other
}

t.test('from the device, but not what an agent answers', async t => {
  const { agent, exchange, session, name } = await start(t)
  const cases: Record<string, [Partial<Asked>, type: number]> = {
    'another community': [{ community: Buffer.from('private') }, 0xa2],
    'an empty community': [{ community: Buffer.alloc(0) }, 0xa2],
    'a longer community': [{ community: Buffer.from('publicly') }, 0xa2],
    'another version': [{ version: Buffer.from([0]) }, 0xa2],
    'a GET': [{}, 0xa0],
    'a report': [{}, 0xa8],
    'a trap': [{}, 0xa7],
  }
  for (const [what, [changes, type]] of Object.entries(cases)) {
    agent.ahead = request => [forge(request, changes, type)]
    t.equal(await name(), TRUE, what)
  }
  t.same(exchange.counters, { ...NONE, weak: Object.keys(cases).length })
  t.equal(session.counters.dropped, Object.keys(cases).length)
})

t.test('one device answers for another', async t => {
  const victim = await start(t)
  const traitor = await startQuirkyAgent(t, { [NAME]: value.octets('traitor') })
  const session = open(t, traitor, {}, victim.exchange)
  // The traitor is polled too, and answers the open request of the victim beside its own.
  let seen: Buffer | null = null
  victim.agent.heard = request => {
    seen = Buffer.from(request)
  }
  traitor.ahead = () => (seen ? [forge(seen)] : [])
  for (let i = 0; i < 5; i++) {
    seen = null
    const answered = Promise.withResolvers<void>()
    victim.agent.faults = { hold: answered.promise }
    const asking = victim.name()
    await until(() => seen, 'the request')
    const [own] = await session.get([NAME])
    t.equal(own && shown(own.value), value.octets('traitor').text, 'its own answer is its own')
    answered.resolve()
    t.equal(await asking, TRUE)
  }
  t.same(victim.exchange.counters, { ...NONE, forged: 5 })
})

t.test('twice', async t => {
  const { agent, exchange, name } = await start(t)
  agent.faults = { duplicate: 1 }
  for (let i = 0; i < 20; i++) t.equal(await name(), TRUE)
  await until(() => exchange.counters.duplicate === 20, 'the last of them')
  t.same(exchange.counters, { ...NONE, duplicate: 20 })
})

t.test('a second answer that differs from the first', async t => {
  const { agent, exchange, session } = await start(t)
  agent.heard = () => agent.objects.set(NAME, value.octets('first'))
  const seen: Buffer[] = []
  agent.ahead = request => {
    seen.push(Buffer.from(request))
    // What a captured answer would say, sent again to the requests that follow.
    return seen.slice(0, -1).map(old => forge(old))
  }
  for (let i = 0; i < 10; i++) {
    const [found] = await session.get([NAME])
    t.equal(found && shown(found.value), value.octets('first').text)
  }
  const { late, duplicate, stale } = exchange.counters
  t.equal(late + duplicate + stale, (10 * 9) / 2, 'replays are counted')
})

t.test('too late', async t => {
  const agent = await startQuirkyAgent(t, { [NAME]: value.octets('true') })
  const exchange = ownExchange(t)
  agent.faults = { delayMs: 200 }

  const impatient = open(t, agent, { timeoutMs: 60 }, exchange)
  t.equal((await failure(impatient.get([NAME])))?.code, 'E_SNMP_TIMEOUT')
  await until(() => exchange.counters.late === 1, 'the answer to a request that is given up')

  const stop = new AbortController()
  // With a second try: the last one to a silent device is heard on a socket of its own.
  const stopped = failure(open(t, agent, { retries: 1 }, exchange).get([NAME], stop.signal))
  await until(() => agent.requests.length === 2, 'the request')
  stop.abort()
  t.equal((await stopped)?.code, 'E_ABORTED')
  await until(() => exchange.counters.late === 2, 'the answer to one that was stopped')

  const closed = open(t, agent, { retries: 1 }, exchange)
  const pending = failure(closed.get([NAME]))
  await until(() => agent.requests.length === 3, 'the request')
  closed.close()
  t.equal((await pending)?.code, 'E_ABORTED')
  await until(() => exchange.counters.late === 3, 'the answer to a session that was closed')
  t.same(exchange.counters, { ...NONE, late: 3 })
})

t.test('the answer to a try before counts, and the other is a duplicate', async t => {
  const agent = await startQuirkyAgent(t, { [NAME]: value.octets('true') })
  const exchange = ownExchange(t)
  // The first wait is a second; the answer needs longer.
  const session = open(t, agent, { timeoutMs: 4000, retries: 2 }, exchange)
  agent.faults = { delayMs: 1300 }
  const [found] = await session.get([NAME])
  t.equal(found && shown(found.value), TRUE)
  t.match(session.counters, { requests: 1, retries: 1, timeouts: 0 })
  await until(() => exchange.counters.duplicate === 1, 'the answer to the second try')
  t.equal(agent.requests.length, 2)
  t.same(exchange.counters, { ...NONE, duplicate: 1 })
})

t.test('a flood from elsewhere', async t => {
  const { agent, exchange, name } = await start(t)
  const forger = await socketAt(t, '127.3.2.1')
  agent.faults = { delayMs: 100 }
  let sent = 0
  agent.heard = (request, to) => {
    // In pieces that a receive buffer of the usual size holds.
    const more = (left: number) => {
      for (let i = 0; i < 50; i++) forger.send(forge(request), to.port, to.address)
      sent += 50
      if (left > 0) setTimeout(more, 2, left - 1)
    }
    more(19)
  }
  for (let i = 0; i < 3; i++) t.equal(await name(), TRUE)
  await until(() => sent === 3000, 'the end of the flood')
  const { forged, late, duplicate, ...others } = exchange.counters
  t.ok(forged > 0)
  t.same(others, { weak: 0, malformed: 0, stale: 0 })
  t.comment(`${sent} sent: ${JSON.stringify(exchange.counters)}`)
})
