// The state of a device as one pure function: what was heard of it, and when, gives up, down,
// unknown or paused. It keeps no clock, sends nothing and writes nothing.

import type { KnownDevice } from '../model/accepted.ts'
import type { DeviceStatus } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'

/** Collections of one read carry the same time; docker and agents may differ by a little, ms. */
const sameReadMs = 2000
/** A failed group waits this long for a good one of the same read before the device is down, ms. */
export const settleMs = 250
/** Intervals without any collection before nothing is known any more, and a grace, ms. */
const silentIntervals = 2
const silentGraceMs = 5000
/** A device that is down is read less often, at most every eighth interval. */
const silentIntervalsWhileDown = 10

/** A failed read with one of these says that the device cannot be reached. */
const DOWN = new Set<GapReason>(['timeout', 'unreachable', 'auth'])
/** With one of these something answered. */
const ANSWERED = new Set<GapReason>([
  'partial',
  'decode',
  'no-such-object',
  'reset',
  'wrap-unsure',
  'first',
  'range',
])

export type StatusEvent =
  /** `partly`: what of it is not well, in words. */
  | { type: 'good'; at: number; now: number; partly?: string }
  | { type: 'failed'; at: number; now: number; reason: GapReason; error: string | null }
  /** Time went on. */
  | { type: 'tick'; now: number }

export interface Judged {
  status: DeviceStatus
  /** Time of the newest good collection of any group. */
  goodAt: number
  /** When a collection last came, by our clock; or since when one is waited for. */
  heardAt: number
  /** The first failed collection of a read that may still turn out good. */
  pending: { at: number; dueAt: number; reason: GapReason; error: string | null } | null
}

/** A device of which nothing is known yet. */
export function unjudged(now: number): Judged {
  return {
    status: { state: 'unknown', since: now, reason: null },
    goodAt: Number.NEGATIVE_INFINITY,
    heardAt: now,
    pending: null,
  }
}

/** What is known of the device after this; the same object where nothing changed. */
export function nextStatus(
  judged: Judged,
  event: StatusEvent,
  device: Pick<KnownDevice, 'enabled' | 'everyMs'>,
): Judged {
  if (!device.enabled) {
    if (judged.status.state === 'paused') return judged
    return {
      ...unjudged(event.now),
      status: { state: 'paused', since: event.now, reason: 'paused' },
    }
  }
  if (judged.status.state === 'paused') {
    return nextStatus(unjudged(event.now), event, device)
  }
  if (event.type === 'good') return heardGood(judged, event.at, event.now, event.partly)
  if (event.type === 'failed') return heardFailed(judged, event)
  return afterTick(judged, event.now, device.everyMs)
}

/** When silence begins, by our clock; it depends on whether the device was read less often. */
export function silentAt({ status, heardAt }: Judged, everyMs: number): number {
  const intervals = status.state === 'down' ? silentIntervalsWhileDown : silentIntervals
  return heardAt + intervals * everyMs + silentGraceMs
}

function heardGood(judged: Judged, at: number, now: number, partly?: string): Judged {
  const { status, pending } = judged
  const goodAt = Math.max(judged.goodAt, at)
  const isAnswered = pending !== null && goodAt >= pending.at - sameReadMs
  return {
    status: partly === undefined ? up(status, at) : degraded(status, at, partly),
    goodAt,
    heardAt: now,
    pending: isAnswered ? null : pending,
  }
}

const up = (status: DeviceStatus, at: number): DeviceStatus =>
  status.state === 'up' ? status : { state: 'up', since: at, reason: null }

function degraded(status: DeviceStatus, at: number, error: string): DeviceStatus {
  const isSame = status.state === 'degraded'
  if (isSame && status.error === error) return status
  return { state: 'degraded', since: isSame ? status.since : at, reason: null, error }
}

function heardFailed(
  judged: Judged,
  { at, now, reason, error }: Extract<StatusEvent, { type: 'failed' }>,
): Judged {
  const heard = { ...judged, heardAt: now }
  if (ANSWERED.has(reason)) return heardGood(heard, at, now)
  if (reason === 'device-clock') {
    return { ...heard, pending: null, status: changed(judged.status, 'unknown', at, reason, error) }
  }
  if (!DOWN.has(reason) || judged.goodAt >= at - sameReadMs) return heard
  if (judged.status.state === 'down') {
    return { ...heard, status: changed(judged.status, 'down', at, reason, error) }
  }
  return judged.pending
    ? heard
    : { ...heard, pending: { at, dueAt: now + settleMs, reason, error } }
}

function afterTick(judged: Judged, now: number, everyMs: number): Judged {
  const { pending, status } = judged
  if (pending && now >= pending.dueAt) {
    const { at, reason, error } = pending
    return { ...judged, pending: null, status: changed(status, 'down', at, reason, error) }
  }
  if (now < silentAt(judged, everyMs) || status.reason === 'poller-down') return judged
  return { ...judged, status: { state: 'unknown', since: judged.heardAt, reason: 'poller-down' } }
}

/** `since` stays while the state does; the same object where all is as it was. */
function changed(
  status: DeviceStatus,
  state: DeviceStatus['state'],
  at: number,
  reason: GapReason,
  error: string | null,
): DeviceStatus {
  const isSame = status.state === state
  if (isSame && status.reason === reason && (status.error ?? null) === error) return status
  const since = isSame ? status.since : at
  return { state, since, reason, ...(error !== null && { error }) }
}
