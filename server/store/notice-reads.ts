// What is asked of the outbox without changing it.

import type { Db } from './database.ts'
import type { NoticeStore } from './notice-contract.ts'
import { noticeOf } from './notice-rows.ts'

const pageMax = 500
const HOUR_MS = 3_600_000

export function readsOf(
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
