// The time that a message gives for itself: Unix time in whatever fraction of a second, or ISO 8601
// with its zone. A time without zone is nobody's: the message's arrival counts instead.

/** Before this nobody published by MQTT: a clock that was never set (2010-01-01). */
const earliestMs = 1_262_304_000_000
/** How far ahead of ours a sender's clock may be; ingest allows as much. */
export const aheadMsMax = 5 * 60_000

const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/

/** Unix ms; null: it gives no time; 'wrong': one that cannot be. */
export function timeOf(value: unknown, now: number): number | null | 'wrong' {
  const ms = typeof value === 'string' ? textMs(value.trim()) : unixMs(value)
  if (ms === null) return null
  return ms >= earliestMs && ms <= now + aheadMsMax ? ms : 'wrong'
}

function textMs(text: string): number | null {
  if (/^\d{1,20}(\.\d{1,9})?$/.test(text)) return unixMs(Number(text))
  if (!ZONED.test(text)) return null
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? null : ms
}

/** Seconds, ms, µs or ns, told by the size of the number: they are a thousand apart. */
function unixMs(value: unknown): number | null {
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) return null
  if (number < 1e11) return Math.round(number * 1000)
  if (number < 1e14) return Math.round(number)
  return Math.round(number < 1e17 ? number / 1e3 : number / 1e6)
}
