// What the samples of a profile take in a year, about.

import { parseDuration } from '../model/duration.ts'

/** Of a sample that is kept as a block, in bytes: between 1 for idle ports and 7 for noisy rates. */
const sampleBytes = 3
const yearMs = 365 * 86_400_000
/** Where nobody says otherwise, as for a recording. */
const everyMsUsual = 60_000

/**
 * Bytes that a device adds in a year, every sample counted.
 * @param every how often the device is polled, as `60s`; null: not known
 */
export function yearBytes(
  series: readonly { everyMs: number | null; series: number }[],
  every: string | null,
): number {
  const pollMs = every === null ? everyMsUsual : parseDuration(every)
  return series.reduce(
    (sum, { everyMs, series: count }) =>
      sum + (count * yearMs * sampleBytes) / Math.max(pollMs, everyMs ?? pollMs),
    0,
  )
}
