// The slots of a group: what is computed for each of its rows, one for each index part, column and metric,
// and those hidden ones that alarm rules compare with.

import type { FieldDoc, GroupDoc, MetricDoc, ProfileDoc } from '../model/profile.ts'
import { checkAlarm } from './alarmcheck.ts'
import { cellOf, NO_CELLS } from './cells.ts'
import type { CompiledProfile, Frame, Slot } from './definition.ts'
import type { Names } from './expression.ts'
import { compileField, compileRow, type FieldContext } from './field.ts'
import { indexPart, isKnown } from './groupnames.ts'
import { comparesText, judgedColumns, judgedMetric } from './judgedcolumns.ts'
import { compileMetric } from './metric.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

export interface GroupContext {
  profile: string
  doc: ProfileDoc
  source: CompiledProfile['source']
  report: Report
  /** A group of this profile, else of any other; null: there is none. */
  groupDoc(id: string): { doc: GroupDoc; pointer: string | null } | null
  groupIds(): string[]
}

/** A field's document and the place where it is written. */
export interface Written<T> {
  name: string
  doc: T
  pointer: string
}

export function namesOf(slotOf: ReadonlyMap<string, number>): Names<Frame> {
  return {
    reader(name) {
      const slot = slotOf.get(name)
      if (slot === undefined) return undefined
      return frame => cellOf(frame.columns[slot] ?? NO_CELLS, frame.row)
    },
    known: () => [...slotOf.keys()],
  }
}

export function givenSlot(name: string): Slot {
  return {
    name,
    source: { kind: 'given' },
    decode: () => null,
    plain: true,
    divisor: null,
    scale: 1,
    offset: 0,
    range: null,
    zeroIsLast: false,
    everyMs: null,
    rate: null,
    where: null,
    metric: null,
    needs: [],
    lookups: [],
  }
}

function fieldContext(
  names: Names<Frame>,
  context: GroupContext,
): FieldContext & { needs: Set<string> } {
  const { report, source } = context
  return { names, source, report, as: 'auto', needs: new Set(), lookups: [] }
}

export function columnSlot(
  column: Written<FieldDoc>,
  names: Names<Frame>,
  context: GroupContext,
): Slot {
  const inner = fieldContext(names, context)
  const field = compileField(column.doc, column.pointer, inner)
  checkLookups(inner, context)
  return {
    ...(field ?? givenSlot(column.name)),
    name: column.name,
    rate: column.doc.rate ? { max: null, resetOn: null } : null,
    where: null,
    metric: null,
    needs: [...inner.needs],
    lookups: inner.lookups,
  }
}

export function metricSlot(
  metric: Written<MetricDoc>,
  names: Names<Frame>,
  context: GroupContext,
): Slot {
  const inner = fieldContext(names, context)
  const { name, doc, pointer } = metric
  if (doc.kind === 'text') inner.as = 'text'
  const field = compileField(doc, pointer, inner)
  checkLookups(inner, context)
  const where =
    doc.where === undefined ? null : compileRow(doc.where, child(pointer, 'where'), inner)
  const compiled = compileMetric(name, doc, pointer, context)
  const rates = compiled.kind === 'rate' || doc.rate === true
  const max =
    typeof doc.max === 'string'
      ? compileRow(doc.max, child(pointer, 'max'), inner)
      : (doc.max ?? null)
  if (doc.resetOn !== undefined) {
    const slots = new Map(names.known().map((known, i) => [known, i]))
    if (isKnown(doc.resetOn, slots, child(pointer, 'resetOn'), context.report)) {
      inner.needs.add(doc.resetOn)
    }
  }
  checkAlarm(doc, pointer, names, context.report)
  return {
    ...(field ?? givenSlot(name)),
    name,
    rate: rates ? { max, resetOn: doc.resetOn ?? null } : null,
    where,
    metric: compiled,
    needs: [...inner.needs],
    lookups: inner.lookups,
  }
}

/** Where others name such a field they mean the column, of which this is a copy. */
export function judgedSlots(
  metrics: readonly Written<MetricDoc>[],
  columns: readonly Written<FieldDoc>[],
  names: Names<Frame>,
  context: GroupContext,
): Slot[] {
  return judgedColumns(metrics, names).map(name => {
    const column = columns.find(column => column.name === name)
    const pointer = column?.pointer ?? ''
    const stored = judgedMetric(name, column?.doc ?? null, comparesText(name, metrics))
    const inner = fieldContext(names, context)
    if (stored.kind === 'text') inner.as = 'text'
    const field = compileField({ value: name }, pointer, inner)
    return {
      ...(field ?? givenSlot(name)),
      name,
      rate: null,
      where: null,
      metric: stored,
      needs: [name],
      lookups: [],
    }
  })
}

function checkLookups(field: FieldContext, context: GroupContext): void {
  for (const { table, column, by, pointer } of field.lookups) {
    const other = context.groupDoc(table)
    if (!other) {
      context.report({
        code: 'E_NAME',
        pointer: child(pointer, 'table'),
        message: `there is no group "${table}"`,
        hint: suggestion(table, context.groupIds()),
      })
      continue
    }
    const names = fieldNames(other.doc, context)
    for (const [key, name] of [
      ['column', column],
      ['by', by],
    ] as const) {
      if (name === null || names.includes(name)) continue
      context.report({
        code: 'E_NAME',
        pointer: child(pointer, key),
        message: `"${table}" has no column "${name}"`,
        hint: suggestion(name, names),
      })
    }
  }
}

/** Every name of a group's fields that another group may look up. */
export function fieldNames(doc: GroupDoc, context: Pick<GroupContext, 'groupDoc'>): string[] {
  const columns =
    typeof doc.columns === 'string' ? context.groupDoc(doc.columns)?.doc.columns : doc.columns
  return [
    ...(doc.index ?? []).map(part => indexPart(part).name),
    'index',
    ...Object.keys(typeof columns === 'object' ? columns : {}),
    ...Object.keys(doc.metrics ?? {}),
  ].filter(name => name !== '//')
}
