// Into which windows the samples of a stream are cut: about 240 samples each, aligned to UTC, so that
// a window never lies across the edge of a longer one or of a day. Pure.

import { dayMs, floorTo, hourMs } from './tiers.ts'

/** Each divides the next. None is shorter than a point of the finest roll-up. */
const LENGTHS = [hourMs / 4, hourMs, 4 * hourMs, dayMs] as const
const samplesWanted = 200

export const windowMax = dayMs

/** Polls that are looked at to know how often the stream is read. */
export const spacingPolls = 17

export interface Window {
  t0: number
  /** Not included. */
  t1: number
}

/** The window of a length that a time lies in. */
const windowAt = (at: number, length: number): Window => {
  const t0 = floorTo(at, length)
  return { t0, t1: t0 + length }
}

/**
 * The windows that the first of these times may begin, the best one first.
 * @param times the stream's oldest polls, rising
 */
export function windowsFor(times: readonly number[]): Window[] {
  const first = times[0] ?? 0
  const steps = times.slice(1).map((at, index) => at - (times[index] ?? at))
  const step = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? dayMs
  const best = LENGTHS.findIndex(length => length / step >= samplesWanted)
  const lengths = LENGTHS.slice(0, best === -1 ? LENGTHS.length : best + 1)
  return lengths.reverse().map(length => windowAt(first, length))
}
