// Many points to few: one series' cells go into buckets of equal width, and each gives one point.
// Pure. A bucket without anything gives nothing; one with gaps alone gives the gap it has most of.

import { gapReason } from '../model/gap.ts'
import { ABSENT, NUMBER } from './codec.ts'
import type { SampleFunction, SamplePoint } from './contract.ts'
import { getOrInsert } from './maps.ts'
import { mostFrequent, type Summary } from './summary.ts'

/** Where the buckets lie: `count` of them, `width` ms each, the first one from `from`. */
export interface BucketGrid {
  from: number
  width: number
  count: number
}

/** At most `points` buckets of whole milliseconds; a sample at `to` itself falls into the last. */
export function bucketGrid(from: number, to: number, points: number): BucketGrid {
  const span = Math.max(1, to - from)
  const width = Math.max(1, Math.ceil(span / points))
  return { from, width, count: Math.ceil(span / width) }
}

interface Bucket {
  count: number
  sum: number
  min: number
  max: number
  last: number
  /** When `last` or `text` was. */
  lastAt: number
  /** The last text, or the time of the log's row that has it; null: numbers. */
  text: string | number | null
  /** Gap's number → how many. */
  gaps: Map<number, number> | null
}

/** A point, or one whose text must still be read: `said` is the time of the log's row. */
export type RawPoint = {
  at: number
  value: number | string | null
  gap: number
  said: number | null
}

/** The buckets of one series; the order in which it is fed does not matter. */
export class SeriesBuckets {
  readonly #grid: BucketGrid
  readonly #buckets = new Map<number, Bucket>()

  constructor(grid: BucketGrid) {
    this.#grid = grid
  }

  add({ at, value, gap, said }: RawPoint): void {
    const bucket = this.#bucket(at)
    if (gap !== ABSENT) {
      bucket.gaps ??= new Map()
      bucket.gaps.set(gap, (bucket.gaps.get(gap) ?? 0) + 1)
    } else if (typeof value === 'number') {
      addNumbers(bucket, at, { count: 1, avg: value, min: value, max: value, last: value })
    } else if (at >= bucket.lastAt) {
      bucket.text = said ?? value
      bucket.lastAt = at
    }
  }

  /** Adds a point of a roll-up; it counts where it begins. */
  addSummary(at: number, summary: Summary): void {
    addNumbers(this.#bucket(at), at, summary)
  }

  #bucket(at: number): Bucket {
    const { from, width, count } = this.#grid
    const index = Math.max(0, Math.min(count - 1, Math.floor((at - from) / width)))
    return getOrInsert(this.#buckets, index, emptyBucket)
  }

  /** One point for each bucket that has something, at the bucket's beginning, oldest first. */
  points(fn: SampleFunction): RawPoint[] {
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([index, bucket]) => {
        const at = this.#grid.from + index * this.#grid.width
        if (bucket.count > 0) return { at, value: numberOf(bucket, fn), gap: ABSENT, said: null }
        const { text } = bucket
        if (typeof text === 'string') return { at, value: text, gap: ABSENT, said: null }
        if (text !== null) return { at, value: null, gap: ABSENT, said: text }
        return { at, value: null, gap: mostFrequent(bucket.gaps), said: null }
      })
  }
}

function emptyBucket(): Bucket {
  return {
    count: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    last: 0,
    lastAt: Number.NEGATIVE_INFINITY,
    text: null,
    gaps: null,
  }
}

function addNumbers(bucket: Bucket, at: number, { count, avg, min, max, last }: Summary): void {
  bucket.count += count
  bucket.sum += avg * count
  bucket.min = Math.min(bucket.min, min)
  bucket.max = Math.max(bucket.max, max)
  if (at < bucket.lastAt) return
  bucket.last = last
  bucket.lastAt = at
}

function numberOf(bucket: Bucket, fn: SampleFunction): number {
  return fn === 'avg' ? bucket.sum / bucket.count : bucket[fn]
}

/** A cell of a poll as a point; null where the slot is absent. */
export function pointOf(at: number, kind: number, value: number): RawPoint | null {
  if (kind === ABSENT) return null
  if (kind < NUMBER) return { at, value: null, gap: kind, said: null }
  if (kind === NUMBER) return { at, value, gap: ABSENT, said: null }
  return { at, value: null, gap: ABSENT, said: at - value }
}

/**
 * The point as the contract has it. A text whose row is gone, or a reason that only a newer version
 * knows, is a gap `dropped`: there was something, and it is not here.
 */
export function finishPoint(
  { at, value, gap, said }: RawPoint,
  texts: ReadonlyMap<number, string> | undefined,
): SamplePoint {
  if (gap !== ABSENT) return { at, value: null, gap: gapReason(gap) ?? 'dropped' }
  if (said === null) return { at, value, gap: null }
  const text = texts?.get(said)
  return text === undefined ? { at, value: null, gap: 'dropped' } : { at, value: text, gap: null }
}
