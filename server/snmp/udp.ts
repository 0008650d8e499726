// The transport that serves everywhere: a few UDP sockets of node:dgram for each family, opened when
// first used, shared by all devices of a thread.

import { createSocket, type Socket } from 'node:dgram'
import type { OpenTransport, Peer, Transport, TransportCounters } from './transport.ts'

const socketsPerFamily = 8
/** Asked for; the kernel gives no more than net.core.rmem_max. */
const receiveBufferBytes = 4 * 1024 * 1024
/** What the kernel charges a receive buffer for an answer of 1.3 kB. */
const answerChargeBytes = 2304
/** The part of a buffer that is planned with: answers differ in size. */
const usableShare = 0.7
/** As long as no socket has said how large its buffer is. */
const outstandingFirst = 64

export const openUdp: OpenTransport = (events): Transport => {
  const sockets = new Map<number, Socket>()
  const counters: TransportCounters = { sent: 0, received: 0, calls: 0 }
  let outstandingMax = outstandingFirst
  let expecting = false
  let closed = false

  const socketOf = (peer: Peer): Socket => {
    const key = peer.family * socketsPerFamily + (peer.socket % socketsPerFamily)
    const known = sockets.get(key)
    if (known) return known
    const socket = openSocket(peer.family)
    socket.on('message', (bytes, from) => {
      counters.received++
      events.message(bytes, from.address, from.port)
    })
    // A socket that failed is replaced when it is used next.
    socket.on('error', error => {
      if (sockets.get(key) === socket) sockets.delete(key)
      socket.close()
      events.fault(error, null)
    })
    outstandingMax = outstandingOf(socket)
    if (!expecting) socket.unref()
    sockets.set(key, socket)
    return socket
  }

  return {
    kind: 'dgram',
    socketsPerFamily,
    get outstandingPerSocketMax() {
      return outstandingMax
    },
    counters,
    send(bytes, peer) {
      if (closed) return
      counters.sent++
      try {
        socketOf(peer).send(bytes, peer.port, peer.address, error => {
          if (error && !closed) events.fault(error, peer)
        })
      } catch (error) {
        const made = error instanceof Error ? error : new Error(String(error))
        queueMicrotask(() => events.fault(made, peer))
      }
    },
    expect(answers) {
      expecting = answers
      for (const socket of sockets.values()) {
        if (answers) socket.ref()
        else socket.unref()
      }
    },
    close() {
      if (closed) return
      closed = true
      for (const socket of sockets.values()) socket.close()
      sockets.clear()
    },
  }
}

/** A socket that is bound already: nothing is looked up, addresses are numbers here. */
export function openSocket(family: 4 | 6): Socket {
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (host, _options, callback) => callback(null, host, family),
  })
  socket.bind({ port: 0, address: family === 6 ? '::' : '0.0.0.0', exclusive: true })
  return socket
}

/** Linux names twice the usable size: the other half is for its own bookkeeping. */
function outstandingOf(socket: Socket): number {
  try {
    socket.setRecvBufferSize(receiveBufferBytes)
  } catch {
    // The size it has must do.
  }
  const usable = (socket.getRecvBufferSize() / 2) * usableShare
  return Math.max(1, Math.floor(usable / answerChargeBytes))
}
