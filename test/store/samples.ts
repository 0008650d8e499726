// What the cases of samples share: collections made shortly, and a store with one device.

import type { Test } from 'tap'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Value } from '../../server/model/collection.ts'
import type { GapReason } from '../../server/model/gap.ts'
import type { SamplePoint, Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { log, type NewPlace, type Place } from './place.ts'

export const config = (id: string) => ({
  id,
  name: id,
  kind: 'snmp' as const,
  address: '192.0.2.1',
  profiles: ['auto'],
  every: '60s',
  timeout: '2s',
  retries: 1,
  enabled: true,
})

export type Cell = number | string | { gap: GapReason }

/** A collection: metric → one cell per row. */
export function collected(
  deviceUid: number,
  at: number,
  rows: string[] | null,
  cells: Record<string, Cell[]>,
  group = 'interface',
): AcceptedCollection {
  const metrics = new Map<string, Value[]>()
  const gaps = new Map<string, (GapReason | null)[]>()
  for (const [metric, list] of Object.entries(cells)) {
    metrics.set(
      metric,
      list.map(cell => (typeof cell === 'object' ? null : cell)),
    )
    gaps.set(
      metric,
      list.map(cell => (typeof cell === 'object' ? cell.gap : null)),
    )
  }
  return { deviceUid, group, at, rows, metrics, gaps, failed: null }
}

export const failed = (
  deviceUid: number,
  at: number,
  reason: GapReason,
  group = 'interface',
): AcceptedCollection => ({
  deviceUid,
  group,
  at,
  rows: null,
  metrics: new Map(),
  gaps: new Map(),
  failed: reason,
})

export const good = (at: number, value: number | string): SamplePoint => ({ at, value, gap: null })
export const gap = (at: number, reason: GapReason): SamplePoint => ({
  at,
  value: null,
  gap: reason,
})

/** `metric row` → points. */
export async function readAll(
  store: Store,
  deviceUid: number,
  metrics: string[],
  more: { points?: number; fn?: 'avg' | 'min' | 'max' | 'last'; to?: number; rows?: string[] } = {},
  group = 'interface',
): Promise<Record<string, SamplePoint[]>> {
  const read = await store.samples.read({
    deviceUid,
    group,
    metrics,
    from: 0,
    to: 1_000_000,
    ...more,
  })
  return Object.fromEntries(read.map(({ metric, row, points }) => [`${metric} ${row}`, points]))
}

export const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`)

export async function opened(
  t: Test,
  newPlace: NewPlace,
): Promise<{ place: Place; store: Store; uid: number }> {
  const place = await newPlace(t)
  const store = await openStore({ url: place.url, log })
  t.teardown(() => store.close())
  const { uid } = await store.devices.create(config('sw'), 'form', 1)
  return { place, store, uid }
}
