// What is said of one series: when it reaches its limit, by the trend, and how good the trend was on it.
// And the line that a chart carries on with, by the better of our models.

import type { Forecast, ForecastModel, ReportCard } from '../../model/forecast.ts'
import { forecastLimit } from './limit.ts'
import { cardOf, forecastBy, isWorse, judgeModels } from './report.ts'

/** A series on its way to the thread. */
export interface SeriesToAssess {
  /** One value an hour, oldest first, NaN where nothing was measured; the last hour ends at `at`. */
  values: Float64Array
  /** Unix ms. */
  at: number
  limit: number
  direction: 'up' | 'down'
}

export type Assessment = Pick<
  Forecast,
  'state' | 'why' | 'value' | 'slope' | 'soonestAt' | 'reachAt' | 'latestAt' | 'model' | 'card'
>

/** What a chart draws; null where the model is worse than naive, or cannot tell. */
export interface ForecastLine {
  model: ForecastModel
  card: ReportCard
  isMuted: boolean
  /** For each hour after the last; empty where it is muted. */
  middle: number[]
  low: number[]
  high: number[]
}

const HOUR_MS = 3_600_000
const NOTHING = {
  ...{ why: null, value: null, slope: null, soonestAt: null, reachAt: null, latestAt: null },
  ...{ model: null, card: null },
}

export function assess({ values, at, limit, direction }: SeriesToAssess): Assessment {
  const value = values.findLast(Number.isFinite) ?? null
  const said = forecastLimit(values, limit, direction)
  if (said.is === 'unknown') return { ...NOTHING, state: 'unknown', why: said.why, value }
  if (said.is === 'reached') return { ...NOTHING, state: 'reached', value, reachAt: at }
  const card = cardOf('trend', values)
  const judged = { ...NOTHING, value, model: 'trend', card } as const
  if (card && isWorse(card)) return { ...judged, state: 'muted' }
  if (said.is === 'stays') return { ...judged, state: 'stays', slope: said.slope }
  const time = (hours: number) => (Number.isFinite(hours) ? at + hours * HOUR_MS : null)
  return {
    ...{ ...judged, state: 'reaches', slope: said.slope },
    ...{ soonestAt: time(said.low), reachAt: time(said.middle), latestAt: time(said.high) },
  }
}

/** @returns null: not enough history */
export function forecastLine(values: Float64Array, hours: number): ForecastLine | null {
  const judged = judgeModels(values)
  if (!judged) return null
  const { model, card, isMuted } = judged
  const found = isMuted ? null : forecastBy(model, values, hours)
  const list = (of: Float64Array | undefined) => Array.from(of ?? [])
  return {
    ...{ model, card, isMuted },
    ...{ middle: list(found?.middle), low: list(found?.low), high: list(found?.high) },
  }
}
