// An accepted collection as points for other stores: a set of labels for each row, and its values under
// the names that /metrics/devices has. Gaps are no points.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { RowInfo } from '../model/collection.ts'
import type { Device } from '../model/device.ts'
import type { Plan } from '../profiles/face.ts'
import { type Labels, seriesLabels } from './labels.ts'
import { type Exported, exportedMetrics, scaled } from './metrics.ts'

/** Devices whose rows are kept in memory. */
const devicesMax = 5000
/** Rows of one device: names of containers that went are never heard again. */
const rowsMax = 50_000
/** Where the name of a row was never heard, it is looked for in the database no more often than this. */
const missingMs = 5000

/** The values of one row at one time. */
export interface RowPoints {
  group: string
  /** Unix ms. */
  at: number
  labels: Labels
  values: { metric: Exported; value: number | string }[]
}

export interface PointsOptions {
  device: (id: string) => Device | undefined
  plan: (profiles: readonly string[]) => Plan
  rows: (deviceUid: number) => Promise<(RowInfo & { group: string })[]>
  now?: () => number
}

/** `readAt`: when the database was asked. */
interface KnownRows {
  readAt: number
  rows: Map<string, RowInfo>
}

/** Null: not yet, as the device is new and its profiles are not known. */
export type PointsOf = (
  device: string,
  collection: AcceptedCollection,
) => Promise<RowPoints[] | null>

export interface Points {
  /** May reject with what `rows` rejects with. */
  of: PointsOf
  /** Names and labels of rows as they were just announced. */
  learn(deviceUid: number, group: string, rows: readonly RowInfo[]): void
}

export function createPoints({ device, plan, rows, now = Date.now }: PointsOptions): Points {
  const metricsOf = metricsCache(plan)
  const known = new Map<number, KnownRows>()

  const knownOf = (uid: number): KnownRows => {
    const made = known.get(uid) ?? { readAt: Number.NEGATIVE_INFINITY, rows: new Map() }
    known.delete(uid)
    known.set(uid, made)
    for (const oldest of known.keys()) {
      if (known.size <= devicesMax) break
      known.delete(oldest)
    }
    return made
  }
  const rowsOf = async (uid: number, group: string, keys: readonly string[]) => {
    const found = knownOf(uid)
    if (found.rows.size > rowsMax) {
      found.rows.clear()
      found.readAt = Number.NEGATIVE_INFINITY
    }
    const isMissing = keys.some(key => !found.rows.has(keyOf(group, key)))
    if (isMissing && now() - found.readAt >= missingMs) {
      found.readAt = now()
      // What was heard is newer than what is stored.
      for (const { group, ...row } of await rows(uid)) {
        const key = keyOf(group, row.key)
        if (!found.rows.has(key)) found.rows.set(key, row)
      }
    }
    return found.rows
  }

  const pointsOf: PointsOf = async (id, collection) => {
    const { group, at, deviceUid, rows: keys } = collection
    const found = device(id)
    // Deleted, or another one of that id.
    if (found?.uid !== deviceUid || collection.failed !== null) return []
    if (!found.identity) return null
    const metrics = metricsOf(found)
    const infos = keys && (await rowsOf(deviceUid, group, keys))
    return (keys ?? [null]).map((key, i) => ({
      ...{ group, at },
      labels: seriesLabels(
        id,
        group,
        key,
        key === null ? null : (infos?.get(keyOf(group, key)) ?? null),
      ),
      values: [...collection.metrics].flatMap(([name, cells]) => {
        const metric = metrics.get(`${group}.${name}`)
        const value = metric && told(metric, cells[i])
        return metric && value !== undefined ? [{ metric, value }] : []
      }),
    }))
  }
  return {
    of: pointsOf,
    learn(uid, group, announced) {
      const { rows } = knownOf(uid)
      for (const row of announced) rows.set(keyOf(group, row.key), row)
    },
  }
}

const keyOf = (group: string, row: string) => `${group} ${row}`

function told({ isText, factor }: Exported, value: number | string | null | undefined) {
  if (isText) return typeof value === 'string' ? value : undefined
  return typeof value === 'number' && Number.isFinite(value) ? scaled(value, factor) : undefined
}

/** Worked out once for a device as it is and the profiles as they are. */
function metricsCache(plan: PointsOptions['plan']) {
  const known = new WeakMap<Device, { plan: Plan; metrics: ReadonlyMap<string, Exported> }>()
  return (device: Device): ReadonlyMap<string, Exported> => {
    const current = plan(device.identity?.profiles ?? [])
    const before = known.get(device)
    if (before?.plan === current) return before.metrics
    const metrics = new Map(exportedMetrics(device, plan).map(metric => [metric.id, metric]))
    known.set(device, { plan: current, metrics })
    return metrics
  }
}
