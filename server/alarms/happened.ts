// What judge tells of a device as a whole: its state changed, it came up anew. Pure.

import type { DeviceStatus } from '../model/collection.ts'
import type { EventBody } from '../model/event.ts'
import { GAP_TEXT } from '../model/gap.ts'
import { formatSeconds } from '../model/units.ts'

/** `sysUpTime` begins again at 0 after 2^32 hundredths of a second (RFC 3418), s. */
const ticksEnd = 2 ** 32 / 100
/** How far a device's clock and ours may run apart until one wraps, s. */
const wrapSlack = 3600

/**
 * A change of state as an event; null where it is none for people: the first word of a device, and
 * pauses, which somebody made.
 */
export function statusEvent(before: DeviceStatus, after: DeviceStatus): EventBody | null {
  if (before.state === after.state) return null
  if (after.state === 'paused' || before.state === 'paused') return null
  const isFirst = before.state === 'unknown' && before.reason === null
  if (isFirst && after.state === 'up') return null
  const why = after.reason === null ? '' : GAP_TEXT[after.reason]
  const about = { at: after.since, kind: 'status', name: after.state } as const
  switch (after.state) {
    case 'up':
      return { ...about, severity: 'info', text: `Up again after ${lasted(before, after)}` }
    case 'unknown':
      return { ...about, severity: 'warning', text: sentence('No data', why, after.error) }
    default:
      return { ...about, severity: 'critical', text: sentence('Down', why, after.error) }
  }
}

function lasted(before: DeviceStatus, after: DeviceStatus): string {
  const seconds = Math.max(1, Math.round((after.since - before.since) / 1000))
  return `${formatSeconds(seconds)} ${before.state === 'down' ? 'down' : 'without data'}`
}

const sentence = (...parts: (string | undefined)[]): string =>
  parts
    .filter(part => part)
    .join(': ')
    .slice(0, 1000)

export interface Uptime {
  at: number
  /** s */
  value: number
}

/** The restart between two reads of an uptime; null: it went on, or its counter began again. */
export function restartEvent(before: Uptime, now: Uptime): EventBody | null {
  if (now.at <= before.at || now.value >= before.value) return null
  const expected = before.value + (now.at - before.at) / 1000
  if (expected > ticksEnd - wrapSlack && Math.abs(expected - ticksEnd - now.value) < wrapSlack) {
    return null
  }
  return {
    at: Math.max(before.at, Math.round(now.at - now.value * 1000)),
    kind: 'reboot',
    severity: 'warning',
    name: 'restart',
    text: `Restarted after ${formatSeconds(Math.round(before.value))}`,
    fields: { uptimeBefore: String(Math.round(before.value)) },
  }
}
