// What the engine keeps: the rules of each device, and of each rule its series that are not calm.

import type { KnownDevice } from '../model/accepted.ts'
import type { Alarm } from '../model/alarm.ts'
import type { Severity } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import type { RowMemory } from './frame.ts'
import type { Machine } from './next.ts'
import type { CompiledRule } from './rulebook.ts'
import type { Verdict } from './verdict.ts'

/** Rows of one rule and device that are remembered for changes and silence. */
export const rowsPerRuleMax = 10_000

/** One series of a rule that is not calm. */
export interface Instance {
  watched: Watched
  row: string | null
  machine: Machine
  alarm: Alarm | null
  /** When it was first ready and kept back, by the monotonic clock. */
  readyAt: number | null
  value: number | string | null
  /** Whole reads without its row, one after another. */
  misses: number
}

/** One rule of one device. */
export interface Watched {
  known: Known
  one: CompiledRule
  /** By row; '' for scalars. Those that are not calm. */
  instances: Map<string, Instance>
  memory: Map<string, RowMemory> | null
  /** Rows that were good once, where the rule asks for it. */
  good: Set<string> | null
  /** For silence: when something good last came, by the monotonic clock, and the last gap's reason. */
  heard: Map<string, { mono: number; reason: GapReason | null }> | null
  /** When rows that are gone were last looked for, by the monotonic clock. */
  sweptAt: number
}

/** One device, with what watches it. */
export interface Known {
  device: KnownDevice
  name: string
  parents: readonly string[]
  groups: Map<string, Map<string, Watched[]>>
  all: Watched[]
  last: Map<string, number>
}

/** Of one device. */
export const keyOf = ({ rule, metric }: CompiledRule): string =>
  `${rule.id} ${metric.group}.${metric.metric} ${rule.row ?? ''}`

/** How long the machine waits: silence and changed texts measure their time themselves. */
export const heldMs = ({ rule, forMs }: CompiledRule): number =>
  rule.condition === 'missing' || rule.condition === 'text' ? 0 : forMs

export const isBad = (verdict: Verdict): verdict is Severity =>
  verdict !== null && verdict !== 'good' && verdict !== 'between'

/** Good by the value alone, whatever the rest of the row was. */
export function goodAlone({ metric }: CompiledRule, value: number | string): boolean {
  const state = metric.states.find(one => one.value === value)
  return state ? state.severity === null : metric.states.length === 0
}
