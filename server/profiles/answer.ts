// One group's answer: rows × metrics as a collection, and the rows' names where they changed.

import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import { cellOf, GAP_CODE, gapOf, NO_CELLS } from './cells.ts'
import type { GroupRun } from './compute.ts'
import { rounded } from './decimal.ts'
import type { Evaluation } from './evaluation.ts'
import type { Evaluated } from './face.ts'
import type { Memory } from './memory.ts'
import { type Scalar, truth } from './operators.ts'
import type { MetricPlan } from './plan.ts'
import { rowInfo } from './rows.ts'
import { sameTexts } from './rowset.ts'

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
  memory: Memory
  evaluation: Evaluation
  reading: Reading
  tookMs: number
  /** Rows that wait for their names; null: none does. */
  isHeld: ((index: string) => boolean) | null
  /** All values are missing for this reason. */
  blank: GapReason | null
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
  const { reading, tookMs } = options
  const memory = options.memory.of(run.plan)
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
  { memory, evaluation, blank }: AnswerOptions,
): {
  metrics: CollectionBody['metrics']
  gaps: NonNullable<CollectionBody['gaps']>
  hasValues: boolean
} {
  const { group } = run.plan
  const { seen } = memory.of(run.plan)
  const result: ReturnType<typeof columnsOf> = { metrics: {}, gaps: {}, hasValues: false }
  for (const metric of run.plan.metrics) {
    if (metric.sources.length > 0 && !evaluation.isFresh(metric.sources)) continue
    const id = metric.slot.name
    const column = columnOf(metric, run, rows, blank)
    if (column.hasValues || (blank === null && column.gaps.some(isPassing))) {
      result.hasValues = true
      seen.add(id)
    }
    if (!seen.has(id)) continue
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
  const { group, metrics, isAllConditional } = run.plan
  const rows: number[] = []
  for (let row = 0; row < run.indexes.length; row++) {
    if (isHeld?.(run.indexes[row] ?? '')) continue
    run.frame.row = row
    if (group.where && !truth(group.where.evaluate(run.frame))) continue
    const isExcluded =
      isAllConditional &&
      metrics.every(({ place }) => run.frame.columns[place]?.gaps[row] === GAP_CODE.excluded)
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
  const cells = run.frame.columns[place] ?? NO_CELLS
  for (const row of rows) {
    const value = blank ? null : published(cellOf(cells, row), digits)
    column.values.push(value)
    column.gaps.push(value === null ? (blank ?? gapOf(cells, row) ?? 'decode') : null)
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
  return rounded(value, digits)
}

/**
 * The rows message, where it is another than the last. While rows go by the names that they had and
 * the same ones are shown, it is the same.
 */
function changedRows(
  run: GroupRun,
  rows: readonly number[],
  { memory, evaluation, reading }: AnswerOptions,
): RowsBody | null {
  const { group, metrics, namingSteps } = run.plan
  const own = memory.of(run.plan)
  if (group.hidden && metrics.length === 0) return null
  const keys = rows.map(row => run.keys[row] ?? '')
  const isSame = own.sentRows !== null && sameTexts(keys, own.sentKeys)
  if (isSame && own.sentNames !== null && own.sentNames === own.named) return null
  evaluation.compute(namingSteps)
  const units: Record<string, string> = {}
  for (const { slot } of metrics) if (slot.metric) units[slot.metric.id] = slot.metric.unit
  const infos = group.table ? rows.map(row => infoOf(run, row)) : []
  if (group.table && infos.length === 0 && own.sentRows === null) return null
  own.sentNames = own.named
  const text = JSON.stringify([units, infos])
  if (text === own.sentRows) return null
  own.sentRows = text
  own.sentKeys = keys
  return { at: reading.at, units, rows: infos }
}

function infoOf(run: GroupRun, row: number): RowsBody['rows'][number] {
  const { group } = run.plan
  const cell = (column: string): Scalar => {
    const cells = run.frame.columns[group.slotOf.get(column) ?? -1]
    return cells ? cellOf(cells, row) : null
  }
  return rowInfo(group, run.indexes[row] ?? '', run.keys[row] ?? '', cell)
}
