// Computes fields: for each row the first usable source, its decoding, its rate, its place among the
// group's columns. What is missing gets its reason. It remembers nothing: what is kept between reads
// comes through the context. Plain numbers are computed by whole columns, in columnread.ts.

import type { GapReason } from '../model/gap.ts'
import type { RawValue } from '../model/raw.ts'
import { rawValue, type TableColumn } from '../model/rawtable.ts'
import { type Cells, GAP_CODE, gapOf, NO_CELLS, setCell } from './cells.ts'
import { readColumn } from './columnread.ts'
import type { Counters } from './counters.ts'
import type { Decoded, Field, Frame, Metric } from './definition.ts'
import { finish, type Hit } from './hit.ts'
import { lookUp } from './lookup.ts'
import { truth } from './operators.ts'
import type { GroupPlan, PlanSource, Step } from './plan.ts'
import { takeRate } from './ratefield.ts'
import { parseIndex } from './rows.ts'
import type { RowSet } from './rowset.ts'
import { storedValue } from './stored.ts'

/** One group during one evaluation. */
export interface GroupRun {
  plan: GroupPlan
  rows: RowSet
  indexes: readonly string[]
  frame: Frame
  /** By column, for lookups: text → row, or -1 where rows with one text differ. */
  finds: Map<string, Map<string, number>>
  keys: readonly string[]
}

/** A source as it was last read. */
export interface ReadColumn extends TableColumn {
  /** Only a part of it came. */
  isPartial: boolean
}

export interface ComputeContext {
  column(source: PlanSource): ReadColumn | undefined
  columnNamed(table: boolean, source: string): ReadColumn | undefined
  run(group: string): GroupRun | undefined
  /** Cells for a step's values. `isDone`: they hold them, because nothing is new since. */
  cells(step: Step, run: GroupRun): { cells: Cells; isDone: boolean }
  /** Whether any of these was read this time. */
  isFresh(sources: readonly PlanSource[]): boolean
  /** The baselines of a run's rates, in the order of its rows. */
  counters(run: GroupRun): Counters
  /** Why no rates are taken in this run; null: they are. */
  unsure(run: GroupRun): 'first' | 'reset' | 'partial' | null
  /** Monotonic ms of the reading. */
  atMs: number
}

/** A run of which nothing is computed yet. */
export function startRun(plan: GroupPlan, rows: RowSet): GroupRun {
  return {
    plan,
    rows,
    indexes: rows.indexes,
    frame: { row: 0, columns: plan.group.slots.map(() => NO_CELLS) },
    finds: new Map(),
    keys: [],
  }
}

/** Computes one field for all rows of its group. */
export function computeStep(step: Step, context: ComputeContext): void {
  const run = context.run(step.group.group.id)
  if (!run) return
  const { slot, place } = step
  const { cells, isDone } = context.cells(step, run)
  run.frame.columns[place] = cells
  if (isDone) return
  if (slot.source.kind === 'given') {
    fillGiven(run, place, cells)
    return
  }
  const hit: Hit = { value: null, gap: 'no-such-object', served: 0, wraps: false }
  const isRead = step.isPlain && readColumn(step, run, cells, context)
  for (let row = 0; row < run.indexes.length; row++) {
    if (!isRead || cells.gaps[row] === GAP_CODE.open)
      computeCell(step, run, row, context, hit, cells)
  }
}

function computeCell(
  { slot, place, sources }: Step,
  run: GroupRun,
  row: number,
  context: ComputeContext,
  hit: Hit,
  cells: Cells,
): void {
  run.frame.row = row
  hit.gap = 'no-such-object'
  if (slot.where && !truth(slot.where.evaluate(run.frame))) {
    cells.gaps[row] = GAP_CODE.excluded
    cells.served[row] = 0
    return
  }
  resolve(slot, run, row, context, hit, slot.rate !== null)
  if (slot.rate && hit.value !== null) takeRate(slot, place, sources, run, row, context, hit)
  if (slot.metric && hit.value !== null) toStored(slot.metric, hit)
  cells.served[row] = hit.served
  setCell(cells, row, hit.value, hit.gap)
}

/** An index part, the index or the row's number. */
function fillGiven({ plan, indexes }: GroupRun, place: number, cells: Cells): void {
  const { group } = plan
  for (const [row, index] of indexes.entries()) {
    const parts = parseIndex(group.index, index, group.source === 'snmp') ?? []
    setCell(cells, row, [...parts, index, row + 1][place] ?? null, 'no-such-object')
  }
}

/** The first usable value of a field into `hit`. `raw`: scale and range come after the rate. */
function resolve(
  field: Field,
  run: GroupRun,
  row: number,
  context: ComputeContext,
  hit: Hit,
  raw: boolean,
): void {
  const { source } = field
  hit.value = null
  hit.wraps = false
  switch (source.kind) {
    case 'read':
      firstOf(source.sources.length, field.zeroIsLast, hit, i => {
        read(source.sources[i] ?? '', field, run, row, context, hit, raw)
      })
      break
    case 'first':
      firstOf(source.entries.length, field.zeroIsLast, hit, i => {
        const entry = source.entries[i]
        if (!entry) return
        resolve(entry, run, row, context, hit, false)
        const inner = hit.served
        refine(field, hit, raw)
        hit.served = i + 16 * inner
      })
      break
    case 'lookup': {
      const found = lookUp(source, run, row, context.run(source.table))
      hit.value = found.value
      hit.gap = found.gap
      refine(field, hit, raw)
      break
    }
    case 'value': {
      const value = source.expression.evaluate(run.frame)
      hit.value = value
      hit.gap = value === null ? reasonOf(source.expression.names, run, row) : 'no-such-object'
      refine(field, hit, raw)
      break
    }
    case 'given':
  }
}

/** Tries candidates in order; with `zeroIsLast`, 0 counts only where no later one is more. */
function firstOf(count: number, zeroIsLast: boolean, hit: Hit, attempt: (i: number) => void): void {
  let zero: Hit | null = null
  let reason: GapReason = 'no-such-object'
  for (let i = 0; i < count; i++) {
    hit.served = i
    hit.gap = 'no-such-object'
    attempt(i)
    if (hit.value === null) {
      if (i === 0 || weight(hit.gap) > weight(reason)) reason = hit.gap
    } else if (zeroIsLast && (hit.value === 0 || hit.value === 0n)) zero ??= { ...hit }
    else return
  }
  if (zero) Object.assign(hit, zero)
  else hit.gap = reason
}

function read(
  source: string,
  field: Field,
  run: GroupRun,
  row: number,
  context: ComputeContext,
  hit: Hit,
  raw: boolean,
): void {
  const column = context.columnNamed(run.plan.group.table, source)
  const answer = column && valueAt(column, run.rows, row)
  hit.value = null
  if (!answer || answer.type === 'none') {
    hit.gap = column?.isPartial ? 'partial' : 'no-such-object'
    return
  }
  hit.wraps = answer.type === 'counter32'
  accept(field.decode(answer), field, hit, raw)
}

/** What a column has of a row. */
export function valueAt(
  { table, column }: TableColumn,
  rows: RowSet,
  row: number,
): RawValue | undefined {
  const places = rows.placesIn(table.indexes)
  const place = places === null ? row : (places[row] ?? -1)
  return place < 0 ? undefined : rawValue(table, column, place)
}

/** The outer decoding of a value that is no raw value any more. */
function refine(field: Field, hit: Hit, raw: boolean): void {
  if (hit.value === null) return
  const decoded = field.plain ? hit.value : field.decode(asRaw(hit.value))
  accept(decoded, field, hit, raw)
}

function asRaw(value: Decoded): RawValue {
  if (typeof value === 'bigint') return { type: 'counter64', value }
  if (typeof value === 'string') return { type: 'text', value }
  return { type: 'number', value: Number(value) }
}

function accept(decoded: Decoded | undefined, field: Field, hit: Hit, raw: boolean): void {
  if (decoded === undefined || decoded === null) {
    hit.value = null
    hit.gap = decoded === undefined ? 'decode' : 'no-such-object'
    return
  }
  hit.value = decoded
  if (!raw) finish(field, hit)
}

function toStored(metric: Metric, hit: Hit): void {
  const stored = storedValue(metric, hit.value)
  hit.value = stored ?? null
  if (stored === undefined) hit.gap = 'decode'
  else if (stored === null) hit.gap = 'no-such-object'
}

/** Passing reasons weigh more: they say more than that the device has no such value. */
const WEIGHTS: Partial<Record<GapReason, number>> = {
  'no-such-object': 0,
  decode: 1,
  range: 2,
  partial: 3,
  overrun: 4,
  'wrap-unsure': 5,
  first: 6,
  reset: 7,
}

function weight(reason: GapReason): number {
  return WEIGHTS[reason] ?? 0
}

/** Why a computed value is missing: the weightiest reason of what it is made of. */
function reasonOf(names: ReadonlySet<string>, run: GroupRun, row: number): GapReason {
  let reason: GapReason = 'no-such-object'
  for (const name of names) {
    const place = run.plan.group.slotOf.get(name)
    const cells = place === undefined ? undefined : run.frame.columns[place]
    const gap = cells && gapOf(cells, row)
    if (gap !== undefined && weight(gap) > weight(reason)) reason = gap
  }
  return reason
}
