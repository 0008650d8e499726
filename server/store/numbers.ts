// One column of numbers as bytes, in the form that is shortest for it. Pure; every number that
// `tidy` gives comes back as the same double.
//
//   0 constant: number · 1 runs: count, then (number, length) · 2 scaled: decimals, wholes
//   3 digits: lowest exponent (byte, +64), wholes · 4 doubles: the first bytes of all, the second, …
//   A number: decimals (byte) and signed varint, or 255 and a double.

import type { ByteReader, ByteWriter } from './bytes.ts'
import { planWholes, readWholes, wholeMax, writeWholes } from './rice.ts'
import { decimalsOf, exponentMax, power, tidy } from './tidy.ts'

const CONSTANT = 0
const RUNS = 1
const SCALED = 2
const DIGITS = 3
const DOUBLES = 4
const PLAIN_DOUBLE = 255

/** About what a run takes, bytes. */
const RUN_BYTES = 4

/** Numbers of five significant digits: 10000 to 99999 times a power of ten, in order of size. */
const DIGITS_MIN = 10_000
const DIGITS_SPAN = 90_000
const EXPONENT_LEAST = -22
const EXPONENT_MOST = 22
const EXPONENT_OFFSET = 64

let kept = new Float64Array(1024)
let wholes = new Float64Array(1024)
let digits = new Float64Array(1024)
let exponents = new Int8Array(1024)

function makeRoom(count: number): void {
  if (kept.length >= count) return
  kept = new Float64Array(count * 2)
  wholes = new Float64Array(count * 2)
  digits = new Float64Array(count * 2)
  exponents = new Int8Array(count * 2)
}

/** What one look at the column says of it. */
interface Look {
  /** How often a number differs from the one before. */
  changes: number
  /** The most decimals of any number. */
  decimals: number
  largest: number
}

/** Writes the first `count` numbers, at least one, tidied. */
export function writeNumbers(out: ByteWriter, values: Float64Array, count: number): void {
  makeRoom(count)
  const look = lookAt(values, count)
  if (look.changes === 0) {
    out.byte(CONSTANT)
    writeNumber(out, kept[0] ?? 0)
    return
  }
  const runsBits = (look.changes + 1) * RUN_BYTES * 8
  const scaled = asScaled(look, count) ? planWholes(wholes, count) : null
  // Below 100,000 the digits are the whole number itself.
  const isLong = look.largest * power(Math.min(look.decimals, exponentMax)) >= DIGITS_MIN * 10
  const lowest = isLong && runsBits > count ? asDigits(count) : null
  const digital = lowest === null ? null : planWholes(digits, count)
  const best = Math.min(
    scaled?.bits ?? Number.POSITIVE_INFINITY,
    digital?.bits ?? Number.POSITIVE_INFINITY,
  )
  if (runsBits < best && runsBits < count * 64) {
    writeRuns(out, count, look.changes + 1)
  } else if (scaled && scaled.bits <= best) {
    out.byte(SCALED)
    out.byte(look.decimals)
    writeWholes(out, wholes, count, scaled)
  } else if (digital && lowest !== null) {
    out.byte(DIGITS)
    out.byte(lowest + EXPONENT_OFFSET)
    writeWholes(out, digits, count, digital)
  } else {
    out.byte(DOUBLES)
    writePlanes(out, count)
  }
}

function lookAt(values: Float64Array, count: number): Look {
  let changes = 0
  let decimals = 0
  let factor = 1
  let largest = 0
  let before = 0
  for (let i = 0; i < count; i++) {
    const given = values[i] ?? 0
    let value = given
    if (!Number.isSafeInteger(given)) {
      // What the column's decimals give exactly needs no longer look.
      const size = Math.abs(given)
      const whole = Math.round(size * factor)
      if (!(whole < 1e9 && whole / factor === size)) {
        value = tidy(given)
        if (!Number.isSafeInteger(value)) {
          decimals = Math.max(decimals, decimalsOf(value, 1))
          // Beyond the last power it is NaN, which nothing equals.
          factor = power(decimals)
        }
      }
    } else value += 0
    kept[i] = value
    if (i > 0 && value !== before) changes++
    before = value
    largest = Math.max(largest, Math.abs(value))
  }
  return { changes, decimals, largest }
}

/** The column times a power of ten, where that is whole and not too large. */
function asScaled({ decimals, largest }: Look, count: number): boolean {
  if (decimals > exponentMax || largest * power(decimals) > wholeMax) return false
  const factor = power(decimals)
  for (let i = 0; i < count; i++) wholes[i] = Math.round((kept[i] ?? 0) * factor)
  return true
}

/**
 * The column as ranks among the numbers of five significant digits, so that a step is as large as its
 * share of the number, whatever the power of ten. Null: not all have five digits.
 */
function asDigits(count: number): number | null {
  let lowest = EXPONENT_MOST
  let exponent = 0
  for (let i = 0; i < count; i++) {
    const size = Math.abs(kept[i] ?? 0)
    if (size === 0) continue
    if (!splitDigits(size, i, exponent)) return null
    exponent = exponents[i] ?? 0
    if (exponent < lowest) lowest = exponent
  }
  for (let i = 0; i < count; i++) {
    const value = kept[i] ?? 0
    const above = ((exponents[i] ?? 0) - lowest) * DIGITS_SPAN
    const rank = value === 0 ? 0 : 1 + above + (digits[i] ?? 0)
    digits[i] = value < 0 ? -rank : rank
  }
  return lowest
}

/**
 * Notes the digits and the power of ten of a number above 0; false: that is not all of it.
 * @param likely the power of ten of the number before: most often it is that of this one too
 */
function splitDigits(size: number, at: number, likely: number): boolean {
  if (isSplit(size, at, likely)) return true
  let exponent = Math.floor(Math.log10(size)) - 4
  // The logarithm may be one off next to a power of ten.
  const mantissa = mantissaOf(size, exponent)
  if (mantissa < DIGITS_MIN) exponent--
  else if (mantissa >= DIGITS_MIN * 10) exponent++
  if (exponent < EXPONENT_LEAST || exponent > EXPONENT_MOST) return false
  return isSplit(size, at, exponent)
}

/** Whether a number is five digits times this power of ten, which are then noted. */
function isSplit(size: number, at: number, exponent: number): boolean {
  const mantissa = mantissaOf(size, exponent)
  if (mantissa < DIGITS_MIN || mantissa >= DIGITS_MIN * 10) return false
  digits[at] = mantissa - DIGITS_MIN
  exponents[at] = exponent
  return numberOf(mantissa, exponent) === size
}

const mantissaOf = (size: number, exponent: number): number =>
  exponent < 0 ? Math.round(size * power(-exponent)) : Math.round(size / power(exponent))

const numberOf = (mantissa: number, exponent: number): number =>
  exponent < 0 ? mantissa / power(-exponent) : mantissa * power(exponent)

function writeRuns(out: ByteWriter, count: number, runs: number): void {
  out.byte(RUNS)
  out.varint(runs)
  let from = 0
  for (let i = 1; i <= count; i++) {
    if (i < count && kept[i] === kept[from]) continue
    writeNumber(out, kept[from] ?? 0)
    out.varint(i - from)
    from = i
  }
}

function writeNumber(out: ByteWriter, value: number): void {
  const decimals = Number.isSafeInteger(value) ? 0 : decimalsOf(value, 1)
  if (decimals > exponentMax || Math.abs(value) > wholeMax) {
    out.byte(PLAIN_DOUBLE)
    out.float(value)
    return
  }
  out.byte(decimals)
  out.signed(Math.round(value * power(decimals)))
}

/** Byte by byte over the whole column: the bytes that are alike lie together. */
function writePlanes(out: ByteWriter, count: number): void {
  out.reserve(count * 8)
  const bytes = new Uint8Array(kept.buffer, 0, count * 8)
  for (let plane = 0; plane < 8; plane++) {
    for (let i = 0; i < count; i++) out.bytes[out.at++] = bytes[i * 8 + plane] ?? 0
  }
}

/** Reads `count` numbers into `into`. @throws RangeError for bytes that no writer made */
export function readNumbers(reader: ByteReader, into: Float64Array, count: number): void {
  const form = reader.byte()
  if (form === CONSTANT) into.fill(readNumber(reader), 0, count)
  else if (form === RUNS) readRuns(reader, into, count)
  else if (form === SCALED) readScaled(reader, into, count)
  else if (form === DIGITS) readDigits(reader, into, count)
  else if (form === DOUBLES) readPlanes(reader, into, count)
  else throw new RangeError(`unknown form ${form} of a column`)
}

function readNumber(reader: ByteReader): number {
  const decimals = reader.byte()
  if (decimals === PLAIN_DOUBLE) return reader.float()
  return reader.signed() / decimalsFactor(decimals)
}

function decimalsFactor(decimals: number): number {
  if (decimals > exponentMax) throw new RangeError(`${decimals} decimals`)
  return power(decimals)
}

function readRuns(reader: ByteReader, into: Float64Array, count: number): void {
  let at = 0
  for (let runs = reader.varint(count); runs > 0; runs--) {
    const value = readNumber(reader)
    const length = reader.varint(count - at)
    into.fill(value, at, at + length)
    at += length
  }
  if (at !== count) throw new RangeError('runs that end too early')
}

function readScaled(reader: ByteReader, into: Float64Array, count: number): void {
  const factor = decimalsFactor(reader.byte())
  readWholes(reader, into, count)
  if (factor !== 1) for (let i = 0; i < count; i++) into[i] = (into[i] ?? 0) / factor
}

function readDigits(reader: ByteReader, into: Float64Array, count: number): void {
  const lowest = reader.byte() - EXPONENT_OFFSET
  readWholes(reader, into, count)
  for (let i = 0; i < count; i++) {
    const rank = Math.abs(into[i] ?? 0) - 1
    if (rank < 0) continue
    const above = Math.floor(rank / DIGITS_SPAN)
    const exponent = lowest + above
    if (exponent < EXPONENT_LEAST || exponent > EXPONENT_MOST) throw new RangeError('no such power')
    const size = numberOf(rank - above * DIGITS_SPAN + DIGITS_MIN, exponent)
    into[i] = (into[i] ?? 0) < 0 ? -size : size
  }
}

function readPlanes(reader: ByteReader, into: Float64Array, count: number): void {
  const planes = reader.take(count * 8)
  const bytes = new Uint8Array(count * 8)
  for (let plane = 0; plane < 8; plane++) {
    for (let i = 0; i < count; i++) bytes[i * 8 + plane] = planes[plane * count + i] ?? 0
  }
  const values = new Float64Array(bytes.buffer)
  for (let i = 0; i < count; i++) {
    const value = values[i] ?? 0
    if (!Number.isFinite(value)) throw new RangeError('a number that is not finite')
    into[i] = value
  }
}
