// The data of one chart over a span of time, as public/js/charts.js draws it: lines with their gaps,
// and the spans in which the whole chart has none, each with its reason.

import type { RowInfo } from '../model/collection.ts'
import type { PageChart, PageGroup } from '../profiles/face.ts'
import type { SamplePoint, SeriesPoints, Store } from '../store/contract.ts'
import { isNumeric, numberText, stateOf, type Tone } from './cells.ts'
import { type ChartEvents, chartEvents } from './chart-events.ts'
import { type ChartMaintenance, chartMaintenance } from './chart-maintenance.ts'
import {
  broken,
  type ChartGap,
  type ChartPoint,
  changesOf,
  gapsOf,
  increases,
} from './chart-points.ts'
import { type Line, linesOf } from './charts.ts'
import { type DeviceView, intervalOf } from './device-data.ts'
import type { Dictionary } from './languages/en.ts'
import { type TimeWindow, WEEK_MS } from './window.ts'

/** Points of one line: two pixels each on a wide screen. */
const POINTS_MAX = 500
/** Raw points are taken as they are up to here; a few more than POINTS_MAX cost less than averaging. */
const RAW_POINTS_MAX = 1000
/** Rows read for one chart, where an average is over all of them. */
const ROWS_READ_MAX = 200

export interface ChartSeries {
  id: string
  metric: string
  row: string | null
  title: string
  /** 1 to 6: `--c1` to `--c6`. */
  color: number
  dashed: boolean
  mirror: boolean
  points: ChartPoint[]
  latest: number | null
  max: number | null
  /** A week before, at the times of this week; empty where that is not asked for. */
  before: ChartPoint[]
}

export interface ChartData extends ChartEvents, ChartMaintenance {
  from: number
  to: number
  /** Ms between two points. */
  everyMs: number
  /** Points are samples as they came, so that a new one can be appended. */
  raw: boolean
  type: PageChart['type']
  unit: string
  decimals: number | null
  series: ChartSeries[]
  /** [from, to, reason, sentence]. */
  gaps: [...ChartGap, string][]
  ceiling: { title: string; metric: string; points: ChartPoint[] } | null
  average: { title: string; points: ChartPoint[] } | null
  min: number | null
  max: number | null
  /** Metric → its states. */
  states: Record<string, { value: number; name: string; tone: Tone }[]>
  left: number
}

interface Resolution {
  stepMs: number
  from: number
  /** Absent: raw. */
  points?: number
}

/** Never finer than the device is read. */
function resolutionOf({ from, to }: TimeWindow, everyMs: number): Resolution {
  const span = to - from
  if (span / everyMs <= RAW_POINTS_MAX) return { stepMs: everyMs, from }
  const stepMs = Math.ceil(span / POINTS_MAX)
  // From a multiple of the step, so that the same samples meet in a bucket at each reading.
  const aligned = Math.floor(from / stepMs) * stepMs
  return { stepMs, from: aligned, points: Math.ceil((to - aligned) / stepMs) }
}

/** @param row key of the one row to draw; null: all */
export async function readChart(
  store: Store,
  view: DeviceView,
  group: PageGroup,
  chart: PageChart,
  window: TimeWindow,
  row: string | null,
  words: Dictionary,
): Promise<ChartData> {
  const values = view.values.get(group.id)
  const { lines, left } = values ? linesOf(group, chart, values, row) : { lines: [], left: 0 }
  const resolution = resolutionOf(window, intervalOf(view, group))
  const isSingle = !group.table || row !== null
  const metrics = [...new Set(lines.map(line => line.metric.id))]
  const ceiling = isSingle && chart.ceiling !== null ? chart.ceiling : null
  const isAveraged = chart.average && lines.length > 1 && metrics.length === 1
  const rows = isAveraged ? (values?.rows.slice(0, ROWS_READ_MAX) ?? []) : rowsOf(lines)
  const kinds = new Set(lines.map(line => line.metric.kind))
  const isLast = chart.type === 'status' || kinds.has('total')
  const { stepMs } = resolution
  const read = async (asked: readonly string[], of: readonly RowInfo[], span: TimeWindow) => {
    if (lines.length === 0) return []
    const { from, points } = resolutionOf(span, intervalOf(view, group))
    return store.samples.read({
      deviceUid: view.device.uid,
      group: group.id,
      metrics: [...new Set(asked)],
      ...(of.length > 0 ? { rows: of.map(one => one.key) } : {}),
      from,
      ...(points !== undefined && { points }),
      to: span.to,
      fn: isLast ? 'last' : 'avg',
    })
  }
  const found = await read(ceiling === null ? metrics : [...metrics, ceiling], rows, window)
  const isCompared = window.compare && chart.type !== 'status'
  const before = isCompared ? await read(metrics, rowsOf(lines), weekBefore(window)) : []
  const pointsOf = finder(found)
  const pointsBefore = finder(before)
  const first = lines[0]?.metric
  return {
    from: window.from,
    to: window.to,
    everyMs: stepMs,
    raw: resolution.points === undefined,
    type: chart.type,
    unit: first?.unit ?? '1',
    decimals: first?.decimals ?? null,
    series: lines.map(line => ({
      ...seriesOf(line, pointsOf(line), chart, stepMs),
      before: weekLater(linePoints(line, pointsBefore(line), stepMs)),
    })),
    gaps: gapsOf(lines.map(pointsOf), stepMs, window.to).map(([from, to, reason]) => [
      from,
      to,
      reason,
      reason === 'none' ? words.device.notRecorded : words.gap[reason],
    ]),
    ceiling: ceilingOf(group, ceiling, found, stepMs),
    average:
      isAveraged && first
        ? { title: words.device.average, points: averageOf(found, stepMs) }
        : null,
    min: chart.min,
    max: chart.max,
    states: Object.fromEntries(lines.map(({ metric }) => [metric.id, statesOf(metric)])),
    left,
    ...(await chartEvents(store, view, { group: group.id, row }, window)),
    ...(await chartMaintenance(store, view.device.config, window)),
  }
}

const keyOf = (metric: string, row: string | null): string => `${metric}\n${row ?? ''}`

/** What was read of a line. */
function finder(found: readonly SeriesPoints[]): (line: Line) => readonly SamplePoint[] {
  const byKey = new Map(found.map(one => [keyOf(one.metric, one.row), one.points]))
  return ({ metric, row }) => byKey.get(keyOf(metric.id, row?.key ?? null)) ?? []
}

const weekBefore = (window: TimeWindow): TimeWindow => ({
  ...window,
  from: window.from - WEEK_MS,
  to: window.to - WEEK_MS,
})

const weekLater = (points: readonly ChartPoint[]): ChartPoint[] =>
  points.map(([at, value, gap]) =>
    value === null ? [at + WEEK_MS, null, gap ?? null] : [at + WEEK_MS, value],
  )

function rowsOf(lines: readonly Line[]): RowInfo[] {
  return [...new Set(lines.map(line => line.row))].filter(row => row !== null)
}

function linePoints({ metric }: Line, found: readonly SamplePoint[], stepMs: number) {
  return broken(metric.kind === 'total' ? increases(found) : found, stepMs)
}

function seriesOf(
  line: Line,
  found: readonly SamplePoint[],
  chart: PageChart,
  stepMs: number,
): Omit<ChartSeries, 'before'> {
  const { metric, row, title, color, dashed, mirror } = line
  const whole = linePoints(line, found, stepMs)
  const points = chart.type === 'status' ? changesOf(whole) : whole
  const numbers = whole.flatMap(([, value]) => (value === null ? [] : [value]))
  return {
    id: keyOf(metric.id, row?.key ?? null),
    metric: metric.id,
    row: row?.key ?? null,
    title,
    color,
    dashed,
    mirror,
    points,
    latest: whole.at(-1)?.[1] ?? null,
    max: numbers.length > 0 ? numbers.reduce((a, b) => Math.max(a, b)) : null,
  }
}

function ceilingOf(
  group: PageGroup,
  ceiling: string | null,
  found: readonly SeriesPoints[],
  stepMs: number,
): ChartData['ceiling'] {
  const metric = group.metrics.find(one => one.id === ceiling)
  const points = found.find(one => one.metric === ceiling)?.points
  if (!metric || !points) return null
  const whole = broken(points, stepMs).filter(([, value]) => value !== null)
  const latest = whole.at(-1)?.[1] ?? null
  if (latest === null || latest <= 0) return null
  return {
    title: `${metric.title} ${numberText(metric, latest)}`,
    metric: metric.id,
    points: whole,
  }
}

function averageOf(found: readonly SeriesPoints[], stepMs: number): ChartPoint[] {
  const sums = new Map<number, { sum: number; count: number }>()
  for (const { points } of found) {
    for (const { at, value } of points) {
      const sum = sums.get(at) ?? { sum: 0, count: 0 }
      sums.set(at, sum)
      if (typeof value !== 'number') continue
      sum.sum += value
      sum.count++
    }
  }
  const points = [...sums].sort(([a], [b]) => a - b)
  return broken(
    points.map(([at, { sum, count }]) => ({
      at,
      value: count > 0 ? sum / count : null,
      gap: null,
    })),
    stepMs,
  )
}

function statesOf(metric: Line['metric']): ChartData['states'][string] {
  if (isNumeric(metric)) return []
  return metric.states.flatMap(({ value }) =>
    value === null ? [] : [{ value, ...stateOf(metric, value) }],
  )
}
