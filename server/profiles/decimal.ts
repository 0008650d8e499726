// Numbers rounded to some significant digits, as Number(x.toPrecision(digits)) gives them, without
// the text in between. Where the last digit could go either way, the text decides.

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)
/** Between these no power of ten is needed that a double does not hold. */
const LEAST = 1e-6
const MOST = 1e15
/**
 * How near to the half the last digit is in doubt, by the scaled value. One multiplication or division
 * by an exact power of ten is off by half a unit in the last place, 2 ** -53 of the value; the floor and
 * the rest are exact. So of 5 digits one value in 10 ** 10 is in doubt, of 12 one in a thousand.
 */
const DOUBT = 2 ** -51

/** The power of ten below the last value: the next one is often alike. */
let decade = 0

/**
 * Decimal places that leave so many significant digits (at most 12) of a positive number, negative
 * for tens, hundreds; null: ask the text.
 */
export function placesOf(value: number, significant: number): number | null {
  if (!(value >= LEAST && value < MOST)) return null
  if (value < 1) {
    let places = significant - 1
    for (let scaled = value; scaled < 1; scaled *= 10) places++
    return places
  }
  while (value >= (POWERS[decade + 1] ?? 0)) decade++
  while (value < (POWERS[decade] ?? 0)) decade--
  return significant - 1 - decade
}

/** A positive number in units of its last decimal place, rounded; -1: ask the text. */
export function digitsOf(value: number, places: number): number {
  const scaled = places >= 0 ? value * (POWERS[places] ?? 1) : value / (POWERS[-places] ?? 1)
  const whole = Math.floor(scaled)
  const rest = scaled - whole
  if (Math.abs(rest - 0.5) <= scaled * DOUBT) return -1
  return rest < 0.5 ? whole : whole + 1
}

/** Number(value.toPrecision(digits)); at most 12 digits. */
export function rounded(value: number, digits: number): number {
  const size = Math.abs(value)
  const places = placesOf(size, digits)
  const units = places === null ? -1 : digitsOf(size, places)
  if (places === null || units < 0) return Number(value.toPrecision(digits))
  // Both are exact, so that the quotient is the double nearest to the decimal number.
  const nearest = places >= 0 ? units / (POWERS[places] ?? 1) : units * (POWERS[-places] ?? 1)
  return value < 0 ? -nearest : nearest
}

/** 238 x 0.1 is 23.8, not 23.800000000000001. */
export function withoutDust(value: number): number {
  return Number.isInteger(value) ? value : rounded(value, 12)
}
