// Many points to few: one series' cells go into buckets of equal width, and each gives one point.
// Pure. A bucket without anything gives nothing; one with gaps alone gives the gap it has most of.

import { gapReason } from '../model/gap.ts'
import { ABSENT, NUMBER } from './codec.ts'
import type { SampleFunction, SamplePoint } from './contract.ts'
import { getOrInsert } from './maps.ts'

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
  /** The time of the log's row for the last text; null: numbers. */
  text: number | null
  /** Gap's number → how many. */
  gaps: Map<number, number> | null
}

/** A point, or one whose text must still be read: `said` is the time of the log's row. */
export type RawPoint = { at: number; value: number | null; gap: number; said: number | null }

/** The buckets of one series; feed it in the order of time. */
export class SeriesBuckets {
  readonly #grid: BucketGrid
  readonly #buckets = new Map<number, Bucket>()

  constructor(grid: BucketGrid) {
    this.#grid = grid
  }

  add(point: RawPoint): void {
    const { from, width, count } = this.#grid
    const index = Math.min(count - 1, Math.floor((point.at - from) / width))
    const bucket = getOrInsert(this.#buckets, index, emptyBucket)
    if (point.gap !== ABSENT) {
      bucket.gaps ??= new Map()
      bucket.gaps.set(point.gap, (bucket.gaps.get(point.gap) ?? 0) + 1)
    } else if (point.said !== null) {
      bucket.text = point.said
    } else if (point.value !== null) {
      addNumber(bucket, point.value)
    }
  }

  /** One point for each bucket that has something, at the bucket's beginning, oldest first. */
  points(fn: SampleFunction): RawPoint[] {
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([index, bucket]) => {
        const at = this.#grid.from + index * this.#grid.width
        if (bucket.count > 0) return { at, value: numberOf(bucket, fn), gap: ABSENT, said: null }
        if (bucket.text !== null) return { at, value: null, gap: ABSENT, said: bucket.text }
        return { at, value: null, gap: mostOf(bucket.gaps), said: null }
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
    text: null,
    gaps: null,
  }
}

function addNumber(bucket: Bucket, value: number): void {
  bucket.count++
  bucket.sum += value
  bucket.min = Math.min(bucket.min, value)
  bucket.max = Math.max(bucket.max, value)
  bucket.last = value
}

function numberOf(bucket: Bucket, fn: SampleFunction): number {
  return fn === 'avg' ? bucket.sum / bucket.count : bucket[fn]
}

/** Of two equally frequent reasons, the one with the lower number. */
function mostOf(gaps: ReadonlyMap<number, number> | null): number {
  let most = ABSENT
  let mostCount = 0
  for (const [gap, count] of gaps ?? []) {
    if (count > mostCount || (count === mostCount && gap < most)) {
      most = gap
      mostCount = count
    }
  }
  return most
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
