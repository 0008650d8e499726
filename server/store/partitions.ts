// The partitions of MySQL and MariaDB, by which what is too old goes at once: made ahead, dropped when
// all in them is older than what is kept. A deleted row would cost as much as an inserted one.

import { sql } from 'kysely'
import type { Database, Db } from './database.ts'

/** Periods made ahead of now. */
const aheadCount = 2
/** Partitions made by one statement. */
const madeMax = 10
/** How long a statement waits until nobody uses the table, seconds; it is tried again later. */
const waitSeconds = 5

const LAST = 'pmax'

export type Period = 'day' | 'month' | 'year'

interface Partition {
  name: string
  /** In the unit of the table's key; null: without end. */
  below: number | null
}

export interface Partitioned {
  table: string
  period: Period
  /** One of the table's key, ms. */
  unit: number
}

/**
 * Runs `work` where no other process is at it: of two that made the same partition one would fail. The
 * server frees the lock when this process dies.
 * @returns null: another process is at it
 */
export function aloneWithPartitions<T>(
  { db }: Database,
  work: () => Promise<T>,
): Promise<T | null> {
  return db.connection().execute(async on => {
    const name = sql`concat('pollux.partitions.', sha1(database()))`
    const { rows } = await sql<{ got: number | null }>`select get_lock(${name}, 0) as got`.execute(
      on,
    )
    if (rows[0]?.got !== 1) return null
    try {
      return await work()
    } finally {
      await sql`select release_lock(${name})`.execute(on)
    }
  })
}

/** The beginning of the period after the one of a time, Unix ms. */
export function nextPeriod(at: number, period: Period): number {
  const date = new Date(at)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (period === 'day') return Date.UTC(year, month, day + 1)
  return period === 'month' ? Date.UTC(year, month + 1) : Date.UTC(year + 1, 0)
}

/**
 * Brings the partitions of one table up to date.
 * @param edge Unix ms: partitions that end up to it go
 * @returns how many were made and dropped
 */
export async function tendPartitions(
  { db }: Database,
  { table, period, unit }: Partitioned,
  edge: number,
  now: number,
): Promise<{ made: number; dropped: number }> {
  return db.connection().execute(async on => {
    const known = await readPartitions(on, table)
    const old = known.filter(({ below }) => below !== null && below * unit <= edge)
    const bounds = missingBounds(known, period, unit, now)
    if (old.length === 0 && bounds.length === 0) return { made: 0, dropped: 0 }
    await sql`set session lock_wait_timeout = ${waitSeconds}`.execute(on)
    try {
      if (bounds.length > 0) await makePartitions(on, table, bounds, unit)
      if (old.length > 0) await dropPartitions(on, table, old)
    } finally {
      await sql`set session lock_wait_timeout = default`.execute(on)
    }
    return { made: bounds.length, dropped: old.length }
  })
}

async function readPartitions(on: Db, table: string): Promise<Partition[]> {
  const { rows } = await sql<{ name: string; below: string }>`
    select partition_name as name, partition_description as below
    from information_schema.partitions
    where table_schema = database() and table_name = ${table} and partition_name is not null
    order by partition_ordinal_position`.execute(on)
  return rows.map(({ name, below }) => ({
    name,
    below: below === 'MAXVALUE' ? null : Number(below),
  }))
}

/** Bounds from this period's own on; what is older lies in the first partition. */
function missingBounds(
  known: readonly Partition[],
  period: Period,
  unit: number,
  now: number,
): number[] {
  const highest = Math.max(0, ...known.map(({ below }) => (below ?? 0) * unit))
  const bounds: number[] = []
  let bound = nextPeriod(now, period)
  for (let ahead = 0; ahead <= aheadCount && bounds.length < madeMax; ahead++) {
    if (bound > highest) bounds.push(bound)
    bound = nextPeriod(bound, period)
  }
  return bounds
}

async function makePartitions(
  on: Db,
  table: string,
  bounds: readonly number[],
  unit: number,
): Promise<void> {
  const made = bounds.map(
    bound =>
      `partition p${new Date(bound).toISOString().slice(0, 10).replaceAll('-', '')} values less than (${bound / unit})`,
  )
  await sql
    .raw(
      `alter table ${table} reorganize partition ${LAST} into (${made.join(', ')},
        partition ${LAST} values less than maxvalue)`,
    )
    .execute(on)
}

async function dropPartitions(on: Db, table: string, old: readonly Partition[]): Promise<void> {
  const names = old.map(({ name }) => name).join(', ')
  await sql.raw(`alter table ${table} drop partition ${names}`).execute(on)
}
