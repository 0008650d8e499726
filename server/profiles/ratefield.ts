// Turns the counter that a field gave into its rate, or into the reason why there is none.

import type { ComputeContext, GroupRun } from './compute.ts'
import type { Frame, Slot } from './definition.ts'
import { finish, type Hit } from './hit.ts'

/** The rate of a row's counter, scaled, in the place of the counter. */
export function takeRate(
  slot: Slot,
  place: number,
  run: GroupRun,
  row: number,
  context: ComputeContext,
  hit: Hit,
): void {
  const { value, served, wraps } = hit
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    hit.value = null
    hit.gap = 'decode'
    return
  }
  context.key(run)
  const reset = slot.rate?.resetOn ?? null
  const resetPlace = reset === null ? undefined : run.plan.group.slotOf.get(reset)
  const resetOn = resetPlace === undefined ? null : (run.frame.columns[resetPlace]?.[row] ?? null)
  const question = { run, row, place, value, wraps, served, resetOn }
  const rate = context.rate(question)
  run.frame.row = row
  if ('gap' in rate) {
    hit.value = null
    hit.gap = rate.gap
    return
  }
  hit.value = rate.perSecond
  finish(slot, hit)
  if (hit.value === null) return
  const max = maxOf(slot, run.frame)
  const isOver = max !== null && Number(hit.value) > max
  // A wrap that gives more than can be is a restart that nobody told us of.
  if (rate.wrapped && isOver) {
    hit.value = null
    hit.gap = 'wrap-unsure'
  } else if (!rate.wrapped && !context.believes(question, isOver)) {
    hit.value = null
    hit.gap = 'range'
  }
}

function maxOf(slot: Slot, frame: Frame): number | null {
  const max = slot.rate?.max ?? null
  if (max === null || typeof max === 'number') return max
  const value = max.evaluate(frame)
  return typeof value === 'number' && value > 0 ? value : null
}
