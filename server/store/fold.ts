// Makes one roll-up that is due: the 15-minute points of a day from its blocks, or the 1-hour points of
// a week from its days. Read, made and written over in one transaction, so doing it again is harmless.

import {
  type Damage,
  lossyFormat,
  lostColumns,
  markDue,
  putBlock,
  readBlocks,
  readDue,
  type StoredBlock,
  setAside,
} from './blocks.ts'
import type { Columns } from './columns.ts'
import type { Database, Tx } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { putPlainRows } from './plain-rows.ts'
import { betterOf, RollUp } from './rollup.ts'
import { lockDevice, type StreamKey } from './streams.ts'
import {
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

interface Step {
  database: Database
  tx: Tx
  damage: Damage
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
export function fold(
  { database, damage }: { database: Database; damage: Damage },
  due: Due,
  now: number,
): Promise<boolean> {
  return database.transaction(async tx => {
    const kept = await lockDevice(database, tx, due)
    if (kept === null) return false
    const step = { database, tx, damage, now, due, kept: retentionClass(kept) }
    if (due.tier === 'r1h' && (await waitsForDay(step))) return false
    const made = due.tier === 'r15m' ? await dayPoints(step) : await weekPoints(step)
    const { streamId, tier, t0 } = due
    const t1 = t0 + ROLL_UPS[tier].period
    const table = tableOf(tier, step.kept)
    if (made) await putBlock(database, tx, table, streamId, { t0, t1 }, made.points, made.isLossy)
    if (made && tier === 'r15m') {
      await putPlainRows(database, tx, { streamId, day: t0, now }, made.points)
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

interface Made {
  points: Columns
  isLossy: boolean
}

async function dayPoints(step: Step): Promise<Made | null> {
  const { tx, due, kept } = step
  const table = tableOf('raw', kept)
  const range = { from: due.t0, to: due.t0 + dayMs - 1 }
  const { width, period } = ROLL_UPS.r15m
  const rollUp = new RollUp(due.t0, width, period / width)
  let isLossy = false
  const rows = await readBlocks(tx, table, due.streamId, range, blocksPerPeriodMax)
  for (const row of rows) {
    const samples = await samplesOf(step, row)
    isLossy ||= samples.isLossy
    rollUp.addSamples(samples.columns)
  }
  if (rows.length === 0) return null
  return keepBetter(step, { points: rollUp.result(), isLossy })
}

/** Samples that cannot be read are set aside; a gap says so in their place. */
async function samplesOf(
  { database, tx, damage, due, kept, now }: Step,
  row: StoredBlock,
): Promise<{ columns: Columns; isLossy: boolean }> {
  const table = tableOf('raw', kept)
  const columns = damage.decode(table, due.streamId, row)
  if (columns) return { columns, isLossy: row.fmt === lossyFormat }
  await setAside(tx, table, due.streamId, row, now)
  const lost = lostColumns(row, slotsPerStreamMax)
  await putBlock(database, tx, table, due.streamId, row, lost, true)
  return { columns: lost, isLossy: true }
}

async function weekPoints(step: Step): Promise<Made | null> {
  const { tx, damage, due, kept } = step
  const table = tableOf('r15m', kept)
  const range = { from: due.t0, to: due.t0 + weekMs - 1 }
  const { width, period } = ROLL_UPS.r1h
  const rollUp = new RollUp(due.t0, width, period / width)
  let isLossy = false
  const rows = await readBlocks(tx, table, due.streamId, range, blocksPerPeriodMax)
  for (const row of rows) {
    const points = damage.decode(table, due.streamId, row)
    isLossy ||= points === null || row.fmt === lossyFormat
    if (points) rollUp.addPoints(points)
  }
  if (rows.length === 0) return null
  return keepBetter(step, { points: rollUp.result(), isLossy })
}

/** Where samples were lost, what the roll-up said before is better than what is left of them. */
async function keepBetter({ tx, damage, due, kept }: Step, made: Made): Promise<Made> {
  if (!made.isLossy) return made
  const table = tableOf(due.tier, kept)
  const range = { from: due.t0, to: due.t0 }
  const [row] = await readBlocks(tx, table, due.streamId, range, 1)
  const before = row && damage.decode(table, due.streamId, row)
  return before ? { points: betterOf(made.points, before), isLossy: true } : made
}
