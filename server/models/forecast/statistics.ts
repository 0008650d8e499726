// Order statistics that outliers cannot move. Gaps are NaN and are left out by who calls.

/** @param sorted ascending, not empty; `share` between 0 and 1, linear between neighbours */
export function quantileOf(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN
  return low + (high - low) * (place - below)
}

/** NaN: there is none. */
export function medianOf(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort()
  return quantileOf(sorted, 0.5)
}

/** Median distance from the median, scaled to a normal distribution's standard deviation. */
export function robustSpread(values: ArrayLike<number>): number {
  const middle = medianOf(values)
  return 1.4826 * medianOf(Array.from(values, value => Math.abs(value - middle)))
}

export interface Weighted {
  value: number
  weight: number
}

/** @param sorted by value, ascending, not empty */
export function weightedQuantile(sorted: readonly Weighted[], share: number): number {
  let wanted = share * sorted.reduce((sum, { weight }) => sum + weight, 0)
  for (const { value, weight } of sorted) {
    wanted -= weight
    if (wanted <= 0) return value
  }
  return sorted.at(-1)?.value ?? Number.NaN
}
