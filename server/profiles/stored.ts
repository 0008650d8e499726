// What is stored of a metric's value: a number in the profile's unit, a state's number, or a text.

import type { Decoded, Metric } from './definition.ts'

/** The value as it is stored; null: there is none, undefined: it does not fit the metric's kind. */
export function storedValue(metric: Metric, value: Decoded): number | string | null | undefined {
  // An empty text is how many agents say that they have none.
  if (metric.kind === 'text') return value === '' ? null : String(value)
  const number = numberOf(metric, value)
  return number === null || !Number.isFinite(number) ? undefined : number
}

function numberOf(metric: Metric, value: Decoded): number | null {
  if (metric.kind === 'state' && metric.stateNumbers) {
    const { stateNumbers } = metric
    return stateNumbers.get(String(value)) ?? stateNumbers.get('*') ?? null
  }
  if (typeof value !== 'string') return Number(value)
  return metric.kind === 'state' && /^-?\d{1,15}$/.test(value) ? Number(value) : null
}
