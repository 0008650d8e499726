// When something runs out, as it is stored and shown; and how good the model was on the series itself.

export const FORECAST_KINDS = ['storage', 'memory', 'interface', 'supply', 'battery'] as const
export type ForecastKind = (typeof FORECAST_KINDS)[number]

/**
 * `reached`: it is there. `reaches`: it will be. `stays`: it does not move towards its limit, or not within
 * a year. `muted`: the model is worse than naive here. `unknown`: cannot be told, `why` says the reason.
 */
export const FORECAST_STATES = ['reached', 'reaches', 'stays', 'muted', 'unknown'] as const
export type ForecastState = (typeof FORECAST_STATES)[number]

export const FORECAST_WHYS = ['short', 'gaps', 'unsteady'] as const
export type ForecastWhy = (typeof FORECAST_WHYS)[number]

export const FORECAST_MODELS = ['seasonal', 'trend'] as const
export type ForecastModel = (typeof FORECAST_MODELS)[number]

export interface ReportCard {
  /** Mean error over that of "as yesterday" on all of the history (MASE); below 1 is better. */
  mase: number
  /** The same of the better naive rule ("as yesterday", "as a week ago"), on the same hours. */
  naive: number
  /** Share of the true values that the 80 % range held, 0 to 1. */
  coverage: number
  /** Hours that were compared. */
  hours: number
}

export interface Forecast {
  kind: ForecastKind
  group: string
  metric: string
  title: string
  row: string | null
  rowName: string | null
  state: ForecastState
  /** Of what is unknown. */
  why: ForecastWhy | null
  /** The last value and the limit, percent. */
  value: number | null
  limit: number
  /** Percent an hour. */
  slope: number | null
  /** Unix ms. `latest` is null where it may never be reached. */
  soonestAt: number | null
  reachAt: number | null
  latestAt: number | null
  model: ForecastModel | null
  card: ReportCard | null
  /** Unix ms. */
  madeAt: number
}
