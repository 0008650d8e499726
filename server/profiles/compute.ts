// Computes fields: for each row the first usable source, its decoding, its rate, its place among the
// group's columns. What is missing gets its reason. It remembers nothing; rates are kept by the
// evaluator and asked for through the context.

import type { GapReason } from '../model/gap.ts'
import type { RawValue } from '../model/raw.ts'
import type { Decoded, Field, Frame, Metric } from './definition.ts'
import { finish, type Hit } from './hit.ts'
import { lookUp } from './lookup.ts'
import { type Scalar, truth } from './operators.ts'
import type { GroupPlan, Step } from './plan.ts'
import type { Rate } from './rate.ts'
import { takeRate } from './ratefield.ts'
import { parseIndex } from './rows.ts'
import { storedValue } from './stored.ts'

/** One group during one evaluation. */
export interface GroupRun {
  plan: GroupPlan
  indexes: readonly string[]
  /** Index → row. */
  rowOf: ReadonlyMap<string, number>
  frame: Frame
  /** By slot, then by row: why there is no value. */
  gaps: GapReason[][]
  /** By slot, then by row: which fallback gave the value. */
  served: number[][]
  /** Cells that a metric's own `where` leaves out, by slot. */
  excluded: boolean[][]
  /** By column, for lookups: text → row, or null where rows with one text differ. */
  finds: Map<string, Map<string, number>>
  keys: readonly string[]
}

export interface RateQuestion {
  run: GroupRun
  row: number
  place: number
  value: number | bigint
  wraps: boolean
  served: number
  resetOn: Scalar
}

export interface ComputeContext {
  column(table: boolean, source: string): ReadonlyMap<string, RawValue> | undefined
  /** Whether only a part of this source came. */
  isPartial(table: boolean, source: string): boolean
  run(group: string): GroupRun | undefined
  /** Gives keys to a run before its first rate. */
  key(run: GroupRun): void
  rate(question: RateQuestion): Rate
  /** Whether a rate above its `max` is believed. */
  believes(question: RateQuestion, isOver: boolean): boolean
}

/** A run with its index parts filled in; rows whose index does not fit are left out. */
export function startRun(
  plan: GroupPlan,
  indexes: readonly string[],
): { run: GroupRun; skipped: number } {
  const { group } = plan
  const columns: Scalar[][] = group.slots.map(() => [])
  const fitting: string[] = []
  for (const index of indexes) {
    const parts = parseIndex(group.index, index, group.source === 'snmp')
    if (parts === null) continue
    const row = fitting.push(index) - 1
    const given = [...parts, index, row + 1]
    for (const [place, value] of given.entries()) {
      const column = columns[place]
      if (column) column[row] = value
    }
  }
  const run: GroupRun = {
    plan,
    indexes: fitting,
    rowOf: new Map(fitting.map((index, row) => [index, row])),
    frame: { row: 0, columns },
    gaps: group.slots.map(() => []),
    served: group.slots.map(() => []),
    excluded: group.slots.map(() => []),
    finds: new Map(),
    keys: [],
  }
  return { run, skipped: indexes.length - fitting.length }
}

/** Computes one field for all rows of its group. */
export function computeStep(step: Step, context: ComputeContext): void {
  const run = context.run(step.group.group.id)
  const { slot, place } = step
  if (!run || slot.source.kind === 'given') return
  const column = run.frame.columns[place]
  const gaps = run.gaps[place]
  const served = run.served[place]
  const excluded = run.excluded[place]
  if (!column || !gaps || !served || !excluded) return
  const hit: Hit = { value: null, gap: 'no-such-object', served: 0, wraps: false }
  for (let row = 0; row < run.indexes.length; row++) {
    run.frame.row = row
    hit.gap = 'no-such-object'
    if (slot.where && !truth(slot.where.evaluate(run.frame))) {
      hit.value = null
      excluded[row] = true
    } else {
      resolve(slot, run, row, context, hit, slot.rate !== null)
      if (slot.rate && hit.value !== null) takeRate(slot, place, run, row, context, hit)
      if (slot.metric && hit.value !== null) toStored(slot.metric, hit)
    }
    served[row] = hit.served
    column[row] = typeof hit.value === 'bigint' ? Number(hit.value) : hit.value
    if (hit.value === null) gaps[row] = hit.gap
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
  const { table } = run.plan.group
  const answer = context.column(table, source)?.get(run.indexes[row] ?? '')
  hit.value = null
  if (!answer || answer.type === 'none') {
    hit.gap = context.isPartial(table, source) ? 'partial' : 'no-such-object'
    return
  }
  hit.wraps = answer.type === 'counter32'
  accept(field.decode(answer), field, hit, raw)
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
    if (place === undefined || run.frame.columns[place]?.[row] !== null) continue
    const gap = run.gaps[place]?.[row]
    if (gap !== undefined && weight(gap) > weight(reason)) reason = gap
  }
  return reason
}
