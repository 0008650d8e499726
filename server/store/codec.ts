// One poll of a stream as bytes and back: for each slot a number, a gap reason, a text reference, or
// nothing. Pure; it knows no database. A first byte leaves room for other layouts. Past 300 lines: the
// writer and the reader of one format must say the same, and are seen together.
//
//   version (1) · slots (varint) · items … · CRC32 of all before (4 bytes, little endian)
//   0x00 absent · 0x01-0x1f gap of that number · 0x20 f64, little endian · 0x21 text: zigzag varint,
//   ms from the row of the text log back to the poll · 0x22 the item before, varint times more ·
//   0x40-0x7f the integers 0 to 63 · 0x80 + sign·32 + (exponent + 16): varint mantissa · 10^exponent

import { crc32 } from 'node:zlib'

/** Slots that one poll may have; a stream is about 100 series. */
export const slotsMax = 1024

const VERSION = 1
const CRC_BYTES = 4

/** What is in a slot: ABSENT, a gap's number (1 to 31), NUMBER or TEXT. */
export const ABSENT = 0
export const GAP_LAST = 31
export const NUMBER = 32
export const TEXT = 33

const ITEM_F64 = 0x20
const ITEM_TEXT = 0x21
const ITEM_REPEAT = 0x22
const ITEM_SMALL = 0x40
const ITEM_DECIMAL = 0x80
const SMALL_MAX = 63
const INT32_MAX = 2 ** 31 - 1
const EXPONENT_MIN = -16
const EXPONENT_MAX = 15

/** Powers of ten that a double holds exactly, so one division or product rounds correctly. */
const POWERS = Array.from({ length: 17 }, (_, power) => 10 ** power)

/** A poll as columns: `kinds[slot]` says what is there, `values[slot]` is the number or the text's age. */
export interface Poll {
  /** How many slots are in use, from 0. */
  size: number
  readonly kinds: Uint8Array
  /** NUMBER: the value. TEXT: ms from the text's row in the log to this poll (may be negative). */
  readonly values: Float64Array
}

/** An empty poll with room for `capacity` slots. */
export function emptyPoll(capacity: number = slotsMax): Poll {
  // Of one piece of memory: making it costs more than filling it.
  const memory = new ArrayBuffer(capacity * (Float64Array.BYTES_PER_ELEMENT + 1))
  return {
    size: 0,
    values: new Float64Array(memory, 0, capacity),
    kinds: new Uint8Array(memory, capacity * Float64Array.BYTES_PER_ELEMENT),
  }
}

/** Puts a cell into a slot. @throws RangeError for a slot, kind or number that cannot be stored */
export function setCell(poll: Poll, slot: number, kind: number, value = 0): void {
  if (slot < 0 || slot >= poll.kinds.length) throw new RangeError(`no slot ${slot}`)
  if (kind > TEXT || (kind === TEXT && !Number.isSafeInteger(value)) || !Number.isFinite(value)) {
    throw new RangeError(`cell ${kind} ${value} cannot be stored`)
  }
  poll.kinds[slot] = kind
  poll.values[slot] = value
  if (slot >= poll.size) poll.size = slot + 1
}

/**
 * Adds what `from` knows and `into` does not: a number or text replaces a gap, a gap replaces
 * nothing but absence, the first of two values stays. So the order of arrival does not matter.
 * @returns whether `into` changed
 */
export function mergePoll(into: Poll, from: Poll): boolean {
  let changed = false
  for (let slot = 0; slot < from.size; slot++) {
    const theirs = from.kinds[slot] ?? ABSENT
    const ours = into.kinds[slot] ?? ABSENT
    if (theirs === ABSENT || ours > GAP_LAST || (ours !== ABSENT && theirs <= GAP_LAST)) continue
    setCell(into, slot, theirs, from.values[slot])
    changed = true
  }
  return changed
}

/** Scratch space for one encoding: the largest item has 10 bytes (a tag and a varint of 53 bits). */
const scratch = new Uint8Array(slotsMax * 10 + 16)
/** About what a hundred polls take. */
const pieceBytes = 32 * 1024
const scratchView = new DataView(scratch.buffer)

/** The bytes of a poll. */
export const encodePoll = (poll: Poll): Uint8Array => scratch.slice(0, writePoll(poll))

/** Bytes of polls side by side in larger pieces: memory for each alone costs more than to fill it. */
export class PollEncoder {
  #piece = new Uint8Array(0)
  #at = 0

  /** The bytes of a poll; nothing else will be written there. */
  encode(poll: Poll): Uint8Array {
    const length = writePoll(poll)
    if (this.#at + length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.max(length, pieceBytes))
      this.#at = 0
    }
    const bytes = this.#piece.subarray(this.#at, this.#at + length)
    bytes.set(scratch.subarray(0, length))
    this.#at += length
    return bytes
  }
}

/** Writes a poll to `scratch`. @returns how many bytes */
function writePoll({ size, kinds, values }: Poll): number {
  scratch[0] = VERSION
  let at = putVarint(1, size)
  let repeats = 0
  let kindBefore = -1
  let valueBefore = 0
  for (let slot = 0; slot < size; slot++) {
    const kind = kinds[slot] ?? ABSENT
    const value = values[slot] ?? 0
    if (kind === kindBefore && (kind < NUMBER || Object.is(value, valueBefore))) {
      repeats++
      continue
    }
    if (repeats > 0) at = putRepeat(at, repeats)
    repeats = 0
    at = putCell(at, kind, value)
    kindBefore = kind
    valueBefore = value
  }
  if (repeats > 0) at = putRepeat(at, repeats)
  scratchView.setUint32(at, crc32(scratch.subarray(0, at)), true)
  return at + CRC_BYTES
}

function putRepeat(at: number, repeats: number): number {
  scratch[at] = ITEM_REPEAT
  return putVarint(at + 1, repeats)
}

function putCell(at: number, kind: number, value: number): number {
  if (kind === NUMBER) return putNumber(at, value)
  if (kind === TEXT) {
    scratch[at] = ITEM_TEXT
    return putVarint(at + 1, value < 0 ? -value * 2 - 1 : value * 2)
  }
  scratch[at] = kind
  return at + 1
}

function putNumber(at: number, value: number): number {
  const size = Math.abs(value)
  if (Number.isInteger(value) && size <= SMALL_MAX && value >= 0 && !Object.is(value, -0)) {
    scratch[at] = ITEM_SMALL + value
    return at + 1
  }
  const exponent = size === 0 ? null : decimalExponent(size)
  if (exponent === null) {
    scratch[at] = ITEM_F64
    scratchView.setFloat64(at + 1, value, true)
    return at + 9
  }
  scratch[at] = ITEM_DECIMAL + (value < 0 ? 32 : 0) + (exponent - EXPONENT_MIN)
  const mantissa = exponent < 0 ? Math.round(size * power(-exponent)) : size / power(exponent)
  return putVarint(at + 1, mantissa)
}

/** The exponent with the smallest mantissa that gives exactly this number; null: none is shorter. */
function decimalExponent(size: number): number | null {
  if (size <= INT32_MAX && (size | 0) === size) {
    // The same as below, without division of doubles: most values pass here.
    let exponent = 0
    for (let rest = size | 0; rest % 10 === 0 && exponent < EXPONENT_MAX; rest = (rest / 10) | 0)
      exponent++
    return exponent
  }
  if (Number.isInteger(size)) {
    if (size > Number.MAX_SAFE_INTEGER) return null
    let exponent = 0
    while (exponent < EXPONENT_MAX && size % power(exponent + 1) === 0) exponent++
    return exponent
  }
  for (let exponent = -1; exponent >= EXPONENT_MIN; exponent--) {
    const mantissa = Math.round(size * power(-exponent))
    // Beyond 49 bits the varint with its tag is as long as the plain double.
    if (mantissa >= 2 ** 49) return null
    if (mantissa > 0 && mantissa / power(-exponent) === size) return exponent
  }
  return null
}

function power(exponent: number): number {
  return POWERS[exponent] ?? Number.NaN
}

function putVarint(at: number, value: number): number {
  let rest = value
  let next = at
  while (rest > INT32_MAX) {
    scratch[next++] = (rest % 128) + 128
    rest = Math.floor(rest / 128)
  }
  while (rest >= 128) {
    scratch[next++] = (rest & 127) | 128
    rest >>>= 7
  }
  scratch[next++] = rest
  return next
}

/** Reading position in the bytes of one poll; it cannot pass the end. */
interface Cursor {
  readonly bytes: Uint8Array
  at: number
  readonly end: number
}

/**
 * Reads the bytes of a poll into `into`, whose earlier content is dropped. Slots from `wanted` on
 * are not looked at (the checksum still covers them).
 * @throws RangeError for bytes that no encoder made
 */
export function decodePoll(bytes: Uint8Array, into: Poll, wanted: number = slotsMax): void {
  const cursor = open(bytes)
  const count = varint(cursor)
  if (count > into.kinds.length) throw new RangeError(`a poll of ${count} slots`)
  into.kinds.fill(ABSENT, 0, into.size)
  into.size = 0
  const size = Math.min(count, wanted)
  for (let slot = 0; slot < size; ) {
    const item = byte(cursor)
    if (item === ITEM_REPEAT) slot = repeatCell(into, slot, varint(cursor), count)
    else readCell(into, slot++, item, cursor)
  }
  into.size = size
  if (size === count && cursor.at !== cursor.end)
    throw new RangeError('a poll with bytes left over')
}

/** How many slots the bytes of a poll say that it has; damaged ones give any number up to `slotsMax`. */
export function slotsOf(bytes: Uint8Array): number {
  // Without a view of the two bytes: it is asked for every poll of a block.
  const low = bytes[1] ?? 0
  const high = bytes[2] ?? 0
  return Math.min(slotsMax, low < 128 ? low : (low & 127) + high * 128)
}

function open(bytes: Uint8Array): Cursor {
  const end = bytes.length - CRC_BYTES
  if (end < 2 || bytes[0] !== VERSION) throw new RangeError('not the bytes of a poll')
  if (crc32(bytes.subarray(0, end)) !== uint32(bytes, end))
    throw new RangeError('a poll with a wrong checksum')
  return { bytes, at: 1, end }
}

function uint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
}

function repeatCell(into: Poll, slot: number, times: number, count: number): number {
  if (slot === 0 || times < 1 || slot + times > count) throw new RangeError('a repeat out of range')
  into.kinds.fill(into.kinds[slot - 1] ?? ABSENT, slot, slot + times)
  into.values.fill(into.values[slot - 1] ?? 0, slot, slot + times)
  // Known here already, so that an error later leaves nothing behind when `into` is used again.
  into.size = slot + times
  return slot + times
}

function readCell(into: Poll, slot: number, item: number, cursor: Cursor): void {
  into.size = slot + 1
  if (item >= ITEM_SMALL) {
    into.kinds[slot] = NUMBER
    into.values[slot] = item < ITEM_DECIMAL ? item - ITEM_SMALL : decimal(item, varint(cursor))
  } else if (item <= GAP_LAST) {
    into.kinds[slot] = item
  } else if (item === ITEM_F64) {
    into.kinds[slot] = NUMBER
    into.values[slot] = float(cursor)
  } else if (item === ITEM_TEXT) {
    const folded = varint(cursor)
    into.kinds[slot] = TEXT
    into.values[slot] = folded % 2 === 1 ? -(folded + 1) / 2 : folded / 2
  } else {
    throw new RangeError(`unknown item ${item}`)
  }
}

function decimal(item: number, mantissa: number): number {
  const exponent = ((item - ITEM_DECIMAL) & 31) + EXPONENT_MIN
  const size = exponent < 0 ? mantissa / power(-exponent) : mantissa * power(exponent)
  return item & 32 ? -size : size
}

function byte(cursor: Cursor): number {
  if (cursor.at >= cursor.end) throw new RangeError('a poll that is cut off')
  return cursor.bytes[cursor.at++] ?? 0
}

function float(cursor: Cursor): number {
  if (cursor.at + 8 > cursor.end) throw new RangeError('a poll that is cut off')
  const { buffer, byteOffset } = cursor.bytes
  const value = new DataView(buffer, byteOffset + cursor.at, 8).getFloat64(0, true)
  cursor.at += 8
  if (!Number.isFinite(value)) throw new RangeError('a number that is not finite')
  return value
}

function varint(cursor: Cursor): number {
  let value = 0
  // As 32-bit integers while they fit: nearly all are that short.
  for (let shift = 0; shift < 28; shift += 7) {
    const next = byte(cursor)
    value |= (next & 127) << shift
    if (next < 128) return value
  }
  for (let unit = 2 ** 28; unit <= 2 ** 49; unit *= 128) {
    const next = byte(cursor)
    value += (next & 127) * unit
    if (next < 128) {
      if (value > Number.MAX_SAFE_INTEGER) break
      return value
    }
  }
  throw new RangeError('a number too long')
}
