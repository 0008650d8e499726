// What the cases of compaction and retention share: a time to begin with, reading over any time, and
// maintenance that runs until nothing is left to do.

import type { SamplePoint, Store } from '../../server/store/contract.ts'
import type { Place } from './place.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
/** A Thursday, where a week of roll-ups begins. */
export const T0 = Date.UTC(2026, 0, 1)

export type Stored = Record<string, SamplePoint[]>

/** `metric row` → points, as `readAll` gives it, over any time. */
export async function readRange(
  store: Store,
  deviceUid: number,
  metrics: string[],
  range: { from: number; to: number; points?: number; fn?: 'avg' | 'min' | 'max' | 'last' },
): Promise<Stored> {
  const read = await store.samples.read({ deviceUid, group: 'interface', metrics, ...range })
  return Object.fromEntries(read.map(({ metric, row, points }) => [`${metric} ${row}`, points]))
}

/** Steps until there is nothing to do at that time, and in the two hours after it. */
export async function tend(store: Pick<Store, 'maintenance'>, now: number): Promise<void> {
  for (let later = 0; later <= 2 * HOUR; later += 25 * MINUTE) {
    let steps = 0
    while ((await store.maintenance.step(now + later)) === 'worked') {
      if (++steps > 5000) throw new Error('maintenance does not come to an end')
    }
  }
}

export const count = async (place: Place, table: string): Promise<number> =>
  Number((await place.raw(`select count(*) as n from ${table}`))[0]?.n)

export const minutes = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => T0 + (from + index) * MINUTE)
