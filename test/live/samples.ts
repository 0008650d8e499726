// Collections for the tests of live, and its newest samples as lines that are easy to compare.

import type { LatestSample } from '../../server/live/contract.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Value } from '../../server/model/collection.ts'
import type { GapReason } from '../../server/model/gap.ts'

/** Every null has the gap `range`. */
export function table(
  deviceUid: number,
  group: string,
  at: number,
  rows: string[] | null,
  columns: Record<string, Value[]>,
): AcceptedCollection {
  const gaps = new Map<string, (GapReason | null)[]>()
  for (const [name, values] of Object.entries(columns)) {
    if (values.includes(null))
      gaps.set(
        name,
        values.map(value => (value === null ? 'range' : null)),
      )
  }
  const metrics = new Map(Object.entries(columns))
  return { deviceUid, group, at, rows, metrics, gaps, failed: null }
}

export function scalars(
  deviceUid: number,
  group: string,
  at: number,
  metrics: Record<string, Value>,
): AcceptedCollection {
  const columns = Object.entries(metrics).map(([name, value]) => [name, [value]])
  return table(deviceUid, group, at, null, Object.fromEntries(columns))
}

export function failed(
  deviceUid: number,
  group: string,
  at: number,
  reason: GapReason,
): AcceptedCollection {
  return { ...table(deviceUid, group, at, null, {}), failed: reason }
}

/** `group.metric[row] = value (gap) @at`, sorted. */
export function values(samples: readonly LatestSample[]): string[] {
  return samples
    .map(({ group, metric, row, value, gap, at }) => {
      const where = row === null ? '' : `[${row}]`
      return `${group}.${metric}${where} = ${value}${gap ? ` (${gap})` : ''} @${at}`
    })
    .sort()
}
