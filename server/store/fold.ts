// Makes one roll-up that is due: the 15-minute points of a day from its blocks, or the 1-hour points of
// a week from its days. Read, made and written over in one transaction, so doing it again is harmless.

import { decodeBlock, encodeBlock } from './block.ts'
import {
  blockPut,
  lossyFormat,
  markDue,
  type NewBlock,
  readBlocks,
  readDue,
  type StoredBlock,
  setAside,
} from './blocks.ts'
import type { Compactor } from './compact.ts'
import { lostColumns, type PlainDay, plainDay } from './condense.ts'
import type { Database, Tx } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { isHourlyKept, putPlainRows } from './plain-rows.ts'
import { betterOf } from './rollup.ts'
import { noteSeen } from './series.ts'
import { keptOf, lockDevice, type StreamKey } from './streams.ts'
import {
  type BlockTable,
  dayMs,
  floorTo,
  type RetentionClass,
  ROLL_UPS,
  type RollUpTier,
  retentionClass,
  tableOf,
  weekMs,
} from './tiers.ts'

/** More blocks than a period can have: 96 of a quarter of an hour in a day. */
const blocksPerPeriodMax = 100

/** A week is rolled up so long after its end, and waits so long for a day of it that is due; ms. */
const weekGraceMs = 2 * 60 * 60_000
const retryMs = 20 * 60_000

export interface Due extends StreamKey {
  tier: RollUpTier
  t0: number
}

interface Step extends Compactor {
  tx: Tx
  now: number
  due: Due
  kept: RetentionClass
}

/** What is due and ready, the longest ready first. */
export async function nextDue(database: Database, now: number, limit: number): Promise<Due[]> {
  const rows = await database.db
    .selectFrom('rollup_due')
    .innerJoin('stream', 'stream.id', 'rollup_due.stream_id')
    .select(['stream.id', 'stream.device_uid', 'rollup_due.tier', 'rollup_due.t0'])
    .where('rollup_due.ready_at', '<=', now)
    .orderBy('rollup_due.ready_at')
    .limit(limit)
    .execute()
  return rows.map(({ id, device_uid, tier, t0 }) => ({
    ...{ streamId: id, deviceUid: device_uid, t0 },
    tier: tier === 'r1h' ? 'r1h' : 'r15m',
  }))
}

/** @returns whether it was made; false: it must wait */
export function fold(compactor: Compactor, due: Due, now: number): Promise<boolean> {
  const { database } = compactor
  return database.transaction(async tx => {
    const kept = await lockDevice(database, tx, due)
    if (kept === null) return false
    const step = { ...compactor, tx, now, due, kept: retentionClass(kept) }
    if (due.tier === 'r1h' && (await waitsForDay(step))) return false
    const made = await pointsOf(step)
    const { streamId, tier, t0 } = due
    const t1 = t0 + ROLL_UPS[tier].period
    const table = tableOf(tier, step.kept)
    if (made) await tx.executeQuery(blockPut(database, table, streamId, { t0, t1 }, made))
    if (made && tier === 'r15m') {
      await putPlainRows(database, tx, streamId, made.plain)
      await noteSeen(tx, streamId, made.seen, t0 + dayMs)
      const week = floorTo(t0, weekMs)
      await markDue(tx, streamId, 'r1h', week, Math.max(week + weekMs + weekGraceMs, now))
    }
    await tx
      .deleteFrom('rollup_due')
      .where('stream_id', '=', streamId)
      .where('tier', '=', tier)
      .where('t0', '=', t0)
      .execute()
    return true
  })
}

/** A week is made of its days: one of them that is due comes first. */
async function waitsForDay({ tx, due: { streamId, t0 }, now }: Step): Promise<boolean> {
  const days = await readDue(tx, streamId, 'r15m', { from: t0, to: t0 + weekMs - 1 })
  if (!days.some(day => day >= t0)) return false
  await tx
    .updateTable('rollup_due')
    .set({ ready_at: now + retryMs })
    .where('stream_id', '=', streamId)
    .where('tier', '=', 'r1h')
    .where('t0', '=', t0)
    .execute()
  return true
}

interface Made extends NewBlock {
  plain: PlainDay
  seen: readonly number[]
}

/** The points of the period, made of the blocks of the finer table; null: there are none. */
async function pointsOf(step: Step): Promise<Made | null> {
  const { tx, blocks, due, kept } = step
  const { tier, t0 } = due
  const { period } = ROLL_UPS[tier]
  const from = tableOf(tier === 'r15m' ? 'raw' : 'r15m', kept)
  const range = { from: t0, to: t0 + period - 1 }
  const rows = await readBlocks(tx, from, due.streamId, range, blocksPerPeriodMax)
  if (rows.length === 0) return null
  const isHourly = tier === 'r15m' && (await isHourlyKept(tx, t0, step.now))
  const rolled = await blocks.roll({ tier, t0, blocks: rows, isHourly })
  const { block, count, plain, seen, damaged } = rolled
  for (const { index, error } of damaged) {
    const row = rows[index]
    if (row) await noteDamaged(step, from, row, error)
  }
  const { edges } = await keptOf(tx, due.streamId)
  const isPartial = t0 < edges[tier === 'r15m' ? 'raw' : 'r15m']
  const isLossy = isPartial || damaged.length > 0 || rows.some(row => row.fmt === lossyFormat)
  const made = { plain, seen, data: block, count, isLossy }
  return isLossy ? keepBetter(step, made, isHourly) : made
}

/** Samples that cannot be read are set aside; a gap says so in their place. */
async function noteDamaged(
  { database, tx, damage, due, now }: Step,
  table: BlockTable,
  row: StoredBlock,
  error: string,
): Promise<void> {
  const { streamId } = due
  damage.note(table, streamId, row.t0, error)
  if (due.tier !== 'r15m') return
  await setAside(tx, table, streamId, row, now)
  const lost = lostColumns(row, slotsPerStreamMax)
  const data = encodeBlock(lost, row.t0)
  const count = lost.times.length
  await tx.executeQuery(blockPut(database, table, streamId, row, { data, count, isLossy: true }))
}

/** Where samples were lost, or went before others came late, what the roll-up said before is better than what is left of them. */
async function keepBetter(
  { tx, damage, due, kept }: Step,
  made: Made,
  isHourly: boolean,
): Promise<Made> {
  const table = tableOf(due.tier, kept)
  const range = { from: due.t0, to: due.t0 }
  const [row] = await readBlocks(tx, table, due.streamId, range, 1)
  const before = row && damage.decode(table, due.streamId, row)
  if (!before) return made
  const points = betterOf(decodeBlock(made.data, due.t0), before)
  const data = encodeBlock(points, due.t0)
  return { ...made, plain: plainDay(points, isHourly), data, count: points.times.length }
}
