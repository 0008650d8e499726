// Where a group's collections stopped coming, and the gap marks that say so in the charts: one just
// after the last collection (when it is two intervals late), one just before the next. Pure.

import type { AcceptedCollection, KnownDevice } from '../model/accepted.ts'
import type { DeviceStatus } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'

/** Groups of a device that are watched; the store has its own bound. */
const groupsPerDeviceMax = 512
const lateIntervals = 2
const lateGraceMs = 5000
/** A group may be read as seldom as this: what is heard once of a device that goes on is not late before. */
const seldomMs = 3_600_000
/** Collections this far apart, in intervals, have a missed one between them. */
const missedIntervals = 1.5

interface GroupTimes {
  /** Time of the newest collection, and when it came by our clock. */
  at: number
  heardAt: number
  /** The last two distances, ms: a group may be read more seldom than its device. */
  spacings: number[]
  failed: boolean
  /** The reason of the mark that was set after `at`. */
  marked: GapReason | null
}

export type DeviceGroups = Map<string, GroupTimes>

/** Is this collection newer than the last one judged of its group? */
export function isNews(groups: DeviceGroups, { group, at }: AcceptedCollection): boolean {
  const known = groups.get(group)
  return known ? at > known.at : groups.size < groupsPerDeviceMax
}

/**
 * Notes a collection that is news.
 * @returns the mark that ends the gap before it
 */
export function heard(
  groups: DeviceGroups,
  { uid, everyMs }: Pick<KnownDevice, 'uid' | 'everyMs'>,
  { group, at, failed }: AcceptedCollection,
  now: number,
): AcceptedCollection | null {
  const before = groups.get(group)
  const spacings = before ? [...before.spacings, at - before.at].slice(-2) : []
  groups.set(group, { at, heardAt: now, spacings, failed: failed !== null, marked: null })
  // The next collection of a spool that comes late follows the one before: nothing was missing.
  if (!before?.marked || at - before.at < missedIntervals * everyMs) return null
  return mark(uid, group, at - 1, before.marked)
}

/** Nothing is late before this time, by our clock. */
export function postpone(groups: DeviceGroups, until: number): void {
  for (const group of groups.values()) group.heardAt = Math.max(group.heardAt, until)
}

/**
 * The marks that begin a gap now. They lie 1 ms after the last collection: no read of the device can
 * have that time, so a mark never stands in the way of a collection that comes late from a spool.
 */
export function lateMarks(
  groups: DeviceGroups,
  device: Pick<KnownDevice, 'uid' | 'everyMs'>,
  status: DeviceStatus,
  now: number,
): AcceptedCollection[] {
  const marks: AcceptedCollection[] = []
  const lastAt = Math.max(...[...groups.values()].map(({ heardAt }) => heardAt))
  for (const [name, group] of groups) {
    if (group.marked !== null || now < lateAt(group, device.everyMs, lastAt)) continue
    // A failed collection is a gap already, and a device that is down is read less often.
    if (group.failed && status.state === 'down') continue
    group.marked = reasonOf(status)
    marks.push(mark(device.uid, name, group.at + 1, group.marked))
  }
  return marks
}

/** @param lastAt when anything of the device was heard last */
function lateAt({ heardAt, spacings }: GroupTimes, everyMs: number, lastAt: number): number {
  const dueAt = (every: number) => heardAt + lateIntervals * every + lateGraceMs
  if (spacings.length > 0) return dueAt(Math.max(everyMs, Math.min(...spacings)))
  const goesOn = lastAt - heardAt >= everyMs
  return dueAt(goesOn ? Math.max(everyMs, seldomMs) : everyMs)
}

function reasonOf({ state, reason }: DeviceStatus): GapReason {
  if (state === 'paused') return 'paused'
  if (state === 'down') return reason === 'auth' ? 'auth' : 'unreachable'
  return reason === 'device-clock' ? 'device-clock' : 'poller-down'
}

function mark(deviceUid: number, group: string, at: number, reason: GapReason): AcceptedCollection {
  const nothing = { rows: null, metrics: new Map(), gaps: new Map() }
  return { deviceUid, group, at, ...nothing, failed: reason }
}
