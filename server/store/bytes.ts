// Bytes written one after another into a buffer that grows, and read back without passing the end:
// what the formats of the store share. Integers are varints of 7 bits a byte, little end first.

const FIRST_SIZE = 1 << 16

/** Appends; `take` gives a copy and begins again. */
export class ByteWriter {
  bytes = new Uint8Array(FIRST_SIZE)
  at = 0

  /** Makes room for so many more bytes. */
  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest >= 128) {
      this.bytes[this.at++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.bytes[this.at++] = rest
  }

  /** A whole number of either sign, up to 2^52. */
  signed(value: number): void {
    this.varint(zigzag(value))
  }

  float(value: number): void {
    this.reserve(8)
    new DataView(this.bytes.buffer).setFloat64(this.at, value, true)
    this.at += 8
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** The bytes so far, as they lie here: to be copied before anything else is written. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }
}

/** Reads what a ByteWriter wrote. Every call may throw RangeError: bytes that no writer made. */
export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte(): number {
    if (this.at >= this.end) throw cutOff()
    return this.bytes[this.at++] ?? 0
  }

  /** @param max a larger number is refused: what it counts would not be there */
  varint(max: number = Number.MAX_SAFE_INTEGER): number {
    const first = this.bytes[this.at] ?? 0
    if (first < 128 && first <= max && this.at < this.end) {
      // Nearly all are that short.
      this.at++
      return first
    }
    let value = 0
    for (let shift = 1; shift <= 2 ** 49; shift *= 128) {
      const next = this.byte()
      value += (next & 127) * shift
      if (next < 128) {
        if (value > max) throw new RangeError(`a number above ${max}`)
        return value
      }
    }
    throw new RangeError('a number too long')
  }

  signed(): number {
    return unzigzag(this.varint())
  }

  float(): number {
    const { buffer, byteOffset } = this.take(8)
    const value = new DataView(buffer, byteOffset, 8).getFloat64(0, true)
    if (!Number.isFinite(value)) throw new RangeError('a number that is not finite')
    return value
  }

  skip(count: number): void {
    if (count > this.end - this.at) throw cutOff()
    this.at += count
  }

  /** A reader of the next `count` bytes alone. */
  part(count: number): ByteReader {
    const from = this.at
    this.skip(count)
    return new ByteReader(this.bytes, from, this.at)
  }

  /** The next `count` bytes, not copied. */
  take(count: number): Uint8Array {
    if (count > this.end - this.at) throw cutOff()
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }
}

/** 0, -1, 1, -2 … to 0, 1, 2, 3 … */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

export const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2)

const cutOff = () => new RangeError('bytes that are cut off')
