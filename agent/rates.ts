// Increase a second of cumulative counters, by a monotonic clock. Counters here are the kernel's own
// of 64 bits, so one that goes back has started again; it never wrapped.

import type { Measured } from './fields.ts'

/** Series whose last value is remembered; beyond, the oldest is forgotten. */
const ratesMax = 10_000

const SIGNIFICANT_DIGITS = 5

/** To 5 significant digits: more is noise, and compresses badly. */
export function roundRate(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS))
}

export interface Rates {
  /** Increase of `series` a second since it was last asked, times `scale`; `first` or `reset` without one. */
  perSecond(series: string, counter: number | null, scale?: number): Measured
}

/** @param now monotonic ms of the measurement under way */
export function createRates(now: () => number): Rates {
  const last = new Map<string, { counter: number; at: number }>()
  return {
    perSecond(series, counter, scale = 1) {
      if (counter === null) return 'no-such-object'
      const at = now()
      const before = last.get(series)
      last.delete(series)
      last.set(series, { counter, at })
      if (last.size > ratesMax) {
        const oldest = last.keys().next()
        if (!oldest.done) last.delete(oldest.value)
      }
      if (!before || at <= before.at) return 'first'
      if (counter < before.counter) return 'reset'
      return roundRate((scale * (counter - before.counter) * 1000) / (at - before.at))
    },
  }
}
