// Roll-ups: many samples to one point a quarter of an hour or an hour. Pure. In a block a series of
// points takes five slots: minimum, maximum, average, count and last. `last` also says what there was
// where no number was: the last text, or the most frequent gap.

import { ABSENT, GAP_LAST, NUMBER, TEXT } from './codec.ts'
import { blankColumns, type Column, type Columns } from './columns.ts'
import type { SampleFunction } from './contract.ts'
import { getOrInsert } from './maps.ts'
import { mostFrequent, type Summary } from './summary.ts'

export const MIN = 0
export const MAX = 1
export const AVG = 2
export const COUNT = 3
export const LAST = 4
/** Slots of a roll-up for one slot of its stream. */
export const partsPerSlot = 5

/** The parts that are needed to know one function of many points. */
export const partsFor = (fn: SampleFunction): number[] => [
  ...new Set([{ min: MIN, max: MAX, avg: AVG, last: LAST }[fn], COUNT, LAST]),
]

/** One series' points: a bucket for each width. */
class Buckets {
  readonly count: Float64Array
  readonly sum: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly last: Float64Array
  /** When `last` was, for numbers and texts. */
  readonly lastAt: Float64Array
  /** Index of the text; -1: none. */
  readonly text: Int32Array
  /** Bucket → gap → how often. */
  readonly gaps = new Map<number, Map<number, number>>()

  constructor(size: number) {
    this.count = new Float64Array(size)
    this.sum = new Float64Array(size)
    this.min = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
    this.max = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    this.last = new Float64Array(size)
    this.lastAt = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    this.text = new Int32Array(size).fill(-1)
  }

  number(bucket: number, at: number, value: number): void {
    // Written out: an object for each sample would cost more than the sums.
    this.count[bucket] = (this.count[bucket] ?? 0) + 1
    this.sum[bucket] = (this.sum[bucket] ?? 0) + value
    if (value < (this.min[bucket] ?? 0)) this.min[bucket] = value
    if (value > (this.max[bucket] ?? 0)) this.max[bucket] = value
    if (at < (this.lastAt[bucket] ?? 0)) return
    this.lastAt[bucket] = at
    this.last[bucket] = value
  }

  point(bucket: number, at: number, { count, avg, min, max, last }: Summary): void {
    this.count[bucket] = (this.count[bucket] ?? 0) + count
    this.sum[bucket] = (this.sum[bucket] ?? 0) + avg * count
    if (min < (this.min[bucket] ?? 0)) this.min[bucket] = min
    if (max > (this.max[bucket] ?? 0)) this.max[bucket] = max
    if (at < (this.lastAt[bucket] ?? 0)) return
    this.lastAt[bucket] = at
    this.last[bucket] = last
  }

  gap(bucket: number, gap: number): void {
    const gaps = getOrInsert(this.gaps, bucket, () => new Map<number, number>())
    gaps.set(gap, (gaps.get(gap) ?? 0) + 1)
  }

  said(bucket: number, at: number, text: number): void {
    if (at < (this.lastAt[bucket] ?? 0)) return
    this.lastAt[bucket] = at
    this.text[bucket] = text
  }
}

/** Collects what lies between `t0` and `t0 + size · width`, in any order. */
export class RollUp {
  readonly #t0: number
  readonly #width: number
  readonly #size: number
  readonly #slots: Buckets[] = []
  readonly #texts = new Map<string, number>()

  constructor(t0: number, width: number, size: number) {
    this.#t0 = t0
    this.#width = width
    this.#size = size
  }

  addSamples({ times, slots, texts }: Columns): void {
    const buckets = this.#bucketsOf(times)
    const named = texts.map(text => getOrInsert(this.#texts, text, () => this.#texts.size))
    slots.forEach((column, slot) => {
      if (!column) return
      const into = this.#slot(slot)
      for (let i = 0; i < times.length; i++) {
        const kind = column.kinds[i] ?? ABSENT
        const bucket = buckets[i] ?? 0
        if (kind === NUMBER) into.number(bucket, times[i] ?? 0, column.values[i] ?? 0)
        else if (kind === TEXT) into.said(bucket, times[i] ?? 0, named[column.values[i] ?? 0] ?? 0)
        else if (kind !== ABSENT) into.gap(bucket, kind)
      }
    })
  }

  /** Adds the points of a finer roll-up. */
  addPoints(points: Columns): void {
    const { times, slots, texts } = points
    const buckets = this.#bucketsOf(times)
    const named = texts.map(text => getOrInsert(this.#texts, text, () => this.#texts.size))
    for (let slot = 0; slot * partsPerSlot < slots.length; slot++) {
      const parts = slots.slice(slot * partsPerSlot, (slot + 1) * partsPerSlot)
      const last = parts[LAST]
      if (!last) continue
      const into = this.#slot(slot)
      for (let i = 0; i < times.length; i++) {
        const kind = last.kinds[i] ?? ABSENT
        const bucket = buckets[i] ?? 0
        if (kind === NUMBER) into.point(bucket, times[i] ?? 0, pointAt(parts, i))
        else if (kind === TEXT) into.said(bucket, times[i] ?? 0, named[last.values[i] ?? 0] ?? 0)
        else if (kind !== ABSENT) into.gap(bucket, kind)
      }
    }
  }

  /** The points of those widths in which there was anything. */
  result(): Columns {
    const used = Array.from({ length: this.#size }, (_, bucket) => bucket).filter(bucket =>
      this.#slots.some(slot => kindOf(slot, bucket) !== ABSENT),
    )
    const times = Float64Array.from(used, bucket => this.#t0 + bucket * this.#width)
    const columns = blankColumns(times, this.#slots.length * partsPerSlot)
    columns.texts = [...this.#texts.keys()]
    this.#slots.forEach((from, slot) => {
      const parts = columns.slots.slice(slot * partsPerSlot, (slot + 1) * partsPerSlot)
      used.forEach((bucket, index) => {
        putBucket(parts, index, from, bucket)
      })
    })
    return columns
  }

  #bucketsOf(times: Float64Array): Int32Array {
    return Int32Array.from(times, at => {
      const bucket = Math.floor((at - this.#t0) / this.#width)
      if (bucket < 0 || bucket >= this.#size) throw new RangeError(`${at} is not in this roll-up`)
      return bucket
    })
  }

  #slot(slot: number): Buckets {
    while (this.#slots.length <= slot) this.#slots.push(new Buckets(this.#size))
    return this.#slots[slot] ?? new Buckets(this.#size)
  }
}

/** The point of one series, given its five columns; one that was not read gives 0. */
export function pointAt(parts: readonly (Column | undefined)[], index: number): Summary {
  const value = (part: number) => parts[part]?.values[index] ?? 0
  return {
    count: value(COUNT),
    avg: value(AVG),
    min: value(MIN),
    max: value(MAX),
    last: value(LAST),
  }
}

function kindOf({ count, text, gaps }: Buckets, bucket: number): number {
  if ((count[bucket] ?? 0) > 0) return NUMBER
  if ((text[bucket] ?? -1) >= 0) return TEXT
  return mostFrequent(gaps.get(bucket))
}

function putBucket(
  parts: readonly (Column | undefined)[],
  index: number,
  from: Buckets,
  bucket: number,
): void {
  const kind = kindOf(from, bucket)
  const put = (part: number, value: number) => {
    const column = parts[part]
    if (!column) return
    column.kinds[index] = kind
    column.values[index] = value
  }
  if (kind === NUMBER) {
    const count = from.count[bucket] ?? 0
    put(MIN, from.min[bucket] ?? 0)
    put(MAX, from.max[bucket] ?? 0)
    put(AVG, (from.sum[bucket] ?? 0) / count)
    put(COUNT, count)
    put(LAST, from.last[bucket] ?? 0)
  } else if (kind === TEXT) put(LAST, from.text[bucket] ?? 0)
  else if (kind !== ABSENT) put(LAST, 0)
}

/**
 * Where samples were lost since a roll-up was made, its points are better than what is left: each
 * series and width keeps the one that counts more.
 */
export function betterOf(made: Columns, before: Columns): Columns {
  const times = Float64Array.from(new Set([...made.times, ...before.times])).sort()
  const slots = Math.max(made.slots.length, before.slots.length)
  const best = blankColumns(times, slots)
  best.texts = [...made.texts, ...before.texts]
  const place = (columns: Columns) => new Map(Array.from(columns.times, (at, index) => [at, index]))
  const [inMade, inBefore] = [place(made), place(before)]
  for (let slot = 0; slot < slots; slot += partsPerSlot) {
    times.forEach((at, index) => {
      const [a, b] = [inMade.get(at), inBefore.get(at)]
      const isOld = b !== undefined && weight(before, slot, b) > weight(made, slot, a)
      const from = isOld ? before : made
      const at0 = isOld ? b : a
      if (at0 !== undefined) copyPoint(from, at0, best, index, slot, isOld ? made.texts.length : 0)
    })
  }
  return best
}

/** How much a point says: numbers by how many they are, then a text, then a gap. */
function weight({ slots }: Columns, slot: number, index: number | undefined): number {
  if (index === undefined) return 0
  const kind = slots[slot + LAST]?.kinds[index] ?? ABSENT
  if (kind === NUMBER) return 2 + (slots[slot + COUNT]?.values[index] ?? 0)
  return kind === TEXT ? 2 : kind === ABSENT || kind > GAP_LAST ? 0 : 1
}

function copyPoint(
  from: Columns,
  at: number,
  into: Columns,
  index: number,
  slot: number,
  textsBefore: number,
): void {
  for (let part = slot; part < slot + partsPerSlot; part++) {
    const column = into.slots[part]
    const source = from.slots[part]
    if (!column || !source) continue
    const kind = source.kinds[at] ?? ABSENT
    column.kinds[index] = kind
    column.values[index] = (source.values[at] ?? 0) + (kind === TEXT ? textsBefore : 0)
  }
}
