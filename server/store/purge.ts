// Removes a deleted device with its history, in steps that are each short: nobody waits long for a
// lock. A purge that was interrupted goes on when the store is opened again.

import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import type { Db } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { deletePlain } from './plain-rows.ts'
import { BLOCK_TABLES } from './tiers.ts'

/** Rows deleted by one statement. */
const stepMax = 2000

/** Days or hours of a stream whose plain rows are deleted by one statement. */
const plainTimesMax = stepMax / slotsPerStreamMax

/** What else is kept of a stream: a few hundred rows. */
const otherTables = ['rollup_due', 'latest_value', 'block_damaged'] as const

/** And of a device. */
const OF_DEVICES = ['neighbour', 'neighbour_read', 'row_info', 'device_state', 'forecast'] as const

/** @param stopped asked between steps; a purge that stops is resumed by `resumePurges` */
export async function purgeDevice(db: Db, uid: number, stopped: () => boolean): Promise<void> {
  const streams = await db.selectFrom('stream').select('id').where('device_uid', '=', uid).execute()
  for (const { id } of streams) {
    for await (const _ of purgeStream(db, id)) if (stopped()) return
  }
  while (await deleteEvents(db, uid)) if (stopped()) return
  while (await deleteAddresses(db, uid)) if (stopped()) return
  for (const table of OF_DEVICES) {
    await db.deleteFrom(table).where('device_uid', '=', uid).execute()
  }
  await db.deleteFrom('device').where('uid', '=', uid).execute()
}

/** Yields after each of its steps but the last, with which the stream is gone. */
async function* purgeStream(db: Db, id: number): AsyncGenerator<void> {
  while (await deleteStep(db, 'poll', id)) yield
  while (await deleteStep(db, 'text_log', id)) yield
  for (const table of BLOCK_TABLES) await db.deleteFrom(table).where('stream_id', '=', id).execute()
  for (const table of otherTables) await db.deleteFrom(table).where('stream_id', '=', id).execute()
  yield* deletePlain(db, 'daily_value', 'day', id, plainTimesMax)
  yield* deletePlain(db, 'hourly_value', 'hour', id, plainTimesMax)
  yield
  await db.deleteFrom('series').where('stream_id', '=', id).execute()
  await db.deleteFrom('stream').where('id', '=', id).execute()
}

/**
 * Deletes the oldest rows of a stream, up to the time of the row number `stepMax`: DELETE … LIMIT is
 * not in every SQLite. In `text_log` several slots may share a time, so a step there may be larger
 * by the slots of one stream.
 * @returns whether rows are left
 */
async function deleteStep(db: Db, table: 'poll' | 'text_log', streamId: number): Promise<boolean> {
  const edge = await db
    .selectFrom(table)
    .select('ts')
    .where('stream_id', '=', streamId)
    .orderBy('ts')
    .limit(1)
    .offset(stepMax - 1)
    .executeTakeFirst()
  let remove = db.deleteFrom(table).where('stream_id', '=', streamId)
  if (edge) remove = remove.where('ts', '<=', edge.ts)
  await remove.execute()
  return edge !== undefined
}

/** The same for its events. */
async function deleteEvents(db: Db, uid: number): Promise<boolean> {
  const edge = await db
    .selectFrom('event')
    .select('at')
    .where('device_uid', '=', uid)
    .orderBy('at')
    .limit(1)
    .offset(stepMax - 1)
    .executeTakeFirst()
  let remove = db.deleteFrom('event').where('device_uid', '=', uid)
  if (edge) remove = remove.where('at', '<=', edge.at)
  await remove.execute()
  return edge !== undefined
}

/** The same for the addresses that it had seen. */
async function deleteAddresses(db: Db, uid: number): Promise<boolean> {
  const edge = await db
    .selectFrom('seen_address')
    .select(['group_name', 'hash'])
    .where('device_uid', '=', uid)
    .orderBy('group_name')
    .orderBy('hash')
    .limit(1)
    .offset(stepMax - 1)
    .executeTakeFirst()
  let remove = db.deleteFrom('seen_address').where('device_uid', '=', uid)
  if (edge) {
    remove = remove.where(({ eb, and, or }) =>
      or([
        eb('group_name', '<', edge.group_name),
        and([eb('group_name', '=', edge.group_name), eb('hash', '<=', edge.hash)]),
      ]),
    )
  }
  await remove.execute()
  return edge !== undefined
}

/** Goes on with every purge that was interrupted. Does not reject: what fails is tried at the next open. */
export async function resumePurges(db: Db, log: Logger, stopped: () => boolean): Promise<void> {
  try {
    const rows = await db
      .selectFrom('device')
      .select(['uid', 'id'])
      .where('purging', '=', 1)
      .execute()
    for (const { uid, id } of rows) {
      if (stopped()) return
      log.info({ device: id, uid }, 'going on with the removal of a deleted device')
      await purgeDevice(db, uid, stopped)
    }
  } catch (error) {
    if (!stopped()) log.error({ error: messageOf(error) }, 'removal of a deleted device failed')
  }
}
