// What a value was made of: the instances that were read for it and the raw number. For people who
// write profiles (`profiles try`); polling does not use it.

import type { RawValue } from '../model/raw.ts'
import { type ComputeContext, type GroupRun, valueAt } from './compute.ts'
import type { Field } from './definition.ts'

export interface Trace {
  /** The undecoded value as text where exactly one was read; else null. */
  raw: string | null
  /** OIDs with instance (or paths), in the order of use. */
  sources: string[]
}

type TraceContext = Pick<ComputeContext, 'columnNamed' | 'run'>

/** Fields below fields that are followed. */
const depthMax = 40

/** The origin of one cell of a computed run. */
export function traceCell(run: GroupRun, place: number, row: number, context: TraceContext): Trace {
  const found = new Map<string, RawValue>()
  follow(run, place, row, context, found, depthMax)
  const [only] = found.values()
  return { raw: found.size === 1 && only ? rawText(only) : null, sources: [...found.keys()] }
}

function follow(
  run: GroupRun,
  place: number,
  row: number,
  context: TraceContext,
  found: Map<string, RawValue>,
  depth: number,
): void {
  const slot = run.plan.group.slots[place]
  if (!slot || depth === 0) return
  const served = run.frame.columns[place]?.served[row] ?? 0
  followField(slot, served, run, row, context, found, depth)
}

function followField(
  field: Field,
  served: number,
  run: GroupRun,
  row: number,
  context: TraceContext,
  found: Map<string, RawValue>,
  depth: number,
): void {
  const { source } = field
  const { table } = run.plan.group
  const index = run.indexes[row] ?? ''
  if (source.kind === 'read') {
    const name = source.sources[served] ?? ''
    const column = context.columnNamed(table, name)
    const raw = column && valueAt(column, run.rows, row)
    if (raw && raw.type !== 'none') found.set(table ? `${name}.${index}` : name, raw)
  } else if (source.kind === 'first') {
    const entry = source.entries[served % 16]
    if (entry) followField(entry, Math.floor(served / 16), run, row, context, found, depth)
  } else if (source.kind === 'value') {
    for (const name of source.expression.names) {
      const place = run.plan.group.slotOf.get(name)
      if (place !== undefined) follow(run, place, row, context, found, depth - 1)
    }
  } else if (source.kind === 'lookup') followLookup(source, run, row, context, found, depth)
}

/** By index or key only: what a lookup by text found is named by its own row. */
function followLookup(
  source: Extract<Field['source'], { kind: 'lookup' }>,
  run: GroupRun,
  row: number,
  context: TraceContext,
  found: Map<string, RawValue>,
  depth: number,
): void {
  const other = source.by === null ? context.run(source.table) : undefined
  run.frame.row = row
  const own = run.indexes[row] ?? ''
  const key = source.key?.map(part => String(part.evaluate(run.frame))).join('.') ?? own
  const place = other?.plan.group.slotOf.get(source.column)
  const there = other?.rows.rowOf(key)
  if (other && place !== undefined && there !== undefined) {
    follow(other, place, there, context, found, depth - 1)
  }
}

function rawText(raw: RawValue): string | null {
  if (raw.type === 'none') return null
  if (typeof raw.value !== 'object') return String(raw.value)
  const text = Buffer.from(raw.value).toString('latin1')
  return /^[ -~]*$/.test(text) ? text : `0x${Buffer.from(raw.value).toString('hex')}`
}
