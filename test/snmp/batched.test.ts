// Goal: the batched transport carries every datagram whole and in order, tells each failure with its
// peer, leaves nothing behind, and gives way to node:dgram where it cannot work.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs'
import { SocketAddress } from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { openBatched } from '../../server/snmp/batched.ts'
import { Names, sockaddr } from '../../server/snmp/batched-address.ts'
import { GLIBC, type Libc, loadLibc } from '../../server/snmp/batched-libc.ts'
import { chooseTransport } from '../../server/snmp/batched-or-udp.ts'
import { MessageRing } from '../../server/snmp/batched-ring.ts'
import { proveLayout } from '../../server/snmp/batched-selftest.ts'
import { BatchedSocket, openDescriptor } from '../../server/snmp/batched-socket.ts'
import type { OpenTransport, Peer, Transport } from '../../server/snmp/transport.ts'
import { freeUdpPort, type Teardown, until } from '../parts/find.ts'

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const
/** A full batch, and what the default receive buffer of the peer holds. */
const WINDOW = 64

interface Heard {
  bytes: Buffer
  address: string
  port: number
}

async function batched(): Promise<OpenTransport> {
  const reasons: string[] = []
  const open = await openBatched(reason => reasons.push(reason))
  if (!open) throw new Error(`no batched transport here: ${reasons.join()}`)
  return open
}

/** A transport whose messages and faults are kept. */
async function listening(t: Teardown) {
  const heard: Heard[] = []
  const faults: { code: string | undefined; peer: Peer | null }[] = []
  const open = await batched()
  const transport: Transport = open({
    message: (bytes, address, port) => heard.push({ bytes: Buffer.from(bytes), address, port }),
    fault: (error, peer) => faults.push({ code: 'code' in error ? String(error.code) : '', peer }),
  })
  t.teardown(() => transport.close())
  return { transport, heard, faults }
}

async function plainPeer(
  t: Teardown,
  family: 4 | 6,
  onMessage: (socket: Socket, bytes: Buffer, from: RemoteInfo) => void,
): Promise<{ socket: Socket; peer: Peer }> {
  const socket = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 20 })
  socket.on('message', (bytes, from) => onMessage(socket, bytes, from))
  await new Promise<void>(resolve => socket.bind(0, LOOPBACK[family], resolve))
  t.teardown(() => new Promise<void>(resolve => socket.close(() => resolve())))
  const { port } = socket.address()
  return { socket, peer: { address: LOOPBACK[family], port, family, socket: 0 } }
}

const echo = (socket: Socket, bytes: Buffer, from: RemoteInfo) =>
  socket.send(bytes, from.port, from.address)

/** Octets that a number and a length alone decide. */
function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed + 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    bytes[i] = state >> 16
  }
  return bytes
}

const sockets = () =>
  readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
    } catch {
      return false
    }
  }).length

for (const family of [4, 6] as const) {
  t.test(`IPv${family}: thousands of datagrams come back whole and in order`, async t => {
    const { transport, heard, faults } = await listening(t)
    const { peer } = await plainPeer(t, family, echo)
    const sent: Buffer[] = []
    transport.expect(true)
    const send = (length: number) => {
      const bytes = pattern(sent.length, length)
      sent.push(bytes)
      transport.send(Buffer.from(bytes), peer)
    }
    const allBack = () => until(() => heard.length === sent.length, `${sent.length} answers`)
    for (let window = 0; window < 64; window++) {
      for (let i = 0; i < WINDOW; i++) send(1 + ((window * 7919 + i * 104_729) % 1400))
      await allBack()
    }
    for (const length of [1, 0, 1472, 1473, 9000, 32_768, 65_506, 65_507, 1, 65_507]) {
      send(length)
      await allBack()
    }
    t.ok(
      heard.every(({ bytes }, i) => bytes.equals(sent[i] ?? Buffer.alloc(0))),
      'each as it was sent',
    )
    t.same([...new Set(heard.map(h => `${h.address} ${h.port}`))], [`${peer.address} ${peer.port}`])
    t.same(faults, [])
    t.equal(transport.counters.sent, sent.length)
    t.equal(transport.counters.received, sent.length)
    t.ok(transport.counters.calls < sent.length, 'fewer calls than datagrams')
  })
}

t.test('the sockets of a family are apart, and each peer keeps its own', async t => {
  const { transport, heard } = await listening(t)
  const from = new Set<number>()
  const { peer } = await plainPeer(t, 4, (socket, bytes, rinfo) => {
    from.add(rinfo.port)
    echo(socket, bytes, rinfo)
  })
  transport.expect(true)
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < transport.socketsPerFamily; n++)
      transport.send(Buffer.from('x'), { ...peer, socket: n })
  }
  await until(() => heard.length === 3 * transport.socketsPerFamily, 'all answers')
  t.equal(from.size, transport.socketsPerFamily)
  t.ok(transport.outstandingPerSocketMax >= 1)
})

t.test('what cannot be sent is told with its peer, later; the rest of the batch goes', async t => {
  const { transport, heard, faults } = await listening(t)
  const { peer } = await plainPeer(t, 4, echo)
  // Refused by this machine, so that nothing leaves it: broadcast is not allowed to the socket.
  const broadcast: Peer = { ...peer, address: '255.255.255.255' }
  const noPort: Peer = { ...peer, port: 0 }
  const closed: Peer = { ...peer, port: await freeUdpPort() }
  const nonsense: Peer = { ...peer, address: 'localhost' }
  // The sockets of IPv6 speak IPv6 alone.
  const mapped: Peer = { address: '::ffff:127.0.0.1', port: peer.port, family: 6, socket: 0 }
  transport.expect(true)
  for (let round = 0; round < 10; round++) {
    transport.send(Buffer.from(`good ${round}`), peer)
    for (const bad of [broadcast, closed, noPort, nonsense, mapped])
      transport.send(Buffer.from('bad'), bad)
    transport.send(Buffer.alloc(65_508), peer)
    transport.send(Buffer.alloc(70_000), peer)
  }
  t.same(faults, [], 'nobody is called back while sending')
  await until(() => heard.length === 10 && faults.length === 60, 'ten answers and sixty faults')
  t.same(
    heard.map(({ bytes }) => bytes.toString()),
    Array.from({ length: 10 }, (_, i) => `good ${i}`),
  )
  const codesOf = (of: Peer) => faults.filter(f => f.peer === of).map(f => f.code)
  const ten = (code: string) => new Array(10).fill(code)
  t.same(codesOf(broadcast), ten('EACCES'))
  t.same(codesOf(noPort), ten('EINVAL'))
  t.same(codesOf(mapped), ten('ENETUNREACH'))
  t.same(codesOf(nonsense), ten(''))
  t.same(codesOf(peer), [...ten('EMSGSIZE'), ...ten('EMSGSIZE')])
  t.same(codesOf(closed), [], 'a closed port is silence, as with any unconnected socket')
})

t.test('a burst beyond the receive buffer loses datagrams, and spoils none', async t => {
  const { transport, heard, faults } = await listening(t)
  const greeted: RemoteInfo[] = []
  const { socket, peer } = await plainPeer(t, 4, (_, __, from) => greeted.push(from))
  transport.send(Buffer.from('hello'), peer)
  const to = await until(() => greeted[0], 'its port')
  const sent = 20_000
  const answer = (n: number) => {
    const bytes = pattern(n, 1000)
    bytes.writeUInt32BE(n)
    return bytes
  }
  for (let n = 0; n < sent - 1; n++) socket.send(answer(n), to.port, to.address)
  await new Promise(resolve => socket.send(answer(sent - 1), to.port, to.address, resolve))
  t.same(heard, [], 'nothing is read while nothing is expected')
  transport.expect(true)
  await until(() => heard.length >= transport.outstandingPerSocketMax, 'what the buffer held')
  await delay(50)
  const numbers = heard.map(({ bytes }) => bytes.readUInt32BE())
  t.ok(numbers.length < sent, `${sent - numbers.length} lost`)
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'in order, none twice',
  )
  t.ok(
    heard.every(({ bytes }, i) => bytes.equals(answer(numbers[i] ?? -1))),
    'each as it was sent',
  )
  t.same(faults, [])
})

t.test('close gives what waits to the kernel, then there is silence', async t => {
  const before = sockets()
  const { transport, heard, faults } = await listening(t)
  const got: string[] = []
  const { peer } = await plainPeer(t, 4, (socket, bytes, from) => {
    got.push(bytes.toString())
    echo(socket, bytes, from)
  })
  transport.expect(true)
  for (let i = 0; i < 100; i++) transport.send(Buffer.from(`last ${i}`), peer)
  transport.send(Buffer.from('x'), { ...peer, address: '255.255.255.255' })
  transport.close()
  transport.close()
  transport.send(Buffer.from('too late'), peer)
  transport.expect(true)
  t.equal(sockets(), before + 1, "the peer's alone is left")
  await until(() => got.length === 100, 'all hundred')
  await delay(20)
  t.same(
    got,
    Array.from({ length: 100 }, (_, i) => `last ${i}`),
  )
  t.same([heard, faults], [[], []])
})

t.test('it may be closed by what it delivers', async t => {
  const open = await batched()
  const heard: string[] = []
  const transport = open({
    message(bytes) {
      heard.push(Buffer.from(bytes).toString())
      transport.close()
    },
    fault: error => t.fail(error.message),
  })
  const { peer } = await plainPeer(t, 4, echo)
  transport.expect(true)
  for (let i = 0; i < 10; i++) transport.send(Buffer.from(`${i}`), peer)
  await until(() => heard.length > 0, 'the first answer')
  await delay(20)
  t.same(heard, ['0'])
})

const WORKER = `
const { parentPort, workerData } = require('node:worker_threads')
import(workerData.module).then(async ({ openBatched }) => {
  const open = await openBatched(reason => { throw new Error(reason) })
  const peer = { address: '127.0.0.1', port: workerData.port, family: 4, socket: 0 }
  const transport = open({
    message: bytes => transport.send(bytes.slice(), peer),
    fault: error => { throw error },
  })
  for (let i = 0; i < 64; i++) transport.send(Buffer.alloc(1000, i), { ...peer, socket: i & 3 })
  if (workerData.busy) transport.expect(true)
  parentPort.postMessage('sent')
})`

function startWorker(port: number, busy: boolean): Worker {
  const module = new URL('../../server/snmp/batched.ts', import.meta.url).href
  return new Worker(WORKER, { eval: true, workerData: { module, port, busy } })
}

t.test('a thread that expects nothing ends by itself', async t => {
  const before = sockets()
  const { peer } = await plainPeer(t, 4, echo)
  const worker = startWorker(peer.port, false)
  t.equal(await new Promise(resolve => worker.once('exit', resolve)), 0)
  t.equal(sockets(), before + 1, 'and leaves no socket behind')
})

t.test('threads that are ended amid their work leave no socket behind', async t => {
  const before = sockets()
  const { peer } = await plainPeer(t, 4, echo)
  for (let round = 0; round < 10; round++) {
    const workers = Array.from({ length: 3 }, () => startWorker(peer.port, true))
    await Promise.all(workers.map(w => new Promise(resolve => w.once('message', resolve))))
    await delay(round)
    await Promise.all(workers.map(worker => worker.terminate()))
  }
  t.equal(sockets(), before + 1)
})

/** A socket over real calls, some of them bent, and a peer that keeps what it gets. */
async function bentSocket(t: Teardown, bend: (libc: Libc) => Partial<Libc>, slotBytes = 2048) {
  const real = await loadLibc(GLIBC)
  const libc = { ...real, ...bend(real) }
  const got: string[] = []
  const { socket: plain, peer } = await plainPeer(t, 4, (_, bytes) => got.push(bytes.toString()))
  const heard: string[] = []
  const faults: { message: string; peer: Peer | null }[] = []
  const counters = { sent: 0, received: 0, calls: 0, truncated: 0 }
  const fd = openDescriptor(real, 4)
  const socket = new BatchedSocket(
    {
      libc,
      sending: new MessageRing(real, 8, 2048),
      receiving: new MessageRing(real, 8, slotBytes),
      counters,
      message: bytes => heard.push(Buffer.from(bytes).toString()),
      fault: (error, peer) => faults.push({ message: error.message, peer }),
    },
    fd,
    new Names(4),
  )
  t.teardown(() => socket.close())
  const send = (text: string) =>
    socket.enqueue(Buffer.from(text), peer, sockaddr(peer.address, peer.port, 4))
  return { real, fd, socket, plain, peer, got, heard, faults, counters, send }
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`)

t.test('a kernel that takes a part, then nothing for a while, loses nothing', async t => {
  let calls = 0
  const errors = [0]
  const { socket, got, faults, counters, send } = await bentSocket(t, libc => ({
    sendmmsg(fd, messages, count, flags) {
      errors[0] = ++calls % 4 === 0 ? 11 : calls % 5 === 0 ? 4 : 0
      return errors[0] ? -1 : libc.sendmmsg(fd, messages, Math.min(count, 3), flags)
    },
    errno: () => errors[0] || libc.errno(),
  }))
  for (const text of numbered(100)) send(text)
  socket.flush()
  t.ok(socket.pending > 0, 'some wait')
  for (let i = 0; i < 100 && socket.pending > 0; i++) socket.flush()
  await until(() => got.length === 100, 'all hundred')
  t.same(got, numbered(100))
  t.same(faults, [])
  t.equal(counters.sent, 100)
})

t.test('what waits is bounded, and refused with its peer beyond', async t => {
  const { socket, peer, faults, send } = await bentSocket(t, () => ({
    sendmmsg: () => -1,
    errno: () => 11,
  }))
  for (let i = 0; i < 10_000; i++) send('x')
  socket.flush()
  t.equal(socket.pending + faults.length, 10_000)
  t.ok(faults.length > 0)
  t.ok(faults.every(f => f.peer === peer && f.message.includes('ENOBUFS')))
})

t.test('a descriptor that is gone is one fault of the whole socket', async t => {
  const { socket, faults, send } = await bentSocket(t, () => ({
    sendmmsg: () => -1,
    errno: () => 9,
  }))
  for (const text of numbered(20)) send(text)
  socket.flush()
  socket.flush()
  t.equal(socket.receive(), 0)
  t.ok(socket.failed)
  t.same(
    faults.map(f => f.peer),
    [null],
  )
})

t.test('a descriptor is closed once: its number may be of another file by then', async t => {
  const { socket, fd } = await bentSocket(t, () => ({}))
  socket.close()
  // The lowest free number is given first: one of these is the socket's former one.
  const others = Array.from({ length: fd + 1 }, () => openSync('/dev/null', 'r'))
  t.ok(others.includes(fd), 'the number is used again')
  socket.close()
  for (const other of others) t.doesNotThrow(() => closeSync(other))
})

t.test('a datagram that is longer than its slot is dropped and counted', async t => {
  const { socket, plain, got, heard, counters, faults, send, real, fd } = await bentSocket(
    t,
    () => ({}),
    16,
  )
  send('hello')
  socket.flush()
  await until(() => got.length === 1, 'its port')
  const name = new Uint8Array(16)
  real.getsockname(fd, name, Uint32Array.of(16))
  const port = ((name[2] ?? 0) << 8) | (name[3] ?? 0)
  for (const length of [16, 17, 15, 2000, 1])
    plain.send(Buffer.alloc(length, 'a'), port, '127.0.0.1')
  await until(() => {
    socket.receive()
    return counters.received + counters.truncated === 5
  }, 'five datagrams')
  t.same(
    heard.map(text => text.length),
    [16, 15, 1],
  )
  t.equal(counters.truncated, 2)
  t.same(faults, [])
})

t.test('names of senders are those of node, also where they share an entry', async t => {
  const roundTrip = (names: Names, text: string, family: 4 | 6) => {
    const room = new Uint8Array(32)
    room.set(sockaddr(text, 161, family))
    return names.of(new Int32Array(room.buffer), 0)
  }
  let state = 42
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >> 8) % below
  }
  const v6 = () =>
    Array.from({ length: 8 }, () => (random(2) ? 0 : random(3) ? random(0x10000) : random(16)))
      .map(group => group.toString(16))
      .join(':')
  const special = [
    '::',
    '::1',
    '::ffff:1.2.3.4',
    '::1.2.3.4',
    '1::',
    '1:0:0:2::3',
    '1:2:3:4:5:6:7:0',
    '64:ff9b::192.0.2.1',
    '0:0:1::',
    '1:0:2:0:3:0:4:0',
  ]
  const names6 = new Names(6)
  const wrong = [...special, ...Array.from({ length: 5000 }, v6)].filter(
    text =>
      roundTrip(names6, text, 6) !== new SocketAddress({ address: text, family: 'ipv6' }).address,
  )
  t.same(wrong, [])
  const names4 = new Names(4)
  const v4 = Array.from({ length: 50_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
  t.same(
    [...v4, ...v4].filter(text => roundTrip(names4, text, 4) !== text),
    [],
  )
  const zones = Object.entries(networkInterfaces())
    .filter(([, all]) => all?.some(a => a.family === 'IPv6' && a.scopeid > 0))
    .map(([name]) => name)
  for (const zone of [...zones, '4000000'])
    t.equal(roundTrip(names6, `fe80::1%${zone}`, 6), `fe80::1%${zone}`)
})

t.test('what is no address is refused', async t => {
  for (const [address, port, family] of [
    ['localhost', 161, 4],
    ['', 161, 4],
    ['::1', 161, 4],
    ['127.0.0.1', 161, 6],
    ['127.0.0.1', 65_536, 4],
    ['127.0.0.1', -1, 4],
    ['127.0.0.1', Number.NaN, 4],
    ['fe80::1%nowhere', 161, 6],
  ] as const)
    t.throws(() => sockaddr(address, port, family), /no address|no interface/, `${address} ${port}`)
})

t.test('without the library node:dgram serves, and one line says why', async t => {
  const openUdp: OpenTransport = () => {
    throw new Error('not opened here')
  }
  for (const library of ['libpollux-nowhere.so.6', '/etc/passwd']) {
    const lines: string[] = []
    t.equal(await chooseTransport('batched', openUdp, l => lines.push(l), library), openUdp)
    t.equal(lines.length, 1)
    t.match(lines[0], /node:dgram.*(cannot open shared object|invalid ELF header|file too short)/)
  }
  const lines: string[] = []
  t.equal(await chooseTransport('dgram', openUdp, l => lines.push(l), 'libpollux-nowhere'), openUdp)
  t.not(await chooseTransport('batched', openUdp, l => lines.push(l)), openUdp)
  t.same(lines, [])
})

t.test(
  'a machine whose structures lie otherwise is found out before anything is polled',
  async t => {
    const libc = await loadLibc(GLIBC)
    const before = sockets()
    await proveLayout(libc)
    const wrong: Record<string, Partial<Libc>> = {
      'nothing is sent': { sendmmsg: (_, __, count) => count },
      'a part is sent': { sendmmsg: (fd, m, _, flags) => libc.sendmmsg(fd, m, 1, flags) },
      'the call is unknown': { sendmmsg: () => -1, errno: () => 38 },
      'an address has another length': {
        getsockname: (fd, address, length) => {
          const result = libc.getsockname(fd, address, length)
          length[0] = 28
          return result
        },
      },
      'descriptors have run out': { socket: () => -1, errno: () => 24 },
    }
    for (const [what, bent] of Object.entries(wrong))
      await t.rejects(proveLayout({ ...libc, ...bent }), Error, what)
    t.equal(sockets(), before, 'no socket is left')
  },
)
