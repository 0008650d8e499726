// The outbox of messages to people. Planning writes under judge's lease, sending claims by a conditional
// update: a crash loses nothing, and two nodes send nothing twice.

import { AppError } from '../model/errors.ts'
import { JUDGE } from './alarms.ts'
import type { Lease } from './contract.ts'
import type { Database, Db, Tx } from './database.ts'
import { lockedLease } from './leases.ts'
import { settingStore } from './named.ts'
import type { Lanes, NoticeStore, StoredNotice } from './notice-contract.ts'
import { documentsOf } from './notice-documents.ts'
import { add, CURSOR, insertNotice, sum } from './notice-plan.ts'
import { readsOf } from './notice-reads.ts'
import { noticeOf } from './notice-rows.ts'

const trimMax = 500
const saidMax = 600

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
