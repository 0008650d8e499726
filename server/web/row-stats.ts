// What a row's numbers came to over a span of time: average, extremes, 95th percentile and totals,
// each value weighed by the time that it stands for. From what is stored, as fine as it is stored;
// over long spans from averages of five minutes, as providers bill traffic, or more.

import type { RowInfo } from '../model/collection.ts'
import { formatSeconds, formatValue } from '../model/units.ts'
import type { PageGroup, PageMetric } from '../profiles/face.ts'
import type { SampleFunction, SamplePoint, SeriesPoints, Store } from '../store/contract.ts'
import { isNumeric, numberText } from './cells.ts'
import { type DeviceView, intervalOf } from './device-data.ts'
import type { TimeWindow } from './window.ts'

/** Points of one series, and of all of a row, that are read one by one. */
const POINTS_MAX = 12_000
const ALL_POINTS_MAX = 240_000
const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS
/** Widths of averages: the finest that keeps within the bounds. */
const STEPS_MS = [5, 15, 60, 360].map(minutes => minutes * MINUTE_MS)
const PERCENTILE = 0.95
/** Values further apart than so many intervals say nothing of the time between. */
const BREAK_STEPS = 3
/** After these the counter was looked at anew: the next rate begins there. */
const FRESH = new Set(['first', 'reset', 'wrap-unsure', 'overrun'])

export interface Weighed {
  value: number
  /** Ms for which it stands. */
  ms: number
}

export interface StatLine {
  title: string
  description: string
  mean: string
  lowest: string
  highest: string
  p95: string
  /** Empty where adding it up says nothing. */
  total: string
  /** 0 to 100: the part of the time that has values. */
  measured: number
}

export interface RowStats {
  lines: StatLine[]
  /** Points of the longest series. */
  count: number
  /** Width of the averages, as text; empty: samples as they were stored. */
  step: string
}

/** Metrics without any value in the span are left out. */
export async function rowStats(
  store: Store,
  view: DeviceView,
  group: PageGroup,
  row: RowInfo | null,
  { from, to }: TimeWindow,
): Promise<RowStats> {
  const metrics = group.metrics.filter(metric => isNumeric(metric) && metric.states.length === 0)
  const everyMs = intervalOf(view, group)
  const stepMs = stepOf(to - from, everyMs, metrics.length)
  const read = async (fn: SampleFunction) =>
    finder(
      metrics.length === 0
        ? []
        : await store.samples.read({
            deviceUid: view.device.uid,
            group: group.id,
            metrics: metrics.map(({ id }) => id),
            ...(row && { rows: [row.key] }),
            ...{ from, to, fn },
            ...(stepMs !== null && { points: Math.ceil((to - from) / stepMs) }),
          }),
    )
  const averages = await read('avg')
  // What was rolled up is an average already: the extremes of its samples are kept beside it.
  const isRolled = stepMs !== null || from < Date.now() - (await rawDays(store)) * DAY_MS
  const [lowest, highest] = isRolled ? [await read('min'), await read('max')] : [averages, averages]
  const totals = metrics.some(({ kind }) => kind === 'total') ? await read('last') : averages
  const lines = metrics.flatMap(metric => {
    const isCount = metric.kind === 'total'
    const points = isCount ? totals(metric.id) : averages(metric.id)
    const span = { from, to, everyMs, stepMs }
    return statLine(metric, points, [lowest(metric.id), highest(metric.id)], span)
  })
  return {
    lines,
    count: Math.max(0, ...metrics.map(({ id }) => averages(id).length)),
    step: stepMs === null ? '' : formatSeconds(stepMs / 1000),
  }
}

/** Null: as it is stored. */
function stepOf(spanMs: number, everyMs: number, series: number): number | null {
  const most = Math.min(POINTS_MAX, ALL_POINTS_MAX / Math.max(1, series))
  if (spanMs / everyMs <= most) return null
  return STEPS_MS.find(step => spanMs / step <= most) ?? Math.ceil(spanMs / most)
}

async function rawDays(store: Store): Promise<number> {
  return Math.min(...Object.values(await store.retention.days()).map(({ raw }) => raw))
}

function finder(found: readonly SeriesPoints[]): (metric: string) => readonly SamplePoint[] {
  const byMetric = new Map(found.map(({ metric, points }) => [metric, points]))
  return metric => byMetric.get(metric) ?? []
}

interface Span {
  from: number
  to: number
  everyMs: number
  /** Width of averages; null: samples. */
  stepMs: number | null
}

function statLine(
  metric: PageMetric,
  points: readonly SamplePoint[],
  [low, high]: [readonly SamplePoint[], readonly SamplePoint[]],
  span: Span,
): StatLine[] {
  const { title, description } = metric
  const weighed =
    span.stepMs === null ? weigh(points, span, metric.kind === 'rate') : weighSteps(points, span)
  if (weighed.length === 0) return []
  const ms = weighed.reduce((sum, one) => sum + one.ms, 0)
  const measured = Math.min(100, (100 * ms) / (span.to - span.from))
  const about = { title, description, measured }
  if (metric.kind === 'total') {
    const total = numberText(metric, increase(points))
    return [{ ...about, mean: '', lowest: '', highest: '', p95: '', total }]
  }
  const text = (value: number) => numberText(metric, value)
  return [
    {
      ...about,
      mean: text(meanOf(weighed)),
      lowest: text(numbers(low).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
      highest: text(numbers(high).reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)),
      p95: text(percentileOf(weighed, PERCENTILE)),
      total: totalText(metric, weighed),
    },
  ]
}

const numbers = (points: readonly SamplePoint[]): number[] =>
  points.flatMap(({ value }) => (typeof value === 'number' ? [value] : []))

/**
 * A value stands for the time since the one before. A rate is what was counted since then, also over a
 * time in which nobody answered; another value says nothing of such a time. The first one stands for
 * one interval.
 */
export function weigh(
  points: readonly SamplePoint[],
  { from, everyMs }: Pick<Span, 'from' | 'everyMs'>,
  isRate: boolean,
): Weighed[] {
  const weighed: Weighed[] = []
  let since: number | null = null
  for (const { at, value, gap } of points) {
    if (typeof value !== 'number') {
      if (!isRate) since = null
      else if (gap !== null && FRESH.has(gap)) since = at
      continue
    }
    const isUnknown = since === null || (!isRate && at - since > BREAK_STEPS * everyMs)
    const begin = Math.max(from, isUnknown || since === null ? at - everyMs : since)
    if (at > begin) weighed.push({ value, ms: at - begin })
    since = at
  }
  return weighed
}

/** An average stands for its own time alone. */
function weighSteps(points: readonly SamplePoint[], { to, stepMs }: Span): Weighed[] {
  return points.flatMap(({ at, value }) =>
    typeof value === 'number' ? [{ value, ms: Math.min(stepMs ?? 0, to - at) }] : [],
  )
}

export function meanOf(weighed: readonly Weighed[]): number {
  const ms = weighed.reduce((sum, one) => sum + one.ms, 0)
  return weighed.reduce((sum, { value, ms: part }) => sum + value * part, 0) / ms
}

/** The smallest value that was not exceeded during this part of the measured time. */
export function percentileOf(weighed: readonly Weighed[], part: number): number {
  const sorted = [...weighed].sort((a, b) => a.value - b.value)
  const wanted = part * sorted.reduce((sum, { ms }) => sum + ms, 0)
  let ms = 0
  for (const one of sorted) {
    ms += one.ms
    if (ms >= wanted) return one.value
  }
  return sorted.at(-1)?.value ?? Number.NaN
}

/** Of what is counted; bits are told as bytes, as transfers are. */
function totalText({ kind, unit }: PageMetric, weighed: readonly Weighed[]): string {
  if (kind !== 'rate' || !unit.endsWith('/s')) return ''
  const total = weighed.reduce((sum, { value, ms }) => sum + (value * ms) / 1000, 0)
  if (unit === 'bit/s') return formatValue(total / 8, 'By')
  if (unit === 'By/s') return formatValue(total, 'By')
  return grouped(formatValue(Math.round(total), unit.slice(0, -'/s'.length)))
}

/** `12 761 239 packets`: thin spaces that do not break. */
const grouped = (text: string): string => text.replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')

/** What was added to a total; one that went back began again, from nothing. */
function increase(points: readonly SamplePoint[]): number {
  let added = 0
  let last: number | null = null
  for (const value of numbers(points)) {
    if (last !== null) added += value >= last ? value - last : value
    last = value
  }
  return added
}
