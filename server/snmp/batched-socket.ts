// One UDP socket of the batched transport: a bounded queue of what is to be sent, emptied by
// sendmmsg(2), and what came, taken by recvmmsg(2). It never waits.

import { closeSync, openSync } from 'node:fs'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import type { Names } from './batched-address.ts'
import * as c from './batched-libc.ts'
import type { MessageRing } from './batched-ring.ts'
import type { Peer } from './transport.ts'

/** What waits while the kernel takes nothing; beyond, a datagram is refused. */
const pendingMax = 4096
/** What one socket gives in one round, so that the thread's other work goes on. */
const batchesPerRoundMax = 8

const EINTR = 4
const EBADF = 9
const EAGAIN = 11
const EMSGSIZE = 90
const ENOTSOCK = 88
const ENOBUFS = 105

export interface BatchedCounters {
  sent: number
  received: number
  calls: number
  /** Datagrams that were longer than any that UDP over IP can carry us: dropped. */
  truncated: number
}

export interface SocketParts {
  libc: c.Libc
  sending: MessageRing
  receiving: MessageRing
  counters: BatchedCounters
  message(bytes: Uint8Array, address: string, port: number): void
  /** May be called from within `send` and `flush`. Null: the socket is of no use any more. */
  fault(error: Error, peer: Peer | null): void
}

/** An error as node:dgram gives it. */
export function systemError(call: string, errno: number, peer: Peer | null): Error {
  const code = getSystemErrorName(-errno)
  const where = peer ? ` ${peer.address}:${peer.port}` : ''
  return Object.assign(new Error(`${call} ${code}${where}: ${getSystemErrorMessage(-errno)}`), {
    code,
    errno: -errno,
    syscall: call,
  })
}

/**
 * An unbound socket that does not block. Its descriptor takes the place of one of node:fs, because
 * Node closes those by itself where a thread is ended the hard way.
 * @throws Error of the system
 */
export function openDescriptor(libc: c.Libc, family: 4 | 6): number {
  const type = c.SOCK_DGRAM | c.SOCK_NONBLOCK | c.SOCK_CLOEXEC
  const made = libc.socket(family === 4 ? c.AF_INET : c.AF_INET6, type, 0)
  if (made < 0) throw systemError('socket', libc.errno(), null)
  try {
    if (family === 6) libc.setsockopt(made, c.IPPROTO_IPV6, c.IPV6_V6ONLY, Int32Array.of(1), 4)
    const fd = openSync('/dev/null', 'r')
    if (libc.dup3(made, fd, c.SOCK_CLOEXEC) === fd) return fd
    const error = systemError('dup3', libc.errno(), null)
    closeSync(fd)
    throw error
  } finally {
    libc.close(made)
  }
}

/** Asks for a receive buffer of so many octets. @returns what the kernel gives, as it charges it */
export function growReceiveBuffer(libc: c.Libc, fd: number, octets: number): number {
  const value = Int32Array.of(octets)
  libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, value, 4)
  libc.getsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, value, Uint32Array.of(4))
  return value[0] ?? 0
}

const isGone = (errno: number) => errno === EBADF || errno === ENOTSOCK

export class BatchedSocket {
  readonly #parts: SocketParts
  readonly #fd: number
  readonly #names: Names
  readonly #bytes: Uint8Array[] = []
  readonly #peers: Peer[] = []
  readonly #addresses: Uint8Array[] = []
  #failed = false
  /** Whether the descriptor is ours to close: its number may be another's by now. */
  #owned = true

  constructor(parts: SocketParts, fd: number, names: Names) {
    this.#parts = parts
    this.#fd = fd
    this.#names = names
  }

  get pending(): number {
    return this.#peers.length
  }

  /** True once it is closed, or after an error of the whole socket. */
  get failed(): boolean {
    return this.#failed
  }

  /** `to`: the peer's sockaddr. */
  enqueue(bytes: Uint8Array, peer: Peer, to: Uint8Array): void {
    const tooLong = bytes.length > this.#parts.sending.slotBytes
    if (tooLong || this.#peers.length >= pendingMax) {
      this.#parts.fault(systemError('send', tooLong ? EMSGSIZE : ENOBUFS, peer), peer)
      return
    }
    this.#bytes.push(bytes)
    this.#peers.push(peer)
    this.#addresses.push(to)
  }

  /** Hands to the kernel what it takes now; the rest stays. */
  flush(): void {
    const { slots } = this.#parts.sending
    let from = 0
    while (from < this.#peers.length && !this.#failed) {
      const count = Math.min(slots, this.#peers.length - from)
      const done = this.#sendBatch(from, count)
      from += done
      if (done < count) break
    }
    this.#bytes.splice(0, from)
    this.#peers.splice(0, from)
    this.#addresses.splice(0, from)
  }

  /** @returns how many are done, sent or failed each on its own; fewer than `count`: it takes no more */
  #sendBatch(from: number, count: number): number {
    const { sending, libc, counters, fault } = this.#parts
    for (let slot = 0; slot < count; slot++) {
      const bytes = this.#bytes[from + slot]
      const to = this.#addresses[from + slot]
      if (bytes && to) sending.put(slot, bytes, to)
    }
    let done = 0
    while (done < count) {
      const header = sending.headers[done]
      if (header === undefined) break
      const sent = libc.sendmmsg(this.#fd, header, count - done, c.MSG_DONTWAIT)
      const errno = sent < 0 ? libc.errno() : 0
      counters.calls++
      if (sent > 0) {
        done += sent
        counters.sent += sent
      } else if (errno === EAGAIN) {
        break
      } else if (isGone(errno)) {
        this.#fail(errno, 'send')
        break
      } else if (errno !== EINTR) {
        // The error is the first message's alone.
        const peer = this.#peers[from + done] ?? null
        fault(systemError('send', errno, peer), peer)
        done++
      }
    }
    return done
  }

  /**
   * Takes what came, at most some batches of it.
   * @returns how many datagrams
   */
  receive(): number {
    const { receiving, libc, counters } = this.#parts
    const header = receiving.headers[0]
    let total = 0
    for (let batch = 0; batch < batchesPerRoundMax && header !== undefined; batch++) {
      if (this.#failed) break
      const count = libc.recvmmsg(this.#fd, header, receiving.slots, c.MSG_DONTWAIT, null)
      const errno = count < 0 ? libc.errno() : 0
      counters.calls++
      if (count < 0) {
        if (errno !== EAGAIN && errno !== EINTR) this.#fail(errno, 'recv')
        break
      }
      total += count
      // The socket may be closed by what it delivers.
      for (let slot = 0; slot < count && !this.#failed; slot++) this.#deliver(slot)
      receiving.rearm(count)
      if (count < receiving.slots) break
    }
    return total
  }

  #deliver(slot: number): void {
    const { receiving, counters, message } = this.#parts
    if (receiving.truncated(slot)) {
      counters.truncated++
      return
    }
    counters.received++
    const name = this.#names.of(receiving.words, receiving.nameAt(slot) / 4)
    message(receiving.data(slot), name, receiving.port(slot))
  }

  #fail(errno: number, call: string): void {
    this.#failed = true
    if (isGone(errno)) this.#owned = false
    this.#parts.fault(systemError(call, errno, null), null)
  }

  /** What still waits is dropped. May be called twice. */
  close(): void {
    this.#failed = true
    if (this.#owned) closeSync(this.#fd)
    this.#owned = false
  }
}
