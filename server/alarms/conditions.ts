// What each kind of condition says of one value.

import type { EngineOptions } from './engine-contract.ts'
import { isChanged, newMemory, type RowMemory, rateOf, type SampleFrame } from './frame.ts'
import type { Verdict } from './verdict.ts'
import { rowsPerRuleMax, type Watched } from './watched.ts'

/** What a rule says of a value; what else came with it is in `frame`, which then holds what was judged. */
export function verdictOf(
  frame: SampleFrame,
  { one, memory, known: { device } }: Watched,
  row: string | null,
  at: number,
  value: number | string,
  lastWeek: EngineOptions['lastWeek'],
): Verdict {
  const { condition } = one.rule
  frame.states = one.metric.states
  frame.value = value
  switch (condition) {
    case 'threshold':
    case 'state':
      return one.verdict(frame)
    case 'rate': {
      const known = memoryOf(memory, row)
      if (typeof value !== 'number' || !known) return null
      const rate = rateOf(known, at, value, one.overMs)
      if (rate === null) return null
      frame.value = rate
      return one.verdict(frame)
    }
    case 'text': {
      const known = memoryOf(memory, row)
      if (!known) return null
      const changed = isChanged(known, at, String(value), one.forMs)
      return changed ? (one.rule.severity ?? 'info') : 'good'
    }
    case 'week': {
      const { group, metric } = one.metric
      const before = lastWeek?.(device, { group, metric, row })
      if (typeof value !== 'number' || typeof before !== 'number' || before === 0) return null
      frame.value = (100 * (value - before)) / Math.abs(before)
      return one.verdict(frame)
    }
    default:
      return null
  }
}

/** Null: there are too many rows, or the rule needs none. */
function memoryOf(memory: Map<string, RowMemory> | null, row: string | null): RowMemory | null {
  const known = memory?.get(row ?? '')
  if (known || !memory || memory.size >= rowsPerRuleMax) return known ?? null
  const made = newMemory()
  memory.set(row ?? '', made)
  return made
}
