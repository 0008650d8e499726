// What many samples of one series are together. Pure.

import { ABSENT } from './codec.ts'

export interface Summary {
  count: number
  avg: number
  min: number
  max: number
  last: number
}

/** Of two equally frequent reasons, the one with the lower number. */
export function mostFrequent(gaps: ReadonlyMap<number, number> | undefined | null): number {
  let most = ABSENT
  let mostCount = 0
  for (const [gap, count] of gaps ?? []) {
    if (count > mostCount || (count === mostCount && gap < most)) {
      most = gap
      mostCount = count
    }
  }
  return most
}
