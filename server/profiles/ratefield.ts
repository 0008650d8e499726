// Turns the counter that a field gave into its rate, or into the reason why there is none.

import type { GapReason } from '../model/gap.ts'
import { cellOf } from './cells.ts'
import type { ComputeContext, GroupRun } from './compute.ts'
import { EPOCH } from './counters.ts'
import type { Frame, Slot } from './definition.ts'
import { finish, type Hit } from './hit.ts'
import type { Scalar } from './operators.ts'
import type { PlanSource } from './plan.ts'

/** The rate of a row's counter, scaled, in the place of the counter. */
export function takeRate(
  slot: Slot,
  place: number,
  sources: readonly PlanSource[],
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
  const unsure = whyNone(sources, run, context)
  if (unsure !== null) {
    hit.value = null
    hit.gap = unsure
    return
  }
  const counters = context.counters(run)
  const resetOn = resetAt(slot, run, row)
  const sample = { value, wraps, served, atMs: context.atMs, epoch: EPOCH, resetOn }
  const rate = counters.rate(place, row, sample)
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
  } else if (!rate.wrapped && !counters.believes(place, row, isOver)) {
    hit.value = null
    hit.gap = 'range'
  }
}

/**
 * Why no rates are taken of a field now; null: they are. A counter that was not read this time is the
 * one of the read before: its rate would be 0, and the next one taken over too short a time.
 */
export function whyNone(
  sources: readonly PlanSource[],
  run: GroupRun,
  context: ComputeContext,
): GapReason | null {
  const isOld = sources.length > 0 && !context.isFresh(sources)
  return isOld ? 'first' : context.unsure(run)
}

function resetAt(slot: Slot, { plan, frame }: GroupRun, row: number): Scalar {
  const name = slot.rate?.resetOn ?? null
  const place = name === null ? undefined : plan.group.slotOf.get(name)
  const cells = place === undefined ? undefined : frame.columns[place]
  return cells ? cellOf(cells, row) : null
}

/** The highest rate that is believed; null: any is. */
export function maxOf(slot: Slot, frame: Frame): number | null {
  const max = slot.rate?.max ?? null
  if (max === null || typeof max === 'number') return max
  const value = max.evaluate(frame)
  return typeof value === 'number' && value > 0 ? value : null
}
