// Numbers as the digits of JSON, straight into octets. Each function writes at `at` and gives the
// place after what it wrote; there must be room for NUMBER_BYTES.

import { digitsOf, placesOf } from './decimal.ts'

/** Octets of the longest number: a sign, 17 digits, a point, an exponent, or zeros before or after. */
export const NUMBER_BYTES = 32

const ZERO = 48
const MINUS = 45
const POINT = 46
/** Below this digits are taken off with whole numbers of 32 bits. */
const SMALL = 1e9

/** A finite number as it is. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  if (!Number.isSafeInteger(value)) return writeText(bytes, at, JSON.stringify(value))
  if (value >= 0) return writeWhole(bytes, at, value)
  bytes[at] = MINUS
  return writeWhole(bytes, at + 1, -value)
}

/** Number(value.toPrecision(digits)) of a finite number; at most 12 digits. */
export function writeRounded(bytes: Uint8Array, at: number, value: number, digits: number): number {
  if (value === 0) {
    bytes[at] = ZERO
    return at + 1
  }
  const size = Math.abs(value)
  const places = placesOf(size, digits)
  const units = places === null ? -1 : digitsOf(size, places)
  if (places === null || units < 0) {
    return writeText(bytes, at, JSON.stringify(Number(value.toPrecision(digits))))
  }
  if (value > 0) return writeDecimal(bytes, at, units, places)
  bytes[at] = MINUS
  return writeDecimal(bytes, at + 1, units, places)
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i)
  return at + text.length
}

/** `units * 10 ** -places`. */
function writeDecimal(bytes: Uint8Array, at: number, units: number, places: number): number {
  let left = units
  let after = places
  for (let tenth = tenthOf(left); tenth * 10 === left; tenth = tenthOf(left)) {
    left = tenth
    after--
  }
  if (after <= 0) return writeZeros(bytes, writeWhole(bytes, at, left), -after)
  const count = countOf(left)
  if (count > after) return writePoint(bytes, at, left, count, after)
  bytes[at] = ZERO
  bytes[at + 1] = POINT
  return writeDigits(bytes, writeZeros(bytes, at + 2, after - count), left, count)
}

/** So many digits, with a point before the last ones. */
function writePoint(
  bytes: Uint8Array,
  at: number,
  value: number,
  count: number,
  after: number,
): number {
  const end = at + count + 1
  const point = end - 1 - after
  let left = value
  for (let place = end - 1; place > point; place--) {
    const tenth = tenthOf(left)
    bytes[place] = ZERO + (left - tenth * 10)
    left = tenth
  }
  bytes[point] = POINT
  writeDigits(bytes, at, left, count - after)
  return end
}

function writeZeros(bytes: Uint8Array, at: number, count: number): number {
  for (let i = 0; i < count; i++) bytes[at + i] = ZERO
  return at + count
}

function writeWhole(bytes: Uint8Array, at: number, value: number): number {
  return writeDigits(bytes, at, value, countOf(value))
}

function writeDigits(bytes: Uint8Array, at: number, value: number, count: number): number {
  let place = at + count
  let left = value
  while (left >= SMALL) {
    const tenth = Math.floor(left / 10)
    bytes[--place] = ZERO + (left - tenth * 10)
    left = tenth
  }
  let small = left | 0
  while (place > at) {
    const tenth = (small / 10) | 0
    bytes[--place] = ZERO + small - tenth * 10
    small = tenth
  }
  return at + count
}

function tenthOf(value: number): number {
  return value < SMALL ? ((value | 0) / 10) | 0 : Math.floor(value / 10)
}

function countOf(value: number): number {
  let count = 1
  for (let next = 10; next <= value; next *= 10) count++
  return count
}
