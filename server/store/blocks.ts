// The tables of blocks and roll-ups, and what is due in them: single rows, a stream's rows over a time,
// and what to do with one that cannot be read.

import type { CompiledQuery } from 'kysely'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import { blockFormat, decodeBlock, type SlotsWanted } from './block.ts'
import type { Columns } from './columns.ts'
import type { BlockRow, Database, Db } from './database.ts'
import { type BlockTable, ROLL_UPS, type RollUpTier } from './tiers.ts'
import { windowMax } from './windows.ts'

/** `fmt` of a block of which a part was lost. */
export const lossyFormat = 0

/** Damaged blocks that are remembered, so that each is told of once. */
const damagedKnownMax = 1000

export type StoredBlock = Pick<BlockRow, 't0' | 't1' | 'n' | 'fmt' | 'data'>

/** Blocks that were found damaged since the start; each is named in the log once. */
export class Damage {
  readonly #known = new Set<string>()
  readonly #log: Logger
  count = 0

  constructor(log: Logger) {
    this.#log = log
  }

  /** The columns of a block; null: it cannot be read. */
  decode(
    table: BlockTable,
    streamId: number,
    { t0, data }: Pick<StoredBlock, 't0' | 'data'>,
    wanted: SlotsWanted | null = null,
  ): Columns | null {
    try {
      return decodeBlock(data, t0, wanted)
    } catch (error) {
      this.note(table, streamId, t0, messageOf(error))
      return null
    }
  }

  /** Counts a block that cannot be read, and names it in the log the first time. */
  note(table: BlockTable, streamId: number, t0: number, error: string): void {
    const key = `${table} ${streamId} ${t0}`
    if (this.#known.has(key)) return
    if (this.#known.size < damagedKnownMax) this.#known.add(key)
    this.count++
    this.#log.error({ table, streamId, t0, error }, 'a stored block is damaged: it is left out')
  }
}

/** A stream's blocks that overlap a time, both ends included, oldest first. */
export function readBlocks(
  db: Db,
  table: BlockTable,
  streamId: number,
  { from, to }: { from: number; to: number },
  limit: number,
): Promise<StoredBlock[]> {
  return db
    .selectFrom(table)
    .select(['t0', 't1', 'n', 'fmt', 'data'])
    .where('stream_id', '=', streamId)
    .where('t0', '>', from - longest(table))
    .where('t0', '<=', to)
    .where('t1', '>', from)
    .orderBy('t0')
    .limit(limit)
    .execute()
}

/** How far before a time a block may begin that still covers it. */
const longest = (table: BlockTable): number =>
  table.startsWith('r1h') ? ROLL_UPS.r1h.period : windowMax

/** Beginnings and ends of a stream's blocks that overlap a time. */
export const boundsOf = (
  db: Db,
  table: BlockTable,
  streamId: number,
  { from, to }: { from: number; to: number },
) =>
  db
    .selectFrom(table)
    .select(['t0', 't1'])
    .where('stream_id', '=', streamId)
    .where('t0', '>', from - longest(table))
    .where('t0', '<=', to)
    .where('t1', '>', from)
    .orderBy('t0')

/** A stream's block that begins then. */
export const blocksAt = (db: Db, table: BlockTable, streamId: number, t0: number) =>
  db
    .selectFrom(table)
    .select(['t0', 't1', 'n', 'fmt', 'data'])
    .where('stream_id', '=', streamId)
    .where('t0', '=', t0)

/** A stream's newest blocks that begin before a time, newest first. */
export function newestBlocks(
  db: Db,
  table: BlockTable,
  streamId: number,
  before: number,
  limit: number,
): Promise<StoredBlock[]> {
  return db
    .selectFrom(table)
    .select(['t0', 't1', 'n', 'fmt', 'data'])
    .where('stream_id', '=', streamId)
    .where('t0', '<', before)
    .orderBy('t0', 'desc')
    .limit(limit)
    .execute()
}

/** A block as it is written: its bytes, how many times are in it, whether a part of it was lost. */
export interface NewBlock {
  data: Uint8Array
  count: number
  isLossy: boolean
}

/** Writes a block, over one that begins then. */
export function blockPut(
  database: Database,
  table: BlockTable,
  streamId: number,
  { t0, t1 }: { t0: number; t1: number },
  { data, count, isLossy }: NewBlock,
): CompiledQuery {
  const fmt = isLossy ? lossyFormat : blockFormat
  const row = { stream_id: streamId, t0, t1, n: count, fmt, data }
  return database.putting(table, ['stream_id', 't0'], row)
}

/** Keeps a copy of the bytes that cannot be read; the row itself is to be written over. */
export async function setAside(
  tx: Db,
  table: BlockTable,
  streamId: number,
  { t0, data }: Pick<StoredBlock, 't0' | 'data'>,
  at: number,
): Promise<void> {
  await tx
    .insertInto('block_damaged')
    .values({ table_name: table, stream_id: streamId, t0, found_at: at, data })
    .execute()
}

/** Whether a roll-up is noted as one that does not say what the samples say. */
export const dueAt = (tx: Db, streamId: number, tier: RollUpTier, t0: number) =>
  tx
    .selectFrom('rollup_due')
    .select('t0')
    .where('stream_id', '=', streamId)
    .where('tier', '=', tier)
    .where('t0', '=', t0)

/** Notes a roll-up as one that does not say what the samples say; none is noted twice. */
export const newDue = (tx: Db, streamId: number, tier: RollUpTier, t0: number, readyAt: number) =>
  tx.insertInto('rollup_due').values({ stream_id: streamId, tier, t0, ready_at: readyAt })

/** Notes a roll-up as due; one that is noted already stays as it is. */
export async function markDue(
  tx: Db,
  streamId: number,
  tier: RollUpTier,
  t0: number,
  readyAt: number,
): Promise<void> {
  const known = await dueAt(tx, streamId, tier, t0).executeTakeFirst()
  if (!known) await newDue(tx, streamId, tier, t0, readyAt).execute()
}

/** The beginnings of a stream's due roll-ups that overlap a time. */
export async function readDue(
  db: Db,
  streamId: number,
  tier: RollUpTier,
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const rows = await db
    .selectFrom('rollup_due')
    .select('t0')
    .where('stream_id', '=', streamId)
    .where('tier', '=', tier)
    .where('t0', '>', from - ROLL_UPS[tier].period)
    .where('t0', '<=', to)
    .orderBy('t0')
    .execute()
  return rows.map(({ t0 }) => t0)
}
