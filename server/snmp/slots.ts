// Request-ids and what they stand for: a table of slots, one for each message on the way. An id is
// always 31 bits, so that it has 4 octets on the wire: 01, the slot's generation (16), the slot (14).

import { randomFillSync } from 'node:crypto'

const slotBits = 14
/** Messages on the way at once, in one thread. */
export const slotsMax = 1 << slotBits
const highBits = 0x4000_0000
const generationMask = 0xffff

/** What is known of an id that stands for nothing now. */
export type Gone = 'never' | 'answered' | 'ended'

export class Slots<T> {
  readonly #generation = randomFillSync(new Uint16Array(slotsMax))
  readonly #owner: (T | null)[] = new Array(slotsMax).fill(null)
  readonly #sentAt = new Float64Array(slotsMax)
  /** The slot that the same owner took before; -1: none. */
  readonly #earlier = new Int32Array(slotsMax)
  readonly #answered = new Uint8Array(slotsMax)
  /**
   * A ring: the slot that has been free longest is taken first, so an id comes again only after 2^30
   * messages. Else a quiet thread would give one out again within SNMPv3's time window (150 s), and
   * the answer to it, replayed, would be believed.
   */
  readonly #free = Int32Array.from({ length: slotsMax }, (_, i) => i)
  #freeAt = 0
  #freeCount = slotsMax

  /** A slot for a message that goes out now; -1 where all are taken. */
  take(owner: T, earlier: number, now: number): number {
    if (this.#freeCount === 0) return -1
    const slot = this.#free[this.#freeAt] ?? 0
    this.#freeAt = (this.#freeAt + 1) % slotsMax
    this.#freeCount--
    this.#owner[slot] = owner
    this.#sentAt[slot] = now
    this.#earlier[slot] = earlier
    return slot
  }

  idOf(slot: number): number {
    return highBits | ((this.#generation[slot] ?? 0) << slotBits) | slot
  }

  /** Whose message this id is; null where it is nobody's. */
  ownerOf(id: number): T | null {
    const slot = id & (slotsMax - 1)
    return id === this.idOf(slot) ? (this.#owner[slot] ?? null) : null
  }

  /** performance.now() at which the message of this id went out. */
  sentAt(id: number): number {
    return this.#sentAt[id & (slotsMax - 1)] ?? 0
  }

  /** Why an id has no owner: its slot keeps the last one in mind. */
  gone(id: number): Gone {
    const slot = id & (slotsMax - 1)
    const before = ((this.#generation[slot] ?? 0) - 1) & generationMask
    if (id !== (highBits | (before << slotBits) | slot)) return 'never'
    return this.#answered[slot] === 1 ? 'answered' : 'ended'
  }

  /** Frees this slot and all that its owner took before it. */
  release(last: number, answered: boolean): void {
    for (let slot = last; slot >= 0; ) {
      const earlier = this.#earlier[slot] ?? -1
      this.#owner[slot] = null
      this.#generation[slot] = (this.#generation[slot] ?? 0) + 1
      this.#answered[slot] = answered ? 1 : 0
      this.#free[(this.#freeAt + this.#freeCount++) % slotsMax] = slot
      slot = earlier
    }
  }
}
