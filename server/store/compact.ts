// Turns the polls of one closed window of one stream into a block, in one transaction under the lock of
// its device, so no writer stands between reading the polls and deleting them: a sample is in `poll` or
// in a block, never in both and never in neither. What came late is merged into the block that is there.

import type { Logger } from '../log.ts'
import type { BlockThread } from './block-thread.ts'
import {
  type Damage,
  lossyFormat,
  markDue,
  putBlock,
  readBlocks,
  readBounds,
  type StoredBlock,
  setAside,
} from './blocks.ts'
import type { Condensed, CondenseJob } from './condense.ts'
import type { Database, Tx } from './database.ts'
import { lockDevice, type StreamKey } from './streams.ts'
import { readTexts } from './texts.ts'
import { type BlockTable, dayMs, floorTo, retentionClass, tableOf } from './tiers.ts'
import { spacingPolls, type Window, windowsFor } from './windows.ts'

/** Polls taken into one block at once; the rest of a window that has more follows in the next step. */
const pollsPerStepMax = 10_000

const damagedPoll = 'a stored poll is damaged'

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

/** What compaction works with. */
export interface Compactor {
  database: Database
  log: Logger
  damage: Damage
  blocks: BlockThread
}

interface Step extends Compactor {
  tx: Tx
  now: number
  streamId: number
}

/** @param edge Unix ms: before it no raw samples are kept */
export function compactOldest(
  compactor: Compactor,
  { streamId, deviceUid }: StreamKey,
  edge: number,
  now: number,
): Promise<Compacted> {
  const { database } = compactor
  return database.transaction(async tx => {
    const kept = await lockDevice(database, tx, { streamId, deviceUid })
    if (kept === null) return nothing
    const times = await oldestTimes(tx, streamId)
    const first = times[0]
    if (first === undefined) return nothing
    const step = { ...compactor, tx, now, streamId }
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
    const left = await oldestTimes(tx, streamId)
    if (left.length === 0) return { ...nothing, ...done }
    // Asked here, so that a window that is not over needs no transaction of its own to be found so.
    const next = await chooseWindow(tx, table, streamId, left)
    const closedAt = next.t1 + closeGraceMs
    return { ...nothing, ...done, nextAt: closedAt > now ? closedAt : 0 }
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
  table: BlockTable,
  streamId: number,
  times: readonly number[],
): Promise<Window & { isThere: boolean }> {
  const first = times[0] ?? 0
  const windows = windowsFor(times)
  const widest = windows[0] ?? { t0: first, t1: first + 1 }
  const bounds = await readBounds(tx, table, streamId, { from: widest.t0, to: widest.t1 - 1 })
  const covering = bounds.find(({ t0, t1 }) => t0 <= first && first < t1)
  if (covering) return { ...covering, isThere: true }
  const isFree = (window: Window) =>
    bounds.every(({ t0, t1 }) => t1 <= window.t0 || t0 >= window.t1)
  return { ...(windows.find(isFree) ?? windows.at(-1) ?? widest), isThere: false }
}

async function compactWindow(
  step: Step,
  table: BlockTable,
  window: Window & { isThere: boolean },
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
  const before = window.isThere ? await blockBefore(tx, table, streamId, window) : null
  const { t0, t1 } = window
  const job = { t0, t1, before: before?.data ?? null, polls, texts: null }
  const { block, count, samples, dropped, damagedBlock, damagedPolls } = await made(step, job)
  for (const damaged of damagedPolls) step.log.error({ streamId, ...damaged }, damagedPoll)
  if (before && damagedBlock !== null) {
    step.damage.note(table, streamId, t0, damagedBlock)
    await setAside(tx, table, streamId, before, now)
  }
  const isLossy = before?.fmt === lossyFormat || damagedBlock !== null
  await putBlock(database, tx, table, streamId, window, { data: block, count, isLossy })
  const day = floorTo(t0, dayMs)
  await markDue(tx, streamId, 'r15m', day, Math.max(day + dayMs + dayGraceMs, now + lateGraceMs))
  await deletePolls(tx, streamId, window, (polls.at(-1)?.ts ?? t0) + 1)
  return { samples, dropped }
}

/** What the block of this window holds already. */
async function blockBefore(
  tx: Tx,
  table: BlockTable,
  streamId: number,
  { t0 }: Window,
): Promise<StoredBlock | null> {
  const [row] = await readBlocks(tx, table, streamId, { from: t0, to: t0 }, 1)
  return row ?? null
}

/** Of the texts that polls mean, the block gets copies: they are read when it is known which. */
async function made({ tx, blocks, streamId }: Step, job: CondenseJob): Promise<Condensed> {
  const first = await blocks.condense(job)
  if (first.needs.size === 0) return first
  return blocks.condense({ ...job, texts: await readTexts(tx, streamId, first.needs) })
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
