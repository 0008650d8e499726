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
  if (value >= 0 && value < 10) {
    bytes[at] = ZERO + value
    return at + 1
  }
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
  const write = digits === 5 ? writeFive : writeDecimal
  if (value > 0) return write(bytes, at, units, places)
  bytes[at] = MINUS
  return write(bytes, at + 1, units, places)
}

/** The digits of 0000 to 9999, one after another. */
const QUADS = Uint8Array.from({ length: 40_000 }, (_, i) => {
  return ZERO + (Math.floor(Math.floor(i / 4) / 10 ** (3 - (i % 4))) % 10)
})

/** As writeDecimal, of 10000 to 100000 units: what every rate has. */
function writeFive(bytes: Uint8Array, at: number, units: number, places: number): number {
  const isNext = units === 100_000
  const five = isNext ? 10_000 : units | 0
  const first = (five / 10_000) | 0
  const quad = (five - first * 10_000) * 4
  const count = countOfQuad(quad)
  // Places of the first digit before the point, less one.
  const power = 4 - places + (isNext ? 1 : 0)
  let end = at
  if (power < 0) {
    bytes[end++] = ZERO
    bytes[end++] = POINT
    for (let i = -1; i > power; i--) bytes[end++] = ZERO
  }
  bytes[end++] = ZERO + first
  for (let i = 0; i < count; i++) {
    if (i === power) bytes[end++] = POINT
    bytes[end++] = QUADS[quad + i] ?? ZERO
  }
  for (let i = count; i < power; i++) bytes[end++] = ZERO
  return end
}

/** Digits without the zeros at the end. */
function countOfQuad(quad: number): number {
  if (QUADS[quad + 3] !== ZERO) return 4
  if (QUADS[quad + 2] !== ZERO) return 3
  if (QUADS[quad + 1] !== ZERO) return 2
  return QUADS[quad] === ZERO ? 0 : 1
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
  if (value < 10) return 1
  let count = 1
  for (let next = 10; next <= value; next *= 10) count++
  return count
}
