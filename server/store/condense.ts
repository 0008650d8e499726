// The pure work of the compactor: the polls of a window to the bytes of its block, and the blocks of a
// day or week to points. It knows no database and runs in a thread of its own (block-worker.ts).

import { messageOf } from '../model/errors.ts'
import { GAP_NUMBERS } from '../model/gap.ts'
import { decodeBlock, encodeBlock, timesMax } from './block.ts'
import { decodePoll, emptyPoll, GAP_LAST, type Poll, slotsOf, TEXT } from './codec.ts'
import { blankColumns, type Columns, emptyColumns, placeOf, putPoll, widened } from './columns.ts'
import { slotsPerStreamMax } from './layout.ts'
import { getOrInsert } from './maps.ts'
import type { PollBytes } from './packed-polls.ts'
import { plainValues } from './plain-values.ts'
import { LAST, partsPerSlot, RollUp } from './rollup.ts'
import { dayMs, hourMs, ROLL_UPS, type RollUpTier } from './tiers.ts'

/** Slot → times of rows of the text log. */
export type TextTimes = Map<number, Set<number>>
/** Slot → time of a row of the text log → its text. */
export type Texts = ReadonlyMap<number, ReadonlyMap<number, string>>

export interface CondenseJob {
  /** The window, Unix ms; `t1` is not included. */
  t0: number
  t1: number
  /** The block that this window has already; null: none. */
  before: Uint8Array | null
  polls: PollBytes[]
  /** Null: not read yet; the answer then is which are needed, if any are. */
  texts: Texts | null
}

export interface Condensed {
  /** Where this is not empty, nothing else is said: read these, and ask again. */
  needs: TextTimes
  block: Uint8Array
  /** Times in the block. */
  count: number
  samples: number
  /** Polls beyond what a block can hold. */
  dropped: number
  /** Why the block before could not be read; null: it could. */
  damagedBlock: string | null
  damagedPolls: { ts: number; error: string }[]
}

export interface RollJob {
  tier: RollUpTier
  t0: number
  /** Blocks of samples for quarters of an hour, of quarters for hours. */
  blocks: { t0: number; t1: number; data: Uint8Array }[]
  /** Whether the day's hours are wanted as rows too. */
  isHourly: boolean
}

export interface Rolled {
  block: Uint8Array
  /** Times in the block. */
  count: number
  /** Slots of the stream that had a value. */
  seen: number[]
  plain: PlainDay
  /** Blocks that could not be read, by their index, and why. */
  damaged: { index: number; error: string }[]
}

/** What a day comes to as rows for SQL (plain-values.ts); nothing where it was not asked for. */
export interface PlainDay {
  daily: Float64Array
  hourly: Float64Array
}

export const plainDay = (points: Columns, isHourly: boolean): PlainDay => ({
  daily: plainValues(points, dayMs),
  hourly: isHourly ? plainValues(points, hourMs) : noValues,
})

const noValues = new Float64Array(0)

function slotsSeen({ slots }: Columns): number[] {
  const seen: number[] = []
  for (let slot = 0; slot * partsPerSlot < slots.length; slot++) {
    const last = slots[slot * partsPerSlot + LAST]
    if (last?.kinds.some(kind => kind > GAP_LAST)) seen.push(slot)
  }
  return seen
}

export function condense(job: CondenseJob): Condensed {
  const { before, damagedBlock } = columnsBefore(job)
  const known = new Set(before.times)
  const added = job.polls.filter(({ ts }) => !known.has(ts)).map(({ ts }) => ts)
  const taken = added.slice(0, Math.max(0, timesMax - known.size))
  const sizes = job.polls.map(({ data }) => slotsOf(data))
  const slots = Math.min(slotsPerStreamMax, Math.max(0, ...sizes))
  const whole = widened(before, taken, slots)
  const words = new Words(whole)
  const poll = emptyPoll(slotsPerStreamMax)
  const damagedPolls: Condensed['damagedPolls'] = []
  let samples = 0
  for (const { ts, data } of job.polls) {
    const place = placeOf(whole.times, ts)
    if (whole.times[place] !== ts) continue
    try {
      decodePoll(data, poll)
      words.note(ts, place, poll)
    } catch (error) {
      damagedPolls.push({ ts, error: messageOf(error) })
      // What cannot be read is a gap in the block as it was one in the chart.
      poll.kinds.fill(GAP_NUMBERS.decode)
      poll.size = slotsPerStreamMax
    }
    putPoll(whole, place, poll)
    samples += poll.size
  }
  const needs = job.texts === null ? words.needs() : new Map()
  if (job.texts !== null) words.resolve(job.texts)
  const count = whole.times.length
  const dropped = added.length - taken.length
  const block = needs.size > 0 ? new Uint8Array(0) : encodeBlock(whole, job.t0)
  return { needs, block, count, samples, dropped, damagedBlock, damagedPolls }
}

function columnsBefore(job: CondenseJob): { before: Columns; damagedBlock: string | null } {
  if (job.before === null) return { before: emptyColumns(), damagedBlock: null }
  try {
    return { before: decodeBlock(job.before, job.t0), damagedBlock: null }
  } catch (error) {
    return { before: lostColumns(job, slotsPerStreamMax), damagedBlock: messageOf(error) }
  }
}

/** What stands in the place of samples that cannot be read: a gap at both ends of their window. */
export function lostColumns({ t0, t1 }: { t0: number; t1: number }, slots: number): Columns {
  const columns = blankColumns(Float64Array.of(t0, t1 - 1), slots)
  for (const column of columns.slots) column?.kinds.fill(GAP_NUMBERS.decode)
  return columns
}

/** Of samples that cannot be read, gaps go into the points; points that cannot be read are left out. */
export function rollUp({ tier, t0, blocks, isHourly }: RollJob): Rolled {
  const { width, period } = ROLL_UPS[tier]
  const into = new RollUp(t0, width, period / width)
  const damaged: Rolled['damaged'] = []
  blocks.forEach((block, index) => {
    let columns: Columns | null = null
    try {
      columns = decodeBlock(block.data, block.t0)
    } catch (error) {
      damaged.push({ index, error: messageOf(error) })
    }
    if (tier === 'r15m') into.addSamples(columns ?? lostColumns(block, slotsPerStreamMax))
    else if (columns) into.addPoints(columns)
  })
  const points = into.result()
  const block = encodeBlock(points, t0)
  const plain = tier === 'r15m' ? plainDay(points, isHourly) : { daily: noValues, hourly: noValues }
  return { block, count: points.times.length, seen: slotsSeen(points), plain, damaged }
}

/** The texts that polls mean, on their way from the log into the block. */
class Words {
  readonly #columns: Columns
  readonly #noted: { slot: number; place: number; said: number }[] = []

  constructor(columns: Columns) {
    this.#columns = columns
  }

  /** Makes each TEXT cell of a poll say which note it is: -1 the first, -2 the second. */
  note(ts: number, place: number, poll: Poll): void {
    // Most polls have no text, and one look by native code says so.
    const first = poll.kinds.indexOf(TEXT)
    if (first === -1) return
    for (let slot = first; slot < poll.size; slot++) {
      if (poll.kinds[slot] !== TEXT) continue
      this.#noted.push({ slot, place, said: ts - (poll.values[slot] ?? 0) })
      poll.values[slot] = -this.#noted.length
    }
  }

  needs(): TextTimes {
    const wanted: TextTimes = new Map()
    for (const { slot, said } of this.#noted) {
      getOrInsert(wanted, slot, () => new Set<number>()).add(said)
    }
    return wanted
  }

  /** Gives the block a copy of each text, and the cells that are still notes its index. */
  resolve(found: Texts): void {
    const { texts, slots } = this.#columns
    const known = new Map(texts.map((text, index) => [text, index]))
    this.#noted.forEach(({ slot, place, said }, index) => {
      const column = slots[slot]
      if (column?.kinds[place] !== TEXT || column.values[place] !== -index - 1) return
      const text = found.get(slot)?.get(said)
      if (text === undefined) column.kinds[place] = GAP_NUMBERS.dropped
      else column.values[place] = getOrInsert(known, text, () => texts.push(text) - 1)
    })
  }
}
