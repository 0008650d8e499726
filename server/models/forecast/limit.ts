// When a series reaches a limit: a disk that fills, a battery that empties. The growth of a day is the
// median difference between the same hours of neighbouring days, so waves and nightly clean-ups cancel
// out and single steps do not count. Where the last hours grow quite differently from all before,
// they are believed instead. A range, not a point, and "cannot tell" where that is the truth.

import { HOURS_A_DAY } from './seasonal.ts'
import {
  medianOf,
  quantileOf,
  robustSpread,
  type Weighted,
  weightedQuantile,
} from './statistics.ts'

/** Of the history so much is looked at; of one that moves in rare small steps (toner), four weeks. */
const WINDOW_DAYS = 7
const SLOW_WINDOW_DAYS = 28
const SLOW_LAG_DAYS = 7
/** With less than this nothing is said. */
export const LIMIT_HISTORY_HOURS_MIN = 48
/** Further ahead nothing is said. */
export const LIMIT_DAYS_MAX = 365
/** Where the soonest is so much sooner than the middle, nothing is known. */
const RATIO_MAX = 10
/** The last hours are believed where they grow so many times faster than before… */
const FASTER = 3
/** …and so many times the usual spread of such growth. */
const UNUSUAL = 4
const RECENT_HOURS = [9, 15, 21]
/** A day's growth counts half as much as that of two days later. */
const HALF_LIFE_DAYS = 2
/** Quantiles of the slopes: the slowest and the fastest that are said. */
const RANGE = [0.1, 0.9] as const

export type LimitForecast =
  | { is: 'reached' }
  /** Hours from the last value on; `low` is the soonest, `high` may be infinite. `slope` is per hour. */
  | { is: 'reaches'; low: number; middle: number; high: number; slope: number }
  /** It does not move towards the limit, or not within a year. */
  | { is: 'stays'; slope: number }
  | { is: 'unknown'; why: 'short' | 'gaps' | 'unsteady' }

/**
 * @param history one value an hour, oldest first, NaN where nothing was measured
 * @param limit in the unit of the series
 * @param direction `down`: it is reached from above
 */
export function forecastLimit(
  history: Float64Array,
  limit: number,
  direction: 'up' | 'down' = 'up',
): LimitForecast {
  const sign = direction === 'up' ? 1 : -1
  const rising = history.map(value => (Number.isFinite(value) ? sign * value : Number.NaN))
  const found = forecastRise(trimStart(rising), sign * limit)
  return 'slope' in found ? { ...found, slope: sign * found.slope } : found
}

function trimStart(values: Float64Array): Float64Array {
  const first = values.findIndex(value => !Number.isNaN(value))
  return first < 0 ? values.subarray(values.length) : values.subarray(first)
}

function forecastRise(history: Float64Array, limit: number): LimitForecast {
  const last = lastOf(history)
  if (last === null) return { is: 'unknown', why: history.length === 0 ? 'short' : 'gaps' }
  if (last >= limit) return { is: 'reached' }
  if (history.length < LIMIT_HISTORY_HOURS_MIN) return { is: 'unknown', why: 'short' }
  const season = seasonOf(history.subarray(-WINDOW_DAYS * HOURS_A_DAY))
  const slopes = recentSlopes(season.rest) ?? dailySlopes(history)
  if (!slopes) return { is: 'unknown', why: 'gaps' }
  const level = medianOf(measured(season.rest.subarray(-3)))
  const hoursTo = (slope: number) => crossing(level, slope, season.wave, limit)
  const middle = hoursTo(slopes.middle)
  if (middle > LIMIT_DAYS_MAX * HOURS_A_DAY) return { is: 'stays', slope: slopes.middle }
  const low = hoursTo(slopes.high)
  const high = hoursTo(slopes.low)
  if (!(middle <= RATIO_MAX * Math.max(1, low))) return { is: 'unknown', why: 'unsteady' }
  return { is: 'reaches', low, middle, high, slope: slopes.middle }
}

const measured = (values: Float64Array) => values.filter(value => !Number.isNaN(value))

/** Of the last three hours; null: there is none, so what is known is too old. */
function lastOf(history: Float64Array): number | null {
  return measured(history.subarray(-3)).at(-1) ?? null
}

interface Season {
  /** By hours ahead of the last value, modulo 24. */
  wave: Float64Array
  /** The series without its wave. */
  rest: Float64Array
}

/** The usual distance of each hour of the day from the mean of the day around it. */
function seasonOf(values: Float64Array): Season {
  const size = values.length
  const distances = Array.from({ length: HOURS_A_DAY }, (): number[] => [])
  const half = HOURS_A_DAY / 2
  for (let i = half; i + half <= size; i++) {
    const around = measured(values.subarray(i - half, i + half))
    if (around.length < half || Number.isNaN(values[i] ?? Number.NaN)) continue
    const mean = around.reduce((sum, value) => sum + value / around.length, 0)
    distances[(i + HOURS_A_DAY - ((size - 1) % HOURS_A_DAY)) % HOURS_A_DAY]?.push(
      (values[i] ?? 0) - mean,
    )
  }
  // One day alone shows no season.
  const wave = Float64Array.from(distances, list => (list.length > 1 ? medianOf(list) : 0))
  const phase = (i: number) => (i + HOURS_A_DAY - ((size - 1) % HOURS_A_DAY)) % HOURS_A_DAY
  return { wave, rest: values.map((value, i) => value - (wave[phase(i)] ?? 0)) }
}

interface Slopes {
  low: number
  middle: number
  high: number
}

/** By the growth from day to day; null: no two days to compare. */
function dailySlopes(history: Float64Array): Slopes | null {
  const fine = slopesByLag(history.subarray(-WINDOW_DAYS * HOURS_A_DAY), 1)
  if (fine?.middle !== 0) return fine
  const slow = history.subarray(-SLOW_WINDOW_DAYS * HOURS_A_DAY)
  if (slow.length < 2 * SLOW_LAG_DAYS * HOURS_A_DAY) return fine
  return slopesByLag(slow, SLOW_LAG_DAYS) ?? fine
}

function slopesByLag(values: Float64Array, days: number): Slopes | null {
  const lag = days * HOURS_A_DAY
  const growths: Weighted[] = []
  for (let end = values.length, age = 0; end > lag; end -= HOURS_A_DAY, age++) {
    const weight = 0.5 ** (age / (HALF_LIFE_DAYS * days))
    for (let i = Math.max(lag, end - HOURS_A_DAY); i < end; i++) {
      const growth = ((values[i] ?? 0) - (values[i - lag] ?? 0)) / lag
      if (!Number.isNaN(growth)) growths.push({ value: growth, weight })
    }
  }
  if (growths.length < HOURS_A_DAY / 2) return null
  growths.sort((a, b) => a.value - b.value)
  return {
    low: weightedQuantile(growths, RANGE[0]),
    middle: weightedQuantile(growths, 0.5),
    high: weightedQuantile(growths, RANGE[1]),
  }
}

/** Null: the last hours go on as all before. Of several windows the one that grows fastest. */
function recentSlopes(rest: Float64Array): Slopes | null {
  const long = medianOf(measured(rest.map((value, i) => value - (rest[i - HOURS_A_DAY] ?? NaN))))
  if (Number.isNaN(long)) return null
  let fastest = Math.max(0, (FASTER * long) / HOURS_A_DAY)
  let found: Slopes | null = null
  for (const hours of RECENT_HOURS) {
    const growths = growthsOf(rest, hours)
    const now = growths.at(-1) ?? Number.NaN
    const usual = robustSpread(measured(growths.subarray(0, -hours)))
    if (!(now > fastest && now > long / HOURS_A_DAY + UNUSUAL * usual)) continue
    fastest = now
    found = slopesOfPairs(rest.subarray(-hours), 2 * now)
  }
  return found
}

/**
 * The growth an hour before each end of `hours`, by the medians of their thirds: the lesser of both
 * steps, so that a single jump is no growth.
 */
function growthsOf(values: Float64Array, hours: number): Float64Array {
  const third = hours / 3
  const medians = new Float64Array(Math.max(0, values.length - third + 1)).map((_, i) =>
    medianOf(measured(values.subarray(i, i + third))),
  )
  const step = (i: number) => (medians[i + third] ?? NaN) - (medians[i] ?? NaN)
  return new Float64Array(Math.max(0, values.length - hours + 1)).map(
    (_, i) => Math.min(step(i), step(i + third)) / third,
  )
}

/** Theil and Sen: the slopes of all pairs, none of them above `most`. */
function slopesOfPairs(values: Float64Array, most: number): Slopes | null {
  const slopes: number[] = []
  for (let i = 0; i < values.length; i++)
    for (let j = 0; j < i; j++) {
      const slope = ((values[i] ?? 0) - (values[j] ?? 0)) / (i - j)
      if (!Number.isNaN(slope)) slopes.push(Math.min(slope, most))
    }
  if (slopes.length === 0) return null
  const sorted = Float64Array.from(slopes).sort()
  const [low, high] = RANGE
  return {
    low: quantileOf(sorted, low),
    middle: quantileOf(sorted, 0.5),
    high: quantileOf(sorted, high),
  }
}

/** Hours until the line with its wave reaches the limit; infinite where it never does. */
function crossing(level: number, slope: number, wave: Float64Array, limit: number): number {
  let soonest = Number.POSITIVE_INFINITY
  for (let phase = 1; phase <= HOURS_A_DAY; phase++) {
    const missing = limit - level - (wave[phase % HOURS_A_DAY] ?? 0)
    const days =
      missing <= 0 ? 0 : slope > 0 ? Math.ceil((missing / slope - phase) / HOURS_A_DAY) : Infinity
    soonest = Math.min(soonest, phase + HOURS_A_DAY * Math.max(0, days))
  }
  return soonest
}
