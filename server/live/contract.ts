// The newest values of every device, and who wants to hear of new ones: memory, or Redis.
// Losing it costs nothing: it is filled again from the store and the next samples.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'

export interface LatestSample {
  group: string
  metric: string
  row: string | null
  value: Value
  gap: GapReason | null
  at: number
}

export interface Live {
  /** Ignored where a newer collection of that device and group is already here. */
  put(collection: AcceptedCollection): Promise<void>
  latest(deviceUid: number): Promise<LatestSample[]>
  /** Every accepted collection of one device (or of all), as it comes. Returns how to stop. */
  subscribe(
    deviceUid: number | 'all',
    listener: (collection: AcceptedCollection) => void,
  ): () => void
  forget(deviceUid: number): Promise<void>
  close(): Promise<void>
}
