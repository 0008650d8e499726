// Which charts a page shows, and which lines each of them has: from the profiles' charts and the
// values that the device really has. Reads no history; chart-data.ts does.

import type { RowInfo } from '../model/collection.ts'
import type { PageChart, PageGroup, PageMetric } from '../profiles/face.ts'
import { type Cell, cellOf, isNumeric, rankOf, stateOf } from './cells.ts'
import type { DeviceView, GroupValues } from './device-data.ts'
import type { TimeWindow } from './window.ts'
import { plainText } from './words.ts'

/** Lines of one chart: six colours, solid and dashed. */
const LINES_MAX = 12
/** Lines of a status chart. */
const STRIPS_MAX = 24
/** Rows of a table that are drawn on the device's page, each in a chart of its own. */
const BUSIEST_MAX = 4
const COLORS = 6

/** One line of a chart. */
export interface Line {
  metric: PageMetric
  row: RowInfo | null
  title: string
  /** 1 to 6. */
  color: number
  dashed: boolean
  /** Drawn downwards. */
  mirror: boolean
}

/** A chart's place on a page; `public/js/charts.js` fills it. */
export interface Figure {
  id: string
  group: string
  type: PageChart['type']
  title: string
  /** Of which row; empty for charts of a whole group. */
  row: string
  /** Link to the row's page. */
  href: string
  src: string
  /** The same as a table, and as CSV. */
  tableHref: string
  csvHref: string
  legend: (Pick<Line, 'title' | 'color' | 'dashed'> & { cell: Cell })[]
  /** How many rows have no line here. */
  left: number
}

/** Charts that are drawn from numbers over time; the other types are plain HTML. */
export function isDrawn({ type }: PageChart): boolean {
  return type !== 'value' && type !== 'gauge' && type !== 'table'
}

export function metricsOf(group: PageGroup, chart: Pick<PageChart, 'metrics'>): PageMetric[] {
  return chart.metrics.flatMap(id => group.metrics.filter(metric => metric.id === id))
}

export function rowPath(device: string, group: string, row: string): string {
  return `/devices/${encodeURIComponent(device)}/rows/${group}/${encodeURIComponent(row)}`
}

/** Something was read, or tried: "no such object" everywhere is a chart that this device has not. */
function hasData(values: GroupValues, metrics: readonly PageMetric[], row: RowInfo | null) {
  return metrics.some(metric => {
    const sample = values.get(row?.key ?? null, metric.id)
    return sample !== undefined && sample.gap !== 'no-such-object'
  })
}

function drawable(chart: PageChart): (metric: PageMetric) => boolean {
  return chart.type === 'status'
    ? metric => metric.kind === 'state'
    : metric => isNumeric(metric) && metric.states.length === 0
}

/**
 * The lines of a chart, busiest first (of states, worst first) and at most as many as can be told
 * apart. Empty: the device has nothing for it.
 * @param row key of the one row to draw; null: all
 */
export function linesOf(
  group: PageGroup,
  chart: PageChart,
  values: GroupValues,
  row: string | null,
): { lines: Line[]; left: number } {
  const metrics = metricsOf(group, chart).filter(drawable(chart))
  const rows = (
    group.table ? values.rows.filter(one => row === null || one.key === row) : [null]
  ).filter(one => hasData(values, metrics, one))
  const most = chart.type === 'status' ? STRIPS_MAX : LINES_MAX
  const rowsMax = Math.max(1, Math.min(chart.top, Math.floor(most / Math.max(1, metrics.length))))
  const shown = rows.length > rowsMax ? busiest(rows, metrics, values).slice(0, rowsMax) : rows
  const isMany = group.table && row === null
  const lines = shown.flatMap(one =>
    metrics
      .filter(metric => hasData(values, [metric], one))
      .map(metric => ({ metric, row: one, title: titleOf(metric, one, isMany, metrics.length) })),
  )
  return {
    lines: lines.slice(0, most).map((line, at) => ({
      ...line,
      color: (at % COLORS) + 1,
      dashed: at >= COLORS,
      mirror: chart.mirror.includes(line.metric.id),
    })),
    left: rows.length - shown.length,
  }
}

function titleOf(metric: PageMetric, row: RowInfo | null, isMany: boolean, metrics: number) {
  if (!row || !isMany) return metric.title
  const name = plainText(row.name, 60)
  return metrics > 1 ? `${name} ${metric.title}` : name
}

/** Of the newest values; of states the worst weighs most. */
function weightOf(row: RowInfo | null, metrics: readonly PageMetric[], values: GroupValues) {
  return metrics.reduce((sum, metric) => {
    const value = values.get(row?.key ?? null, metric.id)?.value
    if (typeof value !== 'number') return sum
    return sum + (metric.kind === 'state' ? -rankOf(stateOf(metric, value).tone) : value)
  }, 0)
}

/** Highest newest values first. */
function busiest<Row extends RowInfo | null>(
  rows: readonly Row[],
  metrics: readonly PageMetric[],
  values: GroupValues,
): Row[] {
  const weights = new Map(rows.map(row => [row, weightOf(row, metrics, values)]))
  return [...rows].sort((a, b) => (weights.get(b) ?? 0) - (weights.get(a) ?? 0))
}

function figure(
  view: DeviceView,
  group: PageGroup,
  chart: PageChart,
  window: TimeWindow,
  row: RowInfo | null,
): Figure[] {
  const values = view.values.get(group.id)
  if (!values || !isDrawn(chart)) return []
  const { lines, left } = linesOf(group, chart, values, row?.key ?? null)
  if (lines.length === 0) return []
  const path = `/devices/${encodeURIComponent(view.id)}/charts/${group.id}/${chart.id}`
  const query = `${row ? `row=${encodeURIComponent(row.key)}&` : ''}${window.query}`
  const id = ['chart', group.id, chart.id, row ? values.rows.indexOf(row) : null]
  return [
    {
      id: id.filter(part => part !== null).join('-'),
      group: group.id,
      type: chart.type,
      title: chart.title,
      row: row ? plainText(row.name, 80) : '',
      href: row ? rowPath(view.id, group.id, row.key) : '',
      src: `${path}?${query}`,
      tableHref: `${path}/table?${query}`,
      csvHref: `${path}/csv?${query}`,
      legend: lines.map(({ metric, row: of, title, color, dashed }) => ({
        title,
        color,
        dashed,
        cell: cellOf(metric, values.get(of?.key ?? null, metric.id)),
      })),
      left,
    },
  ]
}

/** A group's charts on the device's page: those that stand out, and the rest. */
export function groupFigures(
  view: DeviceView,
  group: PageGroup,
  window: TimeWindow,
): { headline: Figure[]; more: Figure[] } {
  const result = { headline: [] as Figure[], more: [] as Figure[] }
  const perRow = group.charts.filter(
    chart => group.table && chart.per === 'row' && isDrawn(chart) && chart.type !== 'status',
  )
  const byRows = perRow.find(chart => chart.headline) ?? perRow[0]
  for (const chart of group.charts) {
    const to = chart.headline ? result.headline : result.more
    if (!group.table || chart.per === 'group') to.push(...figure(view, group, chart, window, null))
    else if (chart === byRows) to.push(...busiestFigures(view, group, chart, window))
  }
  return result
}

function busiestFigures(view: DeviceView, group: PageGroup, chart: PageChart, window: TimeWindow) {
  const values = view.values.get(group.id)
  if (!values) return []
  const metrics = metricsOf(group, chart).filter(drawable(chart))
  const rows = values.rows.filter(row => hasData(values, metrics, row))
  return busiest(rows, metrics, values)
    .filter((row, at) => at === 0 || weightOf(row, metrics, values) > 0)
    .slice(0, BUSIEST_MAX)
    .flatMap(row => figure(view, group, chart, window, row))
}

/** All charts of one row, those that stand out first. */
export function rowFigures(
  view: DeviceView,
  group: PageGroup,
  row: RowInfo,
  window: TimeWindow,
): Figure[] {
  return [...group.charts]
    .sort((a, b) => Number(b.headline) - Number(a.headline))
    .flatMap(chart => figure(view, group, chart, window, row))
}
