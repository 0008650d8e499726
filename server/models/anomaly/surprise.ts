// How rare a feature of this size is for this very series: a histogram of the sizes that were seen, by
// their logarithm, that slowly forgets. Rarity by count is what makes scores of different series comparable.

import { AT, BINS, FEATURES, type State } from './state.ts'

/** Sizes from 1/16 to 256, four bins to each doubling. */
const SMALLEST = -4
const PER_DOUBLING = 4
/** A sample counts 4, so that halving forgets it only in the third round. */
const COUNT = 4
/** Counts are halved when there are so many, so a sample counts half after about 5,000 more. */
const countedMax = 10_000 * COUNT
/** Nats for each doubling beyond all that was seen, and for how many doublings at most. */
const BEYOND = 2
const doublingsMax = 8

/** Where a size is, in bins; below 0 and above BINS for what is off the ends. */
const placeOf = (size: number): number => (Math.log2(size + 1e-12) - SMALLEST) * PER_DOUBLING

const binAt = (place: number): number => Math.min(BINS - 1, Math.max(0, Math.floor(place)))

/**
 * Takes a size into the histogram of its feature and says how rare it was before, in nats: -ln of the
 * share of samples that were at least as large, and more for one that is beyond all of them.
 * @param size finite, at least 0
 */
export function surprise({ numbers, counts }: State, feature: number, size: number): number {
  const from = feature * BINS
  const place = placeOf(size)
  const bin = binAt(place)
  let above = 0
  let top = BINS - 1
  while (top > 0 && counts[from + top] === 0) top--
  for (let i = bin + 1; i <= top; i++) above += counts[from + i] ?? 0
  const own = counts[from + bin] ?? 0
  above += own * (1 - Math.min(1, Math.max(0, place - bin)))
  counts[from + bin] = own + COUNT
  const share = (above / COUNT + 0.5) / ((numbers[AT.counted] ?? 0) / COUNT + 1)
  const doublings = Math.max(0, place - top - 1) / PER_DOUBLING
  return BEYOND * Math.min(doublingsMax, doublings) - Math.log(share)
}

/** After each feature had its turn. */
export function countSample({ numbers, counts }: State): void {
  numbers[AT.counted] = (numbers[AT.counted] ?? 0) + COUNT
  if ((numbers[AT.counted] ?? 0) < countedMax) return
  for (let i = 0; i < FEATURES.length * BINS; i++) counts[i] = (counts[i] ?? 0) >> 1
  numbers[AT.counted] = countedMax / 2
}
