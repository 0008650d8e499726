// Fields that are plain numbers, for all rows at once: from the typed arrays of what was read to those
// of the field's cells, without an object per value. It gives what compute.ts gives cell by cell; a cell
// that is more than a plain number is left open for it.

import { GAP_NUMBERS } from '../model/gap.ts'
import { RAW_CODE } from '../model/rawtable.ts'
import { type Cells, cellOf, GAP_CODE, NO_CELLS } from './cells.ts'
import type { ComputeContext, GroupRun, ReadColumn } from './compute.ts'
import { believes, COUNTER, type CounterColumn } from './counters.ts'
import { withoutDust } from './decimal.ts'
import type { Slot } from './definition.ts'
import type { Scalar } from './operators.ts'
import type { Step } from './plan.ts'
import { maxOf, whyNone } from './ratefield.ts'

/** Whether `readColumn` can compute a field. */
export function isPlain({ source, divisor, range, rate, where, metric }: Slot): boolean {
  if (source.kind !== 'read' || divisor === null || where !== null) return false
  if (metric?.kind === 'text' || metric?.stateNumbers) return false
  return rate === null || (divisor === 1 && range === null)
}

/** The numbers of each row as they were read: `from` is the place of the first row. */
interface Picked {
  types: Uint8Array
  hi: Uint32Array
  lo: Uint32Array
  from: number
}

/** Where numbers of several sources, or of other rows, are put together. */
let scratch: Picked = newPicked(64)
/** 1 where a rate takes a wrap for granted. */
let wrappedRows = new Uint8Array(64)
/** What is being computed: the scratch, or the only source itself. */
let picked: Picked = scratch

function newPicked(rows: number): Picked {
  return {
    types: new Uint8Array(rows),
    hi: new Uint32Array(rows),
    lo: new Uint32Array(rows),
    from: 0,
  }
}

/** Fills a step's cells; those of gap `open` are left. False: it could do nothing. */
export function readColumn(
  step: Step,
  run: GroupRun,
  cells: Cells,
  context: ComputeContext,
): boolean {
  const rows = run.indexes.length
  if (scratch.types.length < rows) scratch = newPicked(2 * rows)
  if (wrappedRows.length < rows) wrappedRows = new Uint8Array(2 * rows)
  const [only] = step.reads
  const column = step.reads.length === 1 && only ? context.column(only) : undefined
  if (column && run.rows.placesIn(column.table.indexes) === null) view(column, rows, cells)
  else pickAll(step, run, cells, context)
  if (step.slot.rate === null) toNumbers(step.slot, rows, cells)
  else toRates(step, run, cells, context)
  return true
}

const NO_SUCH_OBJECT = GAP_NUMBERS['no-such-object']

/** A column that has the same rows is taken as it lies. */
function view({ table, column, isPartial }: ReadColumn, rows: number, cells: Cells): void {
  const { types, hi, lo } = table
  const from = column * table.indexes.length
  const none = isPartial ? GAP_NUMBERS.partial : NO_SUCH_OBJECT
  for (let row = 0; row < rows; row++) {
    const type = types[from + row] ?? RAW_CODE.none
    if (type === RAW_CODE.none) cells.gaps[row] = none
    else cells.gaps[row] = type > RAW_CODE.counter64 ? GAP_CODE.open : 0
  }
  cells.served.fill(0, 0, rows)
  picked = { types, hi, lo, from }
}

function pickAll(step: Step, run: GroupRun, cells: Cells, context: ComputeContext): void {
  picked = scratch
  cells.gaps.fill(NO_SUCH_OBJECT, 0, run.indexes.length)
  for (const [i, source] of step.reads.entries()) {
    const column = context.column(source)
    if (column) pick(column, i, run, cells, step.slot.zeroIsLast)
  }
}

/** Takes the numbers of one source for the rows that have none of an earlier one. */
function pick(
  source: ReadColumn,
  i: number,
  { rows, indexes }: GroupRun,
  cells: Cells,
  zeroIsLast: boolean,
): void {
  const { table, column } = source
  const places = rows.placesIn(table.indexes)
  const first = column * table.indexes.length
  for (let row = 0; row < indexes.length; row++) {
    const gap = cells.gaps[row]
    // With `zeroIsLast` a later source that is not 0 goes before an earlier one that is.
    const isOpen = gap === 0 ? zeroIsLast && isZero(scratch, row) : gap !== GAP_CODE.open
    if (!isOpen) continue
    const place = places === null ? row : (places[row] ?? -1)
    if (place >= 0) pickCell(source, i, first + place, row, cells)
    else if (source.isPartial && gap !== 0) cells.gaps[row] = GAP_NUMBERS.partial
  }
}

function pickCell(
  { table, isPartial }: ReadColumn,
  i: number,
  cell: number,
  row: number,
  { gaps, served }: Cells,
): void {
  const type = table.types[cell] ?? RAW_CODE.none
  if (type === RAW_CODE.none) {
    if (isPartial && gaps[row] !== 0) gaps[row] = GAP_NUMBERS.partial
  } else if (type > RAW_CODE.counter64) gaps[row] = GAP_CODE.open
  else if (gaps[row] !== 0 || !isZero(table, cell)) {
    gaps[row] = 0
    served[row] = i
    scratch.types[row] = type
    scratch.hi[row] = table.hi[cell] ?? 0
    scratch.lo[row] = table.lo[cell] ?? 0
  }
}

function isZero({ hi, lo }: Pick<Picked, 'hi' | 'lo'>, cell: number): boolean {
  return lo[cell] === 0 && hi[cell] === 0
}

/** Above this the range of a counter64 is asked exactly. */
const hiExactMax = 2 ** 21

function toNumbers(slot: Slot, rows: number, { gaps, numbers }: Cells): void {
  const { types, hi, lo, from } = picked
  const { scale, offset, range } = slot
  const divisor = slot.divisor ?? 1
  const isScaled = scale !== 1 || offset !== 0
  const low = range?.[0] ?? Number.NEGATIVE_INFINITY
  const high = range?.[1] ?? Number.POSITIVE_INFINITY
  for (let row = 0; row < rows; row++) {
    if (gaps[row] !== 0) continue
    const upper = hi[from + row] ?? 0
    const lower = lo[from + row] ?? 0
    const isInteger = types[from + row] === RAW_CODE.integer
    let value = isInteger ? lower | 0 : upper * 2 ** 32 + lower
    if (divisor !== 1) value /= divisor
    if (isScaled) value = withoutDust(value * scale + offset)
    const isUnsure = range !== null && upper >= hiExactMax && !isInteger
    if (value < low || value > high || isUnsure || !Number.isFinite(value))
      gaps[row] = GAP_CODE.open
    else numbers[row] = value
  }
}

/** As takeRate in ratefield.ts, of counters whose difference can be taken in two halves. */
function toRates(step: Step, run: GroupRun, cells: Cells, context: ComputeContext): void {
  const { slot } = step
  const none = whyNone(step.valueSources, run, context)
  if (none !== null) {
    const reason = GAP_NUMBERS[none]
    for (let row = 0; row < run.indexes.length; row++) {
      if (cells.gaps[row] === 0) cells.gaps[row] = reason
    }
    return
  }
  const column = context.counters(run).column(step.place)
  takeIncreases(run.indexes.length, cells, column, resetsOf(slot, run), context.atMs)
  const isBare = slot.scale === 1 && slot.offset === 0 && slot.rate?.max === null
  for (let row = 0; row < run.indexes.length && !isBare; row++) {
    if (cells.gaps[row] === 0) believe(slot, run, cells, column, row)
  }
}

/** The increase a second of each row's counter, or its gap. */
function takeIncreases(
  rows: number,
  { gaps, numbers, served }: Cells,
  column: CounterColumn,
  resets: Cells | null,
  atMs: number,
): void {
  let ms = 0
  let seconds = 0
  for (let row = 0; row < rows; row++) {
    if (gaps[row] !== 0) continue
    const passed = atMs - (column.atMs[row] ?? 0)
    if (passed !== ms) {
      ms = passed
      seconds = ms / 1000
    }
    const difference = goneOn(column, row, served[row] ?? 0, resets)
    if (difference >= 0 && ms > 0) {
      column.hi[row] = picked.hi[picked.from + row] ?? 0
      column.lo[row] = picked.lo[picked.from + row] ?? 0
      column.atMs[row] = atMs
      wrappedRows[row] = 0
      numbers[row] = difference / seconds
    } else {
      gaps[row] = increase(column, row, served[row] ?? 0, resets, atMs)
      numbers[row] = increased
    }
  }
}

/** A counter's increase where nothing is to be said of it, nearly always; else -1. */
function goneOn(column: CounterColumn, row: number, served: number, resets: Cells | null): number {
  if (column.flags[row] !== COUNTER.known || column.served[row] !== served) return -1
  const { types, hi, lo, from } = picked
  if (types[from + row] === RAW_CODE.integer) return -1
  if (resets !== null && column.resets[row] !== cellOf(resets, row)) return -1
  const upper = (hi[from + row] ?? 0) - (column.hi[row] ?? 0)
  return upper * 2 ** 32 + ((lo[from + row] ?? 0) - (column.lo[row] ?? 0))
}

function resetsOf({ rate }: Slot, { plan, frame }: GroupRun): Cells | null {
  const place = plan.group.slotOf.get(rate?.resetOn ?? '')
  return place === undefined ? null : (frame.columns[place] ?? NO_CELLS)
}

/** What `increase` found. */
let increased = 0

/** A row's rate into `increased`, as rateBetween in rate.ts; the code of its gap, 0: there is a rate. */
function increase(
  column: CounterColumn,
  row: number,
  served: number,
  resets: Cells | null,
  atMs: number,
): number {
  const { types, hi, lo, from } = picked
  const type = types[from + row] ?? RAW_CODE.none
  const upper = hi[from + row] ?? 0
  const lower = lo[from + row] ?? 0
  const flags = column.flags[row] ?? 0
  if (isOdd(type, upper, flags, column.hi[row] ?? 0)) return GAP_CODE.open
  const reset = resets === null ? null : cellOf(resets, row)
  const seconds = (atMs - (column.atMs[row] ?? 0)) / 1000
  const difference = (upper - (column.hi[row] ?? 0)) * 2 ** 32 + (lower - (column.lo[row] ?? 0))
  const isBack = difference < 0
  wrappedRows[row] = Number(isBack)
  increased = (isBack ? difference + 2 ** 32 : difference) / seconds
  let gap = 0
  if (!(flags & COUNTER.known) || column.served[row] !== served) gap = GAP_NUMBERS.first
  else if (flags & COUNTER.restarted || isReset(column.resets[row], reset)) gap = GAP_NUMBERS.reset
  else if (!(seconds > 0)) gap = GAP_NUMBERS.overrun
  else if (isBack && type !== RAW_CODE.counter32) gap = GAP_NUMBERS.reset
  column.flags[row] = COUNTER.known | (flags & (COUNTER.wasOver | COUNTER.boundWrong))
  column.served[row] = served
  column.hi[row] = upper
  column.lo[row] = lower
  column.atMs[row] = atMs
  if (resets !== null && column.resets[row] !== reset) column.resets[row] = reset
  return gap
}

/** A negative number, a baseline that is no whole number, or a wider one than Counter32. */
function isOdd(type: number, upper: number, flags: number, upperBefore: number): boolean {
  if (type === RAW_CODE.integer && upper !== 0) return true
  return (flags & COUNTER.other) !== 0 || (type === RAW_CODE.counter32 && upperBefore !== 0)
}

function isReset(before: Scalar | undefined, now: Scalar): boolean {
  return before !== undefined && before !== null && now !== null && before !== now
}

/** Scales a rate, and asks its bound. */
function believe(
  slot: Slot,
  run: GroupRun,
  { gaps, numbers }: Cells,
  column: CounterColumn,
  row: number,
): void {
  const wrapped = wrappedRows[row] === 1
  const perSecond = numbers[row] ?? 0
  const isScaled = slot.scale !== 1 || slot.offset !== 0
  const value = isScaled ? withoutDust(perSecond * slot.scale + slot.offset) : perSecond
  run.frame.row = row
  const max = maxOf(slot, run.frame)
  const isOver = max !== null && value > max
  if (wrapped && isOver) gaps[row] = GAP_NUMBERS['wrap-unsure']
  else if (!wrapped && !believes(column, row, isOver)) gaps[row] = GAP_NUMBERS.range
  else if (slot.metric !== null && !Number.isFinite(value)) gaps[row] = GAP_NUMBERS.decode
  else numbers[row] = value
}
