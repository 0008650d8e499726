// The span of time that a page shows: a range up to now, or the part that a person zoomed into.
// It lives in the URL, so that a link shows what its sender saw.

import Type, { type Static } from 'typebox'
import { AppError } from '../model/errors.ts'
import { checker } from '../validate.ts'

const MINUTE_MS = 60_000

export const RANGES = [
  { id: '15m', text: '15 min', ms: 15 * MINUTE_MS },
  { id: '1h', text: '1 h', ms: 60 * MINUTE_MS },
  { id: '6h', text: '6 h', ms: 360 * MINUTE_MS },
  { id: '24h', text: '24 h', ms: 1440 * MINUTE_MS },
  { id: '7d', text: '7 d', ms: 7 * 1440 * MINUTE_MS },
] as const
export type RangeId = (typeof RANGES)[number]['id']

const DEFAULT_RANGE = RANGES[1]
/** A zoom narrower than this shows nothing. */
const SPAN_MS_MIN = 10_000
const SPAN_MS_MAX = 400 * 1440 * MINUTE_MS

const UnixMs = Type.String({ pattern: '^[0-9]{1,15}$' })
export const WindowQuery = Type.Object({
  range: Type.Optional(Type.Enum(RANGES.map(range => range.id))),
  from: Type.Optional(UnixMs),
  to: Type.Optional(UnixMs),
})
export type WindowQuery = Static<typeof WindowQuery>

const checkQuery = checker(WindowQuery)

export interface TimeWindow {
  /** null: a part that was zoomed into, which does not move on. */
  range: RangeId | null
  /** Unix ms, both included. */
  from: number
  to: number
  /** As it stands in a URL: `range=1h`, or `from=…&to=…`. */
  query: string
}

/** A device younger than this starts with the shortest range: an hour of it would be one stroke. */
const YOUNG_MS = 20 * MINUTE_MS

/** The query with the range that suits a device of this age, where it asks for nothing. */
export function withDefaultRange(query: unknown, ageMs: number): unknown {
  const asked = typeof query === 'object' && query !== null ? query : {}
  if (ageMs > YOUNG_MS || 'range' in asked || 'from' in asked) return query
  return { ...asked, range: RANGES[0].id }
}

/**
 * The window that a URL asks for; one hour where it asks for nothing.
 * @throws AppError E_WINDOW for a range that is none, or a span that is too short or too long
 */
export function windowOf(query: unknown, now: number): TimeWindow {
  const checked = checkQuery(query)
  if (!checked.ok)
    throw new AppError('E_WINDOW', 'that is not a range of time', { errors: checked.errors })
  const { range, from, to } = checked.value
  if (from !== undefined && to !== undefined) return zoomed(Number(from), Number(to))
  const { id, ms } = RANGES.find(known => known.id === range) ?? DEFAULT_RANGE
  return { range: id, from: now - ms, to: now, query: `range=${id}` }
}

function zoomed(from: number, to: number): TimeWindow {
  if (to - from < SPAN_MS_MIN || to - from > SPAN_MS_MAX) {
    throw new AppError('E_WINDOW', 'that is not a range of time', {
      hint: 'choose between 10 seconds and 400 days',
    })
  }
  return { range: null, from, to, query: `from=${from}&to=${to}` }
}
