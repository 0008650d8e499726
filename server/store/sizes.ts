// What each class and resolution holds and how it grows: estimates, made of a few streams and their newest
// rows, so that a large database is not read through. On MySQL the size is the one the server tells.

import { sql } from 'kysely'
import type { KeptSize } from './contract.ts'
import type { Database, Db } from './database.ts'
import {
  dayMs,
  RETENTION_CLASSES,
  type RetentionClass,
  ROLL_UPS,
  TIERS,
  type Tier,
  tableOf,
} from './tiers.ts'

/** Streams of one class that are looked at; the others are taken to be like them. */
const streamsSampledMax = 20
/** Rows of one stream and table that are looked at, the newest. */
const rowsSampledMax = 300

/** A rate is told from at least `least` ms, of the last `most` ms. */
const GROWTH: Record<Tier, { least: number; most: number }> = {
  raw: { least: dayMs, most: 3 * dayMs },
  r15m: { least: 2 * ROLL_UPS.r15m.period, most: 4 * ROLL_UPS.r15m.period },
  r1h: { least: 2 * ROLL_UPS.r1h.period, most: 4 * ROLL_UPS.r1h.period },
}

interface Sample {
  streams: number[]
  factor: number
}

interface Rows {
  rows: number
  bytes: number
  /** Begin of the oldest, end of the newest; Unix ms. */
  from: number
  to: number
}

/** One statement after another, each a few ms: writers come in between. */
export async function keptSizes(database: Database, now: number): Promise<KeptSize[]> {
  const sizes: KeptSize[] = []
  for (const kept of RETENTION_CLASSES) {
    const sample = await sampledStreams(database.db, kept)
    if (sample.streams.length === 0) continue
    for (const tier of TIERS) sizes.push(await sizeOf(database, kept, tier, sample, now))
  }
  return sizes
}

async function sizeOf(
  database: Database,
  kept: RetentionClass,
  tier: Tier,
  { streams, factor }: Sample,
  now: number,
): Promise<KeptSize> {
  const { db, dialect } = database
  const blocks = await blocksOf(database, kept, tier, streams, now)
  const polls = tier === 'raw' ? await pollsOf(db, streams) : { bytes: 0, oldestAt: null }
  const oldest = [blocks.oldestAt, polls.oldestAt].filter(at => at !== null)
  // An empty table of the server has pages too.
  const isTold = dialect === 'mysql' && blocks.oldestAt !== null
  const bytes = isTold ? await toldBytes(db, tableOf(tier, kept)) : blocks.bytes * factor
  return {
    kept,
    tier,
    bytes: bytes + polls.bytes * factor,
    bytesPerDay: blocks.bytesPerDay === null ? null : blocks.bytesPerDay * factor,
    oldestAt: oldest.length > 0 ? Math.min(...oldest) : null,
  }
}

/** Streams spread over all of a class, and how many each of them stands for. */
async function sampledStreams(db: Db, kept: RetentionClass): Promise<Sample> {
  const { rows } = await sql<{ n: number; low: number | null; high: number | null }>`
    select count(*) as n, min(id) as low, max(id) as high
    from stream where retention = ${kept}`.execute(db)
  const { n = 0, low = null, high = null } = rows[0] ?? {}
  if (low === null || high === null) return { streams: [], factor: 0 }
  const streams = new Set<number>()
  const step = Math.max(1, (high - low + 1) / streamsSampledMax)
  for (let at = low; at <= high; at += step) {
    const row = await db
      .selectFrom('stream')
      .select('id')
      .where('retention', '=', kept)
      .where('id', '>=', Math.floor(at))
      .orderBy('id')
      .limit(1)
      .executeTakeFirst()
    if (row) streams.add(row.id)
  }
  return { streams: [...streams], factor: Number(n) / streams.size }
}

/** Sizes of the sampled streams alone. */
async function blocksOf(
  { db, dialect }: Database,
  kept: RetentionClass,
  tier: Tier,
  streams: readonly number[],
  now: number,
): Promise<{ bytes: number; bytesPerDay: number | null; oldestAt: number | null }> {
  const table = tableOf(tier, kept)
  let bytes = 0
  let oldestAt: number | null = null
  const recent: Rows[] = []
  for (const streamId of streams) {
    const first = await oldestOf(db, table, streamId)
    if (first === null) continue
    oldestAt = Math.min(oldestAt ?? first, first)
    // InnoDB reads the whole value to know its length: there the server tells the size.
    if (dialect === 'sqlite') {
      const newest = await newestRows(db, table, streamId, 0)
      if (newest) bytes += newest.bytes * wholeOf(newest, first)
    }
    const grown = await newestRows(db, table, streamId, now - GROWTH[tier].most)
    if (grown) recent.push(grown)
  }
  return { bytes, bytesPerDay: growth(recent, GROWTH[tier].least), oldestAt }
}

/** By how much all rows are more than the newest ones that were looked at. */
const wholeOf = ({ rows, from, to }: Rows, first: number) =>
  rows < rowsSampledMax ? 1 : (to - first) / (to - from)

function growth(recent: readonly Rows[], least: number): number | null {
  const end = Math.max(...recent.map(({ to }) => to))
  const begin = Math.min(...recent.map(({ from }) => from))
  if (recent.length === 0 || end - begin < least) return null
  return recent.reduce((sum, { bytes, from }) => sum + (bytes * dayMs) / (end - from), 0)
}

async function oldestOf(
  db: Db,
  table: ReturnType<typeof tableOf>,
  streamId: number,
): Promise<number | null> {
  const row = await db
    .selectFrom(table)
    .select('t0')
    .where('stream_id', '=', streamId)
    .orderBy('t0')
    .limit(1)
    .executeTakeFirst()
  return row?.t0 ?? null
}

async function newestRows(
  db: Db,
  table: ReturnType<typeof tableOf>,
  streamId: number,
  since: number,
): Promise<Rows | null> {
  const { rows } = await sql<{ [K in keyof Rows]: number | string | null }>`
    select count(*) as ${sql.ref('rows')}, sum(bytes) as bytes, min(t0) as ${sql.ref('from')}, max(t1) as ${sql.ref('to')}
    from (select t0, t1, length(data) as bytes from ${sql.table(table)}
      where stream_id = ${streamId} and t0 >= ${since}
      order by t0 desc limit ${sql.lit(rowsSampledMax)}) newest`.execute(db)
  const [row] = rows
  if (!row || Number(row.rows) === 0) return null
  return {
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    from: Number(row.from),
    to: Number(row.to),
  }
}

/** Samples that are in no block yet. */
async function pollsOf(
  db: Db,
  streams: readonly number[],
): Promise<{ bytes: number; oldestAt: number | null }> {
  let bytes = 0
  let oldestAt: number | null = null
  for (const streamId of streams) {
    const { rows } = await sql<{ bytes: number | string | null; oldest: number | string | null }>`
      select sum(bytes) as bytes, min(ts) as oldest from (select ts, length(data) as bytes from poll
        where stream_id = ${streamId} order by ts limit ${sql.lit(rowsSampledMax)}) polls`.execute(
      db,
    )
    const oldest = rows[0]?.oldest ?? null
    if (oldest === null) continue
    bytes += Number(rows[0]?.bytes)
    oldestAt = Math.min(oldestAt ?? Number(oldest), Number(oldest))
  }
  return { bytes, oldestAt }
}

async function toldBytes(db: Db, table: string): Promise<number> {
  const { rows } = await sql<{ bytes: number | string | null }>`
    select data_length as bytes from information_schema.tables
    where table_schema = database() and table_name = ${table}`.execute(db)
  return Number(rows[0]?.bytes ?? 0)
}
