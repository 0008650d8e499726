// "This one of 50 differs": how far each value is from the middle of its group, in units of the group's own
// usual distance. Medians, so that a few odd ones cannot hide each other.

import { medianOf, robustSpread } from './forecast/statistics.ts'

/** In a smaller group nothing is usual. */
export const PEERS_MIN = 5
/** From so many usual distances on a value differs. */
const DIFFERS = 5
/** Values nearer to the middle than this share of it are alike, even where all others are equal. */
const ALIKE = 0.05

export interface Peer<T> {
  of: T
  value: number
}

export interface OddPeer<T> extends Peer<T> {
  /** In usual distances, above or (negative) below the middle. */
  distance: number
  /** The middle of the group, and how many are in it. */
  middle: number
  peers: number
}

/**
 * Those that differ, the farthest first.
 * @param peers values of one metric at one time; NaN and infinite ones are left out
 * @param least a difference below this, in the unit of the values, is none
 */
export function oddPeers<T>(peers: readonly Peer<T>[], least = 0): OddPeer<T>[] {
  const known = peers.filter(({ value }) => Number.isFinite(value))
  if (known.length < PEERS_MIN) return []
  const values = known.map(({ value }) => value)
  const middle = medianOf(values)
  const usual = Math.max(robustSpread(values), ALIKE * Math.abs(middle), least / DIFFERS)
  return known
    .map(one => ({
      ...one,
      distance: one.value === middle ? 0 : (one.value - middle) / usual,
      middle,
      peers: known.length,
    }))
    .filter(({ distance }) => Math.abs(distance) > DIFFERS)
    .sort((a, b) => Math.abs(b.distance) - Math.abs(a.distance))
}
