// Local times of a zone as `<input type="datetime-local">` writes them, to Unix ms and back.

const MINUTE_MS = 60_000
const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?$/

/** How far a zone is ahead of UTC at a moment, ms. */
function offsetMs(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(at)
  const of = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find(part => part.type === type)?.value ?? 0)
  const local = Date.UTC(
    of('year'),
    of('month') - 1,
    of('day'),
    of('hour'),
    of('minute'),
    of('second'),
  )
  return local - Math.floor(at / 1000) * 1000
}

/**
 * `2026-11-22T21:30` in a zone; null: that is no such time. Of an hour that comes twice it is the
 * second; one that a change of the clocks leaves out is the hour after it.
 */
export function localToMs(text: string, zone: string): number | null {
  const fields = LOCAL.exec(text)?.slice(1).map(Number)
  if (!fields) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields
  const asUtc = Date.UTC(year, month - 1, day, hour, minute, second || 0)
  const isReal = new Date(asUtc).getUTCDate() === day && hour < 24 && minute < 60
  if (!isReal) return null
  const guess = asUtc - offsetMs(asUtc, zone)
  return asUtc - offsetMs(guess, zone)
}

/** For the `value` of such a field, to the minute. */
export function msToLocal(at: number, zone: string): string {
  const minute = Math.floor(at / MINUTE_MS) * MINUTE_MS
  return new Date(minute + offsetMs(minute, zone)).toISOString().slice(0, 16)
}
