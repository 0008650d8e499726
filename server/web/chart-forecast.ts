// How the lines of a chart go on: for few lines up to now, by the better model of each, with its range and its
// report card. Made in a thread when somebody asks for it.

import type { ReportCard } from '../model/forecast.ts'
import { HISTORY_HOURS, historyQuery, hourly } from '../models/forecast/forecaster.ts'
import type { PageChart } from '../profiles/face.ts'
import type { ChartData, ChartSeries } from './chart-data.ts'
import type { WebContext } from './context.ts'
import type { DeviceView } from './device-data.ts'
import type { Dictionary } from './languages/en.ts'
import type { Reader } from './languages/say.ts'
import { FORECAST_SPAN_MIN, type TimeWindow } from './window.ts'

/** More lines than this would hide each other's ranges. */
const LINES_MAX = 3
/** A quarter of what is shown, between six hours and two weeks. */
const SHARE = 0.25
const HOURS_MIN = 6
const HOURS_MAX = 336
const HOUR_MS = 3_600_000

export interface ChartForecast {
  /** Unix ms: how far it goes. */
  until: number
  /** By the id of the line: [time, middle, low, high]. */
  lines: { id: string; points: [number, number, number, number][] }[]
  /** What is said of it beside the chart. */
  note: string
}

/** null: the window does not end now, or is too short. */
export async function chartForecast(
  { store, forecasts }: Pick<WebContext, 'store' | 'forecasts'>,
  {
    view,
    group,
    chart,
    data,
  }: { view: DeviceView; group: string; chart: PageChart; data: ChartData },
  window: TimeWindow,
  { words, language }: { words: Dictionary['forecasts']; language: Reader['language'] },
): Promise<ChartForecast | null> {
  const span = window.to - window.from
  if (!window.forecast || window.range === null || span < FORECAST_SPAN_MIN || !forecasts)
    return null
  const hours = Math.round(Math.min(HOURS_MAX, Math.max(HOURS_MIN, (span * SHARE) / HOUR_MS)))
  const until = window.to + hours * HOUR_MS
  const isDrawn = chart.type === 'line' || chart.type === 'area'
  const lines = isDrawn ? data.series.filter(({ points }) => points.length > 0) : []
  if (
    lines.length === 0 ||
    lines.length > LINES_MAX ||
    lines.some(({ metric }) => data.states[metric]?.length)
  )
    return { until, lines: [], note: words.chart.note(words.chart.notHere) }
  const made = await Promise.all(
    lines.map(async series => {
      const target = { group, metric: series.metric, fn: 'avg' } as const
      const rows = series.row === null ? [] : [series.row]
      const query = historyQuery(view.device.uid, target, rows, window.to)
      const [found] = await store.samples.read(query)
      const values = hourly(found?.points ?? [], query.from)
      // A chart is not taken away because its forecast failed.
      const line = await forecasts.line(values, hours).catch(() => 'failed' as const)
      return { series, line, lastAt: query.from + (HISTORY_HOURS - 0.5) * HOUR_MS }
    }),
  )
  return {
    until,
    lines: made.flatMap(({ series, line, lastAt }) => {
      if (!line || line === 'failed' || line.isMuted) return []
      const points = line.middle.map((middle, h): [number, number, number, number] => [
        lastAt + (h + 1) * HOUR_MS,
        ...within(data, series, [middle, line.low[h] ?? middle, line.high[h] ?? middle]),
      ])
      return [{ id: series.id, points: points.filter(([at]) => at > window.to && at <= until) }]
    }),
    note: words.chart.note(made.map(one => saidOf(one, made.length > 1)).join(' · ')),
  }

  function saidOf({ series, line }: (typeof made)[number], isNamed: boolean): string {
    if (line === 'failed') return words.chart.failed
    const card = line && cardText(line.card, language)
    const said = !card
      ? words.chart.tooShort
      : line.isMuted
        ? words.chart.muted(card.mase, card.naive)
        : words.chart.shown(card.mase, card.naive, card.held)
    return isNamed ? `${series.title} ${said}` : said
  }
}

/** As far as the chart itself goes: no disk is 110 % full. */
function within(
  { min, max }: ChartData,
  { mirror }: ChartSeries,
  values: [number, number, number],
): [number, number, number] {
  const [middle, low, high] = values.map(value => {
    const bounded = Math.min(max ?? value, Math.max(min ?? value, value))
    return mirror ? -bounded : bounded
  })
  return [middle ?? 0, low ?? 0, high ?? 0]
}

function cardText({ mase, naive, coverage }: ReportCard, language: Reader['language']) {
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: 2 })
  return {
    mase: number.format(mase),
    naive: number.format(naive),
    held: number.format(Math.round(100 * coverage)),
  }
}
