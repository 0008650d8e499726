// The table of a group's rows: states first, then what its charts show, each value as people read
// it, and a small line of the last hour. A wide group keeps its other metrics for the row's page.

import Type from 'typebox'
import type { LatestSample } from '../live/contract.ts'
import type { RowInfo } from '../model/collection.ts'
import type { PageGroup, PageMetric } from '../profiles/face.ts'
import type { SeriesPoints, Store } from '../store/contract.ts'
import { checker } from '../validate.ts'
import { type Cell, isNumeric, numberText, shortCell, stateOf } from './cells.ts'
import { metricsOf, rowPath } from './charts.ts'
import { CONTAINER_GROUP } from './containers.ts'
import { type DeviceView, type GroupValues, intervalOf } from './device-data.ts'
import { type Sparkline, sparkline } from './sparkline.ts'
import { plainText } from './words.ts'

/** Columns besides the name. */
const COLUMNS_MAX = 8
/** Rows shown at once; the others are behind a fold, without small lines. */
export const ROWS_SHOWN_MAX = 60
/** Rows of a table on a page; beyond, the API and the rows' own pages have them. */
const ROWS_MAX = 1000
const SPARKS_MAX = 2
const SPARK_SPAN_MS = 3_600_000
const SPARK_POINTS = 52
const BREAK_STEPS = 3

export interface Column {
  metric: PageMetric
  /** 1 to 6 where cells have a small line of this colour; 0: none. */
  spark: number
  isNumber: boolean
}

export interface TableCell extends Cell {
  column: Column
  spark: (Sparkline & { title: string }) | null
}

export interface TableRow {
  key: string
  name: string
  subtitle: string
  href: string
  cells: TableCell[]
}

export interface TableView {
  group: string
  title: string
  description: string
  stale: boolean
  at: number
  columns: Column[]
  shown: TableRow[]
  rest: TableRow[]
  /** Rows beyond the bound. */
  left: number
  /** What rows must contain; empty: all are shown. */
  filter: string
  /** Rows that the device has. */
  total: number
  /** Where these rows can be searched, sorted and grouped; empty: nowhere else. */
  listHref: string
}

/** Which rows of one table are shown; it lies in the address. */
export interface TableFilter {
  group: string
  text: string
}

const checkFilter = checker(
  Type.Object({
    in: Type.String({ minLength: 1, maxLength: 64 }),
    filter: Type.String({ maxLength: 100 }),
  }),
)

/** What the address asks for; what it says wrongly counts as not said. */
export function tableFilter(query: unknown): TableFilter | null {
  const checked = checkFilter(query)
  const text = checked.ok ? checked.value.filter.trim() : ''
  return checked.ok && text !== '' ? { group: checked.value.in, text } : null
}

/** As it stands in an address, before other parts; empty: no filter. */
export function filterQuery(filter: TableFilter | null): string {
  if (filter === null) return ''
  return `${new URLSearchParams({ in: filter.group, filter: filter.text })}&`
}

interface Source {
  group: PageGroup
  values: GroupValues
}

/** @returns null where the group has no rows */
export async function tableOf(
  store: Store,
  view: DeviceView,
  group: PageGroup,
  filter: TableFilter | null = null,
): Promise<TableView | null> {
  const values = view.values.get(group.id)
  if (!group.table || group.augments !== null || !values || values.rows.length === 0) return null
  const columns = columnsOf(group, values)
  const text = filter?.group === group.id ? filter.text : ''
  const found = text === '' ? values.rows : values.rows.filter(matcher(group, values, text))
  const rows = found.slice(0, ROWS_MAX)
  const shown = rows.slice(0, ROWS_SHOWN_MAX)
  const extra = augmentedColumns(view, group, COLUMNS_MAX - columns.length)
  const sparks = await readSparks(store, view, group, columns, shown)
  const rowOf = (row: RowInfo): TableRow => ({
    key: row.key,
    name: plainText(row.name, 80),
    subtitle: plainText(row.subtitle, 120),
    href: rowPath(view.id, group.id, row.key),
    cells: [
      ...columns.map(column => ({
        ...metricCell(group, values, row.key, column.metric),
        column,
        spark: sparks(row.key, column),
      })),
      ...extra.map(({ column, values: of }) => ({
        ...shortCell(column.metric, of(row, column.metric.id)),
        column,
        spark: null,
      })),
    ],
  })
  return {
    group: group.id,
    title: group.title,
    description: group.description,
    stale: values.stale,
    at: values.at,
    columns: [...columns, ...extra.map(one => one.column)],
    shown: shown.map(rowOf),
    rest: rows.slice(ROWS_SHOWN_MAX).map(rowOf),
    left: found.length - rows.length,
    filter: text,
    total: values.rows.length,
    listHref: listHref(view.id, group.id),
  }
}

/** The name, what stands beside it, the labels and the states of a row; capitals count as small ones. */
function matcher(group: PageGroup, values: GroupValues, text: string): (row: RowInfo) => boolean {
  const wanted = text.toLowerCase()
  const states = group.metrics.filter(({ kind }) => kind === 'state' || kind === 'flags')
  return row =>
    [
      row.name,
      row.subtitle ?? '',
      ...Object.values(row.labels),
      ...states.map(metric => metricCell(group, values, row.key, metric).text),
    ].some(said => said.toLowerCase().includes(wanted))
}

function listHref(device: string, group: string): string {
  return group === CONTAINER_GROUP ? `/containers?engine=${encodeURIComponent(device)}` : ''
}

/** States of a chart, then headline charts with their ceilings, other charts, and what is in none. */
function columnsOf(group: PageGroup, values: GroupValues): Column[] {
  const charts = [...group.charts].sort((a, b) => Number(b.headline) - Number(a.headline))
  const charted = charts.flatMap(chart => [
    ...metricsOf(group, chart),
    ...metricsOf(group, { metrics: chart.headline && chart.ceiling ? [chart.ceiling] : [] }),
  ])
  const isState = ({ kind }: PageMetric) => kind === 'state' || kind === 'flags'
  const standOut = charts
    .filter(chart => chart.headline)
    .flatMap(chart => [...chart.metrics, chart.ceiling ?? ''])
  const withRole = group.metrics.filter(metric => metric.role !== null)
  const ordered = new Set([
    ...charted.filter(isState),
    ...charted.filter(({ id, role }) => standOut.includes(id) || role !== null),
    ...charted.filter(isError),
    ...charted,
    ...withRole,
    ...group.metrics.filter(metric => !isAdmin(metric)),
  ])
  const sparked = sparkMetrics(group)
  return [...ordered]
    .filter(metric => values.rows.some(row => isThere(values.get(row.key, metric.id))))
    .slice(0, COLUMNS_MAX)
    .map(metric => ({
      metric,
      spark: sparked.indexOf(metric) + 1,
      isNumber: isNumeric(metric) && metric.states.length === 0,
    }))
}

/** A gap is there too: a device that is down for a while keeps its columns. */
function isThere(sample: LatestSample | undefined): boolean {
  return sample !== undefined && sample.gap !== 'no-such-object'
}

/** What the small lines show: the group's first headline chart of numbers, or its first number. */
function sparkMetrics(group: PageGroup): PageMetric[] {
  const numeric = (metrics: PageMetric[]) =>
    metrics.filter(metric => isNumeric(metric) && metric.states.length === 0).slice(0, SPARKS_MAX)
  const inOrder = [
    ...group.charts.filter(chart => chart.headline && chart.per === 'row'),
    ...group.charts.filter(chart => chart.headline),
    ...group.charts,
  ]
  for (const chart of inOrder) {
    const metrics = numeric(metricsOf(group, chart))
    if (metrics.length > 0) return metrics
  }
  return []
}

const isError = ({ unit }: PageMetric): boolean => unit.startsWith('{error}')

/** IF-MIB tells apart what an admin switched off and what failed; a page must too. */
function isAdmin(metric: PageMetric): boolean {
  return metric.id === 'admin' && metric.kind === 'state'
}

export function metricCell(
  group: PageGroup,
  values: GroupValues,
  row: string | null,
  metric: PageMetric,
): Cell {
  const cell = shortCell(metric, values.get(row, metric.id))
  if (metric.role !== 'interface.status' || cell.missing) return cell
  const admin = group.metrics.find(isAdmin)
  const said = admin && values.get(row, admin.id)?.value
  if (!admin || typeof said !== 'number' || stateOf(admin, said).name !== 'down') return cell
  return { ...cell, text: 'admin down', tone: 'off', why: 'Switched off by an administrator' }
}

interface Augmented {
  column: Column
  values(row: RowInfo, metric: string): LatestSample | undefined
}

/** Columns of the groups whose rows have the same index. */
function augmentedColumns(view: DeviceView, group: PageGroup, most: number): Augmented[] {
  const sources: Source[] = [...view.groups.values()].flatMap(other => {
    const values = view.values.get(other.id)
    return other.augments === group.id && values ? [{ group: other, values }] : []
  })
  return sources
    .flatMap(({ group: other, values }) => {
      const keys = new Map(values.rows.map(row => [row.index, row.key]))
      return other.metrics.map(metric => ({
        column: { metric, spark: 0, isNumber: isNumeric(metric) },
        values: (row: RowInfo, id: string) => {
          const key = keys.get(row.index)
          return key === undefined ? undefined : values.get(key, id)
        },
      }))
    })
    .slice(0, Math.max(0, most))
}

async function readSparks(
  store: Store,
  view: DeviceView,
  group: PageGroup,
  columns: readonly Column[],
  rows: readonly RowInfo[],
): Promise<(row: string, column: Column) => TableCell['spark']> {
  const sparked = columns.filter(column => column.spark > 0)
  if (sparked.length === 0) return () => null
  const to = Date.now()
  const from = to - SPARK_SPAN_MS
  const stepMs = Math.max(SPARK_SPAN_MS / SPARK_POINTS, intervalOf(view, group))
  const found = await store.samples.read({
    deviceUid: view.device.uid,
    group: group.id,
    metrics: sparked.map(column => column.metric.id),
    rows: rows.map(row => row.key),
    from,
    to,
    points: SPARK_POINTS,
  })
  const byKey = new Map<string, SeriesPoints>(
    found.map(one => [`${one.metric}\n${one.row ?? ''}`, one]),
  )
  return (row, { metric, spark }) => {
    const points = byKey.get(`${metric.id}\n${row}`)?.points
    if (spark === 0 || !points) return null
    const line = sparkline(points, from, to, BREAK_STEPS * stepMs)
    const most = line.max === null ? 'no values' : `at most ${numberText(metric, line.max)}`
    return { ...line, title: `${metric.title} in the last hour: ${most}` }
  }
}
