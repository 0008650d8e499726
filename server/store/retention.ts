// What is too old goes: the edges of each class are written down first, so that nobody writes before
// them, then partitions are dropped (MySQL) or rows deleted in small steps, stream by stream (SQLite).

import { messageOf } from '../model/errors.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import type { DaysKept, RetentionStore } from './contract.ts'
import type { Database, Db } from './database.ts'
import { readEdges, writeEdges } from './edges.ts'
import { aloneWithPartitions, type Partitioned, tendPartitions } from './partitions.ts'
import { HOURLY_SETTING, hourlyDays, trimPlain } from './plain-rows.ts'
import type { Edges } from './segments.ts'
import { keptSizes } from './sizes.ts'
import {
  DAYS_KEPT,
  dayMs,
  floorTo,
  hourMs,
  RETENTION_CLASSES,
  type RetentionClass,
  retentionClass,
  TIERS,
  type Tier,
  tableOf,
} from './tiers.ts'

/** Days that a setting may name. */
export const daysMax = 36_500
/** Rows of one stream and table deleted by one statement. */
const rowsPerStepMax = 100
/** Texts are kept so much longer than the samples: a poll may mean one that is a day older. */
export const textGraceMs = 2 * dayMs

const PERIODS = { raw: 'day', r15m: 'month', r1h: 'year' } as const satisfies Record<Tier, string>

/** `retention.default.raw`: days, as a number. */
export const retentionSetting = (kept: RetentionClass, tier: Tier) => `retention.${kept}.${tier}`

export function retentionStore(
  database: Database,
  choose: (policy: RetentionPolicy) => void,
): RetentionStore {
  const { db } = database
  return {
    days: () => daysKept(db),
    setDays: (kept, days) => setDays(database, kept, days),
    sizes: (now = Date.now()) => keptSizes(database, now),
    devices: () => devicesIn(db),
    choose,
    hourlyDays: () => hourlyDays(db),
    setHourlyDays: days =>
      database.put(db, 'setting', ['name'], [{ name: HOURLY_SETTING, value: String(days) }]),
  }
}

/** Where samples will be kept for longer, what went already is still missing: a reader must know. */
function setDays(database: Database, kept: RetentionClass, days: DaysKept): Promise<void> {
  return database.transaction(async tx => {
    const before = (await daysKept(tx))[kept]
    const edges = await readEdges(tx, kept)
    for (const tier of ['raw', 'r15m'] as const) {
      if (days[tier] <= before[tier]) continue
      const from = `${tier}_from` as const
      await tx
        .updateTable('stream')
        .set({ [from]: edges[tier] })
        .where('retention', '=', kept)
        .where(from, '<', edges[tier])
        .execute()
    }
    const values = TIERS.map(tier => ({
      name: retentionSetting(kept, tier),
      value: String(days[tier]),
    }))
    await database.put(tx, 'setting', ['name'], values)
  })
}

async function devicesIn(db: Db): Promise<Record<RetentionClass, number>> {
  const rows = await db
    .selectFrom('stream')
    .innerJoin('device', 'device.uid', 'stream.device_uid')
    .select(({ fn }) => ['stream.retention', fn.count('device.uid').distinct().as('count')])
    .where('device.live_id', 'is not', null)
    .groupBy('stream.retention')
    .execute()
  const counts = { short: 0, default: 0, long: 0 }
  for (const { retention, count } of rows) counts[retentionClass(retention)] += Number(count)
  return counts
}

/** Unix ms before which each class keeps nothing. Raw samples stay until they are rolled up. */
export async function currentEdges(db: Db, now: number): Promise<Map<RetentionClass, Edges>> {
  const days = await daysKept(db)
  const edges = new Map<RetentionClass, Edges>()
  for (const kept of RETENTION_CLASSES) {
    const due = await oldestDue(db, kept)
    const edge = (tier: Tier) => Math.max(0, floorTo(now - days[kept][tier] * dayMs, dayMs))
    edges.set(kept, {
      raw: Math.min(edge('raw'), due.r15m),
      r15m: Math.min(edge('r15m'), due.r1h),
      r1h: edge('r1h'),
    })
  }
  return edges
}

/** A setting that is no number of days is as if it were not there. */
async function daysKept(db: Db): Promise<Record<RetentionClass, DaysKept>> {
  const days = structuredClone(DAYS_KEPT)
  const rows = await db
    .selectFrom('setting')
    .select(['name', 'value'])
    .where('name', 'like', 'retention.%')
    .execute()
  for (const kept of RETENTION_CLASSES) {
    for (const tier of TIERS) {
      const text = rows.find(({ name }) => name === retentionSetting(kept, tier))?.value
      const set = Number(text)
      if (text !== undefined && set >= 1 && set <= daysMax) days[kept][tier] = set
    }
  }
  return days
}

/** The oldest period of each roll-up that is not made yet. */
async function oldestDue(db: Db, kept: RetentionClass): Promise<{ r15m: number; r1h: number }> {
  const oldest = { r15m: Number.MAX_SAFE_INTEGER, r1h: Number.MAX_SAFE_INTEGER }
  for (const tier of ['r15m', 'r1h'] as const) {
    const row = await db
      .selectFrom('rollup_due')
      .innerJoin('stream', 'stream.id', 'rollup_due.stream_id')
      .select(({ fn }) => fn.min('rollup_due.t0').as('t0'))
      .where('stream.retention', '=', kept)
      .where('rollup_due.tier', '=', tier)
      .executeTakeFirst()
    oldest[tier] = row?.t0 ?? oldest[tier]
  }
  return oldest
}

/** Writes the edges down and drops whole partitions. @returns what failed, for the log */
export async function tendRetention(
  database: Database,
  edges: ReadonlyMap<RetentionClass, Edges>,
  now: number,
): Promise<{ dropped: number; failures: string[] }> {
  await writeEdges(database, edges)
  const nothing = { dropped: 0, failures: [] }
  if (database.dialect === 'sqlite') return nothing
  const hourly = await hourlyEdge(database.db, now)
  const tables = partitioned(edges, hourly)
  return (await aloneWithPartitions(database, () => tendTables(database, tables, now))) ?? nothing
}

async function tendTables(
  database: Database,
  tables: readonly (Partitioned & { edge: number })[],
  now: number,
): Promise<{ dropped: number; failures: string[] }> {
  const failures: string[] = []
  let dropped = 0
  for (const { edge, ...table } of tables) {
    try {
      dropped += (await tendPartitions(database, table, edge, now)).dropped
    } catch (error) {
      // Somebody reads the table for long: the next run drops what is due then.
      failures.push(`${table.table}: ${messageOf(error)}`)
    }
  }
  return { dropped, failures }
}

function partitioned(
  edges: ReadonlyMap<RetentionClass, Edges>,
  hourly: number,
): (Partitioned & { edge: number })[] {
  const tables = [...edges].flatMap(([kept, of]) =>
    TIERS.map(tier => ({
      ...{ table: tableOf(tier, kept), period: PERIODS[tier], unit: 1 },
      edge: of[tier],
    })),
  )
  const daily = { table: 'daily_value', period: 'month' as const, unit: dayMs }
  const hours = { table: 'hourly_value', period: 'month' as const, unit: hourMs }
  return [...tables, { ...daily, edge: dailyEdge(edges) }, { ...hours, edge: hourly }]
}

/** Daily values are kept as long as the hours of the class that keeps them longest. */
const dailyEdge = (edges: ReadonlyMap<RetentionClass, Edges>): number =>
  Math.min(...[...edges.values()].map(({ r1h }) => r1h))

/**
 * Deletes the oldest rows of one stream, at most some of each table; what is not rolled up yet stays.
 * On MySQL it finds only what shares a partition with younger rows.
 * @returns how many went
 */
export async function trimStream(
  db: Db,
  streamId: number,
  kept: RetentionClass,
  classEdges: Edges,
): Promise<number> {
  const edges = await withoutDue(db, streamId, classEdges)
  let gone = 0
  for (const tier of TIERS) {
    const table = tableOf(tier, kept)
    const rows = await db
      .selectFrom(table)
      .select('t0')
      .where('stream_id', '=', streamId)
      .where('t0', '<', edges[tier])
      .where('t1', '<=', edges[tier])
      .orderBy('t0')
      .limit(rowsPerStepMax)
      .execute()
    const last = rows.at(-1)
    if (!last) continue
    gone += rows.length
    await db
      .deleteFrom(table)
      .where('stream_id', '=', streamId)
      .where('t0', '<=', last.t0)
      .where('t1', '<=', edges[tier])
      .execute()
  }
  return gone + (await trimTexts(db, streamId, edges.raw - textGraceMs))
}

/** A stream that came from another class may have more to roll up than its class had when the edges were read. */
async function withoutDue(db: Db, streamId: number, edges: Edges): Promise<Edges> {
  const due = await db
    .selectFrom('rollup_due')
    .select(({ fn }) => ['tier', fn.min('t0').as('t0')])
    .where('stream_id', '=', streamId)
    .groupBy('tier')
    .execute()
  const oldest = (tier: Tier) => due.find(one => one.tier === tier)?.t0 ?? Number.MAX_SAFE_INTEGER
  return {
    raw: Math.min(edges.raw, oldest('r15m')),
    r15m: Math.min(edges.r15m, oldest('r1h')),
    r1h: edges.r1h,
  }
}

/** Texts that no poll means any more: all before the edge, but each series' last one. */
async function trimTexts(db: Db, streamId: number, edge: number): Promise<number> {
  const rows = await db
    .selectFrom('text_log')
    .select(({ fn }) => ['slot', fn.max('ts').as('ts')])
    .where('stream_id', '=', streamId)
    .where('ts', '<', edge)
    .groupBy('slot')
    .execute()
  let gone = 0
  for (const { slot, ts } of rows) {
    const { numDeletedRows } = await db
      .deleteFrom('text_log')
      .where('stream_id', '=', streamId)
      .where('slot', '=', slot)
      .where('ts', '<', ts)
      .executeTakeFirst()
    gone += Number(numDeletedRows)
  }
  return gone
}

/** Unix ms before which no hourly values are kept. */
const hourlyEdge = async (db: Db, now: number): Promise<number> =>
  floorTo(now - (await hourlyDays(db)) * dayMs, dayMs)

/** SQLite: plain rows that are too old. @returns how many went */
export async function trimPlainRows(
  db: Db,
  edges: ReadonlyMap<RetentionClass, Edges>,
  now: number,
): Promise<number> {
  const days = await trimPlain(db, 'daily_value', 'day', dailyEdge(edges) / dayMs)
  return days + (await trimPlain(db, 'hourly_value', 'hour', (await hourlyEdge(db, now)) / hourMs))
}
