// Compiles one group of a profile: slots for its index parts, columns and metrics, and everything
// that names them (key, name, labels, where, charts, alarms).

import { parseDuration } from '../model/duration.ts'
import type { FieldDoc, GroupDoc, MessageDoc } from '../model/profile.ts'
import type { Group } from './definition.ts'
import { compileRow } from './field.ts'
import { checkCharts, checkGroups, indexPart, isKnown, nameCandidate } from './groupnames.ts'
import {
  columnSlot,
  type GroupContext,
  givenSlot,
  judgedSlots,
  metricSlot,
  namesOf,
  type Written,
} from './groupslots.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

/** Rows of a table that are read where the profile says nothing. */
const rowsMaxDefault = 5000

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
    inventory: doc.inventory ?? null,
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
