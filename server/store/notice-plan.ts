// What a plan writes to the outbox, in one transaction: items join a message that still gathers, a
// recovery takes back a raise that nobody was told of, and what a limit held back becomes one summary.

import { AppError } from '../model/errors.ts'
import { type NoticeBody, noticeItemsMax } from '../model/notice.ts'
import type { Database, Db, Tx } from './database.ts'
import type { Addition, NoticePlan } from './notice-contract.ts'
import { bodyOf, type NoticeRow } from './notice-rows.ts'

const pageMax = 500
/** The number of the last transition that was planned for. */
export const CURSOR = 'notify.after'

export async function add(
  database: Database,
  tx: Tx,
  plan: NoticePlan,
  now: number,
): Promise<void> {
  const { cursor, additions, decisions } = plan
  if (cursor) {
    const at = await tx
      .selectFrom('setting')
      .select('value')
      .where('name', '=', CURSOR)
      .executeTakeFirst()
    if (Number(at?.value ?? 0) !== cursor.from) {
      throw new AppError('E_NOTIFY_PLANNED', 'these alarms were planned for meanwhile')
    }
    const next = [{ name: CURSOR, value: String(cursor.to) }]
    await database.put(tx, 'setting', ['name'], next)
  }
  for (const addition of additions) await addItem(tx, addition, now)
  for (const { transition, route, alarm, at, told, said } of decisions) {
    const row = { transition_id: transition, route, alarm_id: alarm, at, told: told ? 1 : 0 }
    await tx
      .insertInto('notice_decision')
      .values({ ...row, said: said.slice(0, 300) })
      .execute()
  }
}

async function addItem(tx: Tx, addition: Addition, now: number): Promise<void> {
  const { dedup, route, channel, kind, item } = addition
  const before = await tx
    .selectFrom('notice_item')
    .select('dedup')
    .where('dedup', '=', dedup)
    .executeTakeFirst()
  if (before) return
  if (kind === 'recovered') {
    const told = await toldOf(tx, item.alarm, route, channel)
    let known = told.length
    for (const notice of told) {
      if (notice.state === 'dropped' || (await withdraw(tx, notice, item.alarm, now))) known--
    }
    if (known === 0) return
  }
  const id = (await join(tx, addition, now)) ?? (await insertNotice(tx, started(addition), now))
  await tx
    .insertInto('notice_item')
    .values({ dedup, alarm_id: item.alarm, notice_id: id })
    .execute()
}

function toldOf(tx: Tx, alarm: string, route: string, channel: string): Promise<NoticeRow[]> {
  return tx
    .selectFrom('notice')
    .selectAll()
    .where('route', '=', route)
    .where('channel', '=', channel)
    .where('kind', '!=', 'recovered')
    .where('id', 'in', db =>
      db.selectFrom('notice_item').select('notice_id').where('alarm_id', '=', alarm),
    )
    .execute()
}

/** Takes an alarm out of a message that nobody began to send. */
async function withdraw(tx: Tx, notice: NoticeRow, alarm: string, now: number): Promise<boolean> {
  if (notice.state !== 'waiting' || notice.tries > 0) return false
  const body = bodyOf(notice)
  const items = body.items.filter(item => item.alarm !== alarm)
  // Of those beyond the list only the number is known.
  if (items.length === body.items.length) return false
  const isEmpty = items.length === 0 && body.more === 0
  const { numUpdatedRows } = await tx
    .updateTable('notice')
    .set({
      body: JSON.stringify({ ...body, items }),
      ...(isEmpty ? { state: 'dropped', ended_at: now, said: 'over before anybody was told' } : {}),
    })
    .where('id', '=', notice.id)
    .where('state', '=', 'waiting')
    .where('tries', '=', 0)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  await tx
    .updateTable('notice_item')
    .set({ notice_id: '' })
    .where('notice_id', '=', notice.id)
    .where('alarm_id', '=', alarm)
    .execute()
  return true
}

/** Adds to a message of the same key that still gathers; null: there is none. */
async function join(tx: Tx, addition: Addition, now: number): Promise<string | null> {
  const { route, channel, kind, groupKey, item } = addition
  const open = await tx
    .selectFrom('notice')
    .selectAll()
    .where('state', '=', 'waiting')
    .where('due_at', '>', now)
    .where('route', '=', route)
    .where('channel', '=', channel)
    .where('kind', '=', kind)
    .where('group_key', '=', groupKey)
    .where('tries', '=', 0)
    .limit(1)
    .executeTakeFirst()
  if (!open) return null
  const body = bodyOf(open)
  const isFull = body.items.length >= noticeItemsMax
  const more = isFull ? { ...body, more: body.more + 1 } : { ...body, items: [...body.items, item] }
  const { numUpdatedRows } = await tx
    .updateTable('notice')
    .set({ body: JSON.stringify(more) })
    .where('id', '=', open.id)
    .where('state', '=', 'waiting')
    .where('tries', '=', 0)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n ? open.id : null
}

type Start = Pick<Addition, 'route' | 'channel' | 'kind' | 'groupKey' | 'dueAt'> & {
  body: NoticeBody
}

const started = ({ item, ...about }: Addition): Start => ({
  ...about,
  body: { site: '', items: [item], more: 0 },
})

export async function insertNotice(db: Db, start: Start, now: number): Promise<string> {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
  const { route, channel, kind, groupKey, dueAt, body } = start
  await db
    .insertInto('notice')
    .values({
      ...{ id, route, channel, kind, group_key: groupKey.slice(0, 160), state: 'waiting' },
      ...{ due_at: dueAt, claimed_by: null, claimed_until: null, tries: 0 },
      ...{ created_at: now, ended_at: null, said: '', left_to: null },
      body: JSON.stringify(body),
    })
    .execute()
  return id
}

export async function sum(tx: Tx, route: string, channel: string, now: number): Promise<void> {
  const held = await tx
    .selectFrom('notice')
    .selectAll()
    .where('state', '=', 'held')
    .where('route', '=', route)
    .where('channel', '=', channel)
    .orderBy('created_at')
    .limit(pageMax)
    .execute()
  if (held.length === 0) return
  const bodies = held.map(bodyOf)
  const items = bodies.flatMap(body => body.items)
  const more = bodies.reduce((total, body) => total + body.more, 0)
  const shown = items.slice(0, noticeItemsMax)
  const body = { site: '', items: shown, more: more + items.length - shown.length }
  const about = { route, channel, kind: 'summary' as const, groupKey: '', dueAt: now }
  const id = await insertNotice(tx, { ...about, body }, now)
  const ids = held.map(row => row.id)
  const said = `told in the summary ${id}`
  const over = { state: 'summed', ended_at: now, said }
  await tx.updateTable('notice').set(over).where('id', 'in', ids).execute()
}
