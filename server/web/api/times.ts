// Times in a query: Unix milliseconds, or ISO 8601 with a zone. Pure.

import type { FieldError } from '../../model/errors.ts'

const HOUR_MS = 3_600_000
/** The longest time that one answer covers. */
const SPAN_MS_MAX = 3660 * 24 * HOUR_MS
/** 9999-12-31: what is later is a mistake in units. */
const TIME_MS_MAX = 253_402_300_799_999

const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+ -]\d\d:\d\d))?$/

/** undefined: it is neither. A `+` that was not escaped arrives as a blank. */
function parseTime(text: string): number | undefined {
  const ms = /^\d{1,15}$/.test(text)
    ? Number(text)
    : ISO.test(text)
      ? Date.parse(text.replace(' ', '+'))
      : Number.NaN
  return ms >= 0 && ms <= TIME_MS_MAX ? ms : undefined
}

/** Both ends are included. Without `to` it is now, without `from` an hour before `to`. */
export function timeSpan(
  texts: { from?: string; to?: string },
  now: number,
): { from: number; to: number; errors: FieldError[] } {
  const errors: FieldError[] = []
  const read = (path: 'from' | 'to', fallback: number): number => {
    const text = texts[path]
    const time = text === undefined ? fallback : parseTime(text)
    if (time !== undefined) return time
    const message = 'must be Unix milliseconds, or ISO 8601 with a zone as 2026-05-01T12:00:00Z'
    errors.push({ path, message })
    return fallback
  }
  const to = read('to', now)
  const from = read('from', Math.max(0, to - HOUR_MS))
  if (errors.length === 0 && from > to)
    errors.push({ path: 'from', message: 'must not be later than to' })
  if (errors.length === 0 && to - from > SPAN_MS_MAX)
    errors.push({ path: 'from', message: 'must be at most 3660 days before to' })
  return { from, to, errors }
}
