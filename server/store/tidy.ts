// What of a number is kept for good: whole numbers exactly, numbers of up to nine significant digits
// exactly, all others (quotients that have no end) at five significant digits.

/** Powers of ten that a double holds exactly, so one division or product rounds correctly. */
export const POWERS = Array.from({ length: 23 }, (_, power) => 10 ** power)
export const exponentMax = 22

/** A number of so many significant digits is kept as it is. */
const EXACT_DIGITS_UNIT = 1e9
/** Beyond this, what a calculation in doubles left behind: 123456.70000000001 means 123456.7. */
const MEANT_DIGITS = 12
const KEPT_DIGITS = 5

export const power = (exponent: number): number => POWERS[exponent] ?? Number.NaN

/** The number as it is kept; -0 is 0. */
export function tidy(value: number): number {
  if (Number.isSafeInteger(value)) return value + 0
  if (decimalsOf(value, 1) <= exponentMax) return value
  const meant = rounded(value, MEANT_DIGITS)
  if (decimalsOf(meant, 1) <= exponentMax) return meant
  const short = rounded(value, KEPT_DIGITS)
  // The largest doubles would be rounded to infinity.
  return Number.isFinite(short) ? short : value
}

/** How many decimals from `least` on give this number with at most nine digits; more than 22: none. */
export function decimalsOf(value: number, least: number): number {
  const size = Math.abs(value)
  for (let exponent = least; exponent <= exponentMax; exponent++) {
    const whole = Math.round(size * power(exponent))
    if (whole >= EXACT_DIGITS_UNIT) break
    if (whole / power(exponent) === size) return exponent
  }
  return exponentMax + 1
}

/** Rounded to significant digits; the double nearest to that decimal number. */
function rounded(value: number, digits: number): number {
  const size = Math.abs(value)
  const exponent = digits - 1 - Math.floor(Math.log10(size))
  if (exponent < 0 || exponent > exponentMax) return Number(value.toPrecision(digits))
  const whole = Math.round(value * power(exponent))
  // A logarithm that came out one too large would cost a digit.
  return Math.abs(whole) < power(digits - 1)
    ? Number(value.toPrecision(digits))
    : whole / power(exponent)
}
