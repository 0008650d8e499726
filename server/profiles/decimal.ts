// Numbers rounded to some significant digits, as Number(x.toPrecision(digits)) gives them, without
// the text in between. Where the last digit could go either way, the text decides.

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => 10 ** i)
/** Between these no power of ten is needed that a double does not hold. */
const LEAST = 1e-6
const MOST = 1e15
/** How near to the half the last digit is in doubt: the scaled value is off by less than 1e-3. */
const DOUBT = 1e-2

/** The value that was split last is `digits * 10 ** -places`. */
export const decimal = { digits: 0, places: 0 }

/** Splits a positive number into `decimal`; false: ask the text. `significant` is at most 12. */
export function split(value: number, significant: number): boolean {
  if (!(value >= LEAST && value < MOST)) return false
  let places = significant - 1
  if (value >= 1) {
    let next = 10
    while (value >= next) {
      next *= 10
      places--
    }
  } else {
    let scaled = value
    while (scaled < 1) {
      scaled *= 10
      places++
    }
  }
  const scaled = places >= 0 ? value * (POWERS[places] ?? 1) : value / (POWERS[-places] ?? 1)
  if (Math.abs(scaled - Math.floor(scaled) - 0.5) < DOUBT) return false
  decimal.digits = Math.round(scaled)
  decimal.places = places
  return true
}

/** Number(value.toPrecision(digits)); at most 12 digits. */
export function rounded(value: number, digits: number): number {
  if (value === 0 || !split(Math.abs(value), digits)) return Number(value.toPrecision(digits))
  const { places } = decimal
  // Both are exact, so that the quotient is the double nearest to the decimal number.
  const size =
    places >= 0 ? decimal.digits / (POWERS[places] ?? 1) : decimal.digits * (POWERS[-places] ?? 1)
  return value < 0 ? -size : size
}

/** 238 x 0.1 is 23.8, not 23.800000000000001. */
export function withoutDust(value: number): number {
  return Number.isInteger(value) ? value : rounded(value, 12)
}
