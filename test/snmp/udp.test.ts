// Goal: the transport of Node's own sockets names peers as they are known, spreads them over its
// sockets, tells faults, and ends.
import { createSocket } from 'node:dgram'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { peerOf } from '../../server/snmp/peer.ts'
import { openProbe, type Probe } from '../../server/snmp/probe.ts'
import type { Peer } from '../../server/snmp/transport.ts'
import { openUdp } from '../../server/snmp/udp.ts'
import { freeUdpPort, type Teardown, until } from '../parts/find.ts'

async function echo(t: Teardown, address = '127.0.0.1') {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  const ports = new Set<number>()
  socket.on('message', (bytes, from) => {
    ports.add(from.port)
    socket.send(bytes, from.port, from.address)
  })
  await new Promise<void>(resolve => socket.bind(0, address, () => resolve()))
  t.teardown(() => {
    socket.close()
  })
  return { address, port: socket.address().port, ports }
}

function transport(t: Teardown) {
  const got: string[] = []
  const faults: { error: Error; peer: Peer | null }[] = []
  const udp = openUdp({
    message: (bytes, address, port) => void got.push(`${Buffer.from(bytes)} ${address} ${port}`),
    fault: (error, peer) => void faults.push({ error, peer }),
  })
  t.teardown(() => udp.close())
  return { udp, got, faults }
}

for (const address of ['127.0.0.1', '::1']) {
  t.test(`there and back, ${address}`, async t => {
    const { port } = await echo(t, address)
    const { udp, got } = transport(t)
    udp.expect(true)
    udp.send(Buffer.from('hello'), peerOf(address, port, udp.socketsPerFamily))
    await until(() => got.length === 1, 'the answer')
    t.same(got, [`hello ${address} ${port}`])
    t.match(udp.counters, { sent: 1, received: 1 })
    t.ok(udp.outstandingPerSocketMax >= 1, 'the socket has said how large its buffer is')
  })
}

t.test('a peer keeps its socket, peers are spread over several', async t => {
  const { port, ports } = await echo(t)
  const { udp, got } = transport(t)
  udp.expect(true)
  const peers = Array.from({ length: udp.socketsPerFamily }, (_, socket): Peer => {
    return { address: '127.0.0.1', port, family: 4, socket }
  })
  for (const _ of [1, 2]) for (const peer of peers) udp.send(Buffer.from('x'), peer)
  await until(() => got.length === 2 * peers.length, 'all answers')
  t.equal(ports.size, udp.socketsPerFamily)
})

t.test('what cannot be sent is told of its peer; after the end nothing is', async t => {
  const { udp, faults } = transport(t)
  udp.expect(true)
  const peer = peerOf('127.0.0.1', 9, udp.socketsPerFamily)
  udp.send(Buffer.alloc(70_000), peer)
  await until(() => faults.length === 1, 'the fault')
  t.equal(faults[0]?.peer, peer)
  udp.close()
  udp.close()
  udp.send(Buffer.from('x'), peer)
  await setTimeout(50)
  t.equal(faults.length, 1)
})

t.test('probes have a bound, hear ICMP, and give their place back', async t => {
  const peer = peerOf('127.0.0.1', await freeUdpPort(), 8)
  const faults: string[] = []
  const open: Probe[] = []
  t.teardown(() => {
    for (const one of open) one.close()
  })
  const probe = () =>
    openProbe(peer, {
      message: () => {},
      fault: error => faults.push('code' in error ? String(error.code) : error.message),
    })
  for (let made = probe(); made !== null && open.length < 1000; made = probe()) open.push(made)
  t.equal(open.length, 64)
  open[0]?.send(Buffer.from('anybody?'))
  await until(() => faults.length > 0, 'ICMP')
  t.equal(faults[0], 'ECONNREFUSED')
  for (const one of open.splice(0, 2)) {
    one.close()
    one.close()
  }
  const again = [probe(), probe(), probe()]
  open.push(...again.filter(made => made !== null))
  t.same(
    again.map(made => made === null),
    [false, false, true],
    'closing twice gives one place back',
  )
})
