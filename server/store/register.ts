// New series get a stream and a slot, in a transaction of their own under the device's lock: what
// it gives is committed, so a batch that is rolled back later leaves no id that does not exist.

import { type Database, rowsPerInsertMax, type Tx } from './database.ts'
import { livingDevice } from './devices.ts'
import {
  GroupLayout,
  type GroupName,
  groupKey,
  loadLayouts,
  type SeriesName,
  slotsPerStreamMax,
} from './layout.ts'
import { getOrInsert } from './maps.ts'
import { closedSeries } from './series.ts'
import type { RetentionClass } from './tiers.ts'

/** Series of one device, over all its groups; those that are closed do not count. */
export const seriesPerDeviceMax = 50_000

export type Registered = { layout: GroupLayout } | { refused: 'unknown-device' | 'too-many-series' }

/**
 * Gives every series of `wanted` its place, the new ones after the last in use.
 * @param at Unix ms, kept as the first sight of the new ones
 * @param kept the class of new streams; null: as the group's others
 */
export function registerSeries(
  database: Database,
  group: GroupName,
  wanted: readonly SeriesName[],
  at: number,
  kept: RetentionClass | null = null,
): Promise<Registered> {
  return database.transaction(async tx => {
    if (!(await livingDevice(tx, database.exclusive, group.deviceUid))) {
      return { refused: 'unknown-device' }
    }
    const known = (await loadLayouts(tx, [group])).get(groupKey(group)) ?? new GroupLayout([], [])
    const missing = distinct([...known.series(), ...wanted]).slice(known.seriesCount)
    if (missing.length === 0) return { layout: known }
    if ((await countSeries(tx, group.deviceUid)) + missing.length > seriesPerDeviceMax) {
      return { refused: 'too-many-series' }
    }
    return { layout: await addSeries(tx, group, known, missing, at, kept) }
  })
}

function distinct(names: readonly SeriesName[]): SeriesName[] {
  const seen = new Map<string, Set<string | null>>()
  return names.filter(({ metric, row }) => {
    const rows = getOrInsert(seen, metric, () => new Set<string | null>())
    if (rows.has(row)) return false
    rows.add(row)
    return true
  })
}

async function countSeries(tx: Tx, deviceUid: number): Promise<number> {
  const { count } = await tx
    .selectFrom('stream')
    .innerJoin('series', 'series.stream_id', 'stream.id')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('stream.device_uid', '=', deviceUid)
    .executeTakeFirstOrThrow()
  return Number(count) - (await closedSeries(tx, deviceUid)).length
}

async function addSeries(
  tx: Tx,
  { deviceUid, group }: GroupName,
  known: GroupLayout,
  missing: readonly SeriesName[],
  at: number,
  chosen: RetentionClass | null,
): Promise<GroupLayout> {
  const streams = known.streams.map(one => ({ ...one }))
  const series = known.series()
  const kept = chosen ?? streams.at(-1)?.kept ?? 'default'
  const rows = []
  for (const { metric, row } of missing) {
    let stream = streams.at(-1)
    if (!stream || stream.count >= slotsPerStreamMax) {
      const { insertId } = await tx
        .insertInto('stream')
        .values({ device_uid: deviceUid, group_name: group, retention: kept })
        .executeTakeFirstOrThrow()
      stream = { id: Number(insertId), kept, count: 0 }
      streams.push(stream)
    }
    const slot = stream.count++
    series.push({ metric, row, place: (streams.length - 1) * slotsPerStreamMax + slot })
    rows.push({ stream_id: stream.id, slot, metric, row_key: row, first_at: at, seen_at: at })
  }
  for (let from = 0; from < rows.length; from += rowsPerInsertMax) {
    await tx
      .insertInto('series')
      .values(rows.slice(from, from + rowsPerInsertMax))
      .execute()
  }
  return new GroupLayout(streams, series)
}
