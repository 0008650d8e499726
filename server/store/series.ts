// Which series a device has, and where they lie; straight from the database, as another process may
// have added some.

import { sql } from 'kysely'
import type { SeriesInfo } from './contract.ts'
import type { Db } from './database.ts'
import { weekMs } from './tiers.ts'

/** A series that was seen is not written down again for so long, ms; so it closes so much later. */
const seenAgainMs = weekMs

/** A series that is wanted, and where it lies. */
export interface Wanted {
  info: SeriesInfo
  streamId: number
  slot: number
  /** The stream's class of retention, as it is written. */
  retention: string
}

/** In the order of their streams and slots: the order of first sight. */
export async function findSeries(
  db: Db,
  deviceUid: number,
  only: { group: string; metrics: string[]; rows?: string[] } | null,
): Promise<Wanted[]> {
  if (only?.metrics.length === 0) return []
  let select = db
    .selectFrom('stream')
    .innerJoin('series', 'series.stream_id', 'stream.id')
    .select([
      'stream.id',
      'stream.group_name',
      'stream.retention',
      'series.slot',
      'series.metric',
      'series.row_key',
      'series.first_at',
    ])
    .where('stream.device_uid', '=', deviceUid)
  if (only) {
    select = select
      .where('stream.group_name', '=', only.group)
      .where('series.metric', 'in', only.metrics)
  }
  const found = await select.orderBy('stream.id').orderBy('series.slot').execute()
  const rows = only?.rows && new Set<string | null>(only.rows)
  return found
    .filter(({ row_key }) => !rows || rows.has(row_key))
    .map(({ id, slot, retention, group_name, metric, row_key, first_at }) => ({
      streamId: id,
      slot,
      retention,
      info: { deviceUid, group: group_name, metric, row: row_key, firstAt: first_at },
    }))
}

/** Every series of a device that is not closed. */
export async function listSeries(db: Db, deviceUid: number): Promise<SeriesInfo[]> {
  const closed = new Set((await closedSeries(db, deviceUid)).map(placeKey))
  return (await findSeries(db, deviceUid, null))
    .filter(({ streamId, slot }) => !closed.has(placeKey({ stream_id: streamId, slot })))
    .map(({ info }) => info)
}

const placeKey = ({ stream_id, slot }: { stream_id: number; slot: number }) =>
  `${stream_id}/${slot}`

/**
 * The series of rows that vanished so long ago that nothing is kept of them. Their places stay: a row that
 * comes back goes on in its own, and is open again when its first day is rolled up.
 */
export function closedSeries(
  db: Db,
  deviceUid: number,
): Promise<{ stream_id: number; slot: number }[]> {
  return db
    .selectFrom('stream')
    .innerJoin('retention_edge', 'retention_edge.class', 'stream.retention')
    .innerJoin('series', 'series.stream_id', 'stream.id')
    .select(['series.stream_id', 'series.slot'])
    .where('stream.device_uid', '=', deviceUid)
    .where('retention_edge.tier', '=', 'r1h')
    .where('series.seen_at', '>', 0)
    .where(sql<boolean>`series.seen_at + ${seenAgainMs} <= retention_edge.before_at`)
    .execute()
}

/** Slots named in one UPDATE. */
const slotsPerUpdateMax = 100
/** Notes that these slots had values up to a time. */
export async function noteSeen(
  db: Db,
  streamId: number,
  slots: readonly number[],
  until: number,
): Promise<void> {
  for (let from = 0; from < slots.length; from += slotsPerUpdateMax) {
    await db
      .updateTable('series')
      .set({ seen_at: until })
      .where('stream_id', '=', streamId)
      .where('slot', 'in', slots.slice(from, from + slotsPerUpdateMax))
      .where('seen_at', '<', until - seenAgainMs)
      .execute()
  }
}

/** Series of which nobody noted when they were seen: from now on they may close. */
export async function beginSeen(db: Db, streamId: number, now: number): Promise<void> {
  await db
    .updateTable('series')
    .set({ seen_at: now })
    .where('stream_id', '=', streamId)
    .where('seen_at', '=', 0)
    .execute()
}
