// Roll-ups: many samples to one point a quarter of an hour or an hour. Pure. In a block a series of
// points takes five slots: minimum, maximum, average, count and last. `last` also says what there was
// where no number was: the last text, or the most frequent gap.

import { ABSENT, GAP_LAST, NUMBER, TEXT } from './codec.ts'
import { blankColumns, type Column, type Columns } from './columns.ts'
import type { SampleFunction } from './contract.ts'
import { getOrInsert } from './maps.ts'
import { type Cells, type PointColumns, Tally } from './tally.ts'

export const MIN = 0
export const MAX = 1
export const AVG = 2
export const COUNT = 3
export const LAST = 4
/** Slots of a roll-up for one slot of its stream. */
export const partsPerSlot = 5

/** The parts that are needed to know one function of many points. */
export function partsFor(fn: SampleFunction): Map<number, 'values' | 'kinds'> {
  const parts = new Map<number, 'values' | 'kinds'>([[LAST, 'kinds']])
  if (fn === 'avg') parts.set(COUNT, 'values')
  return parts.set({ min: MIN, max: MAX, avg: AVG, last: LAST }[fn], 'values')
}

/** The columns of the points of one series; null: there are none. */
export function partsOf({ slots }: Columns, slot: number): PointColumns | null {
  const first = slot * partsPerSlot
  const last = slots[first + LAST]
  if (!last) return null
  return {
    min: slots[first + MIN],
    max: slots[first + MAX],
    avg: slots[first + AVG],
    count: slots[first + COUNT],
    last,
  }
}

/** Collects what lies between `t0` and `t0 + size · width`, in any order. */
export class RollUp {
  readonly #t0: number
  readonly #width: number
  readonly #size: number
  readonly #slots: Tally[] = []
  readonly #texts = new Map<string, number>()

  constructor(t0: number, width: number, size: number) {
    this.#t0 = t0
    this.#width = width
    this.#size = size
  }

  addSamples(columns: Columns): void {
    const cells = this.#cellsOf(columns)
    columns.slots.forEach((column, slot) => {
      if (column) this.#slot(slot).addSamples(column, cells)
    })
  }

  /** Adds the points of a finer roll-up. */
  addPoints(points: Columns): void {
    const cells = this.#cellsOf(points)
    for (let slot = 0; slot * partsPerSlot < points.slots.length; slot++) {
      const parts = partsOf(points, slot)
      if (parts) this.#slot(slot).addPoints(parts, cells)
    }
  }

  /** The points of those widths in which there was anything. */
  result(): Columns {
    const kinds = this.#slots.map(slot => slot.kinds())
    const used = this.#used(kinds)
    const times = Float64Array.from(used, bucket => this.#t0 + bucket * this.#width)
    const columns = blankColumns(times, this.#slots.length * partsPerSlot)
    columns.texts = [...this.#texts.keys()]
    this.#slots.forEach((from, slot) => {
      const parts = columns.slots.slice(slot * partsPerSlot, (slot + 1) * partsPerSlot)
      used.forEach((bucket, index) => {
        putBucket(parts, index, from, bucket, kinds[slot]?.[bucket] ?? ABSENT)
      })
    })
    return columns
  }

  /** The widths in which any series has something. */
  #used(kinds: readonly Uint8Array[]): number[] {
    const isUsed = new Uint8Array(this.#size)
    for (const of of kinds) {
      for (let bucket = 0; bucket < of.length; bucket++) {
        if (of[bucket] !== ABSENT) isUsed[bucket] = 1
      }
    }
    const used: number[] = []
    for (let bucket = 0; bucket < isUsed.length; bucket++) if (isUsed[bucket]) used.push(bucket)
    return used
  }

  #cellsOf({ times, texts }: Columns): Cells {
    const buckets = new Int32Array(times.length)
    for (let i = 0; i < times.length; i++) {
      const at = times[i] ?? 0
      const bucket = Math.floor((at - this.#t0) / this.#width)
      if (bucket < 0 || bucket >= this.#size) throw new RangeError(`${at} is not in this roll-up`)
      buckets[i] = bucket
    }
    const named = texts.map(text => getOrInsert(this.#texts, text, () => this.#texts.size))
    return { times, buckets, from: 0, to: times.length, texts: named }
  }

  #slot(slot: number): Tally {
    while (this.#slots.length <= slot) this.#slots.push(new Tally(this.#size))
    return this.#slots[slot] ?? new Tally(this.#size)
  }
}

function putBucket(
  parts: readonly (Column | undefined)[],
  index: number,
  from: Tally,
  bucket: number,
  kind: number,
): void {
  if (kind === ABSENT) return
  if (kind !== NUMBER) {
    put(parts[LAST], index, kind, kind === TEXT ? from.textOf(bucket) : 0)
    return
  }
  const { count, avg, min, max, last } = from.summaryOf(bucket)
  put(parts[MIN], index, NUMBER, min)
  put(parts[MAX], index, NUMBER, max)
  put(parts[AVG], index, NUMBER, avg)
  put(parts[COUNT], index, NUMBER, count)
  put(parts[LAST], index, NUMBER, last)
}

function put(column: Column | undefined, index: number, kind: number, value: number): void {
  if (!column) return
  column.kinds[index] = kind
  column.values[index] = value
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
