// In which state each device was, from when on, and when judge watched at all: what availability is
// counted from. A reader looks back no further than judge says each state anew.

import { DEVICE_STATES, type DeviceState } from '../model/collection.ts'
import { DeviceConfig } from '../model/device.ts'
import { checker, parseJson } from '../validate.ts'
import type { Database, Db, Tables } from './database.ts'

const DAY_MS = 86_400_000
/** Judge says each state anew after this; readers look back a little further. */
export const stateRenewMs = 7 * DAY_MS
const lookBackMs = stateRenewMs + DAY_MS
/** Three years: a month of last year, and the year before it. */
const keptDays = 1100
/** Rows deleted by one step of `trim`, and rows that are read at once. */
const trimMax = 2000
const readMax = 20_000
/** Deleted devices in one report. */
const goneMax = 10_000

export interface StateChange {
  deviceUid: number
  /** Unix ms. */
  at: number
  state: DeviceState
  /** What was stored of this device from `at` to here, both included, is replaced; null: nothing. */
  until: number | null
}

export interface Watch {
  id: string
  from: number
  until: number
}

/** A device that was deleted, its history kept. */
export interface GoneDevice {
  uid: number
  config: DeviceConfig
  createdAt: number
  deletedAt: number
}

export interface StateStore {
  /** One transaction: the changes, and until when they are all that happened. */
  write(changes: readonly StateChange[], watch: Watch): Promise<void>
  /** Watches that touch this time, by their begin. */
  watches(from: number, to: number): Promise<{ from: number; until: number }[]>
  /**
   * Every change that may say something about this time, also from a few days before it, by time; of
   * one device, or of all of them.
   */
  each(
    query: { from: number; to: number; deviceUid?: number },
    visit: (deviceUid: number, at: number, state: DeviceState) => void,
  ): Promise<void>
  /** Devices that lived at some time in between and are deleted. */
  gone(from: number, to: number): Promise<GoneDevice[]>
  /** Deletes some of what is too old; gives how many rows. */
  trim(now: number): Promise<number>
}

export function stateStore(database: Database): StateStore {
  const { db, reader } = database
  return {
    write: (changes, { id, from, until }) =>
      database.transaction(async tx => {
        for (const change of changes) if (change.until !== null) await takeBack(tx, change)
        await database.put(tx, 'device_state', ['at', 'device_uid'], rowsAfter(changes))
        await database.put(tx, 'watch', ['id'], [{ id, from_at: from, until_at: until }])
      }),
    async watches(from, to) {
      const rows = await reader
        .selectFrom('watch')
        .select(['from_at', 'until_at'])
        .where('until_at', '>', from - lookBackMs)
        .where('from_at', '<', to)
        .orderBy('from_at')
        .execute()
      return rows.map(row => ({ from: row.from_at, until: row.until_at }))
    },
    each: (query, visit) => eachState(reader, query, visit),
    gone: (from, to) => goneDevices(reader, from, to),
    trim: now => trim(db, now - keptDays * DAY_MS),
  }
}

/** What is left of changes that replace others of the same batch. */
function rowsAfter(changes: readonly StateChange[]): Tables['device_state'][] {
  const byDevice = new Map<number, Map<number, DeviceState>>()
  for (const { deviceUid, at, state, until } of changes) {
    const states = byDevice.get(deviceUid) ?? new Map<number, DeviceState>()
    byDevice.set(deviceUid, states)
    if (until !== null)
      for (const other of states.keys()) if (other >= at && other <= until) states.delete(other)
    states.set(at, state)
  }
  return [...byDevice].flatMap(([uid, states]) =>
    [...states].map(([at, state]) => ({ at, device_uid: uid, state })),
  )
}

async function takeBack(tx: Db, { deviceUid, at, until }: StateChange): Promise<void> {
  await tx
    .deleteFrom('device_state')
    .where('device_uid', '=', deviceUid)
    .where('at', '>=', at)
    .where('at', '<=', until ?? at)
    .execute()
}

async function eachState(
  reader: Db,
  { from, to, deviceUid }: Parameters<StateStore['each']>[0],
  visit: Parameters<StateStore['each']>[1],
): Promise<void> {
  let last = { at: from - lookBackMs, device_uid: 0 }
  for (;;) {
    const after = last
    let select = reader
      .selectFrom('device_state')
      .select(['at', 'device_uid', 'state'])
      .where('at', '>=', after.at)
      .where('at', '<', to)
    // The first key of the page, told apart from those of the same time that came before.
    select = select.where(({ eb, or }) =>
      or([eb('at', '>', after.at), eb('device_uid', '>', after.device_uid)]),
    )
    if (deviceUid !== undefined) select = select.where('device_uid', '=', deviceUid)
    const rows = await select.orderBy('at').orderBy('device_uid').limit(readMax).execute()
    for (const row of rows) visit(row.device_uid, row.at, stateNamed(row.state))
    const end = rows.at(-1)
    if (!end || rows.length < readMax) return
    last = end
  }
}

const stateNamed = (text: string): DeviceState =>
  DEVICE_STATES.find(state => state === text) ?? 'unknown'

const checkConfig = checker(DeviceConfig, { firstOnly: true })

async function goneDevices(reader: Db, from: number, to: number): Promise<GoneDevice[]> {
  const rows = await reader
    .selectFrom('device')
    .select(['uid', 'config', 'created_at', 'deleted_at'])
    .where('deleted_at', '>', from)
    .where('created_at', '<', to)
    .where('purging', '=', 0)
    .orderBy('deleted_at', 'desc')
    .limit(goneMax)
    .execute()
  return rows.flatMap(({ uid, config, created_at, deleted_at }) => {
    const checked = checkConfig(parseJson(config))
    if (!checked.ok || deleted_at === null) return []
    return [{ uid, config: checked.value, createdAt: created_at, deletedAt: deleted_at }]
  })
}

async function trim(db: Db, edge: number): Promise<number> {
  const last = await db
    .selectFrom('device_state')
    .select('at')
    .where('at', '<', edge)
    .orderBy('at')
    .limit(1)
    .offset(trimMax - 1)
    .executeTakeFirst()
  const states = await db
    .deleteFrom('device_state')
    .where('at', '<', edge)
    .where('at', '<=', last?.at ?? edge)
    .executeTakeFirstOrThrow()
  await db.deleteFrom('watch').where('until_at', '<', edge).execute()
  await db.deleteFrom('maintenance_window').where('removed_at', '<', edge).execute()
  return Number(states.numDeletedRows)
}
