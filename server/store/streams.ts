// The streams as maintenance goes through them: page by page, each with its oldest poll, and the lock
// under which one is worked on; and how long one is kept, as a reader finds it.

import { sql } from 'kysely'
import type { Database, Db, Tx } from './database.ts'
import type { Edges } from './segments.ts'
import { type RetentionClass, retentionClass, TIERS } from './tiers.ts'
import { together } from './together.ts'

export interface StreamKey {
  streamId: number
  deviceUid: number
}

export interface StreamState extends StreamKey {
  group: string
  retention: string
  /** Unix ms of the oldest poll that is not in a block; null: none waits. */
  oldestAt: number | null
}

/** The next streams after an id, in the order of their ids. */
export async function pageStreams(db: Db, after: number, limit: number): Promise<StreamState[]> {
  const rows = await db
    .selectFrom('stream')
    .select([
      'stream.id',
      'stream.device_uid',
      'stream.group_name',
      'stream.retention',
      sql<number | null>`(select min(ts) from poll where poll.stream_id = stream.id)`.as('oldest'),
    ])
    .where('stream.id', '>', after)
    .orderBy('stream.id')
    .limit(limit)
    .execute()
  return rows.map(({ id, device_uid, group_name, retention, oldest }) => ({
    streamId: id,
    deviceUid: device_uid,
    group: group_name,
    retention,
    oldestAt: oldest,
  }))
}

/**
 * Keeps every writer of the device away until the transaction ends.
 * @returns the stream's class of retention; null: it is gone
 */
export async function lockDevice(
  database: Database,
  tx: Tx,
  { streamId, deviceUid }: StreamKey,
): Promise<string | null> {
  const { classes } = await together(tx, {
    lock: [lockingDevice(database, tx, deviceUid)],
    classes: [classesIn(tx, [streamId])],
  })
  return classes[0]?.rows[0]?.retention ?? null
}

export const lockingDevice = (database: Database, tx: Tx, deviceUid: number) =>
  tx.selectFrom('device').select('uid').where('uid', '=', deviceUid).modifyEnd(database.exclusive)

export const classesIn = (db: Db, streamIds: readonly number[]) =>
  db.selectFrom('stream').select(['id', 'retention']).where('id', 'in', streamIds)

/** Streams in one SELECT. */
const idsPerSelectMax = 1000

/** The class of each of these streams as the database has it now: another process may have moved one. */
export async function classesOf(
  db: Db,
  streamIds: readonly number[],
): Promise<Map<number, RetentionClass>> {
  const classes = new Map<number, RetentionClass>()
  for (let from = 0; from < streamIds.length; from += idsPerSelectMax) {
    const rows = await classesIn(db, streamIds.slice(from, from + idsPerSelectMax)).execute()
    for (const { id, retention } of rows) classes.set(id, retentionClass(retention))
  }
  return classes
}

/**
 * The class of a stream, and from when on its tables have all there is (Unix ms): the class keeps
 * nothing before, or the stream had less when it came into it.
 */
export async function keptOf(
  db: Db,
  streamId: number,
): Promise<{ kept: RetentionClass; edges: Edges }> {
  const rows = await db
    .selectFrom('stream')
    .leftJoin('retention_edge', 'retention_edge.class', 'stream.retention')
    .select([
      'stream.retention',
      'stream.raw_from',
      'stream.r15m_from',
      'retention_edge.tier',
      'retention_edge.before_at',
    ])
    .where('stream.id', '=', streamId)
    .execute()
  const [first] = rows
  const edges: Edges = { raw: first?.raw_from ?? 0, r15m: first?.r15m_from ?? 0, r1h: 0 }
  for (const { tier, before_at } of rows) {
    const known = TIERS.find(one => one === tier)
    if (known) edges[known] = Math.max(edges[known], before_at ?? 0)
  }
  return { kept: retentionClass(first?.retention ?? ''), edges }
}
