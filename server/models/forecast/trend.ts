// The trend of a series. The growth of a day is the median difference between the same hours of
// neighbouring days, so waves and nightly clean-ups cancel out and single steps do not count. Where the
// last hours grow quite differently from all before, they are believed instead.

import { HOURS_A_DAY, type HourlyForecast } from './seasonal.ts'
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
const HISTORY_HOURS_MIN = 48
/** The last hours are believed where they grow so many times faster than before… */
const FASTER = 3
/** …and so many times the usual spread of such growth. */
const UNUSUAL = 4
const RECENT_HOURS = [9, 15, 21]
/** In less than this a wave of the day could be taken for growth. */
const SEASON_HOURS_MIN = 96
/** A day's growth counts half as much as that of two days later. */
const HALF_LIFE_DAYS = 2
/** Quantiles of the slopes: the slowest and the fastest that are said. */
const RANGE = [0.1, 0.9] as const

/** Of a normal distribution, 80 of 100 are within so many standard deviations. */
const EIGHTY_PERCENT = 1.28

export interface Slopes {
  /** An hour's change: the middle, and the slowest and fastest that are likely. */
  low: number
  middle: number
  high: number
}

export interface Trend {
  slopes: Slopes
  /** The last value without its wave. */
  level: number
  /** By hours ahead of the last value, modulo 24. */
  wave: Float64Array
  /** How far a single hour usually is from its day, without the wave. */
  spread: number
}

/** @param history one value an hour, oldest first, NaN or infinite where nothing was measured */
export function trendOf(history: Float64Array): Trend | 'short' | 'gaps' {
  const first = history.findIndex(Number.isFinite)
  if (first < 0) return 'short'
  const values = history
    .subarray(Math.max(first, history.length - SLOW_WINDOW_DAYS * HOURS_A_DAY))
    .map(value => (Number.isFinite(value) ? value : Number.NaN))
  if (values.length < HISTORY_HOURS_MIN) return 'short'
  const { wave, rest } = seasonOf(values.subarray(-WINDOW_DAYS * HOURS_A_DAY))
  const isSeasonKnown = values.length >= SEASON_HOURS_MIN
  const slopes = (isSeasonKnown ? recentSlopes(rest) : null) ?? dailySlopes(values)
  if (!slopes) return 'gaps'
  const newest = rest.subarray(-3).map((value, i) => value + (2 - i) * slopes.middle)
  const level = medianOf(measured(newest))
  return Number.isNaN(level) ? 'gaps' : { slopes, level, wave, spread: spreadOf(rest) }
}

/** The trend and the wave of the day carried on. Null: too short, or too many gaps. */
export function forecastTrend(history: Float64Array, hours: number): HourlyForecast | null {
  const trend = trendOf(history)
  if (typeof trend === 'string') return null
  const { slopes, level, wave, spread } = trend
  const room = EIGHTY_PERCENT * spread
  const line = (slope: number, shift: number) =>
    new Float64Array(hours).map(
      (_, h) => level + shift + slope * (h + 1) + (wave[(h + 1) % HOURS_A_DAY] ?? 0),
    )
  return {
    middle: line(slopes.middle, 0),
    low: line(slopes.low, -room),
    high: line(slopes.high, room),
  }
}

const measured = (values: Float64Array) => values.filter(value => !Number.isNaN(value))

/** Around the median of the day before, its usual growth taken off. */
function spreadOf(rest: Float64Array): number {
  const steps = measured(rest.map((value, i) => value - (rest[i - HOURS_A_DAY] ?? Number.NaN)))
  return steps.length === 0 ? 0 : robustSpread(steps) / Math.SQRT2
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
