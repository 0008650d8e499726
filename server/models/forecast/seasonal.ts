// The forecast of a series with a season: it is explained by its own last hours, the same hours of the
// last two days, and of the last week where there is enough of it; on logarithms where all values are
// positive. The range comes from how far such forecasts were off on the series itself.

import { type Autoregression, fitRidge, rollOn } from './ridge.ts'
import { quantileOf } from './statistics.ts'

/** Hours ahead, each with a middle and a range that holds about 80 of 100. */
export interface HourlyForecast {
  middle: Float64Array
  low: Float64Array
  high: Float64Array
}

export const HOURS_A_DAY = 24
export const HOURS_A_WEEK = 168
/** More history than this adds nothing and costs time. */
export const HISTORY_HOURS_MAX = 1_008
/** Of a series at least this share must be measured. */
const MEASURED_MIN = 0.5

const DAY_LAGS = [1, 2, 3, 23, 24, 25, 47, 48, 49]
const WEEK_LAGS = [...DAY_LAGS, 143, 144, 145, 167, 168, 169]
const PENALTY = 0.3
/** Old forecasts that are compared with what came, and the hours between them. */
const TRIALS_MAX = 30
const TRIAL_STEP = 13
/** The weights have seen the trials: what is really ahead is a little less sure. */
const WIDEN = 1.1

/**
 * @param history one value an hour, oldest first, NaN where nothing was measured
 * @returns null: too short, too many gaps, or nothing that a season could explain
 */
export function forecastSeasonal(history: Float64Array, hours: number): HourlyForecast | null {
  const kept = history.subarray(-HISTORY_HOURS_MAX)
  const filled = fillGaps(kept)
  if (!filled) return null
  const { least, most } = extent(filled.values)
  if (least === most) {
    const same = new Float64Array(hours).fill(least)
    return { middle: same, low: same, high: same }
  }
  const scale = scaleOf(filled.values)
  const scaled = filled.values.map(scale.to)
  const model = fit(scaled, filled.isMeasured)
  if (!model) return null
  const middle = new Float64Array(hours)
  rollOn(model, scaled, scaled.length, middle)
  const [down, up] = rangeOf(model, scaled, filled.isMeasured, hours)
  const result = {
    middle: middle.map(scale.from),
    low: middle.map((value, h) => scale.from(value + (down[h] ?? 0))),
    high: middle.map((value, h) => scale.from(value + (up[h] ?? 0))),
  }
  return isSane(result, filled.values) ? result : null
}

function fit(values: Float64Array, isMeasured: Uint8Array): Autoregression | null {
  const lags = values.length >= 3 * HOURS_A_WEEK ? WEEK_LAGS : DAY_LAGS
  return values.length >= 5 * HOURS_A_DAY ? fitRidge(values, isMeasured, lags, PENALTY) : null
}

interface Filled {
  values: Float64Array
  isMeasured: Uint8Array
}

/** A gap looks like the same hour of the day or week before, else like the value before it. */
function fillGaps(history: Float64Array): Filled | null {
  const isMeasured = new Uint8Array(history.length)
  let count = 0
  for (let i = 0; i < history.length; i++) {
    if (!Number.isFinite(history[i])) continue
    isMeasured[i] = 1
    count++
  }
  const first = isMeasured.indexOf(1)
  if (first < 0 || count < MEASURED_MIN * history.length) return null
  const values = new Float64Array(history)
  for (let i = 0; i < values.length; i++) {
    if (isMeasured[i] === 1) continue
    values[i] = values[i - HOURS_A_DAY] ?? values[i - 1] ?? values[first] ?? 0
  }
  return { values: values.subarray(first), isMeasured: isMeasured.subarray(first) }
}

interface Scale {
  to: (value: number) => number
  from: (value: number) => number
}

function scaleOf(values: Float64Array): Scale {
  const isLog = values.every(value => value > 0)
  const seen = isLog ? values.map(Math.log) : values
  const mean = seen.reduce((sum, value) => sum + value / seen.length, 0)
  const variance = seen.reduce((sum, value) => sum + (value - mean) ** 2 / seen.length, 0)
  const width = Math.sqrt(variance) || 1
  return {
    to: value => ((isLog ? Math.log(value) : value) - mean) / width,
    from: value => (isLog ? Math.exp(value * width + mean) : value * width + mean),
  }
}

/** How far old forecasts were off, for each hour ahead: the 10th and the 90th of 100. */
function rangeOf(
  model: Autoregression,
  values: Float64Array,
  isMeasured: Uint8Array,
  hours: number,
): [Float64Array, Float64Array] {
  // A row of errors for each hour ahead; trials near the end reach fewer hours.
  const errors = new Float64Array(hours * TRIALS_MAX)
  const counts = new Uint16Array(hours)
  const trial = new Float64Array(hours)
  const oldest = Math.max(...model.lags)
  for (let n = 1; n <= TRIALS_MAX; n++) {
    const at = values.length - n * TRIAL_STEP
    if (at < oldest) break
    rollOn(model, values, at, trial)
    for (let h = 0; h < hours && at + h < values.length; h++) {
      if (isMeasured[at + h] !== 1) continue
      const count = counts[h] ?? 0
      errors[h * TRIALS_MAX + count] = (values[at + h] ?? 0) - (trial[h] ?? 0)
      counts[h] = count + 1
    }
  }
  return widths(errors, counts)
}

/** Each hour shares the errors of its neighbours; beyond what could be tried the last width holds on. */
function widths(errors: Float64Array, counts: Uint16Array): [Float64Array, Float64Array] {
  const down = new Float64Array(counts.length)
  const up = new Float64Array(counts.length)
  const pool = new Float64Array(3 * TRIALS_MAX)
  for (let h = 0; h < counts.length; h++) {
    let size = 0
    for (let near = Math.max(0, h - 1); near <= h + 1; near++) {
      const row = near * TRIALS_MAX
      const count = counts[near] ?? 0
      pool.set(errors.subarray(row, row + count), size)
      size += count
    }
    const sorted = pool.subarray(0, size).sort()
    down[h] = size > 9 ? WIDEN * quantileOf(sorted, 0.1) : (down[h - 1] ?? 0)
    up[h] = size > 9 ? WIDEN * quantileOf(sorted, 0.9) : (up[h - 1] ?? 0)
  }
  return [down, up]
}

/** An unstable fit runs away: nothing of it is believed. */
function isSane({ middle, low, high }: HourlyForecast, values: Float64Array): boolean {
  const { least, most } = extent(values)
  const room = 3 * (most - least)
  const isNear = (value: number) => value >= least - room && value <= most + room
  return middle.every(isNear) && low.every(Number.isFinite) && high.every(Number.isFinite)
}

function extent(values: Float64Array): { least: number; most: number } {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (value < least) least = value
    if (value > most) most = value
  }
  return { least, most }
}
