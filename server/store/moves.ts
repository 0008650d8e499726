// A stream whose device or profile chose another class of retention: its blocks are copied into the
// tables of the new class some at a time, under the eyes of nobody; then, in one transaction, what
// changed meanwhile is copied too and the stream belongs to the new class. What is left behind is
// deleted afterwards. A move that was interrupted begins anew and finds most of it done.

import { type RawBuilder, sql } from 'kysely'
import type { Database, Db, Tx } from './database.ts'
import { readEdges } from './edges.ts'
import type { Edges } from './segments.ts'
import { lockDevice, type StreamKey } from './streams.ts'
import {
  BLOCK_TABLES,
  type BlockTable,
  type RetentionClass,
  retentionClass,
  TIERS,
  type Tier,
  tableOf,
} from './tiers.ts'

/** Blocks of some 40 KB that are copied, and rows that are deleted, by one step. */
const copiedMax = 25
const deletedMax = 100

/** How far a stream has been copied. */
export interface Move extends StreamKey {
  from: RetentionClass
  to: RetentionClass
  /** Index of the resolution, and the beginning of its last block that was copied. */
  tier: number
  after: number
}

export const newMove = (key: StreamKey, from: RetentionClass, to: RetentionClass): Move => ({
  streamId: key.streamId,
  deviceUid: key.deviceUid,
  ...{ from, to, tier: 0, after: -1 },
})

/** `gone`: the stream, or another process moved it; `waits`: for roll-ups that only the old class can make. */
export type Moved = 'more' | 'moved' | 'gone' | 'waits'

/**
 * Does one step of a move, which it changes.
 * @param edges of the class that it goes to
 */
export async function moveStep(database: Database, move: Move, edges: Edges): Promise<Moved> {
  const tier = TIERS[move.tier]
  if (!tier) return finish(database, move, edges)
  const isFirst = move.tier === 0 && move.after < 0
  if (isFirst && (await hasOlderWork(database.db, move, edges))) return 'waits'
  const copied = await copySome(database, move, tier)
  if (copied === 'gone') return copied
  if (copied === 'all') move.tier++
  move.after = copied === 'all' ? -1 : copied
  return 'more'
}

/** @returns the beginning of the last block that was copied */
function copySome(database: Database, move: Move, tier: Tier): Promise<number | 'all' | 'gone'> {
  const [old, to] = [tableOf(tier, move.from), tableOf(tier, move.to)]
  return database.transaction(async tx => {
    if (!(await isStill(database, tx, move))) return 'gone'
    const rows = await tx
      .selectFrom(old)
      .select('t0')
      .where('stream_id', '=', move.streamId)
      .where('t0', '>', move.after)
      .orderBy('t0')
      .limit(copiedMax)
      .execute()
    const last = rows.at(-1)
    if (!last) return 'all'
    await copy(tx, move, old, to, sql`old.t0 > ${move.after} and old.t0 <= ${last.t0}`)
    return last.t0
  })
}

/**
 * Locks the device. Where another process moved the stream, or its device is being removed, there is
 * nothing left to do: a copy made now would stay for ever.
 */
async function isStill(database: Database, tx: Tx, move: Move): Promise<boolean> {
  const kept = await lockDevice(database, tx, move)
  if (kept === null || retentionClass(kept) !== move.from) return false
  const device = await tx
    .selectFrom('device')
    .select('purging')
    .where('uid', '=', move.deviceUid)
    .executeTakeFirst()
  return device?.purging === 0
}

/** REPLACE means the same in SQLite and MySQL: a block that was copied before is written over. */
async function copy(
  db: Db,
  { streamId }: StreamKey,
  from: BlockTable,
  to: BlockTable,
  which: RawBuilder<unknown>,
): Promise<void> {
  await sql`replace into ${sql.table(to)} (stream_id, t0, t1, n, fmt, data)
    select old.stream_id, old.t0, old.t1, old.n, old.fmt, old.data from ${sql.table(from)} as old
    where old.stream_id = ${streamId} and ${which}`.execute(db)
}

/**
 * Whether there are samples that the new class does not keep as they are, and that are not rolled up
 * yet: it would drop them before they are.
 */
async function hasOlderWork(db: Db, { streamId }: Move, edges: Edges): Promise<boolean> {
  const poll = await db
    .selectFrom('poll')
    .select('ts')
    .where('stream_id', '=', streamId)
    .where('ts', '<', edges.raw)
    .limit(1)
    .executeTakeFirst()
  if (poll) return true
  const due = await db
    .selectFrom('rollup_due')
    .select('t0')
    .where('stream_id', '=', streamId)
    .where(({ or, and, eb }) =>
      or([
        and([eb('tier', '=', 'r15m'), eb('t0', '<', edges.raw)]),
        and([eb('tier', '=', 'r1h'), eb('t0', '<', edges.r15m)]),
      ]),
    )
    .limit(1)
    .executeTakeFirst()
  return due !== undefined
}

/** Under the device's lock nobody writes a block: what is copied now stays as it is. */
function finish(database: Database, move: Move, edges: Edges): Promise<Moved> {
  const { streamId, from, to } = move
  return database.transaction(async tx => {
    if (!(await isStill(database, tx, move))) return 'gone'
    if (await hasOlderWork(tx, move, edges)) return 'waits'
    for (const tier of TIERS) {
      const [old, copied] = [tableOf(tier, from), tableOf(tier, to)]
      const changed = await changedBlocks(tx, streamId, old, copied)
      for (let at = 0; at < changed.length; at += copiedMax) {
        const some = changed.slice(at, at + copiedMax)
        await copy(tx, move, old, copied, sql`old.t0 in (${sql.join(some)})`)
      }
    }
    const had = await readEdges(tx, from)
    await tx
      .updateTable('stream')
      .set({
        retention: to,
        raw_from: sql`case when raw_from > ${had.raw} then raw_from else ${had.raw} end`,
        r15m_from: sql`case when r15m_from > ${had.r15m} then r15m_from else ${had.r15m} end`,
      })
      .where('id', '=', streamId)
      .execute()
    return 'moved'
  })
}

/** Looked for apart: MySQL does not replace into a table that a subquery of the statement reads. */
async function changedBlocks(
  tx: Tx,
  streamId: number,
  from: BlockTable,
  to: BlockTable,
): Promise<number[]> {
  const { rows } = await sql<{ t0: number }>`select old.t0 from ${sql.table(from)} as old
    left join ${sql.table(to)} as copied on copied.stream_id = old.stream_id
      and copied.t0 = old.t0 and copied.t1 = old.t1 and copied.n = old.n
      and copied.fmt = old.fmt and copied.data = old.data
    where old.stream_id = ${streamId} and copied.t0 is null`.execute(tx)
  return rows.map(({ t0 }) => t0)
}

/**
 * Deletes some of what a stream left in the tables of other classes.
 * @returns how many rows went
 */
export function deleteLeftBehind(database: Database, key: StreamKey): Promise<number> {
  return database.transaction(async tx => {
    const kept = await lockDevice(database, tx, key)
    if (kept === null) return 0
    const own = TIERS.map(tier => tableOf(tier, retentionClass(kept)))
    for (const table of BLOCK_TABLES.filter(table => !own.includes(table))) {
      const rows = await tx
        .selectFrom(table)
        .select('t0')
        .where('stream_id', '=', key.streamId)
        .orderBy('t0')
        .limit(deletedMax)
        .execute()
      const last = rows.at(-1)
      if (!last) continue
      await tx
        .deleteFrom(table)
        .where('stream_id', '=', key.streamId)
        .where('t0', '<=', last.t0)
        .execute()
      return rows.length
    }
    return 0
  })
}
