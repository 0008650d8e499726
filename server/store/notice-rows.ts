// Rows of the outbox as messages. What was stored is checked as it is read.

import type { Selectable } from 'kysely'
import Type from 'typebox'
import { NOTICE_KINDS, NoticeBody } from '../model/notice.ts'
import { checker, parseJson } from '../validate.ts'
import { NOTICE_STATES, type NoticeTables, type StoredNotice } from './notice-contract.ts'

const checkBody = checker(NoticeBody, { firstOnly: true })
const checkLeft = checker(Type.Array(Type.String()), { firstOnly: true })
export type NoticeRow = Selectable<NoticeTables['notice']>

export function bodyOf({ body }: Pick<NoticeRow, 'body'>): NoticeBody {
  const checked = checkBody(parseJson(body))
  return checked.ok ? checked.value : { site: '', items: [], more: 0 }
}

export function noticeOf(row: NoticeRow): StoredNotice {
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
