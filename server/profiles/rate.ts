// Counters to increases a second: exact differences, wraps, restarts. Pure: the caller keeps the
// baseline of each row and field, and scales the result.

import type { GapReason } from '../model/gap.ts'
import type { Scalar } from './operators.ts'

const wrap32 = 2n ** 32n

/** One look at a counter. */
export interface CounterSample {
  value: number | bigint
  /** True for Counter32, the only type that may wrap unseen between two reads (RFC 2578). */
  wraps: boolean
  /** Which fallback gave the value: another one is another counter. */
  served: number
  /** Monotonic ms of the response. */
  atMs: number
  /** Goes up with each restart of the device. */
  epoch: number
  /** The `resetOn` column's value: a change means that the counter was restarted. */
  resetOn: Scalar
}

export type Rate =
  | { perSecond: number; wrapped: boolean }
  | { gap: Extract<GapReason, 'first' | 'reset' | 'overrun' | 'partial'> }

/** The increase a second from one sample to the next. */
export function rateBetween(previous: CounterSample | undefined, sample: CounterSample): Rate {
  if (!previous || previous.served !== sample.served) return { gap: 'first' }
  if (previous.epoch !== sample.epoch || changed(previous.resetOn, sample.resetOn)) {
    return { gap: 'reset' }
  }
  const seconds = (sample.atMs - previous.atMs) / 1000
  if (!(seconds > 0)) return { gap: 'overrun' }
  const difference = minus(sample.value, previous.value)
  if (difference >= 0) return { perSecond: Number(difference) / seconds, wrapped: false }
  const wrapped =
    typeof difference === 'bigint' ? Number(difference + wrap32) : difference + 2 ** 32
  // What went back by more than a counter holds was no wrap.
  if (!sample.wraps || wrapped < 0) return { gap: 'reset' }
  return { perSecond: wrapped / seconds, wrapped: true }
}

function changed(before: Scalar, after: Scalar): boolean {
  return before !== null && after !== null && before !== after
}

/** Exact beyond 2^53; fractions only where a source counts in fractions. */
function minus(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (!isWhole(a) || !isWhole(b)) return Number(a) - Number(b)
  return BigInt(a) - BigInt(b)
}

function isWhole(value: number | bigint): boolean {
  return typeof value === 'bigint' || Number.isInteger(value)
}
