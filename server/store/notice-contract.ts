// The outbox of messages to people, and the documents (channels, routes) that decide who gets them: what
// others may ask of it, and the columns of its tables.

import type { NoticeBody, NoticeItem, NoticeKind } from '../model/notice.ts'
import type { Lease, StoredDocument } from './contract.ts'

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
