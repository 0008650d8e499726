// The transport by batched system calls: what is sent in one turn of the event loop leaves by one
// sendmmsg, what came is taken by one recvmmsg, looked for every few milliseconds while answers are
// expected. Less than half the CPU of node:dgram. Linux with glibc and koffi; elsewhere there is none.

import { closeSync } from 'node:fs'
import { messageOf } from '../model/errors.ts'
import { Names, sockaddr } from './batched-address.ts'
import { GLIBC, type Libc, loadLibc } from './batched-libc.ts'
import { MessageRing } from './batched-ring.ts'
import { proveLayout } from './batched-selftest.ts'
import {
  type BatchedCounters,
  BatchedSocket,
  growReceiveBuffer,
  openDescriptor,
  type SocketParts,
} from './batched-socket.ts'
import type { OpenTransport, Peer, Transport, TransportEvents } from './transport.ts'

/** Few, so that batches are large; each holds more answers than it usually has under way. */
const socketsPerFamily = 4
/** Datagrams in one system call. */
const batchMax = 64
/** More than any datagram over IP carries (65,507 in IPv4, 65,527 in IPv6). */
const slotBytes = 65_536
/** How long an answer may lie unread, ms; doubled so often (16 ms) where none came for long. */
const lookMs = 2
const doublingsMax = 3
/** Asked for; the kernel gives at most net.core.rmem_max. */
const receiveBufferBytes = 4 << 20
/** What the kernel charges for an answer of one Ethernet frame, and how full we let a buffer be. */
const answerCharge = 2304
const fillMax = 0.7

/**
 * Proves that batched calls work here, and gives what opens transports that use them; or null after
 * it has said why not, once. Never rejects.
 */
export async function openBatched(
  whyNot: (reason: string) => void,
  library = GLIBC,
): Promise<OpenTransport | null> {
  try {
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch))
      throw new Error(`not made for ${process.platform} on ${process.arch}`)
    const libc = await loadLibc(library)
    await proveLayout(libc)
    const outstanding = outstandingMax(libc)
    return events => new BatchedTransport(libc, events, outstanding)
  } catch (error) {
    whyNot(messageOf(error))
    return null
  }
}

/** Answers of one frame that a receive buffer as we get it holds for certain. */
function outstandingMax(libc: Libc): number {
  const fd = openDescriptor(libc, 4)
  const octets = growReceiveBuffer(libc, fd, receiveBufferBytes)
  closeSync(fd)
  return Math.max(1, Math.floor((fillMax * octets) / answerCharge))
}

class BatchedTransport implements Transport {
  readonly kind = 'batched'
  readonly socketsPerFamily = socketsPerFamily
  readonly outstandingPerSocketMax: number
  readonly counters: BatchedCounters = { sent: 0, received: 0, calls: 0, truncated: 0 }
  readonly #libc: Libc
  readonly #events: TransportEvents
  readonly #parts: SocketParts
  /** By family and number; opened when first used. */
  readonly #sockets = new Map<number, BatchedSocket>()
  readonly #names = { 4: new Names(4), 6: new Names(6) }
  readonly #addresses = new WeakMap<Peer, Uint8Array>()
  #faults: { error: Error; peer: Peer | null }[] = []
  #expecting = false
  #closed = false
  #inRound = false
  /** Looks in a row that found nothing, since the last datagram left. */
  #vain = 0
  #soon: NodeJS.Immediate | null = null
  #later: NodeJS.Timeout | null = null

  constructor(libc: Libc, events: TransportEvents, outstandingPerSocketMax: number) {
    this.#libc = libc
    this.#events = events
    this.outstandingPerSocketMax = outstandingPerSocketMax
    this.#parts = {
      libc,
      sending: new MessageRing(libc, batchMax, slotBytes),
      receiving: new MessageRing(libc, batchMax, slotBytes),
      counters: this.counters,
      message: (bytes, address, port) => events.message(bytes, address, port),
      fault: (error, peer) => this.#fault(error, peer),
    }
  }

  send(bytes: Uint8Array, peer: Peer): void {
    if (this.#closed) return
    try {
      const socket = this.#socketOf(peer)
      socket.enqueue(bytes, peer, this.#addressOf(peer))
      if (socket.pending % batchMax === 0) socket.flush()
    } catch (error) {
      this.#fault(error instanceof Error ? error : new Error(messageOf(error)), peer)
    }
    this.#vain = 0
    if (!this.#inRound) this.#roundSoon()
  }

  expect(answers: boolean): void {
    if (this.#closed || answers === this.#expecting) return
    this.#expecting = answers
    // Where none is expected any more, the round under way is the last: something may wait to leave.
    if (answers) this.#roundLater()
  }

  /** What waits is given to the kernel, as far as it takes it. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#expecting = false
    this.#rest()
    if (this.#soon) clearImmediate(this.#soon)
    for (const socket of this.#sockets.values()) {
      socket.flush()
      socket.close()
    }
    this.#sockets.clear()
  }

  /** @throws Error of the system: no descriptor left, no IPv6 */
  #socketOf({ family, socket: number }: Peer): BatchedSocket {
    const key = family * socketsPerFamily + (number % socketsPerFamily)
    const known = this.#sockets.get(key)
    if (known) return known
    const fd = openDescriptor(this.#libc, family)
    growReceiveBuffer(this.#libc, fd, receiveBufferBytes)
    const made = new BatchedSocket(this.#parts, fd, this.#names[family])
    this.#sockets.set(key, made)
    return made
  }

  #addressOf(peer: Peer): Uint8Array {
    const known = this.#addresses.get(peer)
    if (known) return known
    const made = sockaddr(peer.address, peer.port, peer.family)
    this.#addresses.set(peer, made)
    return made
  }

  /** Told in a turn of its own: whoever sends does not expect to be called back. */
  #fault(error: Error, peer: Peer | null): void {
    this.#faults.push({ error, peer })
    if (!this.#inRound) this.#roundSoon()
  }

  #roundSoon(): void {
    this.#soon ??= setImmediate(this.#round)
  }

  /** Each wake-up costs more than a look: who answers late is looked for more seldom. */
  #roundLater(): void {
    const doublings = Math.min(doublingsMax, this.#vain >> 1)
    this.#later ??= setTimeout(this.#round, lookMs << doublings)
  }

  #rest(): void {
    if (this.#later) clearTimeout(this.#later)
    this.#later = null
  }

  /** What came is read first: it makes room, and what it leads to leaves in the same round. */
  readonly #round = (): void => {
    if (this.#soon) clearImmediate(this.#soon)
    this.#soon = null
    this.#rest()
    this.#inRound = true
    this.#vain++
    let busy = false
    let waiting = false
    for (const [key, socket] of this.#sockets) {
      const received = this.#expecting ? socket.receive() : 0
      if (received > 0) this.#vain = 0
      if (received >= batchMax) busy = true
      socket.flush()
      if (socket.failed) this.#discard(key, socket)
      else if (socket.pending > 0) waiting = true
    }
    this.#tellFaults()
    this.#inRound = false
    if (this.#closed) return
    if (busy || this.#faults.length > 0) this.#roundSoon()
    else if (this.#expecting || waiting) this.#roundLater()
  }

  /** The next one to be sent opens another. */
  #discard(key: number, socket: BatchedSocket): void {
    this.#sockets.delete(key)
    socket.close()
  }

  #tellFaults(): void {
    const faults = this.#faults
    this.#faults = []
    for (const { error, peer } of faults) if (!this.#closed) this.#events.fault(error, peer)
  }
}
