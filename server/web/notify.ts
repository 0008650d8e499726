// What pages show and take of notifications: channels with fields drawn from their schemas, routes, the
// newest messages.

import type { NotifyBook } from '../alarms/notify/book.ts'
import type { ChannelKind } from '../alarms/notify/channel.ts'
import { CHANNEL_KINDS, channelKindOf } from '../alarms/notify/channels.ts'
import type { Heartbeat } from '../alarms/notify/heartbeat.ts'
import type { Notifier } from '../alarms/notify/notifier.ts'
import type { Route, StoredRoute } from '../alarms/notify/route.ts'
import { subjectOf } from '../alarms/notify/wording.ts'
import type { FieldError } from '../model/errors.ts'
import { SEVERITIES } from '../model/event.ts'
import type { StoredNotice } from '../store/notice-contract.ts'
import type { Values } from './pages/device-fields.ts'

export interface WebNotify {
  book: NotifyBook
  notifier: Notifier
  heartbeat: Heartbeat
}

export interface ChannelField {
  name: string
  label: string
  hint: string
  type: 'text' | 'number' | 'password' | 'select' | 'lines'
  choices: readonly string[]
  isNeeded: boolean
  fallback: string
  /** A secret that is stored: it stays where the field is left empty. */
  isKept: boolean
}

/** What is used of a property's schema. */
interface Property {
  title?: string
  description?: string
  type?: string
  enum?: readonly string[]
  default?: string | number
}

/** A channel's form is its schema. */
export function fieldsOf(kind: ChannelKind, kept: readonly string[]): ChannelField[] {
  const { properties } = kind.schema
  const required: readonly string[] = kind.schema.required ?? []
  return Object.entries<Property>(properties).map(([name, property]) => ({
    name: `config.${name}`,
    label: property.title ?? name,
    hint: property.description ?? '',
    type: typeOf(property, kind.secrets.includes(name)),
    choices: property.enum ?? [],
    isNeeded: required.includes(name),
    fallback: property.default === undefined ? '' : String(property.default),
    isKept: kept.includes(name),
  }))
}

function typeOf({ type, enum: choices }: Property, isSecret: boolean): ChannelField['type'] {
  if (isSecret) return 'password'
  if (choices) return 'select'
  if (type === 'array') return 'lines'
  return type === 'integer' ? 'number' : 'text'
}

/** The document that a channel's form means. */
export function channelOf(values: Values): Record<string, unknown> {
  const kind = channelKindOf(values.kind ?? '')
  const config: Record<string, unknown> = {}
  for (const { name, type } of kind ? fieldsOf(kind, []) : []) {
    const text = values[name]?.trim() ?? ''
    if (text === '') continue
    const field = name.slice('config.'.length)
    if (type === 'lines') config[field] = linesOf(text)
    else config[field] = type === 'number' ? numberOr(text) : text
  }
  const name = values.name?.trim() ?? ''
  return { name, kind: values.kind, enabled: values.enabled === 'on', config }
}

const linesOf = (text: string) =>
  text
    .split(/[\n,]+/)
    .map(line => line.trim())
    .filter(Boolean)
const wordsOf = (text = '') => [...new Set(text.split(/[\s,]+/).filter(Boolean))]
const numberOr = (text: string) => (/^-?\d{1,9}$/.test(text) ? Number(text) : text)

export function channelValues(
  channel: Awaited<ReturnType<NotifyBook['channels']>>[number],
): Values {
  const values: Values = {
    ...{ id: channel.id, name: channel.name, kind: channel.kind },
    enabled: channel.enabled ? 'on' : '',
    version: String(channel.version),
  }
  for (const [field, value] of Object.entries(channel.config)) {
    values[`config.${field}`] = Array.isArray(value) ? value.join('\n') : String(value)
  }
  return values
}

/** The document that a route's form means; boxes are `severity.critical`, `channel.<id>`, `day.1`. */
export function routeOf(values: Values): Record<string, unknown> {
  const text = (name: string) => values[name]?.trim() ?? ''
  const boxes = (prefix: string) =>
    Object.keys(values)
      .filter(name => name.startsWith(prefix) && values[name] === 'on')
      .map(name => name.slice(prefix.length))
  const escalate = text('escalate.after')
  return {
    name: text('name'),
    enabled: values.enabled === 'on',
    channels: boxes('channel.'),
    severities: boxes('severity.'),
    tags: wordsOf(values.tags),
    locations: linesOf(values.locations ?? ''),
    kinds: wordsOf(values.kinds),
    devices: wordsOf(values.devices),
    hours:
      values.always === 'on'
        ? null
        : {
            ...{ from: text('hours.from'), to: text('hours.to'), zone: text('hours.zone') },
            days: boxes('day.').map(Number),
            outside: text('hours.outside'),
          },
    group: text('group'),
    groupBy: text('groupBy'),
    recovery: values.recovery === 'on',
    escalate: escalate === '' ? null : { after: escalate, channels: boxes('then.') },
    repeat: text('repeat') || null,
    perHour: numberOr(text('perHour')),
  }
}

export function routeValues(route: StoredRoute | null): Values {
  const of: Route = route ?? NEW_ROUTE
  const values: Values = {
    ...{ id: route?.id ?? '', version: String(route?.version ?? 0), name: of.name },
    ...{ enabled: on(of.enabled), recovery: on(of.recovery), always: on(of.hours === null) },
    ...{ tags: of.tags.join(' '), locations: of.locations.join('\n') },
    ...{ kinds: of.kinds.join(' '), devices: of.devices.join(' ') },
    ...{ group: of.group, groupBy: of.groupBy, repeat: of.repeat ?? '' },
    perHour: String(of.perHour),
    'escalate.after': of.escalate?.after ?? '',
    'hours.from': of.hours?.from ?? '08:00',
    'hours.to': of.hours?.to ?? '18:00',
    'hours.zone': of.hours?.zone ?? 'UTC',
    'hours.outside': of.hours?.outside ?? 'wait',
  }
  for (const id of of.channels) values[`channel.${id}`] = 'on'
  for (const id of of.escalate?.channels ?? []) values[`then.${id}`] = 'on'
  for (const severity of of.severities) values[`severity.${severity}`] = 'on'
  for (const day of of.hours?.days ?? [1, 2, 3, 4, 5]) values[`day.${day}`] = 'on'
  return values
}

const on = (is: boolean): string => (is ? 'on' : '')

const NEW_ROUTE: Route = {
  ...{ name: '', enabled: true, channels: [], severities: [...SEVERITIES].filter(isLoud) },
  ...{ tags: [], locations: [], kinds: [], devices: [], hours: null },
  ...{ group: '30s', groupBy: 'device', recovery: true, escalate: null, repeat: null },
  perHour: 30,
}
function isLoud(severity: (typeof SEVERITIES)[number]): boolean {
  return severity !== 'info'
}

export interface NoticeLine {
  id: string
  subject: string
  channel: string
  route: string
  state: StoredNotice['state']
  at: number
  dueAt: number | null
  tries: number
  said: string
}

export function noticeLine(notice: StoredNotice, site: string): NoticeLine {
  const { id, channel, route, state, createdAt, endedAt, dueAt, tries, said, body, kind } = notice
  return {
    ...{ id, channel, route, state, tries, said },
    subject: subjectOf({ ...body, id, kind, site, url: null }),
    at: endedAt ?? createdAt,
    dueAt: state === 'waiting' ? dueAt : null,
  }
}

/** One message a field, so that each stands beside its own. */
export function errorsByField(errors: readonly FieldError[]): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const { path, message } of errors) shown[path] ??= message
  return shown
}

export const KINDS = CHANNEL_KINDS.map(({ kind, title, help }) => ({ kind, title, help }))
