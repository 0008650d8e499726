// The thread of the receivers: sockets, reading and summing are here, so that a flood takes this
// thread's time and none of the pages'. It knows no database and no broker; what is to be told goes to
// the main thread a few times a second.

import type { Socket } from 'node:dgram'
import { parentPort, workerData } from 'node:worker_threads'
import type { ListenAddress } from '../config.ts'
import type { CompiledNotification } from '../profiles/notification.ts'
import { createDesk } from './desk.ts'
import { createEngineClocks } from './engine-clocks.ts'
import { listenAt, openDatagrams, openStreams } from './listen.ts'
import type { FromReceiver, Protocol, ReceiverInit, ToReceiver } from './protocol.ts'
import { createSenders } from './senders.ts'
import { createSyslog } from './syslog.ts'
import { createFrames } from './syslog-frames.ts'
import { createTraps } from './traps.ts'
import { udpDrops } from './udp-drops.ts'

const tellEveryMs = 250
const lookAtDropsMs = 5000
/** A process that is killed loses this much of the engines' clocks. */
const clocksEveryMs = 10_000

// The thread is started by receiver.ts alone, with this.
const init = workerData as ReceiverInit
const port = parentPort
if (!port) throw new Error('this module is a thread')

const post = (message: FromReceiver) => port.postMessage(message)
const clock = () => Number(process.hrtime.bigint() / 1_000_000n)

const desk = createDesk()
const engineClocks = createEngineClocks(init.clocks)
const senders = createSenders(init.relays, engineClocks, () => ({
  steady: clock(),
  unix: Date.now(),
}))
let dictionary: ReadonlyMap<string, CompiledNotification> = new Map()
const { id, boots, startedAt } = init.engine
const traps = createTraps({
  desk,
  senders,
  engine: { id, boots, time: () => Math.floor((clock() - startedAt) / 1000) },
  dictionary: () => dictionary,
  now: clock,
})
const syslog = createSyslog({ desk, senders })

const closing: (() => void)[] = []
const udpPorts: number[] = []
let connections = 0

const kept = (socket: Socket): number => {
  closing.push(() => socket.close())
  const { port: bound } = socket.address()
  udpPorts.push(bound)
  return bound
}

const telling = (protocol: Protocol) => (address: ListenAddress | null, problem: string | null) =>
  post({ protocol, address, problem })

closing.push(
  listenAt(
    init.places.trap,
    async place =>
      kept(await openDatagrams(place, (bytes, from, reply) => traps.datagram(bytes, from, reply))),
    telling('trap'),
  ),
  listenAt(init.places.syslog, openSyslog, telling('syslog')),
)

/** Both or none: UDP and TCP on one port. */
async function openSyslog(place: ListenAddress): Promise<number> {
  const socket = await openDatagrams(place, (bytes, from) => syslog.line(bytes, from))
  const streams = await openStreams({ ...place, port: socket.address().port }, onStream).catch(
    error => {
      socket.close()
      throw error
    },
  )
  closing.push(() => streams.close())
  return kept(socket)
}

function onStream(socket: import('node:net').Socket, address: string): void {
  desk.connections(++connections)
  const frames = createFrames((line, cut) => syslog.line(line, address, cut))
  socket.on('data', chunk => {
    if (frames.push(chunk)) return
    desk.aside('syslog-stream', address, 'a count of octets that is too large; it was closed')
    socket.destroy()
  })
  socket.on('end', () => frames.end())
  socket.on('close', () => desk.connections(--connections))
}

function give(settleAll = false): void {
  const news = desk.take(settleAll)
  if (news) post(news)
}

function giveClocks(): void {
  const clocks = senders.clocks()
  if (clocks) post({ clocks })
}

const timers = [
  setInterval(give, tellEveryMs),
  setInterval(() => void look(), lookAtDropsMs),
  setInterval(giveClocks, clocksEveryMs),
]

async function look(): Promise<void> {
  const drops = udpPorts.length > 0 ? await udpDrops(udpPorts) : null
  if (drops !== null) desk.kernelDrops(drops)
}

port.on('message', (message: ToReceiver) => {
  if (message.do === 'senders') senders.set(message.senders)
  else if (message.do === 'notifications')
    dictionary = new Map(message.notifications.map(one => [one.oid, one]))
  else {
    for (const timer of timers) clearInterval(timer)
    for (const close of closing) close()
    give(true)
    giveClocks()
    port.close()
  }
})
