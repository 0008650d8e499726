// Which series a device has, and where they lie; straight from the database, as another process may
// have added some.

import type { SeriesInfo } from './contract.ts'
import type { Db } from './database.ts'

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

/** Every series of a device. */
export async function listSeries(db: Db, deviceUid: number): Promise<SeriesInfo[]> {
  return (await findSeries(db, deviceUid, null)).map(({ info }) => info)
}
