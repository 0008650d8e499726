// Cells counted by bucket: how many numbers, their sum, least, most and last, the last text, the gaps.
// What roll-ups and the points of a chart are made of. Pure.

import { ABSENT, NUMBER, TEXT } from './codec.ts'
import type { Column } from './columns.ts'
import { getOrInsert } from './maps.ts'
import { mostFrequent, type Summary } from './summary.ts'

/** Cells of one block, of which `from` to before `to` are meant, and the bucket of each. */
export interface Cells {
  /** Unix ms, rising. */
  times: Float64Array
  buckets: Int32Array
  from: number
  to: number
  /** The index here of each of the block's texts. */
  texts: readonly number[]
}

/** The columns of a roll-up's points; one that was not read is not counted. */
export interface PointColumns {
  min: Column | undefined
  max: Column | undefined
  avg: Column | undefined
  count: Column | undefined
  /** Says also what kind of point each is. */
  last: Column
}

/** One series' buckets; the order in which they are fed does not matter. */
export class Tally {
  readonly #count: Float64Array
  readonly #sum: Float64Array
  readonly #min: Float64Array
  readonly #max: Float64Array
  readonly #last: Float64Array
  /** When the last number was, and the last text: of those that are fed in any order. */
  readonly #lastAt: Float64Array
  readonly #textAt: Float64Array
  /** Index of the last text; -1: none. */
  readonly #text: Int32Array
  /** Bucket → gap → how often. */
  readonly #gaps = new Map<number, Map<number, number>>()

  constructor(size: number) {
    // Of one piece: making eight arrays costs more than filling them.
    const memory = new ArrayBuffer(size * (7 * 8 + 4))
    const column = (index: number) => new Float64Array(memory, index * size * 8, size)
    this.#count = column(0)
    this.#sum = column(1)
    this.#min = column(2).fill(Number.POSITIVE_INFINITY)
    this.#max = column(3).fill(Number.NEGATIVE_INFINITY)
    this.#last = column(4)
    this.#lastAt = column(5).fill(Number.NEGATIVE_INFINITY)
    this.#textAt = column(6).fill(Number.NEGATIVE_INFINITY)
    this.#text = new Int32Array(memory, size * 7 * 8, size).fill(-1)
  }

  /** The inner loop of roll-ups and charts: the numbers of one bucket are summed before it is touched. */
  addSamples({ kinds, values }: Column, { times, buckets, from, to, texts }: Cells): void {
    for (let i = from; i < to; ) {
      const kind = kinds[i] ?? ABSENT
      const bucket = buckets[i] ?? 0
      if (kind !== NUMBER) {
        this.#addOther(bucket, kind, times[i] ?? 0, texts[values[i] ?? 0] ?? 0)
        i++
        continue
      }
      const first = i
      let sum = 0
      let min = Number.POSITIVE_INFINITY
      let max = Number.NEGATIVE_INFINITY
      for (; i < to && kinds[i] === NUMBER && buckets[i] === bucket; i++) {
        const value = values[i] ?? 0
        sum += value
        if (value < min) min = value
        if (value > max) max = value
      }
      this.addNumbers(bucket, times[i - 1] ?? 0, i - first, sum, min, max, values[i - 1] ?? 0)
    }
  }

  addPoints(parts: PointColumns, cells: Cells): void {
    const { last } = parts
    const { times, buckets, from, to, texts } = cells
    for (let i = from; i < to; ) {
      const kind = last.kinds[i] ?? ABSENT
      const bucket = buckets[i] ?? 0
      if (kind === NUMBER) i = this.#addPointsOf(bucket, parts, cells, i)
      else this.#addOther(bucket, kind, times[i] ?? 0, texts[last.values[i++] ?? 0] ?? 0)
    }
  }

  /** As with samples: what is of one bucket is summed first. @returns the first point that is not */
  #addPointsOf(
    bucket: number,
    { min, max, avg, count, last }: PointColumns,
    { times, buckets, to }: Cells,
    from: number,
  ): number {
    const lasts = last.values
    const [mins, maxs, avgs] = [min?.values ?? lasts, max?.values ?? lasts, avg?.values ?? lasts]
    const counts = count?.values
    let many = 0
    let sum = 0
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    let i = from
    for (; i < to && last.kinds[i] === NUMBER && buckets[i] === bucket; i++) {
      const its = counts ? (counts[i] ?? 0) : 1
      many += its
      sum += (avgs[i] ?? 0) * its
      if ((mins[i] ?? 0) < least) least = mins[i] ?? 0
      if ((maxs[i] ?? 0) > most) most = maxs[i] ?? 0
    }
    this.addNumbers(bucket, times[i - 1] ?? 0, many, sum, least, most, lasts[i - 1] ?? 0)
    return i
  }

  addNumbers(
    bucket: number,
    at: number,
    count: number,
    sum: number,
    min: number,
    max: number,
    last: number,
  ): void {
    this.#count[bucket] = (this.#count[bucket] ?? 0) + count
    this.#sum[bucket] = (this.#sum[bucket] ?? 0) + sum
    if (min < (this.#min[bucket] ?? 0)) this.#min[bucket] = min
    if (max > (this.#max[bucket] ?? 0)) this.#max[bucket] = max
    if (at < (this.#lastAt[bucket] ?? 0)) return
    this.#lastAt[bucket] = at
    this.#last[bucket] = last
  }

  #addOther(bucket: number, kind: number, at: number, text: number): void {
    if (kind === TEXT) this.addText(bucket, at, text)
    else if (kind !== ABSENT) this.addGap(bucket, kind)
  }

  addText(bucket: number, at: number, text: number): void {
    if (at < (this.#textAt[bucket] ?? 0)) return
    this.#textAt[bucket] = at
    this.#text[bucket] = text
  }

  addGap(bucket: number, gap: number): void {
    const gaps = getOrInsert(this.#gaps, bucket, () => new Map<number, number>())
    gaps.set(gap, (gaps.get(gap) ?? 0) + 1)
  }

  /** What a bucket comes to: numbers before a text, a text before gaps; of gaps the most frequent. */
  kindOf(bucket: number): number {
    if ((this.#count[bucket] ?? 0) > 0) return NUMBER
    if ((this.#text[bucket] ?? -1) >= 0) return TEXT
    return this.#gaps.size === 0 ? ABSENT : mostFrequent(this.#gaps.get(bucket))
  }

  /** What each bucket comes to. */
  kinds(): Uint8Array {
    const kinds = new Uint8Array(this.#count.length)
    for (let bucket = 0; bucket < kinds.length; bucket++) kinds[bucket] = this.kindOf(bucket)
    return kinds
  }

  textOf(bucket: number): number {
    return this.#text[bucket] ?? -1
  }

  summaryOf(bucket: number): Summary {
    const count = this.#count[bucket] ?? 0
    return {
      count,
      avg: (this.#sum[bucket] ?? 0) / count,
      min: this.#min[bucket] ?? 0,
      max: this.#max[bucket] ?? 0,
      last: this.#last[bucket] ?? 0,
    }
  }
}
