// What `ingest/accept` makes of a message, and what it must know for that. The types lie here because
// ingest, judge, store and live all speak of accepted collections and may not import each other.

import type { RowInfo, Value } from './collection.ts'
import type { DeviceKind } from './device.ts'
import type { EventBody } from './event.ts'
import type { GapReason } from './gap.ts'
import type { Inventory } from './neighbour.ts'

/** A collection that has passed `ingest/accept`: device known, times believable, arrays of one length. */
export interface AcceptedCollection {
  deviceUid: number
  group: string
  at: number
  /** Row keys; null for scalars. */
  rows: string[] | null
  /** Metric → a value per row (an array of one for scalars). */
  metrics: Map<string, Value[]>
  /** Metric → a reason per row where the value is null; a metric without gaps is absent. */
  gaps: Map<string, (GapReason | null)[]>
  /** Set for a failed collection: every open series of the group gets this gap at `at`. */
  failed: GapReason | null
  /** Which part of what was read at this time it is, where the others go to other ingesters. */
  part?: number
  /** Rows that are not in it are as they were, where else they would be gone. */
  some?: true
}

/** What accept and judge need to know of a device. */
export interface KnownDevice {
  id: string
  uid: number
  /** Ms between two reads. */
  everyMs: number
  enabled: boolean
  kind: DeviceKind
}

/** The devices as they are now, in memory; a deleted one is not in it. */
export interface DeviceLookup {
  get(id: string): KnownDevice | undefined
  all(): Iterable<KnownDevice>
}

/** Why a message was not taken. The list is closed: it is counted and acknowledged by these names. */
export const REFUSAL_REASONS = [
  'topic',
  'unknown-device',
  'too-large',
  'json',
  'schema',
  'shape',
  'number',
  'duplicate-row',
  'too-many',
  'part',
  'device-clock',
  'too-old',
  /** More events of one device in a minute than are stored. */
  'flood',
  'store-error',
  'store-refused',
] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** One sender's number of a message. */
export interface SenderNumber {
  src: string
  boot: string
  seq: number
}

export interface AcceptContext {
  site: string
  /** Unix ms. */
  now: number
  /** How far back a collection may lie, ms. */
  retentionMs: number
  devices: Pick<DeviceLookup, 'get'>
}

export interface Refused {
  refused: RefusalReason
  /** What was wrong, for the log. */
  detail: string
  device: KnownDevice | null
  group: string | null
  /** Null: the sender does not number, or its numbers could not be read. */
  number: SenderNumber | null
}

export interface Accepted {
  refused: null
  device: KnownDevice
  collection: AcceptedCollection
  number: SenderNumber | null
  /** `[i, n]`: part i of n of one collection, counted from 1. */
  part: [number, number] | null
  /** A failed collection's own words. */
  error: string | null
}

export interface AcceptedRows {
  refused: null
  device: KnownDevice
  group: string
  at: number
  rows: RowInfo[]
  /** Neighbours or addresses, where it is one whole read of them. */
  inventory?: Inventory | undefined
  number: SenderNumber | null
}

export interface AcceptedEvent {
  refused: null
  device: KnownDevice
  /** Its texts are one line each, without control or direction characters. */
  event: EventBody
  number: SenderNumber | null
}

/** `ingest/accept` as judge gets it. Pure; never throws. */
export type Accept = (
  message: { topic: string; payload: Uint8Array },
  context: AcceptContext,
) => Accepted | Refused
