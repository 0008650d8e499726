// The arithmetic of the schedule: where a device's grid lies, and how many of its slots a device that
// fails leaves out. Pure.

/** Failed reads in a row before a device is read less often. */
const failuresBeforeBackOff = 3
const backOffIntervalsMax = 8
export const backOffMsMax = 5 * 60_000

/** 32-bit FNV-1a with murmur3's finalizer, so that ids that differ by one digit lie far apart. */
export function hashId(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The first slot `phase + k × every` at or after `time`. */
export function slotAtOrAfter(time: number, phase: number, everyMs: number): number {
  return phase + Math.ceil((time - phase) / everyMs) * everyMs
}

/**
 * Intervals to the next read after this many failures in a row: 1, then 2, 4, at most 8, never
 * beyond 5 min. The jitter (up to a quarter) is in whole slots, so that reads stay on the grid.
 * @param random from 0 to below 1
 */
export function backOffIntervals(failures: number, everyMs: number, random: number): number {
  if (failures < failuresBeforeBackOff) return 1
  const doubled = 2 ** Math.min(failures - failuresBeforeBackOff + 1, 10)
  const allowed = Math.max(1, Math.floor(backOffMsMax / everyMs))
  const most = Math.min(doubled, backOffIntervalsMax, allowed)
  return most - Math.floor(random * (Math.floor(most / 4) + 1))
}
