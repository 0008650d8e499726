// A device that tells more than anybody can read: so many events a minute are stored, the rest are
// counted and become one event that says how many there were.

import type { EventBody } from '../model/event.ts'

/** Events of one device in a minute; each ingester counts by itself. */
export const eventsPerMinuteMax = 600
const minuteMs = 60_000

export interface Flood {
  /** False: it is one too many. */
  takes(deviceUid: number, event: EventBody, now: number): boolean
  /** For each device whose minute is over and had too many: the event that says so. */
  over(now: number): { deviceUid: number; event: EventBody }[]
}

interface Minute {
  from: number
  taken: number
  left: number
  /** Of the newest that was left out. */
  kind: EventBody['kind']
}

export function createFlood(perMinuteMax: number = eventsPerMinuteMax): Flood {
  /** Devices that told something in the last minute. */
  const minutes = new Map<number, Minute>()
  return {
    takes(deviceUid, { kind }, now) {
      const minute = minutes.get(deviceUid) ?? { from: now, taken: 0, left: 0, kind }
      minutes.set(deviceUid, minute)
      if (minute.taken < perMinuteMax) {
        minute.taken++
        return true
      }
      minute.left++
      minute.kind = kind
      return false
    },
    over(now) {
      const told: ReturnType<Flood['over']> = []
      for (const [deviceUid, { from, left, kind }] of minutes) {
        // A clock that was set back ends a minute too.
        if (now >= from && now < from + minuteMs) continue
        minutes.delete(deviceUid)
        if (left > 0) told.push({ deviceUid, event: summaryOf(left, kind, now) })
      }
      return told
    },
  }
}

function summaryOf(left: number, kind: EventBody['kind'], at: number): EventBody {
  return {
    ...{ at, kind, severity: 'warning', name: 'flood' },
    text: `${left.toLocaleString('en')} more events came within a minute and were not stored`,
    fields: { left: String(left) },
  }
}
