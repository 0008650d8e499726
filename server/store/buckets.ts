// Many points to few: one series' cells go into buckets of equal width, and each gives one point.
// Pure. A bucket without anything gives nothing; one with gaps alone gives the gap it has most of.

import { gapReason } from '../model/gap.ts'
import { ABSENT, NUMBER, TEXT } from './codec.ts'
import type { Column } from './columns.ts'
import type { SampleFunction, SamplePoint } from './contract.ts'
import { getOrInsert } from './maps.ts'
import { type Cells, type PointColumns, Tally } from './tally.ts'

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

/** The bucket of a time; what lies outside falls into the first or last one. */
function bucketOf({ from, width, count }: BucketGrid, at: number): number {
  return Math.max(0, Math.min(count - 1, Math.floor((at - from) / width)))
}

/** The buckets of times, for all series of a block. */
export function bucketsOf(grid: BucketGrid, times: Float64Array): Int32Array {
  const buckets = new Int32Array(times.length)
  for (let i = 0; i < times.length; i++) buckets[i] = bucketOf(grid, times[i] ?? 0)
  return buckets
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
  #tally: Tally | null = null
  /** Texts, or the times of the log's rows that have them. */
  readonly #texts = new Map<string | number, number>()

  constructor(grid: BucketGrid) {
    this.#grid = grid
  }

  add({ at, value, gap, said }: RawPoint): void {
    const bucket = bucketOf(this.#grid, at)
    if (gap !== ABSENT) this.#all().addGap(bucket, gap)
    else if (typeof value === 'number') this.addNumber(at, value)
    else this.#all().addText(bucket, at, this.#textIndex(said ?? value ?? ''))
  }

  addNumber(at: number, value: number): void {
    this.#all().addNumbers(bucketOf(this.#grid, at), at, 1, value, value, value, value)
  }

  addSamples(column: Column, cells: Omit<Cells, 'texts'>, texts: readonly string[]): void {
    this.#all().addSamples(column, { ...cells, texts: this.#named(texts) })
  }

  /** Adds points of a roll-up; each counts where it begins. */
  addPoints(parts: PointColumns, cells: Omit<Cells, 'texts'>, texts: readonly string[]): void {
    this.#all().addPoints(parts, { ...cells, texts: this.#named(texts) })
  }

  #named(texts: readonly string[]): number[] {
    return texts.map(text => this.#textIndex(text))
  }

  #textIndex(text: string | number): number {
    return getOrInsert(this.#texts, text, () => this.#texts.size)
  }

  #all(): Tally {
    this.#tally ??= new Tally(this.#grid.count)
    return this.#tally
  }

  /** One point for each bucket that has something, at the bucket's beginning, oldest first. */
  points(fn: SampleFunction): RawPoint[] {
    const tally = this.#tally
    if (!tally) return []
    const texts = [...this.#texts.keys()]
    const points: RawPoint[] = []
    for (let bucket = 0; bucket < this.#grid.count; bucket++) {
      const kind = tally.kindOf(bucket)
      if (kind === ABSENT) continue
      const at = this.#grid.from + bucket * this.#grid.width
      const text = kind === TEXT ? texts[tally.textOf(bucket)] : undefined
      if (kind === NUMBER) {
        points.push({ at, value: tally.summaryOf(bucket)[fn], gap: ABSENT, said: null })
      } else if (typeof text === 'number') points.push({ at, value: null, gap: ABSENT, said: text })
      else points.push({ at, value: text ?? null, gap: kind === TEXT ? ABSENT : kind, said: null })
    }
    return points
  }
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
