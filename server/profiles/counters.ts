// The baselines of a group's rates: for each rated field the counters of all rows as they were last
// read, in the order of the rows. Where rows change, baselines follow their row's key.

import type { Scalar } from './operators.ts'
import { type CounterSample, type Rate, rateBetween } from './rate.ts'
import { sameTexts } from './rowset.ts'

/** What is known of a counter. */
export const COUNTER = {
  /** There is a baseline. */
  known: 1,
  /** It is no whole number of 64 bits: it is in `others`. */
  other: 2,
  /** The device restarted since. */
  restarted: 4,
  /** The last rate was over its `max`. */
  wasOver: 8,
  /** Two rates in a row were over `max`: it is the bound that is wrong. */
  boundWrong: 16,
} as const

/** Cells by row. */
export interface CounterColumn {
  flags: Uint8Array
  served: Uint16Array
  hi: Uint32Array
  lo: Uint32Array
  /** Monotonic ms of the read. */
  atMs: Float64Array
  others: (number | bigint | undefined)[]
  /** The `resetOn` column's values; empty where the field has none. */
  resets: Scalar[]
}

/** A baseline of a row that is gone. */
interface Parked {
  flags: number
  sample: CounterSample
}

export class Counters {
  private keys: readonly string[] = []
  private readonly columns = new Map<number, CounterColumn>()
  /** Row key → slot → baseline of rows that were not in the last read. */
  private parked = new Map<string, Map<number, Parked>>()

  /** Rows of which there is a baseline. */
  get size(): number {
    const columns = [...this.columns.values()]
    const isKnown = (row: number) => columns.some(({ flags }) => flags[row] !== 0)
    return this.parked.size + this.keys.filter((_, row) => isKnown(row)).length
  }

  /** The counters of one field, in the order of the rows. */
  column(place: number): CounterColumn {
    let column = this.columns.get(place)
    if (!column) {
      column = newColumn(this.keys.length)
      this.columns.set(place, column)
    }
    return column
  }

  /** From now on rows are these. */
  align(keys: readonly string[]): void {
    if (keys === this.keys) return
    if (!sameTexts(keys, this.keys)) this.move(keys)
    this.keys = keys
  }

  private move(keys: readonly string[]): void {
    const rows = new Map(keys.map((key, row) => [key, row]))
    for (const [place, from] of this.columns) {
      const to = newColumn(keys.length)
      this.columns.set(place, to)
      for (const [row, key] of this.keys.entries()) {
        const sample = sampleAt(from, row)
        if (!sample) continue
        const now = rows.get(key)
        const flags = from.flags[row] ?? 0
        if (now !== undefined) put(to, now, sample, flags)
        else this.park(key, place, { flags, sample })
      }
    }
    this.keys = keys
    for (const [key, baselines] of this.parked) {
      const row = rows.get(key)
      if (row === undefined) continue
      for (const [place, { flags, sample }] of baselines) {
        put(this.column(place), row, sample, flags)
      }
      this.parked.delete(key)
    }
  }

  private park(key: string, place: number, parked: Parked): void {
    const ofRow = this.parked.get(key)
    if (ofRow) ofRow.set(place, parked)
    else this.parked.set(key, new Map([[place, parked]]))
  }

  /** A row's rate since its baseline, which this sample becomes. */
  rate(place: number, row: number, sample: CounterSample): Rate {
    const column = this.column(place)
    const rate = rateBetween(sampleAt(column, row), sample)
    const flags = column.flags[row] ?? 0
    put(column, row, sample, flags & (COUNTER.wasOver | COUNTER.boundWrong))
    return rate
  }

  /**
   * One rate over `max` is a slip of the counter; two in a row show that the bound is wrong (virtual
   * interfaces report 10 Mbit/s and carry gigabits), and from then on it is not asked again.
   */
  believes(place: number, row: number, isOver: boolean): boolean {
    return believes(this.column(place), row, isOver)
  }

  /** Every counter may have begun anew. */
  restarted(): void {
    for (const { flags } of this.columns.values()) {
      for (let row = 0; row < flags.length; row++)
        flags[row] = (flags[row] ?? 0) | COUNTER.restarted
    }
    for (const baselines of this.parked.values()) {
      for (const parked of baselines.values()) parked.flags |= COUNTER.restarted
    }
  }

  /** Rows that are gone take their baselines along, so that memory stays bounded by the table. */
  forgetGone(): void {
    if (this.parked.size > 0) this.parked = new Map()
  }
}

/** As Counters.believes, for one column. */
export function believes({ flags }: CounterColumn, row: number, isOver: boolean): boolean {
  const known = flags[row] ?? 0
  if (!(known & COUNTER.known) || known & COUNTER.boundWrong) return true
  if (!isOver) {
    flags[row] = known & ~COUNTER.wasOver
    return true
  }
  flags[row] = known | COUNTER.wasOver | (known & COUNTER.wasOver ? COUNTER.boundWrong : 0)
  return (known & COUNTER.wasOver) !== 0
}

function newColumn(rows: number): CounterColumn {
  return {
    flags: new Uint8Array(rows),
    served: new Uint16Array(rows),
    hi: new Uint32Array(rows),
    lo: new Uint32Array(rows),
    atMs: new Float64Array(rows),
    others: [],
    resets: [],
  }
}

/** Samples are of epoch 1; those from before a restart of 0. */
export const EPOCH = 1

function sampleAt(column: CounterColumn, row: number): CounterSample | undefined {
  const flags = column.flags[row] ?? 0
  if (!(flags & COUNTER.known)) return undefined
  return {
    value: flags & COUNTER.other ? (column.others[row] ?? 0) : wholeAt(column, row),
    wraps: false,
    served: column.served[row] ?? 0,
    atMs: column.atMs[row] ?? 0,
    epoch: flags & COUNTER.restarted ? EPOCH - 1 : EPOCH,
    resetOn: column.resets[row] ?? null,
  }
}

function wholeAt({ hi, lo }: CounterColumn, row: number): number | bigint {
  const [high = 0, low = 0] = [hi[row], lo[row]]
  return high < 2 ** 21 ? high * 2 ** 32 + low : (BigInt(high) << 32n) | BigInt(low)
}

/** `flags`: what is known beside the value. */
function put(column: CounterColumn, row: number, sample: CounterSample, flags: number): void {
  const { value, served, atMs, resetOn } = sample
  const isWhole = typeof value === 'bigint' ? value >= 0n && value < 2n ** 64n : isCount(value)
  column.flags[row] = (flags & ~COUNTER.other) | COUNTER.known | (isWhole ? 0 : COUNTER.other)
  column.served[row] = served
  column.atMs[row] = atMs
  if (!isWhole) column.others[row] = value
  else if (typeof value === 'bigint') {
    column.hi[row] = Number(value >> 32n)
    column.lo[row] = Number(value & 0xffff_ffffn)
  } else {
    column.hi[row] = Math.floor(value / 2 ** 32)
    column.lo[row] = value
  }
  if (resetOn !== null || column.resets.length > 0) column.resets[row] = resetOn
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
