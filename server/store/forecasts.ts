// What was last forecast of each series that can run out. Rows of a device are replaced together, and only
// where something is new: readers see those of before or those of now.

import {
  FORECAST_KINDS,
  FORECAST_MODELS,
  FORECAST_STATES,
  FORECAST_WHYS,
  type Forecast,
  type ForecastKind,
  type ForecastState,
} from '../model/forecast.ts'
import { type Database, type Db, rowsPerInsertMax, type Tables } from './database.ts'
import { livingDevice } from './devices.ts'

/** Of one device. */
export const forecastsPerDeviceMax = 500
/** Of one page. */
const limitMax = 1000
const KEY_MAX = 600

export interface ForecastQuery {
  deviceUid?: number
  kinds?: readonly ForecastKind[]
  states?: readonly ForecastState[]
  /** Unix ms: reached before. */
  before?: number
  /** At most 1,000. */
  limit: number
  offset: number
}

export type StoredForecast = Forecast & { deviceUid: number }

export interface ForecastStore {
  /** In place of what there was of this device; past 500 they are left out. A deleted one has none. */
  replace(deviceUid: number, forecasts: readonly Forecast[]): Promise<void>
  /** The nearest first, then those that reach nothing. */
  list(query: ForecastQuery): Promise<StoredForecast[]>
  /** By state, of what else is asked for. */
  counts(query: Pick<ForecastQuery, 'deviceUid' | 'kinds'>): Promise<Record<ForecastState, number>>
  /** Deletes what was made before: of devices that are not looked at any more. */
  trim(before: number): Promise<void>
}

export function forecastStore(database: Database): ForecastStore {
  const { db, reader } = database
  return {
    replace: (deviceUid, forecasts) =>
      database.transaction(async tx => {
        if (!(await livingDevice(tx, database.exclusive, deviceUid))) return
        await tx.deleteFrom('forecast').where('device_uid', '=', deviceUid).execute()
        const rows = forecasts
          .slice(0, forecastsPerDeviceMax)
          .map((one, place) => rowOf(deviceUid, place, one))
        for (let i = 0; i < rows.length; i += rowsPerInsertMax)
          await tx
            .insertInto('forecast')
            .values(rows.slice(i, i + rowsPerInsertMax))
            .execute()
      }),
    list: query => list(reader, query),
    async counts(query) {
      const found = await asked(reader, query)
        .select(({ fn }) => ['state', fn.countAll<number>().as('count')])
        .groupBy('state')
        .execute()
      const counts = { reached: 0, reaches: 0, stays: 0, muted: 0, unknown: 0 }
      for (const { state, count } of found) {
        const known = named(FORECAST_STATES, state)
        if (known) counts[known] = Number(count)
      }
      return counts
    },
    async trim(before) {
      await db.deleteFrom('forecast').where('made_at', '<', before).execute()
    },
  }
}

function asked(db: Db, query: Partial<ForecastQuery>) {
  const { deviceUid, kinds, states, before } = query
  let select = db
    .selectFrom('forecast')
    .innerJoin('device', 'device.uid', 'forecast.device_uid')
    .where('device.live_id', 'is not', null)
  if (deviceUid !== undefined) select = select.where('device_uid', '=', deviceUid)
  if (kinds) select = select.where('kind', 'in', [...kinds, ''])
  if (states) select = select.where('state', 'in', [...states, ''])
  if (before !== undefined) select = select.where('reach_at', '<', before)
  return select
}

async function list(db: Db, query: ForecastQuery): Promise<StoredForecast[]> {
  const rows = await asked(db, query)
    .selectAll('forecast')
    .orderBy(({ eb }) => eb.case().when('reach_at', 'is', null).then(1).else(0).end())
    .orderBy('reach_at')
    .orderBy('device_uid')
    .orderBy('place')
    .limit(Math.min(limitMax, query.limit))
    .offset(query.offset)
    .execute()
  return rows.map(forecastOf)
}

/** As the column takes it: MySQL has no place for what is not a number. */
const finite = (value: number | null | undefined): number | null =>
  value !== null && value !== undefined && Number.isFinite(value) ? value : null

const whole = (value: number | null): number | null => {
  const known = finite(value)
  return known === null ? null : Math.round(known)
}

function rowOf(device_uid: number, place: number, one: Forecast): Tables['forecast'] {
  return {
    ...{ device_uid, place, kind: one.kind, group_name: one.group, metric: one.metric },
    title: one.title.slice(0, 100),
    row_key: one.row?.slice(0, KEY_MAX) ?? null,
    row_name: one.rowName?.slice(0, KEY_MAX) ?? null,
    ...{ state: one.state, why: one.why, model: one.model },
    ...{ value: finite(one.value), limit_value: one.limit, slope: finite(one.slope) },
    soonest_at: whole(one.soonestAt),
    reach_at: whole(one.reachAt),
    latest_at: whole(one.latestAt),
    mase: finite(one.card?.mase),
    naive: finite(one.card?.naive),
    coverage: finite(one.card?.coverage),
    hours: one.card?.hours ?? null,
    made_at: one.madeAt,
  }
}

function forecastOf(row: Tables['forecast']): StoredForecast {
  const { mase, naive, coverage, hours } = row
  const isJudged = mase !== null && naive !== null && coverage !== null && hours !== null
  return {
    ...{ deviceUid: row.device_uid, group: row.group_name, metric: row.metric, title: row.title },
    ...{ row: row.row_key, rowName: row.row_name, value: row.value, limit: row.limit_value },
    kind: named(FORECAST_KINDS, row.kind) ?? 'storage',
    state: named(FORECAST_STATES, row.state) ?? 'unknown',
    why: named(FORECAST_WHYS, row.why),
    model: named(FORECAST_MODELS, row.model),
    ...{ slope: row.slope, soonestAt: row.soonest_at, reachAt: row.reach_at },
    ...{ latestAt: row.latest_at, madeAt: row.made_at },
    card: isJudged ? { mase, naive, coverage, hours } : null,
  }
}

const named = <T extends string>(names: readonly T[], text: string | null): T | null =>
  names.find(name => name === text) ?? null
