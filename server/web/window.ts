// The span of time that a page shows: a range up to now, or the part that a person chose or zoomed
// into; and whether the week before is shown with it. It lives in the URL, so that a link shows what
// its sender saw.

import Type, { type Static } from 'typebox'
import { AppError } from '../model/errors.ts'
import { checker } from '../validate.ts'
import { localToMs, msToLocal } from './zone.ts'

const MINUTE_MS = 60_000
const DAY_MS = 1440 * MINUTE_MS
export const WEEK_MS = 7 * DAY_MS

export const RANGES = [
  { id: '15m', ms: 15 * MINUTE_MS },
  { id: '1h', ms: 60 * MINUTE_MS },
  { id: '6h', ms: 360 * MINUTE_MS },
  { id: '24h', ms: DAY_MS },
  { id: '7d', ms: WEEK_MS },
  { id: '30d', ms: 30 * DAY_MS },
  { id: '90d', ms: 90 * DAY_MS },
  { id: '1y', ms: 365 * DAY_MS },
  { id: '2y', ms: 730 * DAY_MS },
] as const
export type RangeId = (typeof RANGES)[number]['id']

const DEFAULT_RANGE = RANGES[1]
/** A forecast is by the hour: beside less than a day it says nothing. */
export const FORECAST_SPAN_MIN = DAY_MS
/** A zoom narrower than this shows nothing. */
const SPAN_MS_MIN = 10_000
/** Two years, one of them with its leap day. */
const SPAN_MS_MAX = 731 * DAY_MS

/** Unix ms, or a local time as a form sends it; an empty field says nothing. */
const Moment = Type.String({ pattern: '^([0-9]{1,15}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{5,8}|)$' })
export const WindowQuery = Type.Object({
  range: Type.Optional(Type.Enum(RANGES.map(range => range.id))),
  from: Type.Optional(Moment),
  to: Type.Optional(Moment),
  compare: Type.Optional(Type.Enum(['week', ''] as const)),
  forecast: Type.Optional(Type.Enum(['on', ''] as const)),
})
export type WindowQuery = Static<typeof WindowQuery>

const checkQuery = checker(WindowQuery)

export interface TimeWindow {
  /** null: a part that was chosen or zoomed into, which does not move on. */
  range: RangeId | null
  /** Unix ms, both included. */
  from: number
  to: number
  /** The same span a week before is shown too. */
  compare: boolean
  /** How it goes on is shown too, where the window ends now. */
  forecast: boolean
  /** As it stands in a URL: `range=1h`, or `from=…&to=…`, and `compare=week`, `forecast=on`. */
  query: string
}

/** A device younger than this starts with the shortest range: an hour of it would be one stroke. */
const YOUNG_MS = 20 * MINUTE_MS

/** The query with the range that suits a device of this age, where it asks for nothing. */
export function withDefaultRange(query: unknown, ageMs: number): unknown {
  const asked = typeof query === 'object' && query !== null ? query : {}
  const isAsked = ('range' in asked && asked.range) || ('from' in asked && asked.from)
  if (ageMs > YOUNG_MS || isAsked) return query
  return { ...asked, range: RANGES[0].id }
}

const noWindow = (hint: string, rest: { errors?: { path: string; message: string }[] } = {}) =>
  new AppError('E_WINDOW', 'that is not a range of time', { hint, ...rest })

const SPAN_HINT = 'choose between 10 seconds and two years, the end after the beginning'

/**
 * The window that a URL asks for; one hour where it asks for nothing, and up to now where it only says
 * from when on. Times without a zone are of `zone`.
 * @throws AppError E_WINDOW for a range that is none, or a span that is too short or too long
 */
export function windowOf(query: unknown, now: number, zone = 'UTC'): TimeWindow {
  const checked = checkQuery(query)
  if (!checked.ok) throw noWindow(SPAN_HINT, { errors: checked.errors })
  const { range, from, to } = checked.value
  const beside = {
    compare: checked.value.compare === 'week',
    forecast: checked.value.forecast === 'on',
  }
  if (from) return chosen(momentOf(from, zone), to ? momentOf(to, zone) : now, beside)
  const { id, ms } = RANGES.find(known => known.id === range) ?? DEFAULT_RANGE
  return { range: id, from: now - ms, to: now, ...beside, query: queryOf(`range=${id}`, beside) }
}

/** What is shown beside the window itself. */
type Beside = Pick<TimeWindow, 'compare' | 'forecast'>

const queryOf = (span: string, { compare, forecast }: Beside) =>
  `${span}${compare ? '&compare=week' : ''}${forecast ? '&forecast=on' : ''}`

function momentOf(text: string, zone: string): number {
  const at = text.includes('-') ? localToMs(text, zone) : Number(text)
  if (at === null) throw noWindow('there is no such day or hour')
  return at
}

function chosen(from: number, to: number, beside: Beside): TimeWindow {
  const span = to - from
  if (span < SPAN_MS_MIN || span > SPAN_MS_MAX) throw noWindow(SPAN_HINT)
  return { range: null, from, to, ...beside, query: queryOf(`from=${from}&to=${to}`, beside) }
}

/** A URL with local times says another time to somebody elsewhere: it is to be replaced by `query`. */
export function isLocal(query: unknown): boolean {
  const { from, to } = { from: '', to: '', ...(typeof query === 'object' ? query : {}) }
  return [from, to].some(text => String(text).includes('-'))
}

/** The tools around the charts: links that change one thing of the window and keep the others. */
export interface WindowTools {
  ranges: { id: RangeId; query: string; isCurrent: boolean }[]
  /** With, or without, the week before. */
  comparing: string
  /** With, or without, how it goes on; empty: this window has no such thing. */
  forecasting: string
  earlier: string
  /** Empty: it ends now. */
  later: string
  wider: string
  /** From a part back to the usual range. */
  back: string
  /** Values of the form's fields, in the zone of the reader. */
  from: string
  to: string
  zone: string
}

export function windowTools(window: TimeWindow, now: number, zone: string): WindowTools {
  const { from, to, compare, forecast, range } = window
  const beside = { compare, forecast }
  const span = to - from
  const part = (start: number, end: number) => {
    const last = Math.min(end, now)
    const first = Math.max(Math.min(start, last - SPAN_MS_MIN), last - SPAN_MS_MAX)
    return queryOf(`from=${Math.round(first)}&to=${Math.round(last)}`, beside)
  }
  return {
    ranges: RANGES.map(({ id }) => ({
      id,
      query: queryOf(`range=${id}`, beside),
      isCurrent: id === range,
    })),
    comparing: queryOf(range === null ? `from=${from}&to=${to}` : `range=${range}`, {
      ...{ compare: !compare, forecast },
    }),
    forecasting:
      range === null || span < FORECAST_SPAN_MIN
        ? ''
        : queryOf(`range=${range}`, { compare, forecast: !forecast }),
    earlier: part(from - span, to - span),
    later: to >= now ? '' : part(Math.min(from + span, now - span), to + span),
    wider: part(from - span / 2, to + span / 2),
    back: queryOf(`range=${DEFAULT_RANGE.id}`, beside),
    from: msToLocal(from, zone),
    to: msToLocal(to, zone),
    zone,
  }
}
