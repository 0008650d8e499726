// Writes JSON as octets: numbers go from doubles to digits without a text in between. What it writes
// reads back as what JSON.stringify would have written of the same values.

import { NUMBER_BYTES, writeNumber, writeRounded } from './digits.ts'

/** Room that is kept for the next text. */
const keptBytesMax = 1024 * 1024
/** Texts lie together in buffers of this size: one of its own for each costs more than the copy. */
const chunkBytes = 64 * 1024
const pieceBytesMax = chunkBytes / 4

const COMMA = 44

const encoder = new TextEncoder()

export class JsonBytes {
  private bytes = new Uint8Array(16 * 1024)
  private length = 0
  private chunk = new Uint8Array(chunkBytes)
  private used = 0

  /** Octets so far. */
  get size(): number {
    return this.length
  }

  /** The text so far; a new one begins. Others may lie in the same buffer: it must not be transferred. */
  take(): Uint8Array<ArrayBuffer> {
    const { length } = this
    const text = this.bytes.subarray(0, length)
    this.clear()
    if (length > pieceBytesMax) return text.slice()
    if (this.used + length > this.chunk.length) {
      this.chunk = new Uint8Array(chunkBytes)
      this.used = 0
    }
    const taken = this.chunk.subarray(this.used, this.used + length)
    taken.set(text)
    this.used += length
    return taken
  }

  clear(): void {
    this.length = 0
    if (this.bytes.length > keptBytesMax) this.bytes = new Uint8Array(keptBytesMax)
  }

  /** Takes back what was written last: a comma after the last value. */
  back(count: number): void {
    this.length -= count
  }

  /** JSON that is ASCII. */
  raw(text: string): void {
    this.reserve(text.length)
    const { bytes } = this
    const at = this.length
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
    this.length = at + text.length
  }

  rawBytes(json: Uint8Array): void {
    this.reserve(json.length)
    this.bytes.set(json, this.length)
    this.length += json.length
  }

  /** Any value, by JSON.stringify. */
  value(value: unknown): void {
    this.rawBytes(encoder.encode(JSON.stringify(value)))
  }

  /** A finite number as it is. */
  number(value: number): void {
    this.reserve(NUMBER_BYTES)
    this.length = writeNumber(this.bytes, this.length, value)
  }

  /**
   * Finite numbers, each with a comma after it: with 5 digits rounded to that, with more whole ones as
   * they are. It begins at place `from` of `rows` and ends where `skip` is not 0; gives that place.
   */
  numbers(
    values: Float64Array,
    skip: Uint8Array,
    rows: readonly number[],
    from: number,
    digits: number,
  ): number {
    this.reserve((rows.length - from) * (NUMBER_BYTES + 1))
    const { bytes } = this
    let at = this.length
    let i = from
    for (; i < rows.length; i++) {
      const row = rows[i] ?? 0
      if (skip[row] !== 0) break
      const value = values[row] ?? 0
      const isWhole = digits > 5 && Number.isInteger(value)
      at = isWhole ? writeNumber(bytes, at, value) : writeRounded(bytes, at, value, digits)
      bytes[at++] = COMMA
    }
    this.length = at
    return i
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const more = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count))
    more.set(this.bytes.subarray(0, this.length))
    this.bytes = more
  }
}
