// What the samples of a day, and where a setting says so of each of its hours, come to as plain rows, for
// people who read the database by SQL. Made of the 15-minute points, with the day's roll-up.

import { sql } from 'kysely'
import type { PlainDay } from './condense.ts'
import type { Database, Db, Tx } from './database.ts'
import { readPlainValues } from './plain-values.ts'
import { dayMs, hourMs } from './tiers.ts'

/** Days that hourly rows may be kept: 24 rows a day for each series. */
export const hourlyDaysMax = 366

/** For how many days hourly rows are kept; absent or 0: none are made. */
export const HOURLY_SETTING = 'hourly_values.days'

/** A setting that is no such number is as if it were not there. */
export async function hourlyDays(db: Db): Promise<number> {
  const row = await db
    .selectFrom('setting')
    .select('value')
    .where('name', '=', HOURLY_SETTING)
    .executeTakeFirst()
  const days = Number(row?.value)
  return Number.isInteger(days) && days >= 1 && days <= hourlyDaysMax ? days : 0
}

/** Whether the hours of the day that begins at `day` (Unix ms) are kept as rows. */
export async function isHourlyKept(db: Db, day: number, now: number): Promise<boolean> {
  const days = await hourlyDays(db)
  return days > 0 && day >= now - days * dayMs
}

/** Writes what a day came to. */
export async function putPlainRows(
  database: Database,
  tx: Tx,
  streamId: number,
  plain: PlainDay,
): Promise<void> {
  const daily = readPlainValues(plain.daily).map(({ at, ...row }) => ({
    ...{ day: at / dayMs, stream_id: streamId },
    ...row,
  }))
  await database.put(tx, 'daily_value', ['day', 'stream_id', 'slot'], daily)
  const hourly = readPlainValues(plain.hourly).map(({ at, ...row }) => ({
    ...{ hour: at / hourMs, stream_id: streamId },
    ...row,
  }))
  await database.put(tx, 'hourly_value', ['hour', 'stream_id', 'slot'], hourly)
}

/**
 * Deletes the rows of one stream, some days or hours at a time. Each of them is named: the tables are
 * ordered by time, and a statement without it would go through the rows of every stream.
 */
export async function* deletePlain(
  db: Db,
  table: 'daily_value' | 'hourly_value',
  key: 'day' | 'hour',
  streamId: number,
  timesMax: number,
): AsyncGenerator<void> {
  const [rows, at] = [sql.table(table), sql.ref(key)]
  const found = await sql<{ least: number | null; most: number | null }>`
    select (select min(${at}) from ${rows}) as least, (select max(${at}) from ${rows}) as most`.execute(
    db,
  )
  const { least, most } = found.rows[0] ?? { least: null, most: null }
  if (least === null || most === null) return
  for (let from = least; from <= most; from += timesMax) {
    const times = Array.from({ length: timesMax }, (_, index) => from + index)
    await sql`delete from ${rows} where ${at} in (${sql.join(times)}) and stream_id = ${streamId}`.execute(
      db,
    )
    yield
  }
}

/**
 * Deletes what lies before a day or an hour, one of them at a time.
 * @returns how many rows went
 */
export async function trimPlain(
  db: Db,
  table: 'daily_value' | 'hourly_value',
  key: 'day' | 'hour',
  before: number,
): Promise<number> {
  const [rows, at] = [sql.table(table), sql.ref(key)]
  for (let gone = 0; ; ) {
    const { numAffectedRows } = await sql`delete from ${rows}
      where ${at} = (select min(${at}) from ${rows}) and ${at} < ${before}`.execute(db)
    if (!numAffectedRows) return gone
    gone += Number(numAffectedRows)
  }
}
