// Compiles one group of a profile: slots for its index parts, columns and metrics, and everything
// that names them (key, name, labels, where, charts, alarms).

import { parseDuration } from '../model/duration.ts'
import type { FieldDoc, GroupDoc, MessageDoc, MetricDoc, ProfileDoc } from '../model/profile.ts'
import { checkAlarm } from './alarmcheck.ts'
import { cellOf, NO_CELLS } from './cells.ts'
import type { CompiledProfile, Frame, Group, Slot } from './definition.ts'
import type { Names } from './expression.ts'
import { compileField, compileRow, type FieldContext } from './field.ts'
import { checkCharts, checkGroups, indexPart, isKnown, nameCandidate } from './groupnames.ts'
import { comparesText, judgedColumns, judgedMetric } from './judgedcolumns.ts'
import { compileMetric } from './metric.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

/** Rows of a table that are read where the profile says nothing. */
const rowsMaxDefault = 5000

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
interface Written<T> {
  name: string
  doc: T
  pointer: string
}

export function compileGroup(
  id: string,
  doc: GroupDoc,
  table: boolean,
  context: GroupContext,
): Group {
  const pointer = child(child('', table ? 'tables' : 'scalars'), id)
  const { report } = context
  const index = table ? (doc.index ?? []).map(indexPart) : []
  const columns = columnsOf(doc, pointer, context)
  const metrics = entries(doc.metrics, child(pointer, 'metrics'))
  const slotOf = new Map<string, number>()
  const places: { name: string; pointer: string }[] = [
    ...index.map((part, i) => ({
      name: part.name,
      pointer: child(child(pointer, 'index'), i),
    })),
    { name: 'index', pointer },
    { name: 'row_number', pointer },
    ...columns,
    ...metrics,
  ]
  for (const place of places) takeName(place, slotOf, report)
  const names = namesOf(slotOf)
  const given = [...index.map(part => part.name), 'index', 'row_number'].map(givenSlot)
  const slots = [
    ...given,
    ...columns.map(column => columnSlot(column, names, context)),
    ...metrics.map(metric => metricSlot(metric, names, context)),
    ...judgedSlots(metrics, columns, names, context),
  ]
  const known = (names: readonly string[] | undefined, key: string) =>
    (names ?? []).filter((name, i) => isKnown(name, slotOf, child(child(pointer, key), i), report))
  const where =
    doc.where === undefined
      ? null
      : compileRow(doc.where, child(pointer, 'where'), { names, report, needs: new Set() })
  checkCharts(doc, pointer, report)
  checkGroups(doc, pointer, context)
  return {
    ...shownAs(id, doc, table, context),
    messages: messagesOf(doc, pointer, context),
    index,
    slots,
    slotOf,
    key: known(doc.key, 'key'),
    name: (doc.name ?? []).map((text, i) =>
      nameCandidate(text, slotOf, child(child(pointer, 'name'), i), report),
    ),
    subtitle: doc.subtitle === undefined ? null : (known([doc.subtitle], 'subtitle')[0] ?? null),
    labels: known(doc.labels, 'labels'),
    where,
  }
}

/** A group of source mqtt that names no message is made of every JSON message of its device. */
function messagesOf(
  { message }: GroupDoc,
  pointer: string,
  { source, report }: GroupContext,
): MessageDoc[] {
  if (source === 'mqtt') return message === undefined ? [{}] : [message].flat()
  if (message !== undefined) {
    report({
      code: 'E_SCHEMA',
      pointer: child(pointer, 'message'),
      what: 'key',
      message: `a profile of source "${source}" has no messages`,
      hint: 'write "source": "mqtt" at the top of the profile',
    })
  }
  return []
}

/** What is taken as it is written. */
function shownAs(
  id: string,
  doc: GroupDoc,
  table: boolean,
  context: GroupContext,
): Omit<
  Group,
  'messages' | 'index' | 'slots' | 'slotOf' | 'key' | 'name' | 'subtitle' | 'labels' | 'where'
> {
  const every = doc.every ?? context.doc.every
  return {
    id,
    profile: context.profile,
    source: context.source,
    table,
    title: doc.title,
    description: doc.description ?? '',
    section: doc.section ?? 'other',
    order: doc.order ?? 100,
    hidden: doc.hidden ?? false,
    everyMs: every === undefined ? null : parseDuration(every),
    retention: doc.retention ?? context.doc.retention ?? null,
    refreshOn: doc.refreshOn ?? [],
    replaces: doc.replaces ?? [],
    replacedBy: doc.replacedBy ?? [],
    augments: doc.augments ?? null,
    rowsMax: doc.maxRows ?? rowsMaxDefault,
    charts: doc.charts ?? {},
  }
}

function takeName(
  { name, pointer }: { name: string; pointer: string },
  slotOf: Map<string, number>,
  report: Report,
): void {
  if (slotOf.has(name)) {
    report({
      code: 'E_NAME',
      pointer,
      what: 'key',
      message: `"${name}" is named twice in this group`,
      hint: 'index parts, columns and metrics share one set of names',
    })
  } else slotOf.set(name, slotOf.size)
}

function entries<T>(docs: Record<string, T> | undefined, pointer: string): Written<T>[] {
  return Object.entries(docs ?? {})
    .filter(([name]) => name !== '//')
    .map(([name, doc]) => ({ name, doc, pointer: child(pointer, name) }))
}

/** A group's own columns, or those of the group that it names. */
function columnsOf(doc: GroupDoc, pointer: string, context: GroupContext): Written<FieldDoc>[] {
  const place = child(pointer, 'columns')
  if (typeof doc.columns !== 'string') return entries(doc.columns, place)
  const other = context.groupDoc(doc.columns)
  if (!other || typeof other.doc.columns === 'string') {
    context.report({
      code: 'E_NAME',
      pointer: place,
      message: other
        ? `the group "${doc.columns}" has no columns of its own`
        : `there is no group "${doc.columns}"`,
      hint: suggestion(doc.columns, context.groupIds()),
    })
    return []
  }
  const { pointer: found } = other
  const borrowed = entries(other.doc.columns, child(found ?? '', 'columns'))
  return found === null ? borrowed.map(column => ({ ...column, pointer: place })) : borrowed
}

function namesOf(slotOf: ReadonlyMap<string, number>): Names<Frame> {
  return {
    reader(name) {
      const slot = slotOf.get(name)
      if (slot === undefined) return undefined
      return frame => cellOf(frame.columns[slot] ?? NO_CELLS, frame.row)
    },
    known: () => [...slotOf.keys()],
  }
}

function givenSlot(name: string): Slot {
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

function columnSlot(column: Written<FieldDoc>, names: Names<Frame>, context: GroupContext): Slot {
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

function metricSlot(metric: Written<MetricDoc>, names: Names<Frame>, context: GroupContext): Slot {
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
function judgedSlots(
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
