// Sockets of the receivers: the first place of several that is to be had, tried again while none is.

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6, type Server, type Socket as TcpSocket } from 'node:net'
import type { ListenAddress } from '../config.ts'
import { messageOf } from '../model/errors.ts'
import type { Places } from './protocol.ts'
import { plainAddress } from './senders.ts'

/** Asked of the kernel, which gives as much as net.core.rmem_max allows. */
const receiveBytes = 4 * 2 ** 20
const againMs = 15_000
/** TCP connections, of all and of one address. */
export const connectionsMax = 256
export const connectionsPerAddressMax = 16
/** One that says nothing for so long is closed, ms: half-open ones never end by themselves. */
const silentMs = 15 * 60_000
const keepAliveMs = 60_000

export type OnDatagram = (
  bytes: Uint8Array,
  address: string,
  reply: (b: Uint8Array) => void,
) => void

/** Gives where it listens once it does, or else why it does not; goes on trying. */
export type OnListening = (address: ListenAddress | null, problem: string | null) => void

/** Listens at one place; gives the port. */
type Open = (place: ListenAddress) => Promise<number>

/** @returns how to stop trying */
export function listenAt(places: Places, open: Open, onListening: OnListening): () => void {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const tryAll = async () => {
    const problems: string[] = []
    for (const place of places) {
      try {
        const port = await open(place)
        onListening({ host: place.host, port }, problems.join('; ') || null)
        return
      } catch (error) {
        problems.push(`${place.host}:${place.port}: ${messageOf(error)}`)
      }
    }
    onListening(null, problems.join('; '))
    if (!isStopped) timer = setTimeout(() => void tryAll(), againMs).unref()
  }
  if (places.length > 0) void tryAll()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}

/** @throws what the system says */
export async function openDatagrams(
  { host, port }: ListenAddress,
  onDatagram: OnDatagram,
): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(host) ? 'udp6' : 'udp4',
    recvBufferSize: receiveBytes,
  })
  const listening = once(socket, 'listening')
  socket.bind(port, host)
  await listening.catch(error => {
    socket.close()
    throw error
  })
  socket.on('message', (bytes, { address, port: from }) => {
    // Whoever is gone before its answer comes is no fault of ours.
    onDatagram(bytes, plainAddress(address), answer => socket.send(answer, from, address, () => {}))
  })
  // ICMP about an answer of ours, or a lack of memory: the next datagram may be good.
  socket.on('error', () => {})
  return socket
}

/** @throws what the system says */
export async function openStreams(
  { host, port }: ListenAddress,
  onStream: (socket: TcpSocket, address: string) => void,
): Promise<{ server: Server; close(): void }> {
  const open = new Set<TcpSocket>()
  const perAddress = new Map<string, number>()
  const server = createServer({ keepAlive: true, keepAliveInitialDelay: keepAliveMs }, socket => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const before = perAddress.get(address) ?? 0
    if (before >= connectionsPerAddressMax) return void socket.destroy()
    perAddress.set(address, before + 1)
    open.add(socket)
    socket.setTimeout(silentMs, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      open.delete(socket)
      const left = (perAddress.get(address) ?? 1) - 1
      if (left > 0) perAddress.set(address, left)
      else perAddress.delete(address)
    })
    onStream(socket, address)
  })
  server.maxConnections = connectionsMax
  const listening = once(server, 'listening')
  server.listen(port, host)
  await listening
  server.on('error', () => {})
  const close = () => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { server, close }
}
