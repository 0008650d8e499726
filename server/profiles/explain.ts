// One evaluation, cell by cell, for people who write profiles: each value with its raw number, the
// OIDs that it was made of and what it means. Polling does not use it.

import type { GapReason } from '../model/gap.ts'
import type { Metric } from './definition.ts'
import type { TracingEvaluator } from './evaluator.ts'
import type { Evaluated } from './face.ts'

/** One cell. Of scalars `row` and `index` are null. */
export interface ExplainedSample {
  /** `<group>.<metric>` */
  metric: string
  /** The row's key. */
  row: string | null
  index: string | null
  /** Null for texts, and for rates, which take two reads. */
  value: number | null
  /** The undecoded number, where the value was made of exactly one. */
  raw: string | null
  /** A state's name, the names of set flags, or a text metric's text. */
  text: string | null
  unit: string
  role: string | null
  sources: string[]
}

export interface ExplainedRow {
  index: string
  row: string
  name: string
  labels: Record<string, string>
}

/** Cells that came to nothing, counted by metric and reason. */
export interface Missing {
  metric: string
  reason: GapReason
  count: number
  /** The first row's index. */
  example: string | null
}

export interface Explained {
  samples: ExplainedSample[]
  tables: Record<string, ExplainedRow[]>
  missing: Missing[]
}

type Body = Evaluated['collections'][number]['body']

/** Explains the evaluation that this evaluator made last. */
export function explain(evaluator: TracingEvaluator, evaluated: Evaluated): Explained {
  const tables: Explained['tables'] = {}
  for (const { group, body } of evaluated.rows) {
    if (evaluator.plan.definition.groups.get(group)?.group.table !== true) continue
    tables[group] = body.rows.map(({ index, key, name, labels }) => ({
      index,
      row: key,
      name,
      labels,
    }))
  }
  const explained: Explained = { samples: [], tables, missing: [] }
  for (const { group, body } of evaluated.collections) {
    explainGroup(evaluator, group, body, explained)
  }
  return explained
}

function explainGroup(
  evaluator: TracingEvaluator,
  id: string,
  body: Body,
  { samples, tables, missing }: Explained,
): void {
  const group = evaluator.plan.definition.groups.get(id)?.group
  const indexOf = new Map(tables[id]?.map(({ row, index }) => [row, index]))
  for (const name of Object.keys(body.metrics)) {
    const metric = group?.slots[group.slotOf.get(name) ?? -1]?.metric
    if (!metric) continue
    const gaps = new Tally(`${id}.${name}`)
    for (const { row, value, gap } of cellsOf(body, name)) {
      const index = row === null ? null : (indexOf.get(row) ?? row)
      if (gap !== null && gap !== 'first') gaps.add(gap, index)
      else samples.push(sampleOf(evaluator, id, metric, { row, index, value }))
    }
    missing.push(...gaps.found())
  }
}

interface Cell {
  row: string | null
  value: number | string | null
  gap: GapReason | null
}

function cellsOf(body: Body, name: string): Cell[] {
  const column = body.metrics[name] ?? null
  const gaps = body.gaps?.[name] ?? null
  const values = Array.isArray(column) ? column : [column]
  return values.map((value, i) => {
    const gap = Array.isArray(gaps) ? gaps[i] : gaps
    return { row: body.rows?.[i] ?? null, value, gap: value === null ? (gap ?? 'decode') : null }
  })
}

/** What the device does not have at all is not worth a word. */
class Tally {
  private readonly metric: string
  private readonly byReason = new Map<GapReason, Missing>()

  constructor(metric: string) {
    this.metric = metric
  }

  add(reason: GapReason, example: string | null): void {
    const known = this.byReason.get(reason)
    if (known) known.count++
    else this.byReason.set(reason, { metric: this.metric, reason, count: 1, example })
  }

  found(): Missing[] {
    return [...this.byReason.values()].filter(({ reason }) => reason !== 'no-such-object')
  }
}

function sampleOf(
  evaluator: TracingEvaluator,
  group: string,
  metric: Metric,
  { row, index, value }: Pick<ExplainedSample, 'row' | 'index'> & Pick<Cell, 'value'>,
): ExplainedSample {
  const trace = evaluator.trace(group, metric.id, index ?? '')
  return {
    metric: `${group}.${metric.id}`,
    row,
    index,
    value: typeof value === 'number' ? value : null,
    raw: numberIn(trace?.raw ?? null),
    text: textOf(metric, value),
    unit: metric.unit,
    role: metric.role,
    sources: trace?.sources ?? [],
  }
}

function numberIn(raw: string | null): string | null {
  return raw !== null && /^-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?$/.test(raw) ? raw : null
}

function textOf({ kind, states }: Metric, value: number | string | null): string | null {
  if (typeof value === 'string') return value
  if (value === null || states.length === 0) return null
  if (kind === 'flags') {
    const isSet = (bit: number) => Math.floor(value / 2 ** bit) % 2 === 1
    const set = states.filter(state => state.value !== null && isSet(state.value))
    return set.map(state => state.name).join(', ')
  }
  const own = states.find(state => state.value === value)
  const other = states.find(state => state.value === null)
  return own?.name ?? other?.name ?? null
}
