// Polling as the rest of the program sees it: what it needs, what can be asked of it and what it tells.

import type { Silence, Target } from '../collectors/collector.ts'
import type { SnmpTransport } from '../config.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import type { Drops } from '../snmp/drops.ts'
import type { Lateness } from './lateness.ts'
import type { PoolLimits } from './limits.ts'
import type { OutletOptions } from './outlet.ts'
import type { PoolCounters } from './pool.ts'
import type { ScheduleCounters } from './schedule.ts'
import type { ThreadStats } from './slot.ts'

/** Who takes what is given on is `onCollection` and `onReceipt`. */
export interface PollerOptions extends OutletOptions {
  /** Enabled devices of the kinds that collectors poll, with opened secrets. May reject. */
  targets: () => Promise<Target[]>
  catalogue: Catalogue
  /** Networks that may be polled beside the private ones. */
  networks: readonly string[]
  /** Default: dgram. */
  snmpTransport?: SnmpTransport
  threadsMin?: number
  /** Default: the number of cores. */
  threadsMax?: number
  /** Another module for the threads; for tests. */
  workerUrl?: URL
  /** Other limits of the pool; for tests. */
  limits?: Partial<PoolLimits>
}

export interface PollerStats {
  devices: number
  threads: ThreadStats[]
  /** From a slot of the grid to the moment its read was handed to a thread, over the last reads. */
  lateness: Lateness
  /** `probed`: looks at silent devices that were not answered. */
  reads: { good: number; failed: number; nothing: number; lost: number; probed: number }
  schedule: ScheduleCounters
  pool: PoolCounters
  /** SNMP datagrams that were no answer to an open request, by why. */
  snmpDrops: Drops
}

/** Times in ms; null: not known yet. */
export interface DevicePolling {
  /** From the last slot of its grid to the moment its read was handed to a thread. */
  lateMs: number | null
  /** How long its reads take, smoothed. */
  readMs: number | null
  /** Why nothing answers: it is then only probed. */
  silence: Silence | null
  thread: number | null
  /** What its last read took: requests that were sent, and tries beyond the first of each. */
  requests: number | null
  retries: number | null
  /** Its next read or probe, Unix ms. */
  nextAt: number | null
}

export interface Poller {
  /** Never rejects for targets that cannot be read yet: that is logged and tried again. */
  start(): Promise<void>
  /** Reads the targets again; what changed is in force when it resolves. @throws what `targets` throws */
  reload(): Promise<void>
  setCatalogue(catalogue: Catalogue): void
  /** Puts the device at the head of its thread's queue; false for a device that is not polled here. */
  pollNow(device: string): boolean
  /**
   * Reads the device every `everyMs` for the next `forMs`; asked for again, it goes on. False for one
   * that is not polled here, that is read as often anyway, or where too many are watched.
   */
  watch(device: string, everyMs: number, forMs: number): boolean
  /** How one device does; null for one that is not polled here. */
  device(device: string): DevicePolling | null
  stats(): PollerStats
  /** Within 3 s: reads under way may end in 1 s, what they give is still given on. */
  close(): Promise<void>
}
