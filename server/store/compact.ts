// Turns the polls of one closed window of some streams of a device into blocks, in one transaction under
// the device's lock, so no writer stands between reading the polls and deleting them: a sample is in `poll`
// or in a block, never in both and never in neither. What came late is merged into the block that is there.
// A few steps for all streams: what each needs of the database comes in one message.

import type { Logger } from '../log.ts'
import type { BlockThread } from './block-thread.ts'
import {
  blockPut,
  blocksAt,
  boundsOf,
  type Damage,
  dueAt,
  lossyFormat,
  newDue,
  type StoredBlock,
  setAside,
} from './blocks.ts'
import type { Condensed, CondenseJob } from './condense.ts'
import type { Database, Tx } from './database.ts'
import { classesIn, lockingDevice } from './streams.ts'
import { readTexts } from './texts.ts'
import { type BlockTable, dayMs, floorTo, retentionClass, tableOf } from './tiers.ts'
import { together } from './together.ts'
import { spacingPolls, type Window, windowsFor } from './windows.ts'

/** Streams of one device that are compacted in one transaction. */
export const streamsTogetherMax = 8

/** Polls taken into blocks at once; the rest of a window that has more follows in the next step. */
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

/** A stream to compact, and the time (Unix ms) before which no raw samples of it are kept. */
export interface Wanted {
  streamId: number
  edge: number
}

interface Step extends Compactor {
  tx: Tx
  now: number
  /** Of one window. */
  pollsMax: number
}

/** A stream and its oldest polls, at least one. */
interface Waiting extends Wanted {
  table: BlockTable
  times: readonly number[]
}

interface Chosen extends Waiting {
  window: Window & { isThere: boolean }
}

/** @returns what was done, in the order of `wanted`, of which there are at most `streamsTogetherMax` */
export function compactOldest(
  compactor: Compactor,
  deviceUid: number,
  wanted: readonly Wanted[],
  now: number,
): Promise<Compacted[]> {
  return compactor.database.transaction(async tx => {
    const pollsMax = Math.floor(pollsPerStepMax / wanted.length)
    const step = { ...compactor, tx, now, pollsMax }
    const done = new Map<number, Compacted>()
    const chosen = await chooseWindows(tx, await lockWaiting(step, deviceUid, wanted))
    const due: Chosen[] = []
    for (const one of chosen) {
      const closedAt = one.window.t1 + closeGraceMs
      if (closedAt > now) done.set(one.streamId, { ...nothing, nextAt: closedAt })
      else if (one.window.t1 > one.edge) due.push(one)
      else done.set(one.streamId, { ...nothing, ...(await dropOutdated(tx, one)) })
    }
    if (due.length > 0) {
      for (const [id, one] of await compactWindows(step, deviceUid, due)) done.set(id, one)
    }
    return wanted.map(({ streamId }) => done.get(streamId) ?? nothing)
  })
}

/** Keeps every writer of the device away until the transaction ends. @returns those that have polls */
async function lockWaiting(
  { database, tx }: Step,
  deviceUid: number,
  wanted: readonly Wanted[],
): Promise<Waiting[]> {
  const ids = wanted.map(({ streamId }) => streamId)
  const { classes, oldest } = await together(tx, {
    lock: [lockingDevice(database, tx, deviceUid)],
    classes: [classesIn(tx, ids)],
    oldest: ids.map(id => oldestTimes(tx, id)),
  })
  return wanted.flatMap((one, index) => {
    const kept = classes[0]?.rows.find(({ id }) => id === one.streamId)
    const times = oldest[index]?.rows.map(({ ts }) => ts) ?? []
    if (!kept || times.length === 0) return []
    return [{ ...one, times, table: tableOf('raw', retentionClass(kept.retention)) }]
  })
}

const oldestTimes = (tx: Tx, streamId: number) =>
  tx
    .selectFrom('poll')
    .select('ts')
    .where('stream_id', '=', streamId)
    .orderBy('ts')
    .limit(spacingPolls)

/** The block that covers the oldest poll of each, or the longest window that lies across none. */
async function chooseWindows(tx: Tx, waiting: readonly Waiting[]): Promise<Chosen[]> {
  const asked = waiting.map(({ table, streamId, times }) => {
    const { t0, t1 } = widest(times)
    return boundsOf(tx, table, streamId, { from: t0, to: t1 - 1 })
  })
  const { bounds } = await together(tx, { bounds: asked })
  return waiting.map((one, index) => ({
    ...one,
    window: chooseWindow(one.times, bounds[index]?.rows ?? []),
  }))
}

function widest(times: readonly number[]): Window {
  const first = times[0] ?? 0
  return windowsFor(times)[0] ?? { t0: first, t1: first + 1 }
}

function chooseWindow(times: readonly number[], bounds: readonly Window[]): Chosen['window'] {
  const first = times[0] ?? 0
  const windows = windowsFor(times)
  const covering = bounds.find(({ t0, t1 }) => t0 <= first && first < t1)
  if (covering) return { ...covering, isThere: true }
  const isFree = (window: Window) =>
    bounds.every(({ t0, t1 }) => t1 <= window.t0 || t0 >= window.t1)
  return { ...(windows.find(isFree) ?? windows.at(-1) ?? widest(times)), isThere: false }
}

/** A window of which nothing is kept any more. */
async function dropOutdated(tx: Tx, { streamId, window }: Chosen): Promise<Partial<Compacted>> {
  const { numDeletedRows } = await deletePolls(tx, streamId, window, window.t1).executeTakeFirst()
  return { tooOld: Number(numDeletedRows), nextAt: 0 }
}

async function compactWindows(
  step: Step,
  deviceUid: number,
  due: readonly Chosen[],
): Promise<Map<number, Compacted>> {
  const read = await readWindows(step, due)
  // At once: the thread that makes blocks has the next one when it gives one back.
  const made = await Promise.all(read.map(one => makeBlock(step, one)))
  for (const one of made) await noteDamage(step, one)
  const left = await storeBlocks(step, deviceUid, made)
  const next = new Map(
    (await chooseWindows(step.tx, left)).map(({ streamId, window }) => [streamId, window.t1]),
  )
  return new Map(
    made.map(({ chosen: { streamId }, condensed: { samples, dropped } }) => {
      // Said here, so that a window that is not over needs no transaction of its own to be found so.
      const t1 = next.get(streamId)
      const nextAt = t1 === undefined ? null : t1 + closeGraceMs > step.now ? t1 + closeGraceMs : 0
      return [streamId, { ...nothing, samples, dropped, nextAt }]
    }),
  )
}

/** A window with all that goes into its block. */
interface Read {
  chosen: Chosen
  polls: { ts: number; data: Uint8Array }[]
  before: StoredBlock | undefined
  /** The roll-up of its day is noted as due already. */
  isDue: boolean
}

async function readWindows({ tx, pollsMax }: Step, due: readonly Chosen[]): Promise<Read[]> {
  const { polls, before, rollUps } = await together(tx, {
    polls: due.map(({ streamId, window }) => pollsOf(tx, streamId, window, pollsMax)),
    before: due.map(({ table, streamId, window }) => blocksAt(tx, table, streamId, window.t0)),
    rollUps: due.map(({ streamId, window }) =>
      dueAt(tx, streamId, 'r15m', floorTo(window.t0, dayMs)),
    ),
  })
  return due.map((chosen, index) => ({
    chosen,
    polls: polls[index]?.rows ?? [],
    before: before[index]?.rows[0],
    isDue: (rollUps[index]?.rows.length ?? 0) > 0,
  }))
}

const pollsOf = (tx: Tx, streamId: number, { t0, t1 }: Window, limit: number) =>
  tx
    .selectFrom('poll')
    .select(['ts', 'data'])
    .where('stream_id', '=', streamId)
    .where('ts', '>=', t0)
    .where('ts', '<', t1)
    .orderBy('ts')
    .limit(limit)

interface Made extends Read {
  condensed: Condensed
}

/** Of the texts that polls mean, the block gets copies: they are read when it is known which. */
async function makeBlock({ tx, blocks }: Step, read: Read): Promise<Made> {
  const { chosen, polls, before } = read
  const { t0, t1 } = chosen.window
  const job: CondenseJob = { t0, t1, before: before?.data ?? null, polls, texts: null }
  const first = await blocks.condense(job)
  if (first.needs.size === 0) return { ...read, condensed: first }
  const texts = await readTexts(tx, chosen.streamId, first.needs)
  return { ...read, condensed: await blocks.condense({ ...job, texts }) }
}

async function noteDamage(
  { tx, log, damage, now }: Step,
  { chosen: { table, streamId, window }, before, condensed }: Made,
): Promise<void> {
  const { damagedBlock, damagedPolls } = condensed
  for (const damaged of damagedPolls) log.error({ streamId, ...damaged }, damagedPoll)
  if (!before || damagedBlock === null) return
  damage.note(table, streamId, window.t0, damagedBlock)
  await setAside(tx, table, streamId, before, now)
}

/** @returns those that still have polls */
async function storeBlocks(
  { database, tx, now }: Step,
  deviceUid: number,
  made: readonly Made[],
): Promise<Waiting[]> {
  const puts = made.map(({ chosen: { table, streamId, window }, before, condensed }) => {
    const isLossy = before?.fmt === lossyFormat || condensed.damagedBlock !== null
    const { block, count } = condensed
    return blockPut(database, table, streamId, window, { data: block, count, isLossy })
  })
  const rollUps = made.flatMap(({ chosen: { streamId, window }, isDue }) => {
    const day = floorTo(window.t0, dayMs)
    const readyAt = Math.max(day + dayMs + dayGraceMs, now + lateGraceMs)
    return isDue ? [] : [newDue(tx, streamId, 'r15m', day, readyAt)]
  })
  const deletes = made.map(({ chosen: { streamId, window }, polls }) =>
    deletePolls(tx, streamId, window, (polls.at(-1)?.ts ?? window.t0) + 1),
  )
  const until = Math.max(...made.map(({ chosen }) => chosen.window.t1))
  const compacted = tx
    .updateTable('device')
    .set({ compacted_until: until })
    .where('uid', '=', deviceUid)
    .where('compacted_until', '<', until)
  const { left } = await together(tx, {
    written: [...puts, ...rollUps, ...deletes, compacted],
    left: made.map(({ chosen }) => oldestTimes(tx, chosen.streamId)),
  })
  return made.flatMap(({ chosen }, index) => {
    const times = left[index]?.rows.map(({ ts }) => ts) ?? []
    return times.length === 0 ? [] : [{ ...chosen, times }]
  })
}

const deletePolls = (tx: Tx, streamId: number, { t0, t1 }: Window, before: number) =>
  tx
    .deleteFrom('poll')
    .where('stream_id', '=', streamId)
    .where('ts', '>=', t0)
    .where('ts', '<', Math.min(t1, before))
