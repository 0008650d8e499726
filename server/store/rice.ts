// Columns of whole numbers as bits: what is left after the best of three predictions, in Rice codes
// (R. F. Rice, 1979) whose parameter is chosen for every 64 numbers. Pure. Past 300 lines: the writer and
// the reader of one format must say the same, and are seen together.
//
//   order (byte) · base (signed varint) · order 2: slope (signed varint) · bits, first bit highest
//   for every 64 residues: parameter k (6 bits); each residue, zigzagged: its part above k bits in
//   unary (ones, then a zero), then the k bits; from 24 ones on no zero but the number in 53 bits

import { type ByteReader, type ByteWriter, unzigzag, zigzag } from './bytes.ts'

/** The largest number that a column may have, of either sign: its differences stay exact. */
export const wholeMax = 2 ** 50

const CHUNK = 64
const UNARY_MAX = 24
const PARAMETER_BITS = 6
const PARAMETER_MAX = 52
const WHOLE_BITS = 53
/** Bits handed over at once: the accumulator has 32, of which 7 may still be waiting. */
const PIECE = 24

/** Residues below this are handled as 32-bit integers, several times as fast. */
const SMALL = 2 ** 30

let residues = new Float64Array(1024)
let small = new Int32Array(1024)

export interface Plan {
  order: 0 | 1 | 2
  base: number
}

/** Which prediction leaves the least, and about how many bits that takes. */
export function planWholes(values: Float64Array, count: number): Plan & { bits: number } {
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i] ?? 0
  const mean = Math.round(sum / count)
  let around = 0
  let steps = 0
  let bends = 0
  let before = values[0] ?? 0
  let step = 0
  for (let i = 0; i < count; i++) {
    const value = values[i] ?? 0
    const next = value - before
    around += Math.abs(value - mean)
    steps += Math.abs(next)
    bends += Math.abs(next - step)
    before = value
    step = next
  }
  const order = steps <= around ? (bends < steps ? 2 : 1) : bends < around ? 2 : 0
  const least = Math.min(around, steps, bends)
  const bits = count * (1.5 + Math.log2(1 + (1.4 * least) / count))
  return { order, base: order === 0 ? mean : (values[0] ?? 0), bits }
}

/** Writes `count` whole numbers, at least one, none above `wholeMax`. */
export function writeWholes(
  out: ByteWriter,
  values: Float64Array,
  count: number,
  { order, base }: Plan,
): void {
  out.byte(order)
  out.signed(base)
  if (order === 2) out.signed(count > 1 ? (values[1] ?? 0) - base : 0)
  const left = residuesOf(values, count, order, base)
  writeBits(out, left)
}

/** @returns how many residues lie in `residues` */
function residuesOf(values: Float64Array, count: number, order: number, base: number): number {
  if (residues.length < count) residues = new Float64Array(count * 2)
  if (order === 0) {
    for (let i = 0; i < count; i++) residues[i] = zigzag((values[i] ?? 0) - base)
    return count
  }
  let before = base
  let step = order === 2 ? (values[1] ?? 0) - base : 0
  if (order === 2) before += step
  for (let i = order; i < count; i++) {
    const value = values[i] ?? 0
    const next = value - before
    residues[i - order] = zigzag(order === 2 ? next - step : next)
    before = value
    step = next
  }
  return Math.max(0, count - order)
}

/** The parameter that makes these residues shortest, near the one of their mean. */
function parameterOf(from: number, to: number, isSmall: boolean): number {
  let sum = 0
  for (let i = from; i < to; i++) sum += residues[i] ?? 0
  const mean = sum / (to - from)
  const guess = Math.min(PARAMETER_MAX, Math.max(0, Math.floor(Math.log2(0.7 * mean + 0.01)) + 1))
  if (sum === 0) return 0
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let k = Math.max(0, guess - 1); k <= Math.min(PARAMETER_MAX, guess + 1); k++) {
    const bits = isSmall && k < 31 ? smallBits(from, to, k) : longBits(from, to, k)
    if (bits < least) {
      least = bits
      best = k
    }
  }
  return best
}

function smallBits(from: number, to: number, k: number): number {
  let bits = (to - from) * (k + 1)
  for (let i = from; i < to; i++) {
    const above = (small[i] ?? 0) >> k
    bits += above < UNARY_MAX ? above : UNARY_MAX + WHOLE_BITS - k - 1
  }
  return bits
}

function longBits(from: number, to: number, k: number): number {
  const unit = 2 ** k
  let bits = (to - from) * (k + 1)
  for (let i = from; i < to; i++) {
    const above = Math.floor((residues[i] ?? 0) / unit)
    bits += above < UNARY_MAX ? above : UNARY_MAX + WHOLE_BITS - k - 1
  }
  return bits
}

function writeBits(out: ByteWriter, count: number): void {
  const bits = new BitWriter(out)
  for (let from = 0; from < count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK)
    // The longest code has 77 bits.
    out.reserve((to - from) * 10 + 8)
    const isSmall = copySmall(from, to)
    const k = parameterOf(from, to, isSmall)
    bits.put(k, PARAMETER_BITS)
    if (isSmall && k <= PIECE) writeSmall(bits, from, to, k)
    else writeLong(bits, from, to, k)
  }
  bits.end()
}

/** Copies residues to where they are integers of 32 bits; false: one is too large. */
function copySmall(from: number, to: number): boolean {
  if (small.length < residues.length) small = new Int32Array(residues.length)
  for (let i = from; i < to; i++) {
    const value = residues[i] ?? 0
    if (value >= SMALL) return false
    small[i] = value
  }
  return true
}

function writeSmall(bits: BitWriter, from: number, to: number, k: number): void {
  const mask = (1 << k) - 1
  for (let i = from; i < to; i++) {
    const value = small[i] ?? 0
    const above = value >> k
    if (above + 1 + k <= PIECE) {
      // Unary part and low bits in one piece.
      bits.put((((1 << (above + 1)) - 2) << k) | (value & mask), above + 1 + k)
    } else if (above < UNARY_MAX) {
      bits.put((1 << (above + 1)) - 2, above + 1)
      bits.put(value & mask, k)
    } else {
      bits.put(2 ** UNARY_MAX - 1, UNARY_MAX)
      bits.putLong(value, WHOLE_BITS)
    }
  }
}

function writeLong(bits: BitWriter, from: number, to: number, k: number): void {
  const unit = 2 ** k
  for (let i = from; i < to; i++) {
    const value = residues[i] ?? 0
    const above = Math.floor(value / unit)
    if (above < UNARY_MAX) {
      bits.put(2 ** (above + 1) - 2, above + 1)
      bits.putLong(value - above * unit, k)
    } else {
      bits.put(2 ** UNARY_MAX - 1, UNARY_MAX)
      bits.putLong(value, WHOLE_BITS)
    }
  }
}

/** Reads `count` whole numbers into `into`. @throws RangeError for bytes that no writer made */
export function readWholes(reader: ByteReader, into: Float64Array, count: number): void {
  const order = reader.byte()
  if (order > 2) throw new RangeError(`no prediction ${order}`)
  const base = reader.signed()
  const step = order === 2 ? reader.signed() : 0
  let before = base
  let first = 0
  if (order >= 1) into[first++] = base
  if (order === 2 && count > 1) {
    before += step
    into[first++] = before
  }
  const bits = new BitReader(reader)
  for (let from = first; from < count; from += CHUNK) {
    const to = Math.min(count, from + CHUNK)
    const k = bits.get(PARAMETER_BITS)
    if (k > PARAMETER_MAX) throw new RangeError(`no parameter ${k}`)
    bits.readChunk(into, from, to, k)
  }
  bits.end()
  if (order === 0) for (let i = 0; i < count; i++) into[i] = base + (into[i] ?? 0)
  else if (order === 1) sumSteps(into, first, count, base)
  else sumBends(into, first, count, before, step)
}

function sumSteps(into: Float64Array, first: number, count: number, base: number): void {
  let value = base
  for (let i = first; i < count; i++) {
    value += into[i] ?? 0
    into[i] = value
  }
}

function sumBends(
  into: Float64Array,
  first: number,
  count: number,
  before: number,
  firstStep: number,
): void {
  let value = before
  let step = firstStep
  for (let i = first; i < count; i++) {
    step += into[i] ?? 0
    value += step
    into[i] = value
  }
}

/** Bits into a ByteWriter that has room for them. */
class BitWriter {
  readonly #out: ByteWriter
  #held = 0
  #count = 0

  constructor(out: ByteWriter) {
    this.#out = out
  }

  /** @param size at most 25 bits */
  put(value: number, size: number): void {
    this.#held = (this.#held << size) | value
    this.#count += size
    while (this.#count >= 8) {
      this.#count -= 8
      this.#out.bytes[this.#out.at++] = this.#held >>> this.#count
    }
    this.#held &= (1 << this.#count) - 1
  }

  putLong(value: number, size: number): void {
    if (size <= PIECE) {
      this.put(value, size)
      return
    }
    const low = size > 2 * PIECE ? 2 * PIECE : PIECE
    const high = Math.floor(value / 2 ** low)
    this.put(high, size - low)
    this.putLong(value - high * 2 ** low, low)
  }

  end(): void {
    if (this.#count > 0) this.put(0, 8 - this.#count)
  }
}

/**
 * Bits of a ByteReader, taken some bytes ahead; `end` gives back what was not used. Past the end there
 * are zeros, and `end` says so.
 */
class BitReader {
  readonly #reader: ByteReader
  readonly #bytes: Uint8Array
  #at: number
  /** The last `#count` bits, at most 32, are not used yet. */
  #held = 0
  #count = 0

  constructor(reader: ByteReader) {
    this.#reader = reader
    this.#bytes = reader.bytes
    this.#at = reader.at
  }

  /** @param size at most 24 bits */
  get(size: number): number {
    this.#refill()
    this.#count -= size
    return (this.#held >>> this.#count) & ((1 << size) - 1)
  }

  #refill(): void {
    const { end } = this.#reader
    while (this.#count <= PIECE) {
      const at = this.#at++
      this.#held = (this.#held << 8) | (at < end ? (this.#bytes[at] ?? 0) : 0)
      this.#count += 8
    }
  }

  getLong(size: number): number {
    if (size <= PIECE) return this.get(size)
    const low = size > 2 * PIECE ? 2 * PIECE : PIECE
    const high = this.get(size - low)
    return high * 2 ** low + this.getLong(low)
  }

  /** Residues of one parameter. All state is in variables meanwhile: that is three times as fast. */
  readChunk(into: Float64Array, from: number, to: number, k: number): void {
    const bytes = this.#bytes
    const { end } = this.#reader
    let at = this.#at
    let held = this.#held
    let count = this.#count
    for (let i = from; i < to; i++) {
      while (count <= PIECE) {
        held = (held << 8) | (at < end ? (bytes[at] ?? 0) : 0)
        at++
        count += 8
      }
      const top = held << (32 - count)
      const ones = Math.clz32(~top)
      if (ones + 1 + k <= count && ones < UNARY_MAX) {
        // Unary part and low bits in one look, 31 bits at most.
        count -= ones + 1 + k
        const low = (held >>> count) & ((1 << k) - 1)
        const folded = ones * (1 << k) + low
        into[i] = folded & 1 ? -((folded >>> 1) + 1) : folded >>> 1
        continue
      }
      this.#at = at
      this.#held = held
      this.#count = count
      into[i] = this.#longResidue(k)
      at = this.#at
      held = this.#held
      count = this.#count
    }
    this.#at = at
    this.#held = held
    this.#count = count
    // Else a column of damaged bytes would be read as zeros for as long as it says it is.
    if (at - (count >> 3) > end) throw new RangeError('bits that are cut off')
  }

  #longResidue(k: number): number {
    const above = this.#unary()
    return unzigzag(
      above === UNARY_MAX ? this.getLong(WHOLE_BITS) : above * 2 ** k + this.getLong(k),
    )
  }

  /** How many ones come before a zero; at `UNARY_MAX` ones there is none. */
  #unary(): number {
    this.#refill()
    const ones = Math.min(UNARY_MAX, Math.clz32(~(this.#held << (32 - this.#count))))
    this.#count -= ones === UNARY_MAX ? ones : ones + 1
    return ones
  }

  /** The rest of the last byte is zeros. */
  end(): void {
    const unused = this.#count >> 3
    const rest = this.#count & 7
    if (this.#at - unused > this.#reader.end) throw new RangeError('bits that are cut off')
    this.#reader.at = this.#at - unused
    const last = this.#bytes[this.#reader.at - 1] ?? 0
    if ((last & ((1 << rest) - 1)) !== 0) throw new RangeError('bits left over')
  }
}
