// Goal: no more is on the way than a socket's buffer and the ids allow, the rest waits and is served in
// order; silence of the thread itself is not taken for the device's.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { createExchange, type Exchange } from '../../server/snmp/exchange.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SessionOptions } from '../../server/snmp/session.ts'
import { slotsMax } from '../../server/snmp/slots.ts'
import type { OpenTransport, Peer } from '../../server/snmp/transport.ts'
import { openUdp } from '../../server/snmp/udp.ts'
import { freeUdpPort, type Teardown, until } from '../parts/find.ts'
import { honestly, octets, startHostileAgent } from '../parts/hostile-agent.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const SYS_NAME = '1.3.6.1.2.1.1.5.0'

/** As UDP, with another cap; what is sent is counted, and held back where `isHeld`. */
function capped(outstandingPerSocketMax: number, isHeld = false) {
  const sent: { bytes: Uint8Array; peer: Peer }[] = []
  let most = 0
  let underWay = 0
  const open: OpenTransport = events => {
    const udp = openUdp({
      ...events,
      message(bytes, address, port) {
        underWay--
        events.message(bytes, address, port)
      },
    })
    return {
      ...udp,
      outstandingPerSocketMax,
      send(bytes, peer) {
        sent.push({ bytes, peer })
        most = Math.max(most, ++underWay)
        if (!isHeld) udp.send(bytes, peer)
      },
    }
  }
  return { open, sent, most: () => most }
}

function exchangeOf(t: Teardown, open: OpenTransport): Exchange {
  const exchange = createExchange(open)
  t.teardown(() => exchange.close())
  return exchange
}

function session(
  t: Teardown,
  exchange: Exchange,
  to: { address: string; port: number },
  options: Partial<SessionOptions> = {},
) {
  const opened = openSession(
    {
      credentials: { version: '2c', community: 'public' },
      timeoutMs: 5000,
      retries: 0,
      ...options,
      address: to.address,
      port: to.port,
    },
    exchange,
  )
  t.teardown(() => opened.close())
  return opened
}

t.test('more requests than a socket may have on the way wait in order', async t => {
  const agent = await startHostileAgent(t, honestly({ [SYS_NAME]: octets('sw1') }))
  const transport = capped(4)
  const exchange = exchangeOf(t, transport.open)
  const sessions = Array.from({ length: 40 }, () => session(t, exchange, agent))
  const order: number[] = []
  await Promise.all(
    sessions.map(async (one, i) => {
      await one.get([SYS_NAME])
      order.push(i)
    }),
  )
  t.equal(transport.most(), 4)
  t.equal(transport.sent.length, 40)
  t.same(
    order,
    [...order].sort((a, b) => a - b),
    'first come, first served',
  )
})

t.test('a request that waits for room may be given up, and others take its place', async t => {
  const agent = await startHostileAgent(t)
  const transport = capped(2)
  const exchange = exchangeOf(t, transport.open)
  const held = [1, 2].map(() => session(t, exchange, agent, { timeoutMs: 600 }).get([SYS_NAME]))
  const stop = new AbortController()
  const given = session(t, exchange, agent).get([SYS_NAME], stop.signal)
  const last = session(t, exchange, agent).get([SYS_NAME])
  await until(() => agent.requests.length === 2, 'the first two')
  stop.abort()
  await t.rejects(given, { code: 'E_ABORTED' })
  agent.answer = honestly({ [SYS_NAME]: octets('sw1') })
  for (const one of held) await t.rejects(one, { code: 'E_SNMP_TIMEOUT' })
  t.equal((await last)[0]?.oid, SYS_NAME)
  t.equal(agent.requests.length, 3, 'the one given up was never sent')
})

t.test('when all ids are given out, requests wait for one', async t => {
  const agent = await startHostileAgent(t, honestly({ [SYS_NAME]: octets('sw1') }))
  const transport = capped(4 * slotsMax, true)
  const exchange = exchangeOf(t, transport.open)
  const silent = session(t, exchange, agent, { timeoutMs: 60_000, pinned: { inFlight: slotsMax } })
  const waiting = Array.from({ length: slotsMax }, () => silent.get([SYS_NAME]))
  const ends = Promise.allSettled(waiting)
  t.equal(transport.sent.length, slotsMax)
  const late = session(t, exchange, agent, { timeoutMs: 60_000 })
  const answer = late.get([SYS_NAME])
  await setImmediate()
  t.equal(transport.sent.length, slotsMax, 'none is left for it')
  silent.close()
  t.ok((await ends).every(({ status }) => status === 'rejected'))
  await until(() => transport.sent.length === slotsMax + 1, 'it is sent as soon as one is free')
  late.close()
  await t.rejects(answer, { code: 'E_ABORTED' })
})

t.test('what came while the thread stood still is read before a second try', async t => {
  const { address, port, community } = await startSnmpd(t)
  const exchange = exchangeOf(t, openUdp)
  const credentials = { version: '2c', community } as const
  const sessions = Array.from({ length: 100 }, () =>
    session(t, exchange, { address, port }, { retries: 3, credentials }),
  )
  for (const one of sessions) await one.get([SYS_NAME])
  for (let stall = 0; stall < 3; stall++) {
    const answers = sessions.map(one => one.get([SYS_NAME]))
    await setImmediate()
    // Longer than a fast device is waited for; it answers meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900)
    await Promise.all(answers)
  }
  t.equal(
    sessions.reduce((sum, { counters }) => sum + counters.retries, 0),
    0,
  )
  t.equal(exchange.counters.duplicate, 0)
})

t.test('a silent device is listened to for ICMP once, and what it said is remembered', async t => {
  const transport = capped(100)
  const exchange = exchangeOf(t, transport.open)
  const to = { address: '127.0.0.1', port: await freeUdpPort() }
  const codes: string[] = []
  // Each probe of a silent device is a session of its own.
  for (let probe = 0; probe < 5; probe++) {
    const one = session(t, exchange, to, { timeoutMs: 150 })
    codes.push(await one.get([SYS_NAME]).catch(error => error.code))
    one.close()
  }
  const refused = 'E_SNMP_UNREACHABLE'
  t.same(codes, ['E_SNMP_TIMEOUT', refused, refused, refused, refused])
  t.equal(transport.sent.length, 4, 'all but the second went over the shared socket')

  const agent = await startHostileAgent(t)
  const codesOfSilent: string[] = []
  for (let probe = 0; probe < 3; probe++) {
    const one = session(t, exchange, agent, { timeoutMs: 150 })
    codesOfSilent.push(await one.get([SYS_NAME]).catch(error => error.code))
  }
  t.same(codesOfSilent, Array(3).fill('E_SNMP_TIMEOUT'), 'no ICMP, no verdict')
})
