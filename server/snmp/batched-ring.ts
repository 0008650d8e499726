// Memory for a batch of datagrams as sendmmsg(2) and recvmmsg(2) want it, laid out once: headers
// (`struct mmsghdr`), vectors (`struct iovec`), addresses and data in one ArrayBuffer. The layout is
// that of 64-bit Linux with glibc; batched-selftest.ts proves it before it is used.

import { SOCKADDR_ROOM } from './batched-address.ts'
import type { Libc, Pointer } from './batched-libc.ts'

const headerBytes = 64
const iovecBytes = 16
/** Words (32 bit) within a header. */
const AT = { nameLength: 2, flags: 12, length: 14 } as const
/** Places (64 bit) within a header. */
const LONG_AT = { name: 0, vectors: 2, vectorCount: 3 } as const
const MSG_TRUNC = 0x20
/** Between the data of two slots, so that their first octets do not all fall on one line of the cache. */
const gapBytes = 1408

export class MessageRing {
  readonly slots: number
  readonly slotBytes: number
  /** Of the header of each slot: where a batch that begins there begins. */
  readonly headers: readonly Pointer[]
  /** The whole memory, for names. */
  readonly words: Int32Array
  readonly #bytes: Uint8Array
  readonly #longs: BigUint64Array
  readonly #namesAt: number
  readonly #dataAt: number
  readonly #stride: number
  /** The view that a slot's last datagram was read by: the next one often has its length. */
  readonly #views: (Uint8Array | null)[]

  constructor(libc: Libc, slots: number, slotBytes: number) {
    this.slots = slots
    this.slotBytes = slotBytes
    this.#namesAt = slots * (headerBytes + iovecBytes)
    this.#dataAt = this.#namesAt + slots * SOCKADDR_ROOM
    this.#stride = Math.ceil((slotBytes + gapBytes) / 8) * 8
    // V8 never moves the memory of an ArrayBuffer: its address holds for as long as we hold it.
    const memory = new ArrayBuffer(this.#dataAt + slots * this.#stride)
    this.words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory)
    this.#longs = new BigUint64Array(memory)
    this.#views = new Array(slots).fill(null)
    const base = libc.address(memory)
    const headers: Pointer[] = []
    for (let slot = 0; slot < slots; slot++) {
      headers.push(base + BigInt(slot * headerBytes))
      this.#layOut(slot, base)
    }
    this.headers = headers
    this.rearm(slots)
  }

  #layOut(slot: number, base: Pointer): void {
    const header = (slot * headerBytes) / 8
    const vectorAt = this.slots * headerBytes + slot * iovecBytes
    this.#longs[header + LONG_AT.name] = base + BigInt(this.nameAt(slot))
    this.#longs[header + LONG_AT.vectors] = base + BigInt(vectorAt)
    this.#longs[header + LONG_AT.vectorCount] = 1n
    this.#longs[vectorAt / 8] = base + BigInt(this.#slotAt(slot))
    this.#longs[vectorAt / 8 + 1] = BigInt(this.slotBytes)
  }

  /** Makes the first slots ready to receive (again): the kernel has shortened their name lengths. */
  rearm(slots: number): void {
    for (let slot = 0; slot < slots; slot++)
      this.words[(slot * headerBytes) / 4 + AT.nameLength] = SOCKADDR_ROOM
  }

  /** Makes a slot ready to send. `bytes` are at most `slotBytes`. */
  put(slot: number, bytes: Uint8Array, sockaddr: Uint8Array): void {
    this.words[(slot * headerBytes) / 4 + AT.nameLength] = sockaddr.length
    this.words[(this.slots * headerBytes + slot * iovecBytes) / 4 + 2] = bytes.length
    this.#bytes.set(sockaddr, this.nameAt(slot))
    this.#bytes.set(bytes, this.#slotAt(slot))
  }

  /** Whether what came was longer than the slot. */
  truncated(slot: number): boolean {
    return ((this.words[(slot * headerBytes) / 4 + AT.flags] ?? 0) & MSG_TRUNC) !== 0
  }

  /** The datagram in a slot; valid until the next one is received into it. */
  data(slot: number): Uint8Array {
    const length = this.words[(slot * headerBytes) / 4 + AT.length] ?? 0
    const last = this.#views[slot]
    if (last && last.length === length) return last
    const at = this.#slotAt(slot)
    const view = this.#bytes.subarray(at, at + length)
    this.#views[slot] = view
    return view
  }

  port(slot: number): number {
    const at = this.nameAt(slot) + 2
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0)
  }

  /** Octets from the beginning of the memory to the slot's sockaddr. */
  nameAt(slot: number): number {
    return this.#namesAt + slot * SOCKADDR_ROOM
  }

  #slotAt(slot: number): number {
    return this.#dataAt + slot * this.#stride
  }
}
