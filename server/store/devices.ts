// Devices: one JSON config each, versioned. A deleted device keeps its row while its history is
// kept; its uid is never used again, so nobody inherits that history.

import type { RawBuilder, Selectable } from 'kysely'
import type { Logger } from '../log.ts'
import {
  type Device,
  DeviceConfig,
  DeviceIdentity,
  type DeviceSource,
  DeviceTuning,
} from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { checker, parseJson, parser } from '../validate.ts'
import type { DeviceStore } from './contract.ts'
import type { Database, Db, Tables } from './database.ts'
import { isDuplicateKey } from './failures.ts'
import { putSecrets } from './named.ts'
import { purgeDevice } from './purge.ts'

const SOURCES: readonly DeviceSource[] = ['form', 'api', 'file', 'built-in']
const parseConfig = parser(DeviceConfig, 'E_DEVICE_INVALID', 'a stored device config')
const parseIdentity = parser(DeviceIdentity, 'E_DEVICE_INVALID', 'a stored device identity')
const checkTuning = checker(DeviceTuning, { firstOnly: true })

/** @param stopped says that the store closes, so that a purge stops between two steps */
export function deviceStore(database: Database, log: Logger, stopped: () => boolean): DeviceStore {
  const { db } = database
  const living = (on: Db = db) =>
    on.selectFrom('device').selectAll().where('live_id', 'is not', null)
  const find = async (id: string, on: Db = db) => {
    const row = await living(on).where('live_id', '=', id).executeTakeFirst()
    return row ? deviceOf(row) : null
  }
  return {
    /** A row that cannot be read is logged and left out: one bad device must not hide the others. */
    async list() {
      const rows = await living().orderBy('live_id').execute()
      return rows.flatMap(row => {
        try {
          return [deviceOf(row)]
        } catch (error) {
          log.error({ device: row.id, error: messageOf(error) }, 'a stored device cannot be read')
          return []
        }
      })
    },
    get: id => find(id),
    create: (config, source, at, sealed = new Map()) =>
      database.transaction(async on => {
        const device = await createDevice(on, config, source, at)
        await putSecrets(database, on, sealed, at)
        return device
      }),
    update: (config, expectedVersion, at, sealed = new Map(), forgotten = []) =>
      database.transaction(async on => {
        const { numUpdatedRows } = await on
          .updateTable('device')
          .set({
            config: JSON.stringify(config),
            version: expectedVersion + 1,
            updated_at: at,
          })
          .where('live_id', '=', config.id)
          .where('version', '=', expectedVersion)
          .executeTakeFirstOrThrow()
        const device = await find(config.id, on)
        if (!device) throw unknownDevice(config.id)
        if (numUpdatedRows === 0n) {
          throw new AppError('E_DEVICE_CHANGED', `"${config.id}" was changed by somebody else`, {
            hint: 'load it again and make your change to what is there now',
          })
        }
        await putSecrets(database, on, sealed, at)
        if (forgotten.length > 0)
          await on.deleteFrom('secret').where('name', 'in', forgotten).execute()
        return device
      }),
    async remove(id, { history, at, secrets = [] }) {
      const row = await living().select('uid').where('live_id', '=', id).executeTakeFirst()
      if (!row) throw unknownDevice(id)
      await database.transaction(async on => {
        const { numUpdatedRows } = await on
          .updateTable('device')
          .set({ live_id: null, deleted_at: at, purging: history ? 1 : 0 })
          .where('uid', '=', row.uid)
          .where('live_id', 'is not', null)
          .executeTakeFirstOrThrow()
        if (numUpdatedRows === 0n) throw unknownDevice(id)
        if (secrets.length > 0) await on.deleteFrom('secret').where('name', 'in', secrets).execute()
      })
      if (history) await purgeDevice(db, row.uid, stopped)
    },
    async setIdentity(uid, identity) {
      await db
        .updateTable('device')
        .set({ identity: JSON.stringify(identity) })
        .where('uid', '=', uid)
        .where('live_id', 'is not', null)
        .execute()
    },
    async setTuning(uid, tuning) {
      await db
        .updateTable('device')
        .set({ tuning: JSON.stringify(tuning) })
        .where('uid', '=', uid)
        .where('live_id', 'is not', null)
        .execute()
    },
  }
}

async function createDevice(
  db: Db,
  config: DeviceConfig,
  source: DeviceSource,
  at: number,
): Promise<Device> {
  try {
    const { insertId } = await db
      .insertInto('device')
      .values({
        id: config.id,
        live_id: config.id,
        config: JSON.stringify(config),
        version: 1,
        source,
        identity: null,
        tuning: null,
        created_at: at,
        updated_at: at,
        deleted_at: null,
        purging: 0,
      })
      .executeTakeFirstOrThrow()
    const uid = Number(insertId)
    const nothingKnown = { identity: null, tuning: null }
    return { uid, config, version: 1, source, ...nothingKnown, createdAt: at, updatedAt: at }
  } catch (error) {
    if (!isDuplicateKey(error)) throw error
    throw new AppError('E_DEVICE_EXISTS', `there is a device "${config.id}" already`, {
      cause: error,
      hint: 'choose another id, or change the device that is there',
    })
  }
}

function unknownDevice(id: string): AppError {
  return new AppError('E_DEVICE_UNKNOWN', `there is no device "${id}"`)
}

function deviceOf(row: Selectable<Tables['device']>): Device {
  return {
    uid: row.uid,
    config: parseConfig(JSON.parse(row.config)),
    version: row.version,
    source: SOURCES.find(source => source === row.source) ?? 'api',
    identity: row.identity === null ? null : parseIdentity(JSON.parse(row.identity)),
    tuning: tuningOf(row.tuning),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** What another version learned may have another form: it is learned again. */
function tuningOf(text: string | null): DeviceTuning | null {
  const checked = checkTuning(text === null ? null : parseJson(text))
  return checked.ok ? checked.value : null
}

/**
 * Which of these devices live, and up to when they are compacted (Unix ms); `lock` keeps it so until
 * the transaction ends.
 */
export async function livingDevices(
  db: Db,
  lock: RawBuilder<unknown>,
  uids: readonly number[],
): Promise<Map<number, number>> {
  if (uids.length === 0) return new Map()
  const rows = await db
    .selectFrom('device')
    .select(['uid', 'compacted_until'])
    .where(
      'uid',
      'in',
      [...new Set(uids)].sort((a, b) => a - b),
    )
    .where('deleted_at', 'is', null)
    .modifyEnd(lock)
    .execute()
  return new Map(rows.map(({ uid, compacted_until }) => [uid, compacted_until]))
}

export async function livingDevice(
  db: Db,
  lock: RawBuilder<unknown>,
  uid: number,
): Promise<boolean> {
  return (await livingDevices(db, lock, [uid])).has(uid)
}
