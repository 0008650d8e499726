// The list of events: filters and place lie in the address, so that a list can be sent to somebody and
// works without JavaScript. Newest first, in pages that end at an event.

import Type from 'typebox'
import { EVENT_KINDS, type EventKind, SEVERITIES, type Severity } from '../model/event.ts'
import type { EventQuery, StoredEvent } from '../store/contract.ts'
import { checker } from '../validate.ts'
import { rowPath } from './charts.ts'
import type { WebContext } from './context.ts'
import { plainText } from './words.ts'

/** Events on one page of the list, and on the page of a device or a row. */
export const PAGE_SIZE = 100
export const SHORT_SIZE = 20
/** Characters of the events of one page; what is beyond stands on the next one. */
const pageCharsMax = 200_000
const FIELDS_SHOWN_MAX = 12

const Time = Type.String({ pattern: '^([0-9]{10,15}|[0-9]{4}-[0-9]{2}-[0-9]{2})$' })
const checkOne = {
  q: checker(Type.String({ minLength: 1, maxLength: 100 })),
  device: checker(Type.String({ pattern: '^[a-z0-9._-]{1,63}$' })),
  group: checker(Type.String({ minLength: 1, maxLength: 64 })),
  row: checker(Type.String({ minLength: 1, maxLength: 512 })),
  kind: checker(Type.Enum(EVENT_KINDS)),
  severity: checker(Type.Enum(SEVERITIES)),
  from: checker(Time),
  to: checker(Time),
  before: checker(Type.String({ pattern: '^[0-9]{1,16}-[A-Za-z0-9_-]{1,22}$' })),
}
type Name = keyof typeof checkOne
const NAMES = Object.keys(checkOne) as Name[]

export type EventFilter = Partial<Record<Name, string>>

/** What the address asks for; what it says wrongly counts as not said. */
export function eventFilter(query: Record<string, unknown>): EventFilter {
  const filter: EventFilter = {}
  for (const name of NAMES) {
    const checked = checkOne[name](query[name])
    if (checked.ok && checked.value.trim() !== '') filter[name] = checked.value.trim()
  }
  return filter
}

export function eventsHref(filter: EventFilter, path = '/events'): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, text]) => text))
  return query.size > 0 ? `${path}?${query}` : path
}

/** Null: there is no such device. Days are UTC, the last one included. */
export async function eventQuery(web: WebContext, filter: EventFilter): Promise<EventQuery | null> {
  const { q, device, group, row, from, to, before } = filter
  const uid = device === undefined ? undefined : (await web.devices.get(device))?.uid
  if (device !== undefined && uid === undefined) return null
  const kind = EVENT_KINDS.find((one): one is EventKind => one === filter.kind)
  const severity = SEVERITIES.find((one): one is Severity => one === filter.severity)
  const [since, until] = [timeOf(from, 0), timeOf(to, 86_400_000 - 1)]
  return {
    ...(uid !== undefined && { deviceUid: uid }),
    ...(uid !== undefined && group && row && { row: { group, row } }),
    ...(kind && { kinds: [kind] }),
    ...(severity && { severities: [severity] }),
    ...(q && { text: q }),
    ...(since !== undefined && { from: since }),
    ...(until !== undefined && { to: until }),
    ...(before && { before }),
  }
}

function timeOf(text: string | undefined, more: number): number | undefined {
  if (text === undefined) return undefined
  if (!text.includes('-')) return Number(text)
  const day = Date.parse(text)
  return Number.isNaN(day) ? undefined : day + more
}

const OUR_KINDS: ReadonlySet<EventKind> = new Set(['status', 'config', 'reboot', 'alarm'])

export interface EventLine {
  id: string
  at: number
  kind: EventKind
  severity: Severity
  text: string
  /** Pollux made the text: it is told in the reader's language. What others sent stays as it came. */
  isOurs: boolean
  /** Who wrote a comment. */
  by: string
  device: string
  /** Null: the device is gone. */
  deviceHref: string | null
  row: { text: string; href: string } | null
  fields: { name: string; value: string }[]
}

export function eventLine(event: StoredEvent): EventLine {
  const { id, at, kind, severity, text, device, isDeleted, group, row, fields = {} } = event
  // Who did it stands in the text.
  const entries = Object.entries(fields).filter(([name]) => name !== 'by')
  const hasRow = group !== undefined && row !== undefined && !isDeleted
  return {
    ...{ id, at, kind, severity },
    text: plainText(text, 1024),
    isOurs: OUR_KINDS.has(kind),
    by: kind === 'comment' ? plainText(fields.by, 100) : '',
    device,
    deviceHref: isDeleted ? null : `/devices/${encodeURIComponent(device)}`,
    row: hasRow ? { text: plainText(row, 80), href: rowPath(device, group, row) } : null,
    fields: entries.slice(0, FIELDS_SHOWN_MAX).map(([name, value]) => plainField(name, value)),
  }
}

const plainField = (name: string, value: string) => ({
  name: plainText(name, 60),
  value: plainText(value, 300),
})

/** As many as a page takes, and at least one of those that there are. */
export function fitting(lines: EventLine[], charsMax = pageCharsMax): EventLine[] {
  let chars = 0
  const full = lines.findIndex((line, i) => {
    chars += charsOf(line)
    return i > 0 && chars > charsMax
  })
  return full < 0 ? lines : lines.slice(0, full)
}

function charsOf({ text, by, device, row, fields }: EventLine): number {
  const named = fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  return text.length + by.length + device.length + (row?.text.length ?? 0) + named
}

/** What `views/events/_list` shows. */
export async function eventListData(
  web: WebContext,
  asked: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const filter = eventFilter(asked)
  const { before, ...rest } = filter
  const query = await eventQuery(web, filter)
  const found = query ? await web.store.events.list({ ...query, limit: PAGE_SIZE + 1 }) : []
  const lines = fitting(found.slice(0, PAGE_SIZE).map(eventLine))
  const last = found.length > lines.length ? lines.at(-1) : undefined
  return {
    lines,
    filter,
    filtered: Object.keys(rest).length > 0,
    isUnknownDevice: query === null,
    isFirst: before === undefined,
    newest: before === undefined ? null : eventsHref(rest),
    older: last ? eventsHref({ ...rest, before: last.id }) : null,
    jsonl: eventsHref(rest, '/api/v1/events.jsonl'),
    query: eventsHref(rest).split('?')[1] ?? '',
    kinds: EVENT_KINDS,
    severities: SEVERITIES,
    href: (change: EventFilter) => eventsHref({ ...rest, ...change }),
    showDevice: true,
  }
}

/** The newest events of a device, or of one of its rows, for `views/events/_short`. */
export async function shortEvents(
  web: WebContext,
  device: { id: string; uid: number },
  about: { group: string; row: string } | null,
): Promise<Record<string, unknown>> {
  const query = { deviceUid: device.uid, ...(about && { row: about }), limit: SHORT_SIZE }
  const found = await web.store.events.list(query)
  return {
    eventsId: device.id,
    eventsAbout: about,
    eventLines: found.map(eventLine),
    eventsHref: eventsHref({ device: device.id, ...about }),
  }
}
