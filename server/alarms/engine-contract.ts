// What the engine of alarms is given, and what may be asked of it.

import type { AcceptedCollection, KnownDevice } from '../model/accepted.ts'
import type { Alarm, NewTransition, TransitionReason } from '../model/alarm.ts'
import type { DeviceStatus } from '../model/collection.ts'
import type { ConditionType } from '../model/rule.ts'
import type { Pending } from './pending.ts'
import type { CompiledRule } from './rulebook.ts'
import type { Watched } from './watched.ts'

/** What the engine must know of a device beside its samples. */
export interface DeviceRules {
  name: string
  parents: readonly string[]
  rules: readonly CompiledRule[]
}

export interface EngineOptions {
  /** The device's rules as they are now; null: it is not known (yet). Must answer from memory. */
  rules(device: KnownDevice): DeviceRules | null
  everyMs(id: string): number
  /** The maintenance window that a device is in, if any. */
  maintenance(id: string, now: number): boolean
  /** The newest values from before this start; for rules about changes. */
  latest?(device: KnownDevice, group: string, metric: string): readonly Latest[]
  /** The average of the same hour of last week; undefined: not read yet. */
  lastWeek?(device: KnownDevice, series: SeriesName): number | null | undefined
  emit(transition: NewTransition): void
  now?: () => number
  /** ms that only grow. */
  mono?: () => number
}

export interface Latest {
  row: string | null
  value: number | string | null
}

export interface SeriesName {
  group: string
  metric: string
  row: string | null
}

export interface EngineStats {
  judged: number
  late: number
  rules: number
  devices: number
  open: number
  /** Raises that were left out, as one rule has too many alarms already. */
  overflowed: number
}

export interface Engine {
  /** Every accepted collection. */
  collection(device: KnownDevice, collection: AcceptedCollection): void
  /** What models give of a series. */
  derived(
    device: KnownDevice,
    type: ConditionType & ('anomaly' | 'days-to-full'),
    series: SeriesName & { at: number; value: number },
  ): void
  status(device: KnownDevice, status: DeviceStatus): void
  /** The device is gone, or paused: its alarms end. */
  forget(id: string, reason: TransitionReason): void
  /** Rules, configs or profiles changed. */
  renew(): void
  /** Takes up what an earlier judge left open; ends what has no rule any more. */
  load(
    open: readonly Alarm[],
    pending: readonly Pending[],
    deviceOf: (id: string) => KnownDevice | undefined,
  ): void
  /** What holds, and not for long enough yet. */
  pending(): Pending[]
  /** About every second. `hearing`: samples can reach us. */
  tick(hearing: boolean): void
  /** Forgets all. */
  clear(): void
  watched(id: string): readonly Watched[]
  statusOf(id: string): DeviceStatus | null
  stats(): EngineStats
}
