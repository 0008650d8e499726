// Which series of a group lies in which slot of which stream: an immutable picture of it, how it is
// loaded, and a bounded cache. A picture may miss what another process added, it is never wrong.

import type { Db } from './database.ts'
import { getOrInsert } from './maps.ts'
import { type RetentionClass, retentionClass } from './tiers.ts'

/** Series in one stream (PERFORMANCE: about 100 read together). */
export const slotsPerStreamMax = 100

/** Series whose places are kept in memory; beyond, the groups used longest ago go. */
export const seriesCachedMax = 500_000

export interface SeriesName {
  metric: string
  /** null for a scalar. */
  row: string | null
}

export interface SeriesEntry extends SeriesName {
  firstAt: number
}

export interface StreamLayout {
  id: number
  kept: RetentionClass
  /** By slot. */
  series: SeriesEntry[]
}

/** The streams of one group of one device. What it says is not changed after it was built. */
export class GroupLayout {
  readonly streams: readonly StreamLayout[]
  readonly seriesCount: number
  /** Metric → row → stream index · slotsPerStreamMax + slot. */
  readonly #places = new Map<string, Map<string | null, number>>()
  #last: Placement | null = null

  constructor(streams: readonly StreamLayout[]) {
    this.streams = streams
    let count = 0
    streams.forEach((stream, index) => {
      stream.series.forEach(({ metric, row }, slot) => {
        const rows = getOrInsert(this.#places, metric, () => new Map<string | null, number>())
        rows.set(row, index * slotsPerStreamMax + slot)
        count++
      })
    })
    this.seriesCount = count
  }

  has(metric: string, row: string | null): boolean {
    return this.#places.get(metric)?.has(row) ?? false
  }

  /** Where the values of a collection with these rows (null: scalars) go. */
  placement(rows: readonly string[] | null): Placement {
    if (this.#last === null || !sameRows(this.#last.rows, rows))
      this.#last = new Placement(rows, this.#places)
    return this.#last
  }
}

/** A text that is not well-formed Unicode would come back from the database as another one. */
export const wellFormed = (text: string) => (text.isWellFormed() ? text : text.toWellFormed())

export interface Places {
  /** By row: stream index · slotsPerStreamMax + slot; -1 where the series has no place yet. */
  places: Int32Array
  isComplete: boolean
}

/** A device sends the same rows again and again: where they lie is looked up once. */
export class Placement {
  readonly rows: readonly string[] | null
  /** Rows as they are stored. */
  readonly keys: readonly (string | null)[]
  readonly #places: ReadonlyMap<string, ReadonlyMap<string | null, number>>
  readonly #byMetric = new Map<string, Places>()

  constructor(
    rows: readonly string[] | null,
    places: ReadonlyMap<string, ReadonlyMap<string | null, number>>,
  ) {
    this.rows = rows
    this.keys = rows === null ? [null] : rows.map(wellFormed)
    this.#places = places
  }

  of(metric: string): Places {
    const known = this.#byMetric.get(metric)
    if (known) return known
    const rows = this.#places.get(metric)
    const places = Int32Array.from(this.keys, key => rows?.get(key) ?? -1)
    const found = { places, isComplete: !places.includes(-1) }
    this.#byMetric.set(metric, found)
    return found
  }
}

function sameRows(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === null || b === null || a.length !== b.length) return a === b
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export interface GroupName {
  deviceUid: number
  group: string
}

export const groupKey = ({ deviceUid, group }: GroupName) => `${deviceUid}/${group}`

/** The layouts of groups as the database has them now; a group without series is left out. */
export async function loadLayouts(
  db: Db,
  groups: readonly GroupName[],
): Promise<Map<string, GroupLayout>> {
  if (groups.length === 0) return new Map()
  const wanted = new Set(groups.map(groupKey))
  const rows = await db
    .selectFrom('stream')
    .innerJoin('series', 'series.stream_id', 'stream.id')
    .select([
      'stream.id',
      'stream.device_uid',
      'stream.group_name',
      'stream.retention',
      'series.slot',
      'series.metric',
      'series.row_key',
      'series.first_at',
    ])
    .where('stream.device_uid', 'in', [...new Set(groups.map(({ deviceUid }) => deviceUid))])
    .where('stream.group_name', 'in', [...new Set(groups.map(({ group }) => group))])
    .orderBy('stream.id')
    .orderBy('series.slot')
    .execute()
  const streams = new Map<string, Map<number, StreamLayout>>()
  for (const row of rows) {
    const key = groupKey({ deviceUid: row.device_uid, group: row.group_name })
    if (!wanted.has(key)) continue
    const group = getOrInsert(streams, key, () => new Map<number, StreamLayout>())
    const stream = getOrInsert(group, row.id, () => ({
      id: row.id,
      kept: retentionClass(row.retention),
      series: [],
    }))
    stream.series[row.slot] = { metric: row.metric, row: row.row_key, firstAt: row.first_at }
  }
  return new Map(
    [...streams].map(([key, group]) => [key, new GroupLayout([...group.values()])] as const),
  )
}

/** Layouts by use, the one used longest ago goes first. Filled only with what is committed. */
export class LayoutCache {
  readonly #layouts = new Map<string, GroupLayout>()
  readonly #max: number
  #series = 0

  constructor(max: number = seriesCachedMax) {
    this.#max = max
  }

  get seriesCount(): number {
    return this.#series
  }

  get(key: string): GroupLayout | undefined {
    const layout = this.#layouts.get(key)
    if (layout) {
      this.#layouts.delete(key)
      this.#layouts.set(key, layout)
    }
    return layout
  }

  set(key: string, layout: GroupLayout): void {
    this.#drop(key)
    this.#layouts.set(key, layout)
    this.#series += layout.seriesCount
    for (const oldest of this.#layouts.keys()) {
      if (this.#series <= this.#max) break
      this.#drop(oldest)
    }
  }

  clear(): void {
    this.#layouts.clear()
    this.#series = 0
  }

  #drop(key: string): void {
    this.#series -= this.#layouts.get(key)?.seriesCount ?? 0
    this.#layouts.delete(key)
  }
}
