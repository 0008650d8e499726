// A device as the poller sees it: what is known of its reads, and what was told of it.

import { type ReadCost, type Silence, type Target, UNKNOWN_GROUP } from '../collectors/collector.ts'
import type { PooledDevice } from './device.ts'
import type { CollectedMessage } from './protocol.ts'
import type { Fingerprint } from './targets.ts'

/** Groups of one device that gaps are reported for. */
const groupsMax = 512

export interface Polled extends PooledDevice {
  print: Fingerprint
  /** Groups of the last two reads that told any; what both have is read at every slot. */
  groups: [string[], string[]]
  /** Why nothing answers; null: something did at the last read. */
  silence: Silence | null
  /** How late the last read of a slot was handed to its thread, ms; null: none was yet. */
  lateMs: number | null
  /** Of the last read; null: not known, or its collector does not count. */
  cost: ReadCost | null
  /** The receipt `loaded` is due. */
  announce: boolean
  /** The receipt `first-good` was given since the last change. */
  good: boolean
  /** The error of the last receipt `failed` since then: the same one is not repeated. */
  told: string | null
}

export function createPolled(target: Target, print: Fingerprint, everyMs: number): Polled {
  return {
    id: target.config.id,
    target,
    everyMs,
    epoch: 0,
    thread: null,
    job: null,
    deaths: 0,
    readMs: null,
    costMs: null,
    load: 0,
    print,
    groups: [[], []],
    silence: null,
    lateMs: null,
    cost: null,
    announce: true,
    good: false,
    told: null,
  }
}

export function rememberGroups(device: Polled, groups: readonly string[]): void {
  if (groups.length > 0) device.groups = [groups.slice(0, groupsMax), device.groups[0]]
}

/** The groups that a slot of this device usually reads. */
export function usualGroups({ groups: [last, before] }: Polled): string[] {
  const both = last.filter(group => before.includes(group))
  if (both.length > 0) return both
  return last.length > 0 ? last : [UNKNOWN_GROUP]
}

export function silenceOf({ silent, reason, error }: CollectedMessage): Silence | null {
  return silent && reason ? { reason, error: error ?? reason } : null
}
