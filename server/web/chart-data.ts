// The data of one chart over a span of time, as public/js/charts.js draws it: lines with their gaps,
// and the spans in which the whole chart has none, each with its reason.

import type { RowInfo } from '../model/collection.ts'
import { GAP_TEXT, type GapReason } from '../model/gap.ts'
import type { PageChart, PageGroup } from '../profiles/face.ts'
import type { SamplePoint, SeriesPoints, Store } from '../store/contract.ts'
import { isNumeric, numberText, stateOf, type Tone } from './cells.ts'
import { type ChartEvents, chartEvents } from './chart-events.ts'
import { type Line, linesOf } from './charts.ts'
import { type DeviceView, intervalOf } from './device-data.ts'
import type { TimeWindow } from './window.ts'

/** Points of one line: two pixels each on a wide screen. */
const POINTS_MAX = 500
/** Raw points are taken as they are up to here; a few more than POINTS_MAX cost less than averaging. */
const RAW_POINTS_MAX = 1000
/** Rows read for one chart, where an average is over all of them. */
const ROWS_READ_MAX = 200
/** Without anything for so many steps, the line is broken. */
const BREAK_STEPS = 3

/** [time, value], or [time, null, why there is none]. */
export type ChartPoint = [number, number] | [number, null, GapReason | null]

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
}

export interface ChartData extends ChartEvents {
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
  gaps: [number, number, GapReason | 'none', string][]
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
  const { stepMs, ...read } = resolution
  const found =
    lines.length === 0
      ? []
      : await store.samples.read({
          deviceUid: view.device.uid,
          group: group.id,
          metrics: ceiling === null ? metrics : [...new Set([...metrics, ceiling])],
          ...(rows.length > 0 ? { rows: rows.map(one => one.key) } : {}),
          ...read,
          to: window.to,
          fn: isLast ? 'last' : 'avg',
        })
  const byKey = new Map(found.map(one => [keyOf(one.metric, one.row), one]))
  const pointsOf = (metric: string, of: string | null) => byKey.get(keyOf(metric, of))?.points ?? []
  const first = lines[0]?.metric
  return {
    from: window.from,
    to: window.to,
    everyMs: stepMs,
    raw: resolution.points === undefined,
    type: chart.type,
    unit: first?.unit ?? '1',
    decimals: first?.decimals ?? null,
    series: lines.map(line =>
      seriesOf(line, pointsOf(line.metric.id, keyOfRow(line)), chart, stepMs),
    ),
    gaps: gapsOf(
      lines.map(line => pointsOf(line.metric.id, keyOfRow(line))),
      stepMs,
      window.to,
    ),
    ceiling: ceilingOf(group, ceiling, found, stepMs),
    average: isAveraged && first ? { title: 'Average', points: averageOf(found, stepMs) } : null,
    min: chart.min,
    max: chart.max,
    states: Object.fromEntries(lines.map(({ metric }) => [metric.id, statesOf(metric)])),
    left,
    ...(await chartEvents(store, view, { group: group.id, row }, window)),
  }
}

const keyOf = (metric: string, row: string | null): string => `${metric}\n${row ?? ''}`
const keyOfRow = ({ row }: Line): string | null => row?.key ?? null

function rowsOf(lines: readonly Line[]): RowInfo[] {
  return [...new Set(lines.map(line => line.row))].filter(row => row !== null)
}

function seriesOf(
  line: Line,
  found: readonly SamplePoint[],
  chart: PageChart,
  stepMs: number,
): ChartSeries {
  const { metric, row, title, color, dashed, mirror } = line
  const whole = broken(metric.kind === 'total' ? increases(found) : found, stepMs)
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

/** As points; where nothing came for some steps, an empty one breaks the line. */
function broken(found: readonly SamplePoint[], stepMs: number): ChartPoint[] {
  const points: ChartPoint[] = []
  let last: number | null = null
  for (const { at, value, gap } of found) {
    if (last !== null && at - last > BREAK_STEPS * stepMs) points.push([last + stepMs, null, null])
    points.push(typeof value === 'number' ? [at, significant(value)] : [at, null, gap])
    last = at
  }
  return points
}

const significant = (value: number): number => Number(value.toPrecision(7))

/** What was added to a total between two samples; a total that went back began again. */
function increases(found: readonly SamplePoint[]): SamplePoint[] {
  let last: number | null = null
  return found.flatMap(({ at, value, gap }): SamplePoint[] => {
    if (typeof value !== 'number') return [{ at, value: null, gap }]
    const before = last
    last = value
    if (before === null) return []
    if (value < before) return [{ at, value: null, gap: 'reset' }]
    return [{ at, value: value - before, gap: null }]
  })
}

/** A state lasts until the next point: those that say the same again are left out. */
function changesOf(points: readonly ChartPoint[]): ChartPoint[] {
  return points.filter((point, at) => {
    const before = points[at - 1]
    return !before || at === points.length - 1 || before[1] !== point[1] || before[2] !== point[2]
  })
}

/** Spans in which no line has a value. One line's own gap is in its points. */
function gapsOf(
  series: readonly (readonly SamplePoint[])[],
  stepMs: number,
  to: number,
): ChartData['gaps'] {
  const gaps: ChartData['gaps'] = []
  let last: number | null = null
  let open: ChartData['gaps'][number] | null = null
  for (const [at, reason] of timesOf(series)) {
    if (last !== null && at - last > BREAK_STEPS * stepMs) {
      gaps.push([last, at, 'none', 'Nothing was recorded'])
      open = null
    }
    if (open) open[1] = at
    if (reason === null) {
      open = null
    } else if (open?.[2] !== reason) {
      open = [open || last === null ? at : last, at, reason, GAP_TEXT[reason]]
      gaps.push(open)
    }
    last = at
  }
  // Nothing came since: the gap goes on for the step that it stands for.
  if (open) open[1] = Math.min(to, open[1] + stepMs)
  return gaps
}

/** Time → why no line has a value then; null: at least one has. */
function timesOf(series: readonly (readonly SamplePoint[])[]): [number, GapReason | null][] {
  const times = new Map<number, GapReason | null>()
  for (const { at, value, gap } of series.flat()) {
    if (value !== null) times.set(at, null)
    else if (gap !== null && !times.has(at)) times.set(at, gap)
  }
  return [...times].sort(([a], [b]) => a - b)
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
