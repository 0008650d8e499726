// The streams as maintenance goes through them: page by page, each with its oldest poll, and the lock
// under which one is worked on.

import { sql } from 'kysely'
import type { Database, Db, Tx } from './database.ts'

export interface StreamKey {
  streamId: number
  deviceUid: number
}

export interface StreamState extends StreamKey {
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
      'stream.retention',
      sql<number | null>`(select min(ts) from poll where poll.stream_id = stream.id)`.as('oldest'),
    ])
    .where('stream.id', '>', after)
    .orderBy('stream.id')
    .limit(limit)
    .execute()
  return rows.map(({ id, device_uid, retention, oldest }) => ({
    streamId: id,
    deviceUid: device_uid,
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
  await tx
    .selectFrom('device')
    .select('uid')
    .where('uid', '=', deviceUid)
    .modifyEnd(database.exclusive)
    .execute()
  const row = await tx
    .selectFrom('stream')
    .select('retention')
    .where('id', '=', streamId)
    .executeTakeFirst()
  return row?.retention ?? null
}
