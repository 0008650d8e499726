// Names, labels and subtitles of a group's rows. A row that a message does not list keeps what it had, and
// so does one that a newer message listed.

import { createHash } from 'node:crypto'
import Type from 'typebox'
import type { RowInfo } from '../model/collection.ts'
import { AppError } from '../model/errors.ts'
import { parser } from '../validate.ts'
import type { Database, Db, Tables } from './database.ts'
import { livingDevice } from './devices.ts'

/** Rows of one device, over all its groups. */
export const rowsPerDeviceMax = 50_000

/** Rows looked up by one statement. */
const hashesPerSelectMax = 500

const parseLabels = parser(
  Type.Record(Type.String(), Type.String()),
  'E_ROWS_INVALID',
  'the stored labels of a row',
)

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

/** @throws AppError E_DEVICE_UNKNOWN (deleted meanwhile), E_ROWS_TOO_MANY */
export function writeRows(
  database: Database,
  deviceUid: number,
  group: string,
  rows: readonly RowInfo[],
  at: number,
): Promise<void> {
  return database.transaction(async tx => {
    if (!(await livingDevice(tx, database.exclusive, deviceUid))) {
      throw new AppError('E_DEVICE_UNKNOWN', 'the device of these rows does not exist')
    }
    const byHash = new Map(rows.map(row => [hashOf(row.key.toWellFormed()), row]))
    for (const { row_hash } of await seenAfter(tx, deviceUid, group, at)) byHash.delete(row_hash)
    await refuseTooMany(tx, deviceUid, group, [...byHash.keys()])
    await database.put(
      tx,
      'row_info',
      ['device_uid', 'group_name', 'row_hash'],
      [...byHash].map(([hash, { key, index, name, subtitle, labels }]) => ({
        device_uid: deviceUid,
        group_name: group,
        row_hash: hash,
        row_key: key,
        row_index: index,
        name,
        subtitle: subtitle ?? null,
        labels: JSON.stringify(labels),
        seen_at: at,
      })),
    )
  })
}

function seenAfter(tx: Db, deviceUid: number, group: string, at: number) {
  return tx
    .selectFrom('row_info')
    .select('row_hash')
    .where('device_uid', '=', deviceUid)
    .where('group_name', '=', group)
    .where('seen_at', '>', at)
    .execute()
}

async function refuseTooMany(
  tx: Db,
  deviceUid: number,
  group: string,
  hashes: readonly string[],
): Promise<void> {
  const { count } = await tx
    .selectFrom('row_info')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('device_uid', '=', deviceUid)
    .executeTakeFirstOrThrow()
  if (Number(count) + hashes.length <= rowsPerDeviceMax) return
  let known = 0
  for (let from = 0; from < hashes.length; from += hashesPerSelectMax) {
    const found = await tx
      .selectFrom('row_info')
      .select('row_hash')
      .where('device_uid', '=', deviceUid)
      .where('group_name', '=', group)
      .where('row_hash', 'in', hashes.slice(from, from + hashesPerSelectMax))
      .execute()
    known += found.length
  }
  if (Number(count) + hashes.length - known <= rowsPerDeviceMax) return
  throw new AppError('E_ROWS_TOO_MANY', `the device has more than ${rowsPerDeviceMax} rows`, {
    hint: 'its rows change their names at each read: give the profile a key column that stays',
  })
}

export function rowInfo(row: Tables['row_info']): RowInfo {
  return {
    key: row.row_key,
    index: row.row_index,
    name: row.name,
    ...(row.subtitle !== null && { subtitle: row.subtitle }),
    labels: parseLabels(JSON.parse(row.labels)),
  }
}

/** In the order of groups, and in them as people count: Gi1/0/2 before Gi1/0/10. */
export async function readRows(
  db: Db,
  deviceUid: number,
  group?: string,
): Promise<(RowInfo & { group: string; seenAt: number })[]> {
  let select = db.selectFrom('row_info').selectAll().where('device_uid', '=', deviceUid)
  if (group !== undefined) select = select.where('group_name', '=', group)
  const order = new Intl.Collator('en', { numeric: true }).compare
  return (await select.execute())
    .map(row => ({ group: row.group_name, ...rowInfo(row), seenAt: row.seen_at }))
    .sort((a, b) => order(a.group, b.group) || order(a.key, b.key))
}
