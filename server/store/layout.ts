// Which series of a group lies in which slot of which stream: an immutable picture of it, how it is
// loaded, and a bounded cache. A picture may miss what another process added, it is never wrong.

import type { Db } from './database.ts'
import { getOrInsert } from './maps.ts'
import { type RetentionClass, retentionClass } from './tiers.ts'

/** Series in one stream (PERFORMANCE: about 100 read together). */
export const slotsPerStreamMax = 100

/**
 * What is kept in memory of where series lie, in series of about 35 bytes: 420 MB, room for 10,000 devices
 * of 600 series in ten groups. Beyond, the groups used longest ago go. Where a whole fleet has no room,
 * each collection reads its layout anew: that costs ten times as much.
 */
export const cacheWeightMax = 12_000_000
/** What a group takes besides its series, 2 KB, as so many of them. */
const groupWeight = 60
const weightOf = (layout: GroupLayout) => layout.seriesCount + groupWeight

export interface SeriesName {
  metric: string
  /** null for a scalar. */
  row: string | null
}

export interface StreamLayout {
  id: number
  kept: RetentionClass
  /** Slots in use. */
  count: number
}

/** A series and where it is: stream index · slotsPerStreamMax + slot. */
export interface PlacedSeries extends SeriesName {
  place: number
}

/** The streams of one group of one device. What it says is not changed after it was built. */
export class GroupLayout {
  readonly streams: readonly StreamLayout[]
  // Of each series its metric, row and place: as numbers they take a tenth of the memory of objects.
  readonly #metrics: string[] = []
  readonly #rows: (string | null)[] = []
  readonly #metricOf: Uint16Array
  readonly #rowOf: Uint16Array
  readonly #placeOf: Int32Array
  #last: Placement | null = null

  constructor(streams: readonly StreamLayout[], series: readonly PlacedSeries[]) {
    this.streams = streams
    const metrics = new Map<string, number>()
    const rows = new Map<string | null, number>()
    this.#metricOf = Uint16Array.from(series, ({ metric }) =>
      getOrInsert(metrics, metric, () => this.#metrics.push(metric) - 1),
    )
    this.#rowOf = Uint16Array.from(series, ({ row }) =>
      getOrInsert(rows, row, () => this.#rows.push(row) - 1),
    )
    this.#placeOf = Int32Array.from(series, ({ place }) => place)
  }

  get seriesCount(): number {
    return this.#placeOf.length
  }

  series(): PlacedSeries[] {
    return Array.from(this.#placeOf, (place, index) => ({
      metric: this.#metrics[this.#metricOf[index] ?? 0] ?? '',
      row: this.#rows[this.#rowOf[index] ?? 0] ?? null,
      place,
    }))
  }

  /** Where the values of a collection with these rows (null: scalars) go. */
  placement(rows: readonly string[] | null): Placement {
    if (this.#last === null || !sameRows(this.#last.rows, rows))
      this.#last = new Placement(rows, this.series())
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
  readonly #byMetric = new Map<string, Places>()
  readonly #none: Places

  constructor(rows: readonly string[] | null, series: readonly PlacedSeries[]) {
    this.rows = rows
    this.keys = rows === null ? [null] : rows.map(wellFormed)
    const places = new Map<string, Map<string | null, number>>()
    for (const { metric, row, place } of series) {
      getOrInsert(places, metric, () => new Map<string | null, number>()).set(row, place)
    }
    for (const [metric, of] of places) {
      const found = Int32Array.from(this.keys, key => of.get(key) ?? -1)
      this.#byMetric.set(metric, { places: found, isComplete: !found.includes(-1) })
    }
    this.#none = { places: new Int32Array(this.keys.length).fill(-1), isComplete: false }
  }

  of(metric: string): Places {
    return this.#byMetric.get(metric) ?? this.#none
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
    ])
    .where('stream.device_uid', 'in', [...new Set(groups.map(({ deviceUid }) => deviceUid))])
    .where('stream.group_name', 'in', [...new Set(groups.map(({ group }) => group))])
    .orderBy('stream.id')
    .orderBy('series.slot')
    .execute()
  const found = new Map<string, { streams: StreamLayout[]; series: PlacedSeries[] }>()
  for (const row of rows) {
    const key = groupKey({ deviceUid: row.device_uid, group: row.group_name })
    if (!wanted.has(key)) continue
    const { streams, series } = getOrInsert(found, key, () => ({ streams: [], series: [] }))
    let stream = streams.at(-1)
    if (stream?.id !== row.id) {
      stream = { id: row.id, kept: retentionClass(row.retention), count: 0 }
      streams.push(stream)
    }
    stream.count = row.slot + 1
    const place = (streams.length - 1) * slotsPerStreamMax + row.slot
    series.push({ metric: row.metric, row: row.row_key, place })
  }
  return new Map(
    [...found].map(
      ([key, { streams, series }]) => [key, new GroupLayout(streams, series)] as const,
    ),
  )
}

/** Layouts by use, the one used longest ago goes first. Filled only with what is committed. */
export class LayoutCache {
  readonly #layouts = new Map<string, GroupLayout>()
  readonly #max: number
  #weight = 0

  constructor(max: number = cacheWeightMax) {
    this.#max = max
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
    this.#weight += weightOf(layout)
    for (const oldest of this.#layouts.keys()) {
      if (this.#weight <= this.#max) break
      this.#drop(oldest)
    }
  }

  clear(): void {
    this.#layouts.clear()
    this.#weight = 0
  }

  #drop(key: string): void {
    const layout = this.#layouts.get(key)
    if (!layout) return
    this.#weight -= weightOf(layout)
    this.#layouts.delete(key)
  }
}
