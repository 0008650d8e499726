// What the main thread and a poll thread say to each other. Both ends are ours and of one version,
// so nothing is checked at run time. Secrets travel by these messages only and are never logged.

import type { ReadCost, Target } from '../collectors/collector.ts'
import type { SnmpTransport } from '../config.ts'
import type { DeviceIdentity, DeviceTuning } from '../model/device.ts'
import type { GapReason } from '../model/gap.ts'
import type { ProfileSource } from '../profiles/catalogue.ts'
import type { Drops } from '../snmp/drops.ts'

/** What a thread is born with (its `workerData`). */
export interface ThreadInit {
  thread: number
  sources: readonly ProfileSource[]
  /** For the address policy: what may be polled beside the private networks. */
  networks: readonly string[]
  snmpTransport: SnmpTransport
}

/** `epoch` names one assignment: what a device's earlier assignment still sends is told apart by it. */
export interface Assignment {
  epoch: number
  target: Target
}

/** What goes over is always an array of these, all that one turn of the event loop said (gather.ts). */
export type ToThread =
  | { do: 'assign'; devices: Assignment[] }
  | { do: 'drop'; devices: { id: string; epoch: number }[] }
  | { do: 'catalogue'; sources: readonly ProfileSource[] }
  /** `at`: the scheduled time, Unix ms. `deadlineMs`: after so long the read is aborted. */
  | { do: 'poll'; id: string; epoch: number; at: number; deadlineMs: number; probe: boolean }
  /** Reads under way may end within `drainMs`, then they are aborted; readers close; the thread ends. */
  | { do: 'close'; drainMs: number }

/** `inventory`: rows that are not retained, since each read brings them anew. */
export type Channel = 'samples' | 'rows' | 'inventory' | 'events'

/**
 * One message for MQTT: JSON text without the sender's numbers. All bodies that go over together lie
 * in one buffer, which is transferred.
 */
export interface EncodedBody {
  channel: Channel
  /** Empty for events. */
  group: string
  body: Uint8Array<ArrayBuffer>
}

export interface LoadedMessage {
  is: 'loaded'
  id: string
  epoch: number
  /** Why the reader could not be opened; null: it was. */
  error: string | null
}

export interface CollectedMessage {
  is: 'collected'
  id: string
  epoch: number
  /** Nothing answered, or nothing that knows us: outcome, reason and error say so too. */
  silent: boolean
  /** good: some group gave something; failed: none did; nothing: no group was due. */
  outcome: 'good' | 'failed' | 'nothing'
  /** Of the silence, or of the first group that failed, where the outcome is `failed`. */
  reason: GapReason | null
  error: string | null
  identity: DeviceIdentity | null
  /** What was learned of the device, where it is news. */
  tuning: DeviceTuning | null
  /** Groups that this read gave or failed to give. */
  groups: string[]
  bodies: EncodedBody[]
  tookMs: number
  /** Null: not counted. */
  cost: ReadCost | null
}

/** What a reader told between its reads. */
export interface ToldMessage {
  is: 'told'
  id: string
  epoch: number
  bodies: EncodedBody[]
  readSoon: boolean
}

/** Once a second; its absence means that the thread hangs. */
export interface HeartbeatMessage {
  is: 'heartbeat'
  /** Event loop utilisation since the last one, 0 to 1, and the busy time behind it. */
  utilisation: number
  activeMs: number
  /** Reads that did not end at their abort and were given up, since the start. */
  abandoned: number
  /** SNMP datagrams that were dropped since the last one. */
  snmpDrops: Drops
}

export interface LogMessage {
  is: 'log'
  level: 'warn' | 'error'
  message: string
  device: string | null
  error: string
  /** Messages of this thread that were held back since the last one. */
  dropped: number
}

export type FromThread =
  | LoadedMessage
  | CollectedMessage
  | ToldMessage
  | HeartbeatMessage
  | LogMessage
  | { is: 'closed' }
