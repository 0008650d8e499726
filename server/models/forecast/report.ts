// How good a forecast is on the series itself: it is made again for each of the last days, from what was
// known then, and compared with what came and with the naive rules "as yesterday" and "as a week ago".

import type { ForecastModel, ReportCard } from '../../model/forecast.ts'
import { forecastSeasonal, HOURS_A_DAY, HOURS_A_WEEK, type HourlyForecast } from './seasonal.ts'
import { forecastTrend } from './trend.ts'

export interface Judged {
  model: ForecastModel
  card: ReportCard
  /** It is worse than naive here: nothing that it says is shown. */
  isMuted: boolean
}

const MODELS: Record<
  ForecastModel,
  (history: Float64Array, hours: number) => HourlyForecast | null
> = {
  seasonal: forecastSeasonal,
  trend: forecastTrend,
}
const TRIAL_DAYS = 5
/** What a trial must know; with less there is no wave of the day yet. */
const KNOWN_DAYS_MIN = 3
/** Of a trial so many hours must have been measured in all. */
const COMPARED_MIN = 24
/** Worse by less than this is chance. */
const WORSE = 1.1

export const forecastBy = (model: ForecastModel, history: Float64Array, hours: number) =>
  MODELS[model](history, hours)

/** The better of our models, with its report; null: too short to try. */
export function judgeModels(history: Float64Array): Judged | null {
  const seasonal = cardOf('seasonal', history)
  const trend = cardOf('trend', history)
  const best =
    seasonal && (!trend || seasonal.mase < trend.mase)
      ? ({ model: 'seasonal', card: seasonal } as const)
      : trend && ({ model: 'trend', card: trend } as const)
  return best && { ...best, isMuted: isWorse(best.card) }
}

export const isWorse = ({ mase, naive }: ReportCard): boolean => mase > WORSE * naive

/** @returns null: too short, or nothing to compare with */
export function cardOf(model: ForecastModel, history: Float64Array): ReportCard | null {
  const sums = { error: 0, day: 0, week: 0, weeks: 0, held: 0, hours: 0 }
  for (let back = 1; back <= TRIAL_DAYS; back++) {
    const at = history.length - back * HOURS_A_DAY
    if (at < KNOWN_DAYS_MIN * HOURS_A_DAY) break
    const forecast = forecastBy(model, history.subarray(0, at), HOURS_A_DAY)
    if (!forecast) continue
    for (let h = 0; h < HOURS_A_DAY; h++) compare(history, at + h, forecast, h, sums)
  }
  const scale = dailyDifference(history)
  if (sums.hours < COMPARED_MIN || scale === null) return null
  // A week back is only known for some of the hours: it counts where it is known for all.
  const naive = sums.weeks === sums.hours ? Math.min(sums.day, sums.week) : sums.day
  const relative = (sum: number) => (sum === 0 ? 0 : sum / sums.hours / (scale || sum / sums.hours))
  const [mase, worth] = [relative(sums.error), relative(naive)]
  // Numbers of 10^308 have no mean.
  if (!Number.isFinite(mase) || !Number.isFinite(worth)) return null
  return { mase, naive: worth, coverage: sums.held / sums.hours, hours: sums.hours }
}

interface Sums {
  error: number
  day: number
  week: number
  weeks: number
  held: number
  hours: number
}

function compare(
  history: Float64Array,
  at: number,
  { middle, low, high }: HourlyForecast,
  h: number,
  sums: Sums,
): void {
  const real = history[at] ?? Number.NaN
  // Of an hour that had no value yesterday no naive rule says anything.
  const yesterday = history[at - HOURS_A_DAY] ?? Number.NaN
  const error = Math.abs(real - (middle[h] ?? Number.NaN))
  if (!Number.isFinite(error) || !Number.isFinite(yesterday)) return
  sums.hours++
  sums.error += error
  sums.day += Math.abs(real - yesterday)
  const lastWeek = history[at - HOURS_A_WEEK] ?? Number.NaN
  if (Number.isFinite(lastWeek)) {
    sums.weeks++
    sums.week += Math.abs(real - lastWeek)
  }
  // A constant is what it was, but for the last digit.
  const slack = 1e-9 * Math.abs(real)
  if (real >= (low[h] ?? 0) - slack && real <= (high[h] ?? 0) + slack) sums.held++
}

/** Mean difference between one day and the next; null: there are no two days. */
function dailyDifference(history: Float64Array): number | null {
  let sum = 0
  let count = 0
  for (let i = HOURS_A_DAY; i < history.length; i++) {
    const difference = Math.abs((history[i] ?? 0) - (history[i - HOURS_A_DAY] ?? 0))
    if (!Number.isFinite(difference)) continue
    sum += difference
    count++
  }
  return count === 0 ? null : sum / count
}
