// Whether structures lie in memory here as we think: a batch is sent over loopback and read back,
// everything compared. A wrong layout must end in a sentence, not in a wrong poll.

import { closeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Names, SOCKADDR_ROOM, sockaddr } from './batched-address.ts'
import { type Libc, MSG_DONTWAIT } from './batched-libc.ts'
import { MessageRing } from './batched-ring.ts'
import { openDescriptor, systemError } from './batched-socket.ts'

const loopback = '127.0.0.1'
/** Room for the second of the three, not for the third. */
const slotBytes = 64
const lengths = [1, slotBytes, slotBytes + 1]
const triesMax = 100
const tryMs = 10

/** @throws Error that says what is not as it should be */
export async function proveLayout(libc: Libc): Promise<void> {
  const fds = [openDescriptor(libc, 4), openDescriptor(libc, 4)] as const
  try {
    const [from, to] = fds
    const fromPort = bindToLoopback(libc, from)
    sendAll(libc, from, sockaddr(loopback, bindToLoopback(libc, to), 4))
    await checkReceived(libc, to, fromPort)
  } finally {
    for (const fd of fds) closeSync(fd)
  }
}

function bindToLoopback(libc: Libc, fd: number): number {
  const wanted = sockaddr(loopback, 0, 4)
  if (libc.bind(fd, wanted, wanted.length) !== 0) throw systemError('bind', libc.errno(), null)
  const got = new Uint8Array(SOCKADDR_ROOM)
  const length = Uint32Array.of(got.length)
  if (libc.getsockname(fd, got, length) !== 0 || length[0] !== wanted.length)
    throw new Error('an address is not laid out as expected')
  return ((got[2] ?? 0) << 8) | (got[3] ?? 0)
}

const octetsOf = (index: number) =>
  Uint8Array.from({ length: lengths[index] ?? 0 }, (_, i) => (i * 7 + index) & 255)

function sendAll(libc: Libc, fd: number, to: Uint8Array): void {
  const ring = new MessageRing(libc, lengths.length, slotBytes + 1)
  for (const index of lengths.keys()) ring.put(index, octetsOf(index), to)
  const sent = libc.sendmmsg(fd, headerOf(ring), lengths.length, MSG_DONTWAIT)
  if (sent < 0) throw systemError('sendmmsg', libc.errno(), null)
  if (sent !== lengths.length) throw new Error(`${sent} of ${lengths.length} datagrams were sent`)
}

async function checkReceived(libc: Libc, fd: number, fromPort: number): Promise<void> {
  const ring = new MessageRing(libc, lengths.length, slotBytes)
  await receiveAll(libc, fd, ring)
  const names = new Names(4)
  for (const slot of lengths.keys()) {
    const truncated = (lengths[slot] ?? 0) > slotBytes
    const expected = octetsOf(slot).subarray(0, slotBytes)
    const good =
      names.of(ring.words, ring.nameAt(slot) / 4) === loopback &&
      ring.port(slot) === fromPort &&
      ring.truncated(slot) === truncated &&
      Buffer.compare(ring.data(slot), expected) === 0
    if (!good) throw new Error('a message is not laid out as expected')
  }
}

/** The kernel may hand over a moment later what was sent over loopback. */
async function receiveAll(libc: Libc, fd: number, ring: MessageRing): Promise<void> {
  let count = 0
  for (let tries = 0; tries < triesMax; tries++) {
    const got = libc.recvmmsg(fd, headerOf(ring, count), ring.slots - count, MSG_DONTWAIT, null)
    if (got > 0) count += got
    if (count === ring.slots) return
    await setTimeout(tryMs)
  }
  throw new Error(`${count} of ${ring.slots} datagrams came over loopback`)
}

function headerOf(ring: MessageRing, slot = 0): bigint {
  const header = ring.headers[slot]
  if (header === undefined) throw new Error(`a ring without slot ${slot}`)
  return header
}
