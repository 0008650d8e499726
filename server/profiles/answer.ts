// One group's answer: rows × metrics as a collection, and the rows' names where they changed.

import type { GapReason } from '../model/gap.ts'
import type { Reading } from '../model/raw.ts'
import { type Cells, cellOf, GAP_CODE, gapOf, NO_CELLS } from './cells.ts'
import type { GroupRun } from './compute.ts'
import { EncodedCollection } from './encoded.ts'
import type { Evaluation } from './evaluation.ts'
import type { Evaluated } from './face.ts'
import { JsonBytes } from './jsonbytes.ts'
import type { GroupMemory, Memory, ShownRows } from './memory.ts'
import { type Scalar, truth } from './operators.ts'
import type { MetricPlan } from './plan.ts'
import { rowInfo } from './rows.ts'
import { sameTexts } from './rowset.ts'

/** Characters of a text metric (as the collection allows). */
const textMax = 4096

type RowsBody = Evaluated['rows'][number]['body']

export interface Emission {
  body: EncodedCollection | null
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

/** A metric's cells that are to be shown. */
interface Column {
  metric: MetricPlan
  cells: Cells
  hasValues: boolean
  hasGaps: boolean
  /** Some gap says that the device has the value, though not now. */
  isPassing: boolean
}

/** The answer of a computed run. Metrics that the device never had are left out. */
export function answerOf(run: GroupRun, options: AnswerOptions): Emission {
  const { group } = run.plan
  const memory = options.memory.of(run.plan)
  const shown = shownKeys(run, shownRows(run, options), memory)
  const all = columnsOf(run, shown.rows, options)
  for (const { metric, hasValues, isPassing } of all) {
    if (hasValues || (options.blank === null && isPassing)) memory.seen.add(metric.slot.name)
  }
  const columns = all.filter(({ metric }) => memory.seen.has(metric.slot.name))
  const hasValues = columns.some(column => {
    return column.hasValues || (options.blank === null && column.isPassing)
  })
  const isEmpty = columns.length === 0 || (group.table && shown.rows.length === 0)
  // A table that lost its last row says so once; one that never had any says nothing.
  const isNews = group.table && shown.rows.length === 0 && memory.hasRows
  return {
    body:
      isEmpty && !isNews
        ? null
        : encoded(group.table, shown, [...columns, ...judgedOf(run, shown.rows)], options),
    rows: changedRows(run, shown, options),
    hasValues:
      hasValues ||
      (group.inventory !== null && shown.rows.length > 0) ||
      (memory.hasRows && options.blank !== null),
  }
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

/** The keys of these rows, as they were where they are the same. */
function shownKeys({ keys }: GroupRun, rows: readonly number[], memory: GroupMemory): ShownRows {
  const { shown } = memory
  const isSame =
    shown?.of === keys &&
    shown.rows.length === rows.length &&
    rows.every((row, i) => row === shown.rows[i])
  if (isSame) return shown
  const own = rows.length === keys.length ? keys : rows.map(row => keys[row] ?? '')
  memory.shown = { of: keys, rows, keys: own, json: Buffer.from(JSON.stringify(own)) }
  return memory.shown
}

/** What there is of each metric that was read. */
function columnsOf(
  run: GroupRun,
  rows: readonly number[],
  { evaluation, blank }: AnswerOptions,
): Column[] {
  const columns: Column[] = []
  for (const metric of run.plan.metrics) {
    if (metric.sources.length > 0 && !evaluation.isFresh(metric.sources)) continue
    const cells = run.frame.columns[metric.place] ?? NO_CELLS
    columns.push(look(metric, cells, rows, blank !== null))
  }
  return columns
}

/** What alarm rules compare with, whenever there is something to judge: also where it is read slowly. */
function judgedOf(run: GroupRun, rows: readonly number[]): Column[] {
  return run.plan.judged
    .map(metric => look(metric, run.frame.columns[metric.place] ?? NO_CELLS, rows, false))
    .filter(({ hasValues }) => hasValues)
}

function look(metric: MetricPlan, cells: Cells, rows: readonly number[], isBlank: boolean): Column {
  const column = { metric, cells, hasValues: false, hasGaps: false, isPassing: false }
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0
    const gap = cells.gaps[row]
    if (!isBlank && (gap === 0 || gap === GAP_CODE.other)) column.hasValues = true
    else {
      column.hasGaps = true
      if (gapOf(cells, row) !== 'no-such-object') column.isPassing = true
    }
  }
  return column
}

/** One for all: an answer is written at once. */
const json = new JsonBytes()

function encoded(
  isTable: boolean,
  { rows, json: rowsJson }: ShownRows,
  columns: readonly Column[],
  { reading, tookMs, blank }: AnswerOptions,
): EncodedCollection {
  json.clear()
  json.raw('{"at":')
  json.number(reading.at)
  json.raw(',"took":')
  json.number(Math.max(0, tookMs))
  json.raw(',"ok":true')
  if (isTable) {
    json.raw(',"rows":')
    json.rawBytes(rowsJson)
  }
  json.raw(',"metrics":{')
  writeColumns(columns, isTable, ({ metric, cells }) => {
    if (blank === null) writeValues(cells, rows, metric.digits)
    else for (const _ of rows) json.raw('null,')
    // Scalars that a condition leaves out.
    if (rows.length === 0 && !isTable) json.raw('null,')
  })
  json.raw('}')
  const missing = columns.filter(column => column.hasGaps)
  if (missing.length > 0) {
    json.raw(',"gaps":{')
    writeColumns(missing, isTable, ({ cells }) => {
      for (const row of rows) writeGap(blank ?? gapOf(cells, row))
    })
    json.raw('}')
  }
  json.raw('}')
  return new EncodedCollection(json.take())
}

/** `"in":[1,2],"out":[3,4]`; of scalars `"in":1,"out":3`. Each cell is written with a comma after it. */
function writeColumns(
  columns: readonly Column[],
  isTable: boolean,
  writeCells: (column: Column) => void,
): void {
  for (const [i, column] of columns.entries()) {
    json.raw(i === 0 ? '"' : ',"')
    json.raw(column.metric.slot.name)
    json.raw(isTable ? '":[' : '":')
    const before = json.size
    writeCells(column)
    if (json.size > before) json.back(1)
    if (isTable) json.raw(']')
  }
}

/** Rates are published with 5 significant digits, other fractions without the dust of floats. */
function writeValues(cells: Cells, rows: readonly number[], digits: number): void {
  for (let i = 0; i < rows.length; i++) {
    i = json.numbers(cells.numbers, cells.gaps, rows, i, digits)
    const row = rows[i]
    if (row === undefined) return
    if (cells.gaps[row] !== GAP_CODE.other) json.raw('null,')
    else {
      json.value(String(cells.others[row]).slice(0, textMax))
      json.raw(',')
    }
  }
}

function writeGap(gap: GapReason | undefined): void {
  if (gap === undefined) json.raw('null,')
  else {
    json.raw('"')
    json.raw(gap)
    json.raw('",')
  }
}

/**
 * The rows message, where it is another than the last. While rows go by the names that they had and
 * the same ones are shown, it is the same.
 */
function changedRows(
  run: GroupRun,
  { rows, keys }: ShownRows,
  { memory, evaluation, reading }: AnswerOptions,
): RowsBody | null {
  const { group, metrics, judged, namingSteps } = run.plan
  const own = memory.of(run.plan)
  if (group.inventory !== null) return inventoryRows(run, rows, { evaluation, reading })
  if (group.hidden && metrics.length === 0) return null
  const isSame = own.sentRows !== null && sameTexts(keys, own.sentKeys)
  if (isSame && own.sentNames !== null && own.sentNames === own.named) return null
  evaluation.compute(namingSteps)
  const units: Record<string, string> = {}
  for (const { slot } of [...metrics, ...judged])
    if (slot.metric) units[slot.metric.id] = slot.metric.unit
  const infos = group.table ? rows.map(row => infoOf(run, row)) : []
  if (group.table && infos.length === 0 && own.sentRows === null) return null
  own.sentNames = own.named
  const text = JSON.stringify([units, infos])
  if (text === own.sentRows) return null
  own.sentRows = text
  own.sentKeys = keys
  return { at: reading.at, units, rows: infos }
}

/** Each whole read of neighbours or addresses is news: that one is still there, too. */
function inventoryRows(
  run: GroupRun,
  rows: readonly number[],
  { evaluation, reading }: Pick<AnswerOptions, 'evaluation' | 'reading'>,
): RowsBody {
  evaluation.compute(run.plan.namingSteps)
  const inventory = run.plan.group.inventory ?? 'links'
  return { at: reading.at, units: {}, inventory, rows: rows.map(row => infoOf(run, row)) }
}

function infoOf(run: GroupRun, row: number): RowsBody['rows'][number] {
  const { group } = run.plan
  const cell = (column: string): Scalar => {
    const cells = run.frame.columns[group.slotOf.get(column) ?? -1]
    return cells ? cellOf(cells, row) : null
  }
  return rowInfo(group, run.indexes[row] ?? '', run.keys[row] ?? '', cell)
}
