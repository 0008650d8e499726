// A route: which alarms, at which hours, through which channels, and what follows when nobody takes them
// on. Pure: a route, an alarm and a time in, yes or why not out.

import Type, { type Static } from 'typebox'
import type { Alarm } from '../../model/alarm.ts'
import { DURATION_PATTERN, parseDuration } from '../../model/duration.ts'
import { SEVERITIES } from '../../model/event.ts'

const Duration = (title: string, description: string) =>
  Type.String({ pattern: DURATION_PATTERN, title, description })
const Ids = Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' }), { maxItems: 20 })
const Words = (title: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 100, title })

export const RouteHours = Type.Object(
  {
    /** ISO: 1 is Monday. */
    days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7 }),
    from: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
    /** The same as `from`: the whole day. Earlier than `from`: until the next day. */
    to: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
    /** IANA zone. */
    zone: Type.String({ pattern: '^[A-Za-z0-9_+/-]{1,64}$' }),
    /** What comes at other hours: waits for the next opening, or nobody is told by this route. */
    outside: Type.Enum(['wait', 'drop']),
  },
  { additionalProperties: false },
)

export const Route = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    enabled: Type.Boolean(),
    channels: Ids,
    severities: Type.Array(Type.Enum(SEVERITIES), { minItems: 1, maxItems: 3 }),
    /** Empty: any. Else one of them has to fit. */
    tags: Words('Tags'),
    locations: Words('Locations'),
    kinds: Words('Kinds'),
    devices: Words('Devices'),
    hours: Type.Union([RouteHours, Type.Null()]),
    /** What comes within this time of the first is one message: of one device, or of all. */
    group: Duration('Gather for', 'What comes together is one message'),
    groupBy: Type.Enum(['device', 'all']),
    recovery: Type.Boolean(),
    escalate: Type.Union([
      Type.Object(
        { after: Duration('After', 'Without anybody taking it on'), channels: Ids },
        { additionalProperties: false },
      ),
      Type.Null(),
    ]),
    repeat: Type.Union([Duration('Repeat every', 'While nobody took it on'), Type.Null()]),
    /** Messages an hour and channel; what is beyond comes in one summary. */
    perHour: Type.Integer({ minimum: 1, maximum: 1000 }),
  },
  { additionalProperties: false },
)
export type Route = Static<typeof Route>

export interface StoredRoute extends Route {
  id: string
  version: number
}

/** What routes choose by that the alarm does not say itself. */
export interface Whereabouts {
  kind: string
  tags: readonly string[]
  location: string | null
}

/** Why a route does not speak of an alarm; null: it does. */
export function mismatch(route: Route, alarm: Alarm, where: Whereabouts | null): string | null {
  if (!route.enabled) return 'the route is switched off'
  if (!route.severities.includes(alarm.severity)) return `it is not for ${alarm.severity}`
  if (route.devices.length > 0 && !route.devices.includes(alarm.device)) {
    return 'it is for other devices'
  }
  const { kinds, tags, locations } = route
  if (kinds.length > 0 && !kinds.includes(where?.kind ?? '')) return 'it is for other kinds'
  if (tags.length > 0 && !tags.some(tag => where?.tags.includes(tag))) {
    return 'the device has none of its tags'
  }
  if (locations.length > 0 && !locations.includes(where?.location ?? '')) {
    return 'it is for other locations'
  }
  return null
}

export const groupMs = (route: Route): number => parseDuration(route.group)

const MINUTE_MS = 60_000
/** Looked ahead for the next opening: a week and a changed clock. */
const minutesMax = 8 * 24 * 60

/** Is it open at this time? A route without hours always is. */
export function isOpen(hours: Route['hours'], at: number): boolean {
  if (hours === null) return true
  const { day, minute } = localTime(hours.zone, at)
  const [from, to] = [minuteOf(hours.from), minuteOf(hours.to)]
  if (from === to) return hours.days.includes(day)
  if (from < to) return hours.days.includes(day) && minute >= from && minute < to
  // Over midnight: the morning belongs to the day on which it began.
  const yesterday = day === 1 ? 7 : day - 1
  return (
    (hours.days.includes(day) && minute >= from) || (hours.days.includes(yesterday) && minute < to)
  )
}

/** The first minute at or after `at` at which it is open; null: it never is. */
export function nextOpening(hours: Route['hours'], at: number): number | null {
  if (isOpen(hours, at)) return at
  const start = Math.floor(at / MINUTE_MS) * MINUTE_MS
  for (let minutes = 1; minutes <= minutesMax; minutes++) {
    const then = start + minutes * MINUTE_MS
    if (isOpen(hours, then)) return then
  }
  return null
}

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))

const formats = new Map<string, Intl.DateTimeFormat>()
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
/** Zones whose formats are kept. */
const formatsMax = 100

function localTime(zone: string, at: number): { day: number; minute: number } {
  let format = formats.get(zone)
  if (!format) {
    if (formats.size >= formatsMax) formats.clear()
    format = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit' },
      hourCycle: 'h23',
    })
    formats.set(zone, format)
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]))
  return {
    day: DAYS.indexOf(parts.get('weekday') ?? '') + 1,
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  }
}

export function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
