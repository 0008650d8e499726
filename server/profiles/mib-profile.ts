// A profile from a MIB's tables and scalars: names, titles, units, states and index types as the MIB
// says them. A beginning to be edited: which columns matter, and how they are drawn, no MIB knows.

import type { Mib, MibNotification, MibObject, MibTable } from '../model/mib.ts'
import type {
  FieldDoc,
  MetricDoc,
  NotificationDoc,
  ProfileDoc,
  TableGroupDoc,
} from '../model/profile.ts'
import { indexParts } from './mib-index.ts'
import { commonPrefix, nameMax, shortName, snake, titleMax, titleOf, unused } from './mib-names.ts'
import { readingOf } from './mib-readings.ts'

/** Characters of a description (profile.ts). */
const descriptionMax = 300
/** Columns whose OIDs tell that the device has a table. */
const existsMax = 4
/** Texts, names and addresses change seldom. */
const SLOW = '1h'

export interface MibProfileOptions {
  tables: readonly MibTable[]
  scalars: readonly MibObject[]
  notifications?: readonly MibNotification[]
  /** Group ids that are in use already. */
  taken: ReadonlySet<string>
}

/** The profile's document; its keys are in the order in which people write them. */
export function profileOfMib(
  mib: Mib,
  { tables, scalars, notifications = [], taken }: MibProfileOptions,
): ProfileDoc {
  const used = new Set(taken)
  const groupId = (wanted: string) => {
    const id = [wanted, `${snake(mib.module)}_${wanted}`.slice(0, nameMax)].find(
      one => !used.has(one),
    )
    used.add(id ?? wanted)
    return id ?? wanted
  }
  const names = [
    ...tables.map(table => table.name),
    ...(scalars.length > 0 ? ['scalars'] : []),
    ...(notifications.length > 0 ? ['notifications'] : []),
  ]
  const exists = [
    ...tables.flatMap(table => table.columns.filter(isRead).slice(0, 1)).map(({ oid }) => oid),
    ...scalars.map(({ oid }) => `${oid}.0`),
  ].slice(0, existsMax)
  return {
    $schema: './profile.schema.json',
    title: `${mib.module}: ${names.join(', ')}`.slice(0, titleMax),
    type: 'feature',
    // What says only what notifications mean is for no device in particular.
    ...(exists.length > 0 && { match: [{ exists }] }),
    ...(scalars.length > 0 && {
      scalars: { [groupId(snake(mib.module))]: scalarGroup(mib, scalars) },
    }),
    ...(tables.length > 0 && {
      tables: Object.fromEntries(
        tables.map(table => [groupId(snake(stem(table))), tableGroup(table)]),
      ),
    }),
    ...(notifications.length > 0 && {
      notifications: Object.fromEntries(notifications.map(one => [one.name, notificationOf(one)])),
    }),
  }
}

function notificationOf({ name, oid, objects }: MibNotification): NotificationDoc {
  const title = titleOf(name)
  const values: NonNullable<NotificationDoc['values']> = {}
  for (const object of objects) {
    const { labels } = object.syntax
    const map =
      labels &&
      Object.fromEntries(Object.entries(labels).map(([n, label]) => [n, label.slice(0, 60)]))
    values[unused(snake(object.name), values)] = map ? { oid: object.oid, map } : object.oid
  }
  const [first] = Object.keys(values)
  return {
    ...{ oid, title },
    ...(first !== undefined && { values, text: `${title}: {${first}}` }),
  }
}

function isRead(object: MibObject): boolean {
  return object.readable && readingOf(object) !== null
}

function scalarGroup(mib: Mib, scalars: readonly MibObject[]): TableGroupDoc {
  const prefix = commonPrefix(scalars.map(({ name }) => name))
  const metrics: Record<string, MetricDoc> = {}
  for (const object of scalars) {
    const reading = readingOf(object)
    if (!object.readable || reading === null) continue
    const { oid: _, ...field } = reading.field
    metrics[unused(shortName(object.name, prefix), metrics)] = {
      ...metricHead(object, prefix),
      oid: `${object.oid}.0`,
      ...(reading.kind === 'label' ? { kind: 'text' as const, ...field } : field),
    }
  }
  return { title: mib.module.slice(0, titleMax), section: 'other', metrics }
}

function tableGroup(table: MibTable): TableGroupDoc {
  const prefix = stem(table)
  const index = indexParts(table)
  const taken: Record<string, unknown> = Object.fromEntries(
    [...index.map(part => part.replace(/:.*/, '')), 'index', 'row_number'].map(name => [
      name,
      true,
    ]),
  )
  const columns: Record<string, FieldDoc> = {}
  const metrics: Record<string, MetricDoc> = {}
  const isIndex = (object: MibObject) => table.index.some(({ name }) => name === object.name)
  for (const object of table.columns) {
    const reading = readingOf(object)
    if (!object.readable || reading === null || isIndex(object)) continue
    const name = unused(shortName(object.name, prefix), taken)
    taken[name] = true
    if (reading.kind === 'label') columns[name] = { oid: object.oid, ...reading.field, every: SLOW }
    else metrics[name] = { ...metricHead(object, prefix), oid: object.oid, ...reading.field }
  }
  const labels = Object.keys(columns)
  const named = labels.filter(name => /name|descr|label|title|alias/.test(name))
  return {
    title: titleOf(prefix),
    section: 'other',
    ...(index.length > 0 && { index }),
    ...(named.length > 0 && { name: named.slice(0, 4) }),
    ...(labels.length > 0 && { labels: labels.slice(0, 40), columns }),
    ...(Object.keys(metrics).length > 0 && { metrics }),
  }
}

function metricHead(object: MibObject, prefix: string): { title: string; description?: string } {
  const description = object.description.slice(0, descriptionMax)
  return {
    title: titleOf(object.name.startsWith(prefix) ? object.name.slice(prefix.length) : object.name),
    ...(description !== '' && { description }),
  }
}

const stem = ({ name }: MibTable) => name.replace(/Table$/, '')
