// A message to people about alarms, as the outbox keeps it and channels send it: the items that came
// together, each with what, where, since when, value and limit.

import Type, { type Static } from 'typebox'
import { SEVERITIES } from './event.ts'

/**
 * `raised`: somebody is told for the first time; `worse`: of a higher severity; `recovered`: it is over;
 * `escalated`: nobody took it on; `reminder`: it still holds; `summary`: what a limit held back;
 * `test`: somebody pressed "Send test".
 */
export const NOTICE_KINDS = [
  'raised',
  'worse',
  'recovered',
  'escalated',
  'reminder',
  'summary',
  'test',
] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** Items that one message lists; what is beyond is counted. */
export const noticeItemsMax = 100

export const NoticeItem = Type.Object({
  kind: Type.Enum(NOTICE_KINDS),
  /** Alarm and the transition that was the reason; 0: none, as of a reminder. */
  alarm: Type.String(),
  transition: Type.Integer(),
  severity: Type.Enum(SEVERITIES),
  device: Type.String(),
  deviceName: Type.String(),
  /** The row's key; null: the device itself. */
  row: Type.Union([Type.String(), Type.Null()]),
  rule: Type.String(),
  /** One sentence; texts of devices in it are cleaned, never markup. */
  text: Type.String(),
  value: Type.String(),
  limit: Type.String(),
  /** Unix ms: since when it holds, and when what is told of happened. */
  since: Type.Integer(),
  at: Type.Integer(),
  /** What usually helps; null: nothing was given. */
  runbook: Type.Union([Type.String(), Type.Null()]),
})
export type NoticeItem = Static<typeof NoticeItem>

export const NoticeBody = Type.Object({
  site: Type.String(),
  items: Type.Array(NoticeItem, { maxItems: noticeItemsMax }),
  /** Items beyond those listed. */
  more: Type.Integer({ minimum: 0 }),
})
export type NoticeBody = Static<typeof NoticeBody>

/** One message: the same id at each try, so that a receiver can leave out what it has. */
export interface Notice extends NoticeBody {
  id: string
  kind: NoticeKind
  /** Where the pages are; null: nobody said (POLLUX_PUBLIC_URL). */
  url: string | null
}
