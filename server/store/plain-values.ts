// What the 15-minute points of a stream come to, a row for each series and each day or hour. Pure; as one
// piece of numbers, since it goes from the thread that makes blocks to the one that writes rows.

import { NUMBER } from './codec.ts'
import type { Column, Columns } from './columns.ts'
import { AVG, COUNT, LAST, MAX, MIN, partsPerSlot } from './rollup.ts'

/** Of one row: its beginning (Unix ms), slot, least, most, average, count, last. */
const numbersPerRow = 7

export interface PlainValue {
  /** Beginning of the time that it is of, Unix ms. */
  at: number
  slot: number
  value_min: number
  value_max: number
  value_avg: number
  value_count: number
  value_last: number
}

/** A row for each series and each `width` in which it had numbers. */
export function plainValues({ times, slots }: Columns, width: number): Float64Array<ArrayBuffer> {
  const begins = times.map(at => Math.floor(at / width) * width)
  const numbers: number[] = []
  for (let slot = 0; slot * partsPerSlot < slots.length; slot++) {
    const parts = slots.slice(slot * partsPerSlot, (slot + 1) * partsPerSlot)
    if (parts[LAST]) addRows(numbers, slot, begins, parts[LAST].kinds, parts)
  }
  return Float64Array.from(numbers)
}

function addRows(
  rows: number[],
  slot: number,
  begins: Float64Array,
  kinds: Uint8Array,
  parts: readonly (Column | undefined)[],
): void {
  const value = (part: number, index: number) => parts[part]?.values[index] ?? 0
  for (let i = 0; i < begins.length; ) {
    const at = begins[i] ?? 0
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    let sum = 0
    let count = 0
    let last = 0
    for (; i < begins.length && begins[i] === at; i++) {
      if (kinds[i] !== NUMBER) continue
      least = Math.min(least, value(MIN, i))
      most = Math.max(most, value(MAX, i))
      sum += value(AVG, i) * value(COUNT, i)
      count += value(COUNT, i)
      last = value(LAST, i)
    }
    if (count > 0) rows.push(at, slot, least, most, sum / count, count, last)
  }
}

export function readPlainValues(numbers: Float64Array): PlainValue[] {
  const rows: PlainValue[] = []
  for (let from = 0; from < numbers.length; from += numbersPerRow) {
    const [at = 0, slot = 0, value_min = 0, value_max = 0, value_avg = 0, value_count = 0] =
      numbers.subarray(from, from + numbersPerRow)
    const value_last = numbers[from + numbersPerRow - 1] ?? 0
    rows.push({ at, slot, value_min, value_max, value_avg, value_count, value_last })
  }
  return rows
}
