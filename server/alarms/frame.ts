// The values that conditions of one rule see at one row of one collection; and for conditions about
// changes, what must be remembered of the row from before.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { AlarmFrame } from '../profiles/alarms.ts'
import type { CompiledRule } from './rulebook.ts'

/** Samples of one series kept for a rate of change. */
const samplesMax = 240

/** One object for all samples: made once, filled for each. */
export class SampleFrame implements AlarmFrame {
  value: number | string = 0
  states: CompiledRule['metric']['states'] = []
  metrics: AcceptedCollection['metrics'] = new Map()
  place = 0

  get state(): string | null {
    if (typeof this.value !== 'number') return null
    return stateName(this.states, this.value)
  }
  other(metric: string): number | string | null {
    return this.metrics.get(metric)?.[this.place] ?? null
  }
}

export function stateName(states: CompiledRule['metric']['states'], value: number): string | null {
  const state = states.find(one => one.value === value) ?? states.find(one => one.value === null)
  return state?.name ?? null
}

/** What is remembered of one row for `rate`, `text` and rules that want a good state before. */
export interface RowMemory {
  samples: { at: number; value: number }[]
  text: string | null
  changedAt: number | null
}

export const newMemory = (): RowMemory => ({ samples: [], text: null, changedAt: null })

/** The change a second since the newest sample that is at least `overMs` old; null: there is none. */
export function rateOf(
  memory: RowMemory,
  at: number,
  value: number,
  overMs: number,
): number | null {
  const { samples } = memory
  const base = samples.findLast(one => one.at <= at - overMs)
  if (base) samples.splice(0, samples.indexOf(base))
  if (at > (samples.at(-1)?.at ?? 0)) samples.push({ at, value })
  if (samples.length > samplesMax) samples.splice(1, 1)
  return base ? (value - base.value) / ((at - base.at) / 1000) : null
}

/** Is the text another one than before, or was it within the last `forMs`? The first is no change. */
export function isChanged(memory: RowMemory, at: number, value: string, forMs: number): boolean {
  if (memory.text !== null && memory.text !== value) memory.changedAt = at
  memory.text = value
  return memory.changedAt !== null && at - memory.changedAt < forMs
}
