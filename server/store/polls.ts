// The table `poll` as the readers and the writer want it: single rows by their keys, a stream's rows
// page by page, and its newest ones.

import { CompiledQuery, type RawBuilder, sql } from 'kysely'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import { decodePoll, type Poll } from './codec.ts'
import type { Db } from './database.ts'

/** Keys in one SELECT. */
const keysPerSelectMax = 200
/** Rows in one INSERT: powers of two, so that few statements are ever prepared. */
const insertSizes = [128, 64, 32, 16, 8, 4, 2, 1]
const insertTexts = new Map(
  insertSizes.map(size => [
    size,
    `insert into poll (stream_id, ts, data) values ${Array(size).fill('(?, ?, ?)').join(', ')}`,
  ]),
)

export interface PollRow {
  stream_id: number
  ts: number
  data: Uint8Array
}

export const pollKey = (streamId: number, ts: number) => `${streamId}@${ts}`

/** The rows of these keys, locked for nobody: a writer that races is found by the primary key. */
export async function readPolls(
  db: Db,
  keys: readonly { streamId: number; ts: number }[],
): Promise<PollRow[]> {
  const found: PollRow[] = []
  for (let from = 0; from < keys.length; from += keysPerSelectMax) {
    const some = keys.slice(from, from + keysPerSelectMax)
    // A join with the keys is read by the primary key on every server; a row-value IN is not.
    const list = some.map(({ streamId, ts }, index) =>
      index === 0 ? sql`select ${streamId} as s, ${ts} as t` : sql`select ${streamId}, ${ts}`,
    )
    const { rows } = await sql<PollRow>`select poll.stream_id, poll.ts, poll.data
      from (${sql.join(list, sql` union all `)}) as wanted
      join poll on poll.stream_id = wanted.s and poll.ts = wanted.t`.execute(db)
    found.push(...rows)
  }
  return found
}

/** The same text each time: building a statement of many rows costs more than running it. */
export async function insertPolls(db: Db, rows: readonly PollRow[]): Promise<void> {
  let from = 0
  for (const size of insertSizes) {
    const text = insertTexts.get(size) ?? ''
    for (; rows.length - from >= size; from += size) {
      const some = rows.slice(from, from + size)
      const values = some.flatMap(({ stream_id, ts, data }) => [stream_id, ts, data])
      await db.executeQuery(CompiledQuery.raw(text, values))
    }
  }
}

/** Up to `limit` rows of a stream with `from` <= ts <= `to`, oldest first. */
export function pagePolls(
  db: Db,
  streamId: number,
  from: number,
  to: number,
  limit: number,
): Promise<{ ts: number; data: Uint8Array }[]> {
  return db
    .selectFrom('poll')
    .select(['ts', 'data'])
    .where('stream_id', '=', streamId)
    .where('ts', '>=', from)
    .where('ts', '<=', to)
    .orderBy('ts')
    .limit(limit)
    .execute()
}

/** Up to `limit` rows of a stream before `before`, newest first. */
export function olderPolls(
  db: Db,
  streamId: number,
  before: number,
  limit: number,
): Promise<{ ts: number; data: Uint8Array }[]> {
  return db
    .selectFrom('poll')
    .select(['ts', 'data'])
    .where('stream_id', '=', streamId)
    .where('ts', '<', before)
    .orderBy('ts', 'desc')
    .limit(limit)
    .execute()
}

/** The newest row of each stream. */
export async function newestPolls(db: Db, streamIds: readonly number[]): Promise<PollRow[]> {
  const found: PollRow[] = []
  for (let from = 0; from < streamIds.length; from += keysPerSelectMax) {
    const list: RawBuilder<unknown>[] = streamIds.slice(from, from + keysPerSelectMax).map(
      id => sql`select * from (select stream_id, ts, data from poll where stream_id = ${id}
          order by ts desc limit 1) as newest`,
    )
    const { rows } = await sql<PollRow>`${sql.join(list, sql` union all `)}`.execute(db)
    found.push(...rows)
  }
  return found
}

/** A damaged row must not take the whole answer with it: false, and the log says which. */
export function decodeOrLog(
  data: Uint8Array,
  poll: Poll,
  slots: number,
  where: { streamId: number; ts: number },
  log: Logger,
): boolean {
  try {
    decodePoll(data, poll, slots)
    return true
  } catch (error) {
    log.error({ ...where, error: messageOf(error) }, 'a stored poll is damaged')
    return false
  }
}
