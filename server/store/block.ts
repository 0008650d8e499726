// A block: the columns of one stream over a window as bytes, for the tables of blocks and roll-ups.
// Pure; it knows no database. Columns can be read one by one. Past 300 lines: the writer and the reader
// of one format must say the same, and are seen together.
//
//   format (1) · flags (1: body in zstd) · length of the plain body (4) · CRC32 of these and the body
//   as stored (4) · body, little endian
//   body: times · slots · patterns · texts, where
//   times: count, first (from `t0`), wholes from the first · patterns: count, each runs of (kind, length)
//   texts: count, each length and UTF-8 · slots: count, each: bytes of the column, then the column:
//   its pattern, its numbers (numbers.ts), its texts as runs of (index, length)
//
// A pattern says for each time what kind of cell is there: a value, or why none. Series share them.

import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ByteReader, ByteWriter } from './bytes.ts'
import { NUMBER, slotsMax, TEXT } from './codec.ts'
import type { Column, Columns } from './columns.ts'
import { readNumbers, writeNumbers } from './numbers.ts'
import { planWholes, readWholes, writeWholes } from './rice.ts'

/** The format that is written; a reader knows all up to it. */
export const blockFormat = 1

/** Times in one block. */
export const timesMax = 65_535
/** Bytes of a body before compression. */
const bodyMax = 1 << 28
const HEADER_BYTES = 10
const CRC_AT = 6
const ZSTD = 1
/** Compression must save this share to be worth the decompression. */
const PAYS = 0.95
/** Bytes of texts from which on compression is tried: what is left of numbers has no pattern any more. */
const plainTextMax = 200

const out = new ByteWriter()
const numbers = new ByteWriter()
let present = new Float64Array(1024)

/** @param t0 Unix ms, not after the first time */
export function encodeBlock(columns: Columns, t0: number): Uint8Array {
  const { times, slots, texts } = columns
  if (times.length > timesMax) throw new RangeError(`a block of ${times.length} times`)
  if (slots.length > slotsMax) throw new RangeError(`a block of ${slots.length} slots`)
  out.at = 0
  writeTimes(times, t0)
  const patterns = new Patterns(slots, times.length)
  patterns.write(out)
  out.varint(texts.length)
  const textsAt = out.at
  for (const text of texts) {
    const bytes = Buffer.from(text, 'utf8')
    out.varint(bytes.length)
    out.raw(bytes)
  }
  const textBytes = out.at - textsAt
  out.varint(slots.length)
  slots.forEach((column, slot) => {
    numbers.at = 0
    if (column) patterns.writeColumn(numbers, column, times.length, slot)
    out.varint(numbers.at)
    out.raw(numbers.written())
  })
  return framed(out.written(), textBytes >= plainTextMax)
}

function framed(plain: Uint8Array, mayPay: boolean): Uint8Array {
  const packed = mayPay
    ? zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
    : plain
  const isPacked = packed.length < plain.length * PAYS
  const body = isPacked ? packed : plain
  const bytes = new Uint8Array(HEADER_BYTES + body.length)
  bytes[0] = blockFormat
  bytes[1] = isPacked ? ZSTD : 0
  const view = new DataView(bytes.buffer)
  view.setUint32(2, plain.length, true)
  bytes.set(body, HEADER_BYTES)
  view.setUint32(CRC_AT, checksum(bytes), true)
  return bytes
}

const checksum = (bytes: Uint8Array): number =>
  crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CRC_AT)))

function writeTimes(times: Float64Array, t0: number): void {
  out.varint(times.length)
  const first = times[0]
  if (first === undefined) return
  out.varint(first - t0)
  const since = times.map(at => at - first)
  writeWholes(out, since, since.length, planWholes(since, since.length))
}

/** The different columns of kinds, and which of them each slot has. */
class Patterns {
  readonly of: number[] = []
  readonly #different: Uint8Array[] = []
  /** Of each: whether every cell is a number, and whether one is a text. */
  readonly #allNumbers: boolean[] = []
  readonly #someText: boolean[] = []

  constructor(slots: readonly (Column | undefined)[], count: number) {
    const known = new Map<string, number>()
    const absent = new Uint8Array(count)
    for (const column of slots) {
      const kinds = column?.kinds ?? absent
      // Most often it is the pattern of the slot before.
      const before = this.of.at(-1)
      if (before !== undefined && Buffer.compare(kinds, this.#different[before] ?? absent) === 0) {
        this.of.push(before)
        continue
      }
      // As a string of bytes: the one key by which equal arrays meet in a map.
      const key = Buffer.from(kinds.buffer, kinds.byteOffset, kinds.length).toString('latin1')
      let index = known.get(key)
      if (index === undefined) {
        index = this.#different.push(kinds) - 1
        known.set(key, index)
      }
      this.of.push(index)
    }
  }

  write(into: ByteWriter): void {
    into.varint(this.#different.length)
    for (const kinds of this.#different) {
      forRuns(kinds, kinds.length, (kind, length) => {
        into.byte(kind)
        into.varint(length)
      })
      this.#allNumbers.push(kinds.every(kind => kind === NUMBER))
      this.#someText.push(kinds.includes(TEXT))
    }
  }

  /** Writes a column's pattern and cells; to be called after `write`. */
  writeColumn(into: ByteWriter, column: Column, times: number, slot: number): void {
    const pattern = this.of[slot] ?? 0
    into.varint(pattern)
    // The usual column is all numbers, and is written from where it lies.
    if (this.#allNumbers[pattern]) {
      if (times > 0) writeNumbers(into, column.values, times)
      return
    }
    const count = pick(column, times, NUMBER)
    if (count > 0) writeNumbers(into, present, count)
    if (this.#someText[pattern]) writeTexts(into, pick(column, times, TEXT))
  }
}

function forRuns(
  values: Uint8Array | Float64Array,
  count: number,
  found: (value: number, length: number) => void,
): void {
  let from = 0
  for (let i = 1; i <= count; i++) {
    if (i < count && values[i] === values[from]) continue
    if (i > from) found(values[from] ?? 0, i - from)
    from = i
  }
}

/** The texts that were picked, as runs. */
function writeTexts(into: ByteWriter, count: number): void {
  forRuns(present, count, (index, length) => {
    into.varint(index)
    into.varint(length)
  })
}

/** Collects the values of one kind into `present`. */
function pick({ kinds, values }: Column, times: number, kind: number): number {
  if (present.length < times) present = new Float64Array(times * 2)
  let count = 0
  for (let i = 0; i < times; i++) if (kinds[i] === kind) present[count++] = values[i] ?? 0
  return count
}

/** Which slots are read: all of a column, or only what kind of cell is where (texts come all the same). */
export type SlotsWanted = ReadonlyMap<number, 'values' | 'kinds'>

/** What kind of cell is where, and how many numbers and texts that are. */
interface Pattern {
  kinds: Uint8Array
  numbers: number
  texts: number
}

/**
 * The columns of a block; not to be changed, as those of one pattern share their kinds.
 * @param wanted slots that are read; null: all
 * @throws RangeError for bytes that no encoder made, or a format of a newer version
 */
export function decodeBlock(
  bytes: Uint8Array,
  t0: number,
  wanted: SlotsWanted | null = null,
): Columns {
  const reader = new ByteReader(bodyOf(bytes))
  const times = readTimes(reader, t0)
  const patterns = readPatterns(reader, times.length)
  const texts = readTexts(reader)
  const count = reader.varint(slotsMax)
  const slots = new Array<Column | undefined>(count).fill(undefined)
  // Cut from one piece: that spares the garbage collector.
  const room = new Float64Array(times.length * Math.min(count, wanted?.size ?? count))
  let used = 0
  for (let slot = 0; slot < count; slot++) {
    const length = reader.varint(bodyMax)
    const what = wanted === null ? 'values' : wanted.get(slot)
    if (length === 0 || what === undefined) {
      reader.skip(length)
      continue
    }
    const values = room.subarray(used, used + times.length)
    used += times.length
    slots[slot] = readColumn(reader.part(length), patterns, texts.length, values, what === 'kinds')
  }
  if (reader.at !== reader.end) throw new RangeError('a block with bytes left over')
  return { times, slots, texts }
}

function bodyOf(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER_BYTES || bytes[0] !== blockFormat) {
    throw new RangeError('not a block of a format that this version knows')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(CRC_AT, true) !== checksum(bytes)) {
    throw new RangeError('a block with a wrong checksum')
  }
  const length = view.getUint32(2, true)
  const stored = bytes.subarray(HEADER_BYTES)
  if (length > bodyMax) throw new RangeError(`a block of ${length} bytes`)
  const body = bytes[1] === ZSTD ? unpacked(stored, length) : stored
  if (body.length !== length) throw new RangeError('a block of another length than it says')
  return body
}

function unpacked(stored: Uint8Array, length: number): Uint8Array {
  try {
    return zstdDecompressSync(stored, { maxOutputLength: Math.max(1, length) })
  } catch (cause) {
    throw new RangeError('a block whose body is not zstd', { cause })
  }
}

function readTimes(reader: ByteReader, t0: number): Float64Array {
  const times = new Float64Array(reader.varint(timesMax))
  if (times.length === 0) return times
  const first = t0 + reader.varint()
  readWholes(reader, times, times.length)
  let before = Number.NEGATIVE_INFINITY
  for (let i = 0; i < times.length; i++) {
    const at = first + (times[i] ?? 0)
    if (!(at > before)) throw new RangeError('times that do not rise')
    times[i] = at
    before = at
  }
  return times
}

function readPatterns(reader: ByteReader, times: number): Pattern[] {
  const patterns: Pattern[] = []
  for (let left = reader.varint(slotsMax); left > 0; left--) {
    const pattern = { kinds: new Uint8Array(times), numbers: 0, texts: 0 }
    for (let at = 0; at < times; ) {
      const kind = reader.byte()
      const length = reader.varint(times - at)
      if (kind > TEXT || length === 0) throw new RangeError('a pattern out of range')
      pattern.kinds.fill(kind, at, at + length)
      if (kind === NUMBER) pattern.numbers += length
      else if (kind === TEXT) pattern.texts += length
      at += length
    }
    patterns.push(pattern)
  }
  return patterns
}

function readTexts(reader: ByteReader): string[] {
  const texts: string[] = []
  for (let left = reader.varint(bodyMax); left > 0; left--) {
    texts.push(Buffer.from(reader.take(reader.varint(bodyMax))).toString('utf8'))
  }
  return texts
}

function readColumn(
  reader: ByteReader,
  patterns: readonly Pattern[],
  texts: number,
  values: Float64Array,
  isKindsOnly: boolean,
): Column {
  const pattern = patterns[reader.varint()]
  if (!pattern) throw new RangeError('a column without a pattern')
  const { kinds, numbers: count, texts: said } = pattern
  const column = { kinds, values }
  if (isKindsOnly && said === 0) return column
  // All numbers is the usual column: no need to spread them.
  if (count > 0 && count === kinds.length) readNumbers(reader, column.values, count)
  else if (count > 0) {
    if (present.length < count) present = new Float64Array(count * 2)
    readNumbers(reader, present, count)
    spread(column, NUMBER)
  }
  if (said > 0) {
    if (present.length < said) present = new Float64Array(said * 2)
    for (let at = 0; at < said; ) {
      const index = reader.varint(texts - 1)
      const length = reader.varint(said - at)
      if (length === 0) throw new RangeError('a run of no text')
      present.fill(index, at, at + length)
      at += length
    }
    spread(column, TEXT)
  }
  if (reader.at !== reader.end) throw new RangeError('a column with bytes left over')
  return column
}

function spread({ kinds, values }: Column, kind: number): void {
  let next = 0
  for (let i = 0; i < kinds.length; i++) if (kinds[i] === kind) values[i] = present[next++] ?? 0
}
