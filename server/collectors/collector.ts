// Where a protocol plugs in. A collector runs in a poll thread: it gets a target with its secrets
// already opened, and gives collections. It knows nothing of MQTT, stores or schedules.

import type { AddressPolicy } from '../addresses.ts'
import type { GoodCollection, RowsMessage } from '../model/collection.ts'
import type { DeviceConfig, DeviceIdentity, DeviceKind, DeviceTuning } from '../model/device.ts'
import type { EventBody } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { EncodedCollection } from '../profiles/encoded.ts'

/** A device as a poll thread gets it: the config, with every secret of it opened. */
export interface Target {
  config: DeviceConfig
  version: number
  /** Secret name → its text, for every `{ "secret": NAME }` in the config. */
  secrets: Record<string, string>
  /** What was known of it before, so that a restart need not identify again. */
  identity: DeviceIdentity | null
  /** What reading it taught before, so that it need not be learned again. */
  tuning?: DeviceTuning | null
}

/** What "Test" shows: whether it answers, what it is, and which profiles fit. */
export type CheckReport =
  | { ok: true; tookMs: number; identity: DeviceIdentity }
  | { ok: false; tookMs: number; reason: GapReason; error: string; hint: string }

/** Without the sender's numbers and version: the main thread adds those. */
export type Body<T> = Omit<T, 'v' | 'src' | 'boot' | 'seq'>

/** One read of a device. Groups that were not due are left out. */
export interface Collected {
  collections: { group: string; body: EncodedCollection | Body<GoodCollection> | FailedBody }[]
  /** Row names, where they changed since the last read. */
  rows: { group: string; body: Body<RowsMessage> }[]
  /** What happened to it, where the read showed that. */
  events?: EventBody[]
  /** Set when the device was identified (again) in this read. */
  identity: DeviceIdentity | null
  /**
   * Set where nothing answered, or nothing that knows us: the device is then probed until it
   * answers. A collector that never says so is read again and again.
   */
  silent?: Silence | null
  /** Where the collector counts it. */
  cost?: ReadCost | null
  /** Set when what was learned about the device changed in a way that matters; seldom. */
  tuning?: DeviceTuning | null
}

/** What a reader tells between its reads: it goes out at once. */
export interface Told extends Partial<Pick<Collected, 'collections' | 'rows' | 'events'>> {
  /** The device is another than it was: it is to be read now, not at its next slot. */
  readSoon?: true
}
export type Tell = (told: Told) => void

/** What a read took on the wire. */
export interface ReadCost {
  requests: number
  /** Tries beyond the first of each request. */
  retries: number
}

export interface Silence {
  reason: GapReason
  error: string
}

export interface ReadOptions {
  /** First a look, by one request, whether a silent device answers again; where it does not, no more. */
  probe: boolean
}

export interface FailedBody {
  at: number
  took: number
  ok: false
  reason: GapReason
  error: string
}

/** The group that a failed read is reported under while no group of the device is known. */
export const UNKNOWN_GROUP = 'device'

/** A device being polled. It keeps rate state, cached columns and connections between reads. */
export interface DeviceReader {
  /**
   * Reads every group that is due. Does not reject for what a device does wrong: that is a failed
   * collection for each due group. A probe that is not answered gives none. `at` is the scheduled
   * time, Unix ms.
   */
  collect(at: number, signal: AbortSignal, options?: ReadOptions): Promise<Collected>
  /** The profiles changed on disk: rates and identity go on where they can. */
  setCatalogue(catalogue: Catalogue): void
  close(): Promise<void>
}

/** What every collector gets beside its target. */
export interface Surroundings {
  catalogue: Catalogue
  addresses: AddressPolicy
}

export interface Collector {
  readonly kind: DeviceKind
  /** For "Test": one quick look, at most a few requests. Never rejects for what a device does wrong. */
  check(target: Target, surroundings: Surroundings, signal: AbortSignal): Promise<CheckReport>
  /** `tell` may be called until the reader is closed; a collector that only answers reads ignores it. */
  open(target: Target, surroundings: Surroundings, tell?: Tell): DeviceReader
}
