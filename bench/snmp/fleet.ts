// A fleet of simulated 52-port switches in a process of its own, v2c: one socket a device, 127.1.x.y
// on one port. Answers are encoded once a second for each distinct request and patched with the id of
// the one that asks, so that the simulator keeps up with the poller. All devices show the same numbers.
//   node bench/snmp/fleet.ts DEVICES PORT

import { createSocket, type Socket } from 'node:dgram'
import { answerTo, type Objects, sortedEntries } from '../network/agent.ts'
import { addInterfaces, addSystem, type Interface } from '../network/objects.ts'
import { COMMUNITY, fleetAddress, PORTS } from './fleet-facts.ts'
import { endWithParent } from './measure.ts'

/** Distinct requests whose answers are kept. */
const answersMax = 5000
const stepMs = 1000
const receiveBufferBytes = 4 * 1024 * 1024

endWithParent()
const [devices, port] = process.argv.slice(2).map(Number)
if (!devices || !port) throw new Error('usage: fleet.ts DEVICES PORT')

const started = performance.now()
/** Seconds that its clock and its counters show: they step, so that answers can be kept. */
let step = 0
const interfaces = Array.from({ length: PORTS }, (_, i) => simulated(i + 1))
const entries = sortedEntries(objectsOf(interfaces))
const answers = new Map<string, Buffer | null>()

function simulated(index: number): Interface {
  return {
    index,
    name: `Gi1/0/${index}`,
    alias: `port ${index}`,
    type: 6,
    speedMbit: index > 48 ? 10_000 : 1000,
    adminUp: true,
    operUp: () => index % 4 !== 0,
    counters: {
      ...{ inOctets: index * 1e12, outOctets: index * 2e12 },
      ...{ inPackets: index * 1e9, outPackets: index * 2e9, inErrors: index },
    },
  }
}

function objectsOf(ports: readonly Interface[]): Objects {
  const objects: Objects = new Map()
  addSystem(objects, {
    ...{ descr: 'Fleet switch, simulated', objectId: '1.3.6.1.4.1.8072.9999.48.52' },
    ...{ name: 'fleet', location: 'nowhere', upSeconds: () => 86_400 + step },
  })
  addInterfaces(objects, ports)
  return objects
}

function advance(): void {
  const seconds = Math.floor((performance.now() - started) / 1000) - step
  step += seconds
  for (const { index, counters } of interfaces) {
    counters.inOctets += seconds * 12_345 * index
    counters.outOctets += seconds * 54_321 * index
    counters.inPackets += seconds * 17 * index
    counters.outPackets += seconds * 71 * index
  }
  answers.clear()
}

/** Where the request-id's octets lie in a v2c message; null for anything else. */
function requestIdAt(message: Buffer): { from: number; to: number } | null {
  let at = contentAt(message, 0)
  at = skip(message, skip(message, at)) // version, community
  at = contentAt(message, at) // into the PDU
  const to = skip(message, at)
  return message[at] === 2 && to <= message.length ? { from: at + 2, to } : null
}

function contentAt(message: Buffer, at: number): number {
  const length = message[at + 1] ?? 0
  return at + 2 + (length & 0x80 ? length & 0x7f : 0)
}

function skip(message: Buffer, at: number): number {
  const length = message[at + 1] ?? 0
  const start = contentAt(message, at)
  return start + (length & 0x80 ? message.readUIntBE(at + 2, length & 0x7f) : length)
}

function answer(socket: Socket, request: Buffer, toPort: number, to: string): void {
  const id = requestIdAt(request)
  if (!id) return
  // The key leaves out the id itself, not its length.
  const key = request.toString('latin1', 0, id.from) + request.toString('latin1', id.to)
  let known = answers.get(key)
  if (known === undefined) {
    known = answerTo(request, COMMUNITY, entries)
    if (answers.size >= answersMax) answers.clear()
    answers.set(key, known)
  }
  if (known === null) return
  const place = requestIdAt(known)
  if (!place) return
  const message = Buffer.from(known)
  request.copy(message, place.from, id.from, id.to)
  socket.send(message, toPort, to)
}

function listen(device: number): Promise<void> {
  const socket = createSocket({
    type: 'udp4',
    // Already an address: no look-up in the thread pool for each answer.
    lookup: (host, _options, done) => done(null, host, 4),
  })
  socket.on('error', error => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
  socket.on('message', (request, from) => {
    try {
      answer(socket, request, from.port, from.address)
    } catch {
      // Not SNMP: no answer, as from any agent.
    }
  })
  return new Promise(resolve => {
    socket.bind(port, fleetAddress(device), () => {
      if (device === 0) socket.setRecvBufferSize(receiveBufferBytes)
      resolve()
    })
  })
}

for (let device = 0; device < devices; device++) await listen(device)
setInterval(advance, stepMs)
process.stdout.write('ready\n')
