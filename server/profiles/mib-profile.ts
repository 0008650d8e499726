// A profile from a MIB's tables and scalars: names, titles, units, states and index types as the MIB
// says them. A beginning to be edited: which columns matter, and how they are drawn, no MIB knows.

import type { Mib, MibNotification, MibObject, MibSyntax, MibTable } from '../model/mib.ts'
import type {
  FieldDoc,
  MetricDoc,
  NotificationDoc,
  ProfileDoc,
  TableGroupDoc,
} from '../model/profile.ts'
import { mibUnit } from './mib-units.ts'

/** Characters of names, titles and descriptions (profile.ts). */
const nameMax = 48
const titleMax = 80
const descriptionMax = 300
/** A longer enumeration names a kind of thing (IANAifType has 300), not a state. */
const statesMax = 60
/** Columns whose OIDs tell that the device has a table. */
const existsMax = 4
/** Texts, names and addresses change seldom. */
const SLOW = '1h'

/** How an object is read; null: nothing to be monitored in it (row status, a test button). */
type Reading =
  | { kind: 'label'; field: FieldDoc }
  | { kind: 'metric'; field: Partial<MetricDoc> }
  | null

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

/** Conventions whose columns are for management, not for monitoring. */
const NOT_MONITORED = /^(RowStatus|StorageType|TestAndIncr|EntryStatus|RowPointer|VariablePointer)$/
const ADDRESS = /^(PhysAddress|MacAddress)$/
const TEXTS = /^(DisplayString|SnmpAdminString|OwnerString|Utf8String|LongUtf8String|SnmpEngineID)$/

function readingOf(object: MibObject): Reading {
  const { base, names, labels } = object.syntax
  const is = (pattern: RegExp) => names.some(name => pattern.test(name))
  if (base === null || is(NOT_MONITORED)) return null
  switch (base) {
    case 'counter32':
    case 'counter64':
      return { kind: 'metric', field: counter(object) }
    case 'ticks':
      return { kind: 'metric', field: { unit: 's', as: 'ticks' } }
    case 'integer':
    case 'unsigned':
    case 'gauge':
      if (labels && Object.keys(labels).length > statesMax) return { kind: 'label', field: {} }
      return { kind: 'metric', field: labels ? state(labels) : gauge(object) }
    case 'bits':
      return { kind: 'metric', field: flags(labels) }
    case 'octets':
      if (is(ADDRESS)) return { kind: 'label', field: { as: 'mac' } }
      if (is(/^DateAndTime$/)) return { kind: 'metric', field: { unit: 's', as: 'datetime' } }
      if (is(/^InetAddress/)) return { kind: 'label', field: { as: 'ip' } }
      return isNaming(object) || !is(TEXTS)
        ? { kind: 'label', field: { as: 'text' } }
        : { kind: 'metric', field: { kind: 'text', as: 'text' } }
    case 'ip':
      return { kind: 'label', field: { as: 'ip' } }
    case 'oid':
      return { kind: 'label', field: { as: 'oid' } }
    case 'opaque':
      return is(/^Float/) ? { kind: 'metric', field: { ...unitOf(object), as: 'float' } } : null
  }
}

function isNaming({ name }: MibObject): boolean {
  return /name|descr|label|title|alias|model|serial|vendor|location/i.test(name)
}

function gauge(object: MibObject): Partial<MetricDoc> {
  return { ...unitOf(object), kind: 'gauge' }
}

function unitOf({ units }: MibObject): Pick<MetricDoc, 'unit' | 'scale'> & { '//'?: string } {
  if (units === null) return {}
  const known = mibUnit(units)
  if (known === null) return { '//': `the MIB's UNITS: ${units}` }
  return { unit: known.unit, ...(known.scale !== 1 && { scale: known.scale }) }
}

/** Counters without UNITS are told by their names. */
function counter(object: MibObject): Partial<MetricDoc> {
  const { unit, scale, ...rest } = unitOf(object)
  const guessed = /octets?|bytes?/i.test(object.name)
    ? 'By'
    : `{${/pkt|packet|frame/i.test(object.name) ? 'packet' : /error|errs?$/i.test(object.name) ? 'error' : 'event'}}`
  const base = unit ?? guessed
  const isRate = /^(By|bit|\{[a-z]+\})$/.test(base)
  return {
    ...rest,
    unit: isRate ? `${base}/s` : '1',
    kind: 'rate',
    ...(isRate && scale && { scale }),
  }
}

function state(labels: Readonly<Record<string, string>>): Partial<MetricDoc> {
  const states = Object.entries(labels).map(([value, name]) => [value, name.slice(0, 60)])
  return { kind: 'state', states: Object.fromEntries(states.slice(0, statesMax)) }
}

function flags(labels: Readonly<Record<string, string>> | null): Partial<MetricDoc> {
  return labels ? { ...state(labels), kind: 'flags', as: 'bits' } : { kind: 'text', as: 'hex' }
}

/** Names of index parts with the type by which RFC 2578 (7.7) writes them into the OID. */
function indexParts({ index }: MibTable): string[] {
  const taken: Record<string, unknown> = { index: true, row_number: true }
  return index.slice(0, 12).map(({ name, syntax, implied }) => {
    const part = unused(snake(name), taken)
    taken[part] = true
    const type = indexType(syntax, implied)
    return type === 'int' ? part : `${part}:${type}`
  })
}

function indexType({ base, names, sizes }: MibSyntax, implied: boolean): string {
  if (base === 'ip') return 'ip'
  if (base === 'oid') return implied ? 'oid*' : 'oid'
  if (base !== 'octets' && base !== 'bits') return 'int'
  const [size] = sizes ?? []
  const isFixed = sizes?.length === 1 && size !== undefined && size.min === size.max
  if (names.includes('InetAddress')) return 'inet'
  if (isFixed && size.max === 4 && names.some(name => /^(InetAddressIPv4|IpAddr)/.test(name)))
    return 'ip'
  if (isFixed && size.max === 16 && names.some(name => /^(InetAddressIPv6|Ipv6Address)/.test(name)))
    return 'ip6'
  if (isFixed && size.max === 6 && names.some(name => ADDRESS.test(name))) return 'mac'
  if (isFixed && size.max > 0 && size.max < 1000) return `bytes${size.max}`
  return implied ? 'string*' : 'string'
}

const stem = ({ name }: MibTable) => name.replace(/Table$/, '')

/** What all names begin with, up to a capital. */
function commonPrefix(names: readonly string[]): string {
  const [first = ''] = names
  if (names.length < 2) return ''
  let length = first.length
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length--
  while (length > 0 && !names.every(name => /^[A-Z]/.test(name.slice(length)))) length--
  return first.slice(0, length)
}

function shortName(name: string, prefix: string): string {
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : name
  const short = snake(rest)
  return /^[a-z]/.test(short) ? short : snake(name)
}

/** `ifHCInOctets` → `if_hc_in_octets`. */
function snake(name: string): string {
  const words = wordsOf(name).join('_').toLowerCase()
  return words.replace(/^[^a-z]+/, '').slice(0, nameMax) || 'unnamed'
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter(word => word !== '')
}

/** `InOctets` → `In octets`; abbreviations keep their capitals. */
function titleOf(name: string): string {
  const words = wordsOf(name).map((word, i) =>
    i > 0 && /^[A-Z][a-z]/.test(word) ? word.toLowerCase() : word,
  )
  const title = words.join(' ')
  return `${title.slice(0, 1).toUpperCase()}${title.slice(1)}`.slice(0, titleMax) || 'Values'
}

function unused(name: string, taken: Readonly<Record<string, unknown>>): string {
  if (!(name in taken)) return name
  for (let i = 2; ; i++) {
    const numbered = `${name.slice(0, nameMax - 4)}_${i}`
    if (!(numbered in taken)) return numbered
  }
}
