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
import { emptyPoll, type Poll, TEXT } from './codec.ts'
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
  const polls = rows.map(({ ts, data }) => {
    const poll = emptyPoll(slotsPerStreamMax)
    // What cannot be read is a gap in the block as it was one in the chart.
    if (decodeOrLog(data, poll, slotsPerStreamMax, { streamId, ts }, log)) return { ts, poll }
    poll.kinds.fill(GAP_NUMBERS.decode)
    return { ts, poll: { ...poll, size: slotsPerStreamMax } }
  })
  const known = new Set(before.times)
  const added = polls.filter(({ ts }) => !known.has(ts))
  const room = Math.max(0, timesMax - before.times.length)
  const taken = added.slice(0, room).map(({ ts }) => ts)
  const slots = Math.max(0, ...polls.map(({ poll }) => poll.size))
  const whole = widened(before, taken, slots)
  const words = await wordsOf(tx, streamId, polls, whole)
  let samples = 0
  for (const { ts, poll } of polls) {
    const place = placeOf(whole.times, ts)
    if (whole.times[place] !== ts) continue
    words(ts, poll)
    putPoll(whole, place, poll)
    samples += poll.size
  }
  return { whole, samples, dropped: added.length - taken.length }
}

/**
 * Gives the block a copy of each text that its polls mean.
 * @returns what makes a poll's TEXT cells point to these copies
 */
async function wordsOf(
  tx: Tx,
  streamId: number,
  polls: readonly { ts: number; poll: Poll }[],
  columns: Columns,
): Promise<(ts: number, poll: Poll) => void> {
  const wanted = new Map<number, Set<number>>()
  forTexts(polls, (slot, said) => getOrInsert(wanted, slot, () => new Set<number>()).add(said))
  const found = await readTexts(tx, streamId, wanted)
  const known = new Map(columns.texts.map((text, index) => [text, index]))
  return (ts, poll) => {
    forTexts([{ ts, poll }], (slot, said) => {
      const text = found.get(slot)?.get(said)
      if (text === undefined) {
        poll.kinds[slot] = GAP_NUMBERS.dropped
        return
      }
      poll.values[slot] = getOrInsert(known, text, () => columns.texts.push(text) - 1)
    })
  }
}

function forTexts(
  polls: readonly { ts: number; poll: Poll }[],
  found: (slot: number, said: number) => void,
): void {
  for (const { ts, poll } of polls) {
    for (let slot = 0; slot < poll.size; slot++) {
      if (poll.kinds[slot] === TEXT) found(slot, ts - (poll.values[slot] ?? 0))
    }
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
