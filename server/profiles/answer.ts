// One group's answer: rows × metrics as a collection, and the rows' names where they changed.

import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import type { GroupRun } from './compute.ts'
import type { Evaluated } from './face.ts'
import type { GroupMemory } from './memory.ts'
import { type Scalar, truth } from './operators.ts'
import type { MetricPlan, PlanSource } from './plan.ts'
import { rowInfo } from './rows.ts'

/** Characters of a text metric (as the collection allows). */
const textMax = 4096

type CollectionBody = Evaluated['collections'][number]['body']
type RowsBody = Evaluated['rows'][number]['body']

export interface Emission {
  body: CollectionBody | null
  rows: RowsBody | null
  hasValues: boolean
}

export interface AnswerOptions {
  memory: GroupMemory
  reading: Reading
  tookMs: number
  /** Rows that wait for their names. */
  isHeld: (index: string) => boolean
  /** All values are missing for this reason. */
  blank: GapReason | null
  isFresh: (source: PlanSource) => boolean
}

interface Column {
  values: (number | string | null)[]
  gaps: (GapReason | null)[]
  hasGaps: boolean
  hasValues: boolean
}

/** The answer of a computed run. Metrics that the device never had are left out. */
export function answerOf(run: GroupRun, options: AnswerOptions): Emission {
  const { group } = run.plan
  const { memory, reading, tookMs } = options
  const rows = shownRows(run, options)
  const { metrics, gaps, hasValues } = columnsOf(run, rows, options)
  const hasGaps = Object.keys(gaps).length > 0
  const isEmpty = Object.keys(metrics).length === 0 || (group.table && rows.length === 0)
  // A table that lost its last row says so once; one that never had any says nothing.
  const isNews = group.table && rows.length === 0 && memory.hasRows
  const body: CollectionBody = {
    at: reading.at,
    took: Math.max(0, tookMs),
    ok: true,
    ...(group.table ? { rows: rows.map(row => run.keys[row] ?? '') } : {}),
    metrics,
    ...(hasGaps ? { gaps } : {}),
  }
  return {
    body: isEmpty && !isNews ? null : body,
    rows: changedRows(run, rows, options),
    hasValues: hasValues || (memory.hasRows && options.blank !== null),
  }
}

function columnsOf(
  run: GroupRun,
  rows: readonly number[],
  { memory, blank, isFresh }: AnswerOptions,
): {
  metrics: CollectionBody['metrics']
  gaps: NonNullable<CollectionBody['gaps']>
  hasValues: boolean
} {
  const { group } = run.plan
  const result: ReturnType<typeof columnsOf> = { metrics: {}, gaps: {}, hasValues: false }
  for (const metric of run.plan.metrics) {
    if (metric.sources.length > 0 && !metric.sources.some(isFresh)) continue
    const id = metric.slot.name
    const column = columnOf(metric, run, rows, blank)
    if (column.hasValues || (blank === null && column.gaps.some(isPassing))) {
      result.hasValues = true
      memory.seen.add(id)
    }
    if (!memory.seen.has(id)) continue
    result.metrics[id] = group.table ? column.values : (column.values[0] ?? null)
    if (column.hasGaps) result.gaps[id] = group.table ? column.gaps : (column.gaps[0] ?? null)
  }
  return result
}

/** A reason that says that the device has the value, though not now. */
function isPassing(gap: GapReason | null): boolean {
  return gap !== null && gap !== 'no-such-object'
}

/** Rows that the group's `where` and at least one metric's own `where` let through. */
function shownRows(run: GroupRun, { isHeld }: AnswerOptions): number[] {
  const { group, metrics } = run.plan
  const rows: number[] = []
  for (let row = 0; row < run.indexes.length; row++) {
    if (isHeld(run.indexes[row] ?? '')) continue
    run.frame.row = row
    if (group.where && !truth(group.where.evaluate(run.frame))) continue
    const isExcluded =
      metrics.length > 0 && metrics.every(({ place }) => run.excluded[place]?.[row] === true)
    if (!isExcluded) rows.push(row)
  }
  return rows
}

function columnOf(
  { place, digits }: MetricPlan,
  run: GroupRun,
  rows: readonly number[],
  blank: GapReason | null,
): Column {
  const column: Column = { values: [], gaps: [], hasGaps: false, hasValues: false }
  const values = run.frame.columns[place]
  for (const row of rows) {
    const value = blank ? null : published(values?.[row] ?? null, digits)
    column.values.push(value)
    column.gaps.push(value === null ? (blank ?? run.gaps[place]?.[row] ?? 'decode') : null)
    if (value === null) column.hasGaps = true
    else column.hasValues = true
  }
  return column
}

/** Rates are published with 5 significant digits, other fractions without the dust of floats. */
function published(value: Scalar, digits: number): number | string | null {
  if (typeof value === 'string') return value.slice(0, textMax)
  if (typeof value === 'boolean') return Number(value)
  if (value === null || !Number.isFinite(value)) return null
  if (digits > 5 && Number.isInteger(value)) return value
  return Number(value.toPrecision(digits))
}

function changedRows(
  run: GroupRun,
  rows: readonly number[],
  { memory, reading, isFresh }: AnswerOptions,
): RowsBody | null {
  const { group, metrics, namingSources } = run.plan
  const keys = rows.map(row => run.keys[row] ?? '')
  const isSame =
    keys.length === memory.sentKeys.length && keys.every((key, i) => key === memory.sentKeys[i])
  if (memory.sentRows !== null && isSame && !namingSources.some(isFresh)) return null
  if (group.hidden && metrics.length === 0) return null
  const units: Record<string, string> = {}
  for (const { slot } of metrics) if (slot.metric) units[slot.metric.id] = slot.metric.unit
  const infos = group.table
    ? rows.map(row => {
        const cell = (column: string) => {
          const place = group.slotOf.get(column)
          return place === undefined ? null : (run.frame.columns[place]?.[row] ?? null)
        }
        return rowInfo(group, run.indexes[row] ?? '', run.keys[row] ?? '', cell)
      })
    : []
  if (group.table && infos.length === 0 && memory.sentRows === null) return null
  const text = JSON.stringify([units, infos])
  if (text === memory.sentRows) return null
  memory.sentRows = text
  memory.sentKeys = keys
  return { at: reading.at, units, rows: infos }
}
