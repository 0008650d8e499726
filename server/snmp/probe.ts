// A short-lived UDP socket that is connected to one device: the only kind that hears its ICMP "port
// unreachable". A request's last try goes out over one, so that "nothing listens" is told from silence.

import type { Socket } from 'node:dgram'
import type { Peer } from './transport.ts'
import { openSocket } from './udp.ts'

/** Open at a time in a thread: a fleet that is away must not cost a socket a device. */
const probesMax = 64

export interface ProbeEvents {
  message(bytes: Uint8Array, address: string, port: number): void
  fault(error: Error): void
}

export interface Probe {
  send(bytes: Uint8Array): void
  close(): void
}

let open = 0

/** Null where enough are open, or none can be had: the shared socket does, and hears no ICMP. */
export function openProbe(peer: Peer, events: ProbeEvents): Probe | null {
  if (open >= probesMax) return null
  let socket: Socket
  try {
    socket = openSocket(peer.family)
  } catch {
    return null
  }
  open++
  let closed = false
  let connected = false
  const waiting: Uint8Array[] = []
  const fault = (error: Error | null) => {
    if (error && !closed) events.fault(error)
  }
  socket.on('message', (bytes, from) => {
    if (!closed) events.message(bytes, from.address, from.port)
  })
  socket.on('error', fault)
  socket.connect(peer.port, peer.address, ((error?: Error) => {
    if (error) return fault(error)
    if (closed) return
    connected = true
    for (const bytes of waiting.splice(0)) socket.send(bytes, fault)
  }) as () => void)
  return {
    send(bytes) {
      if (connected) socket.send(bytes, fault)
      else waiting.push(bytes)
    },
    close() {
      if (closed) return
      closed = true
      open--
      socket.close()
    },
  }
}
