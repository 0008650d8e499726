// When a series reaches a limit: a disk that fills, a battery that empties, by the trend of trend.ts. A
// range, not a point, and "cannot tell" where that is the truth.

import type { ForecastWhy } from '../../model/forecast.ts'
import { HOURS_A_DAY } from './seasonal.ts'
import { trendOf } from './trend.ts'

/** Further ahead nothing is said. */
export const LIMIT_DAYS_MAX = 365
/** Where the soonest is so much sooner than the middle, nothing is known. */
const RATIO_MAX = 10

export type LimitForecast =
  | { is: 'reached' }
  /** Hours from the last value on; `low` is the soonest, `high` may be infinite. `slope` is per hour. */
  | { is: 'reaches'; low: number; middle: number; high: number; slope: number }
  /** It does not move towards the limit, or not within a year. */
  | { is: 'stays'; slope: number }
  | { is: 'unknown'; why: ForecastWhy }

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
  const found = forecastRise(
    history.map(value => sign * value),
    sign * limit,
  )
  return 'slope' in found ? { ...found, slope: sign * found.slope } : found
}

function forecastRise(history: Float64Array, limit: number): LimitForecast {
  const last = history.subarray(-3).findLast(Number.isFinite)
  if (last !== undefined && last >= limit) return { is: 'reached' }
  const trend = trendOf(history)
  if (typeof trend === 'string') return { is: 'unknown', why: trend }
  const { slopes, level, wave } = trend
  const hoursTo = (slope: number) => crossing(level, slope, wave, limit)
  const middle = hoursTo(slopes.middle)
  if (!(middle <= LIMIT_DAYS_MAX * HOURS_A_DAY)) return { is: 'stays', slope: slopes.middle }
  const low = hoursTo(slopes.high)
  const high = hoursTo(slopes.low)
  if (!(middle <= RATIO_MAX * Math.max(1, low))) return { is: 'unknown', why: 'unsteady' }
  return { is: 'reaches', low, middle, high, slope: slopes.middle }
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
