// The outbox of messages to people, and the documents (channels, routes) that decide who gets them.
// Planning writes under judge's lease, sending claims by a conditional update: a crash loses nothing,
// and two nodes send nothing twice. Past 300 lines: one table's whole life.

import type { Selectable } from 'kysely'
import Type from 'typebox'
import { AppError } from '../model/errors.ts'
import {
  NOTICE_KINDS,
  NoticeBody,
  type NoticeItem,
  type NoticeKind,
  noticeItemsMax,
} from '../model/notice.ts'
import { checker, parseJson } from '../validate.ts'
import { JUDGE } from './alarms.ts'
import type { Lease, StoredDocument } from './contract.ts'
import type { Database, Db, Tx } from './database.ts'
import { lockedLease } from './leases.ts'
import { settingStore } from './named.ts'

const pageMax = 500
const documentsMax = 1000
const trimMax = 500
const saidMax = 600
const HOUR_MS = 3_600_000
/** The number of the last transition that was planned for. */
const CURSOR = 'notify.after'

export const NOTICE_STATES = [
  'waiting',
  'sending',
  'sent',
  'failed',
  'held',
  'summed',
  'dropped',
] as const
export type NoticeState = (typeof NOTICE_STATES)[number]

/** Columns of the tables of this file; their meaning is in the migrations. */
export interface NoticeTables {
  notify_document: {
    sort: string
    id: string
    version: number
    body: string
    updated_by: string
    updated_at: number
  }
  notice: {
    id: string
    route: string
    channel: string
    kind: string
    group_key: string
    state: string
    due_at: number
    claimed_by: string | null
    claimed_until: number | null
    tries: number
    created_at: number
    ended_at: number | null
    said: string
    left_to: string | null
    body: string
  }
  notice_item: { dedup: string; alarm_id: string; notice_id: string }
  notice_decision: {
    transition_id: number
    route: string
    alarm_id: string
    at: number
    told: number
    said: string
  }
}

export interface StoredNotice {
  id: string
  route: string
  channel: string
  kind: NoticeKind
  state: NoticeState
  /** Unix ms: the next try; when it was made; when it was sent or given up (null: not yet). */
  dueAt: number
  createdAt: number
  endedAt: number | null
  tries: number
  /** Receipt or last error. */
  said: string
  left: readonly string[] | null
  body: NoticeBody
}

/** One item for one channel. */
export interface Addition {
  /** Names the occasion: a second one of the name is left out. */
  dedup: string
  route: string
  channel: string
  kind: NoticeKind
  /** Items of one key that come before `dueAt` are one message. */
  groupKey: string
  dueAt: number
  item: NoticeItem
}

export interface Decision {
  transition: number
  route: string
  alarm: string
  at: number
  told: boolean
  said: string
}

export interface NoticePlan {
  /** The number of the last transition before and after this plan; null: not of transitions. */
  cursor: { from: number; to: number } | null
  additions: readonly Addition[]
  decisions: readonly Decision[]
}

export type Outcome =
  | { state: 'sent' | 'failed'; said: string }
  | { state: 'waiting'; said: string; dueAt: number; left: readonly string[] | null }

export interface NoticeStore {
  documents(sort: 'channel' | 'route'): Promise<(StoredDocument & { id: string })[]>
  /** @throws AppError E_NOTIFY_CHANGED: somebody saved in between; `expected` 0: it is new */
  putDocument(
    sort: 'channel' | 'route',
    id: string,
    document: unknown,
    expected: number,
    by: string,
    at: number,
  ): Promise<void>
  removeDocument(sort: 'channel' | 'route', id: string): Promise<boolean>
  /** Null: nothing was planned yet. */
  cursor(): Promise<number | null>
  startAt(lease: Lease, cursor: number): Promise<void>
  /**
   * One transaction. A recovery whose raise still waits takes that back; of an alarm that nobody was
   * told of there is none.
   * @throws AppError E_LEASE_LOST, E_NOTIFY_PLANNED (another plan went on from there)
   */
  add(lease: Lease, plan: NoticePlan, now: number): Promise<void>
  /** A message beside all routes: "Send test". Gives its id. */
  addOne(channel: string, kind: NoticeKind, body: NoticeBody, now: number): Promise<string>
  /**
   * Messages that this holder alone may send until then; claims of the dead are taken over.
   * @param lanes left out: as many of one channel as there are
   */
  claim(
    holder: string,
    now: number,
    until: number,
    limit: number,
    lanes?: Lanes,
  ): Promise<StoredNotice[]>
  /** Gives back what this holder claimed and is not among these, as it will not send it. */
  unclaim(holder: string, except: readonly string[]): Promise<void>
  settle(id: string, holder: string, outcome: Outcome, now: number): Promise<void>
  /** Over the limit of its route; `summaries` follow when there is room. */
  hold(id: string, holder: string): Promise<void>
  /** Messages of this route and channel in the last hour. */
  sentLately(route: string, channel: string, now: number): Promise<number>
  heldPairs(): Promise<{ route: string; channel: string }[]>
  /** What is held becomes one message. */
  sum(lease: Lease, route: string, channel: string, now: number): Promise<void>
  list(query: {
    states?: readonly NoticeState[]
    channel?: string
    alarm?: string
    before?: number
    limit?: number
  }): Promise<StoredNotice[]>
  decisions(alarm: string): Promise<Decision[]>
  /** The next time at which something is due; null: nothing waits. */
  nextDue(): Promise<number | null>
  counts(): Promise<{ waiting: number; failed: number }>
  trim(before: number): Promise<number>
}

/** How many messages of one channel may be on their way, and how many are. */
export interface Lanes {
  max: number
  busy: ReadonlyMap<string, number>
}

const checkBody = checker(NoticeBody, { firstOnly: true })
const checkLeft = checker(Type.Array(Type.String()), { firstOnly: true })
type Row = Selectable<NoticeTables['notice']>

export function noticeStore(database: Database): NoticeStore {
  const { db } = database
  const settings = settingStore(database)
  return {
    ...documentsOf(database),
    ...readsOf(db),
    async cursor() {
      const text = await settings.get(CURSOR)
      return text === null ? null : Number(text)
    },
    startAt: (lease, cursor) =>
      underLease(database, lease, tx =>
        database.put(tx, 'setting', ['name'], [{ name: CURSOR, value: String(cursor) }]),
      ),
    add: (lease, plan, now) => underLease(database, lease, tx => add(database, tx, plan, now)),
    async addOne(channel, kind, body, now) {
      const about = { route: '', channel, kind, groupKey: '' }
      return insertNotice(db, { ...about, dueAt: now, body }, now)
    },
    claim: (holder, now, until, limit, lanes) => claim(db, { holder, now, until, limit }, lanes),
    async unclaim(holder, except) {
      const free = { state: 'waiting', claimed_by: null, claimed_until: null }
      const giving = db
        .updateTable('notice')
        .set(free)
        .where('state', '=', 'sending')
        .where('claimed_by', '=', holder)
      await (except.length > 0 ? giving.where('id', 'not in', except) : giving).execute()
    },
    async settle(id, holder, outcome, now) {
      const isOver = outcome.state !== 'waiting'
      await db
        .updateTable('notice')
        .set({
          state: outcome.state,
          said: outcome.said.slice(0, saidMax),
          ...{ claimed_by: null, claimed_until: null },
          ...(isOver ? { ended_at: now } : { due_at: outcome.dueAt }),
          ...(!isOver && outcome.left ? { left_to: JSON.stringify(outcome.left) } : {}),
        })
        .set(({ eb }) => ({ tries: eb('tries', '+', 1) }))
        .where('id', '=', id)
        .where('claimed_by', '=', holder)
        .execute()
    },
    async hold(id, holder) {
      const free = { state: 'held', claimed_by: null, claimed_until: null }
      await db
        .updateTable('notice')
        .set(free)
        .where('id', '=', id)
        .where('claimed_by', '=', holder)
        .execute()
    },
    sum: (lease, route, channel, now) =>
      underLease(database, lease, tx => sum(tx, route, channel, now)),
    trim: before => trim(database, before),
  }
}

async function underLease<T>(
  database: Database,
  lease: Lease,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return database.transaction(async tx => {
    const held = await lockedLease(database, tx, lease.name)
    if (held?.holder !== lease.holder || held.epoch !== lease.epoch || lease.name !== JUDGE) {
      throw new AppError('E_LEASE_LOST', `another process has become ${JUDGE}`)
    }
    return work(tx)
  })
}

function documentsOf(
  database: Database,
): Pick<NoticeStore, 'documents' | 'putDocument' | 'removeDocument'> {
  const { db } = database
  return {
    async documents(sort) {
      const rows = await db
        .selectFrom('notify_document')
        .selectAll()
        .where('sort', '=', sort)
        .orderBy('id')
        .limit(documentsMax)
        .execute()
      return rows.map(({ id, version, body, updated_by, updated_at }) => ({
        ...{ id, version, document: parseJson(body), by: updated_by, at: updated_at },
      }))
    },
    putDocument: (sort, id, document, expected, by, at) =>
      database.transaction(async tx => {
        const before = await tx
          .selectFrom('notify_document')
          .select('version')
          .where('sort', '=', sort)
          .where('id', '=', id)
          .modifyEnd(database.exclusive)
          .executeTakeFirst()
        if ((before?.version ?? 0) !== expected) {
          throw new AppError('E_NOTIFY_CHANGED', `somebody changed this ${sort} meanwhile`, {
            hint: 'open it again and repeat your change',
          })
        }
        const values = {
          ...{ version: expected + 1, body: JSON.stringify(document) },
          ...{ updated_by: by, updated_at: at },
        }
        if (before) {
          const update = tx.updateTable('notify_document').set(values)
          await update.where('sort', '=', sort).where('id', '=', id).execute()
        } else {
          const row = { sort, id, ...values }
          await tx.insertInto('notify_document').values(row).execute()
        }
      }),
    async removeDocument(sort, id) {
      const { numDeletedRows } = await db
        .deleteFrom('notify_document')
        .where('sort', '=', sort)
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },
  }
}

async function add(database: Database, tx: Tx, plan: NoticePlan, now: number): Promise<void> {
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

function toldOf(tx: Tx, alarm: string, route: string, channel: string): Promise<Row[]> {
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
async function withdraw(tx: Tx, notice: Row, alarm: string, now: number): Promise<boolean> {
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

async function insertNotice(db: Db, start: Start, now: number): Promise<string> {
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

interface Claim {
  holder: string
  now: number
  until: number
  limit: number
}

/** Enough to fill every lane where one channel has much that is due. */
const lanesLookedAt = 8

async function claim(
  db: Db,
  { holder, now, until, limit }: Claim,
  lanes: Lanes = { max: limit, busy: new Map() },
): Promise<StoredNotice[]> {
  const room = new Map([...lanes.busy].map(([channel, busy]) => [channel, lanes.max - busy]))
  const full = [...room].flatMap(([channel, left]) => (left <= 0 ? [channel] : []))
  const looking = db.selectFrom('notice').select(['id', 'state', 'channel'])
  const due = await (full.length > 0 ? looking.where('channel', 'not in', full) : looking)
    .where(eb =>
      eb.or([
        eb.and([eb('state', '=', 'waiting'), eb('due_at', '<=', now)]),
        eb.and([eb('state', '=', 'sending'), eb('claimed_until', '<', now)]),
      ]),
    )
    .orderBy('due_at')
    .limit(limit * lanesLookedAt)
    .execute()
  const mine: StoredNotice[] = []
  for (const { id, state, channel } of due) {
    const left = room.get(channel) ?? lanes.max
    if (mine.length >= limit || left <= 0) continue
    const taking = db
      .updateTable('notice')
      .set({ state: 'sending', claimed_by: holder, claimed_until: until })
      .where('id', '=', id)
      .where('state', '=', state)
    const { numUpdatedRows } = await (state === 'waiting'
      ? taking.where('due_at', '<=', now)
      : taking.where('claimed_until', '<', now)
    ).executeTakeFirstOrThrow()
    if (numUpdatedRows === 0n) continue
    const row = await db.selectFrom('notice').selectAll().where('id', '=', id).executeTakeFirst()
    if (!row) continue
    room.set(channel, left - 1)
    mine.push(noticeOf(row))
  }
  return mine
}

async function sum(tx: Tx, route: string, channel: string, now: number): Promise<void> {
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

function readsOf(
  db: Db,
): Pick<NoticeStore, 'sentLately' | 'heldPairs' | 'list' | 'decisions' | 'nextDue' | 'counts'> {
  return {
    async sentLately(route, channel, now) {
      const { n } = await db
        .selectFrom('notice')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .where('channel', '=', channel)
        .where('route', '=', route)
        .where('state', '=', 'sent')
        .where('ended_at', '>', now - HOUR_MS)
        .executeTakeFirstOrThrow()
      return Number(n)
    },
    heldPairs: () =>
      db
        .selectFrom('notice')
        .select(['route', 'channel'])
        .distinct()
        .where('state', '=', 'held')
        .execute(),
    async list({ states, channel, alarm, before, limit = pageMax }) {
      let select = db.selectFrom('notice').selectAll()
      if (states?.length) select = select.where('state', 'in', [...states])
      if (channel !== undefined) select = select.where('channel', '=', channel)
      if (before !== undefined) select = select.where('created_at', '<', before)
      if (alarm !== undefined) {
        select = select.where('id', 'in', eb =>
          eb.selectFrom('notice_item').select('notice_id').where('alarm_id', '=', alarm),
        )
      }
      const rows = await select
        .orderBy('created_at', 'desc')
        .orderBy('id')
        .limit(Math.min(limit, pageMax))
        .execute()
      return rows.map(noticeOf)
    },
    async decisions(alarm) {
      const rows = await db
        .selectFrom('notice_decision')
        .selectAll()
        .where('alarm_id', '=', alarm)
        .orderBy('transition_id')
        .orderBy('route')
        .limit(pageMax)
        .execute()
      return rows.map(({ transition_id, route, alarm_id, at, told, said }) => ({
        ...{ transition: transition_id, route, alarm: alarm_id, at, told: told === 1, said },
      }))
    },
    async nextDue() {
      const row = await db
        .selectFrom('notice')
        .select(({ fn }) => fn.min('due_at').as('at'))
        .where('state', '=', 'waiting')
        .executeTakeFirst()
      return row?.at === null || row?.at === undefined ? null : Number(row.at)
    },
    async counts() {
      const rows = await db
        .selectFrom('notice')
        .select('state')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .where('state', 'in', ['waiting', 'sending', 'held', 'failed'])
        .groupBy('state')
        .execute()
      const of = (state: string) => Number(rows.find(row => row.state === state)?.n ?? 0)
      return { waiting: of('waiting') + of('sending') + of('held'), failed: of('failed') }
    },
  }
}

function trim(database: Database, before: number): Promise<number> {
  return database.transaction(async tx => {
    const old = await tx
      .selectFrom('notice')
      .select('id')
      .where('created_at', '<', before)
      .where('state', 'in', ['sent', 'failed', 'summed', 'dropped'])
      .limit(trimMax)
      .execute()
    const ids = old.map(({ id }) => id)
    if (ids.length > 0) {
      await tx.deleteFrom('notice_item').where('notice_id', 'in', ids).execute()
      await tx.deleteFrom('notice').where('id', 'in', ids).execute()
    }
    // Withdrawn: nobody plans for their transitions again.
    await tx.deleteFrom('notice_item').where('notice_id', '=', '').execute()
    await tx.deleteFrom('notice_decision').where('at', '<', before).execute()
    return ids.length
  })
}

function bodyOf({ body }: Pick<Row, 'body'>): NoticeBody {
  const checked = checkBody(parseJson(body))
  return checked.ok ? checked.value : { site: '', items: [], more: 0 }
}

function noticeOf(row: Row): StoredNotice {
  const left = checkLeft(parseJson(row.left_to ?? 'null'))
  return {
    ...{ id: row.id, route: row.route, channel: row.channel, tries: row.tries, said: row.said },
    kind: NOTICE_KINDS.find(one => one === row.kind) ?? 'raised',
    state: NOTICE_STATES.find(one => one === row.state) ?? 'failed',
    ...{ dueAt: row.due_at, createdAt: row.created_at, endedAt: row.ended_at },
    left: left.ok ? left.value : null,
    body: bodyOf(row),
  }
}
