// Turns the polls of one closed window of one stream into a block, in one transaction under the lock of
// its device, so no writer stands between reading the polls and deleting them: a sample is in `poll` or
// in a block, never in both and never in neither. What came late is merged into the block that is there.

import type { Logger } from '../log.ts'
import { GAP_NUMBERS } from '../model/gap.ts'
import { timesMax } from './block.ts'
import {
  type Damage,
  lossyFormat,
  lostColumns,
  markDue,
  putBlock,
  readBlocks,
  readBounds,
  setAside,
} from './blocks.ts'
import { emptyPoll, type Poll, slotsOf, TEXT } from './codec.ts'
import { type Columns, emptyColumns, placeOf, putPoll, widened } from './columns.ts'
import type { Database, Tx } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { getOrInsert } from './maps.ts'
import { decodeOrLog } from './polls.ts'
import { lockDevice, type StreamKey } from './streams.ts'
import { readTexts } from './texts.ts'
import { dayMs, floorTo, retentionClass, tableOf } from './tiers.ts'
import { spacingPolls, type Window, windowsFor } from './windows.ts'

/** Polls taken into one block at once; the rest of a window that has more follows in the next step. */
const pollsPerStepMax = 10_000

/** How long after its end a window stays open for what comes a little late, ms. */
export const closeGraceMs = 120_000

/** A day is rolled up so long after its end, and so long after late samples came, ms. */
const dayGraceMs = 30 * 60_000
const lateGraceMs = 10 * 60_000

export interface Compacted {
  /** Samples that went from polls into a block; polls that were older than what is kept. */
  samples: number
  tooOld: number
  /** Polls beyond what one block can hold. */
  dropped: number
  /** Unix ms: the stream has nothing to do before. Null: nothing left; 0: look again at once. */
  nextAt: number | null
}

const nothing: Compacted = { samples: 0, tooOld: 0, dropped: 0, nextAt: null }

interface Step {
  database: Database
  tx: Tx
  log: Logger
  damage: Damage
  now: number
  streamId: number
}

/** @param edge Unix ms: before it no raw samples are kept */
export function compactOldest(
  { database, log, damage }: { database: Database; log: Logger; damage: Damage },
  { streamId, deviceUid }: StreamKey,
  edge: number,
  now: number,
): Promise<Compacted> {
  return database.transaction(async tx => {
    const kept = await lockDevice(database, tx, { streamId, deviceUid })
    if (kept === null) return nothing
    const times = await oldestTimes(tx, streamId)
    const first = times[0]
    if (first === undefined) return nothing
    const step = { database, tx, log, damage, now, streamId }
    const table = tableOf('raw', retentionClass(kept))
    const found = await chooseWindow(tx, table, streamId, times)
    if (found.t1 + closeGraceMs > now) return { ...nothing, nextAt: found.t1 + closeGraceMs }
    if (found.t1 <= edge) {
      return { ...nothing, tooOld: await deletePolls(tx, streamId, found, found.t1), nextAt: 0 }
    }
    const done = await compactWindow(step, table, found)
    await tx
      .updateTable('device')
      .set({ compacted_until: found.t1 })
      .where('uid', '=', deviceUid)
      .where('compacted_until', '<', found.t1)
      .execute()
    return { ...nothing, ...done, nextAt: 0 }
  })
}

async function oldestTimes(tx: Tx, streamId: number): Promise<number[]> {
  const rows = await tx
    .selectFrom('poll')
    .select('ts')
    .where('stream_id', '=', streamId)
    .orderBy('ts')
    .limit(spacingPolls)
    .execute()
  return rows.map(({ ts }) => ts)
}

/** The block that covers the first of these times, or the longest window that lies across none. */
async function chooseWindow(
  tx: Tx,
  table: ReturnType<typeof tableOf>,
  streamId: number,
  times: readonly number[],
): Promise<Window> {
  const first = times[0] ?? 0
  const windows = windowsFor(times)
  const widest = windows[0] ?? { t0: first, t1: first + 1 }
  const bounds = await readBounds(tx, table, streamId, { from: widest.t0, to: widest.t1 - 1 })
  const covering = bounds.find(({ t0, t1 }) => t0 <= first && first < t1)
  if (covering) return covering
  const isFree = (window: Window) =>
    bounds.every(({ t0, t1 }) => t1 <= window.t0 || t0 >= window.t1)
  return windows.find(isFree) ?? windows.at(-1) ?? widest
}

async function compactWindow(
  step: Step,
  table: ReturnType<typeof tableOf>,
  window: Window,
): Promise<Pick<Compacted, 'samples' | 'dropped'>> {
  const { database, tx, streamId, now } = step
  const polls = await tx
    .selectFrom('poll')
    .select(['ts', 'data'])
    .where('stream_id', '=', streamId)
    .where('ts', '>=', window.t0)
    .where('ts', '<', window.t1)
    .orderBy('ts')
    .limit(pollsPerStepMax)
    .execute()
  const { before, isLossy } = await readBefore(step, table, window)
  const columns = await joined(step, before, polls)
  const { samples, dropped, whole } = columns
  await putBlock(database, tx, table, streamId, window, whole, isLossy)
  const day = floorTo(window.t0, dayMs)
  await markDue(tx, streamId, 'r15m', day, Math.max(day + dayMs + dayGraceMs, now + lateGraceMs))
  await deletePolls(tx, streamId, window, (polls.at(-1)?.ts ?? window.t0) + 1)
  return { samples, dropped }
}

/** What the block of this window holds already. */
async function readBefore(
  { tx, damage, streamId, now }: Step,
  table: ReturnType<typeof tableOf>,
  window: Window,
): Promise<{ before: Columns; isLossy: boolean }> {
  const [row] = await readBlocks(tx, table, streamId, { from: window.t0, to: window.t0 }, 1)
  if (!row) return { before: emptyColumns(), isLossy: false }
  const before = damage.decode(table, streamId, row)
  if (before) return { before, isLossy: row.fmt === lossyFormat }
  await setAside(tx, table, streamId, row, now)
  return { before: lostColumns(window, slotsPerStreamMax), isLossy: true }
}

async function joined(
  { tx, log, streamId }: Step,
  before: Columns,
  rows: readonly { ts: number; data: Uint8Array }[],
): Promise<{ whole: Columns; samples: number; dropped: number }> {
  const known = new Set(before.times)
  const added = rows.filter(({ ts }) => !known.has(ts)).map(({ ts }) => ts)
  const taken = added.slice(0, Math.max(0, timesMax - known.size))
  const slots = Math.min(slotsPerStreamMax, Math.max(0, ...rows.map(({ data }) => slotsOf(data))))
  const whole = widened(before, taken, slots)
  const words = new Words(whole)
  const poll = emptyPoll(slotsPerStreamMax)
  let samples = 0
  for (const { ts, data } of rows) {
    const place = placeOf(whole.times, ts)
    if (whole.times[place] !== ts) continue
    if (decodeOrLog(data, poll, slotsPerStreamMax, { streamId, ts }, log)) {
      words.note(ts, place, poll)
    } else {
      // What cannot be read is a gap in the block as it was one in the chart.
      poll.kinds.fill(GAP_NUMBERS.decode)
      poll.size = slotsPerStreamMax
    }
    putPoll(whole, place, poll)
    samples += poll.size
  }
  await words.resolve(tx, streamId)
  return { whole, samples, dropped: added.length - taken.length }
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
    for (let slot = 0; slot < poll.size; slot++) {
      if (poll.kinds[slot] !== TEXT) continue
      this.#noted.push({ slot, place, said: ts - (poll.values[slot] ?? 0) })
      poll.values[slot] = -this.#noted.length
    }
  }

  /** Gives the block a copy of each text, and the cells that are still notes its index. */
  async resolve(tx: Tx, streamId: number): Promise<void> {
    if (this.#noted.length === 0) return
    const wanted = new Map<number, Set<number>>()
    for (const { slot, said } of this.#noted) {
      getOrInsert(wanted, slot, () => new Set<number>()).add(said)
    }
    const found = await readTexts(tx, streamId, wanted)
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

/** @returns how many there were */
async function deletePolls(
  tx: Tx,
  streamId: number,
  { t0, t1 }: Window,
  before: number,
): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('poll')
    .where('stream_id', '=', streamId)
    .where('ts', '>=', t0)
    .where('ts', '<', Math.min(t1, before))
    .executeTakeFirst()
  return Number(numDeletedRows)
}
