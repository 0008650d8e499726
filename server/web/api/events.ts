// Events for programs: in pages, as JSON lines for whole exports, and comments.

import { Readable } from 'node:stream'
import Type, { type Static } from 'typebox'
import { AppError } from '../../model/errors.ts'
import { EVENT_KINDS, type EventBody, SEVERITIES } from '../../model/event.ts'
import type { EventQuery, StoredEvent } from '../../store/contract.ts'
import { checker } from '../../validate.ts'
import type { Route, WebContext } from '../context.ts'
import { commentCharsMax } from '../events.ts'
import { call, closed, JSON_TYPE } from './call.ts'
import { DeviceParams, knownDevice } from './device-answer.ts'
import { nextLink } from './device-list.ts'
import { eventLines, lineStep, linesBytesMax, linesMax } from './event-lines.ts'
import { timeSpan } from './times.ts'

const LIMIT_DEFAULT = 100
const limitMax = 1000
/** Of one answer; the next page goes on. */
const answerBytesMax = 1024 * 1024
/** Events read from the store at once for an answer: what does not fit in it is read in vain. */
const pageStep = 100
const LINES_TYPE = 'application/jsonl'

const filters = {
  device: Type.Optional(Type.String({ maxLength: 63 })),
  /** A row's key, with its group. */
  group: Type.Optional(Type.String({ maxLength: 64 })),
  row: Type.Optional(Type.String({ maxLength: 512 })),
  kind: Type.Optional(Type.Array(Type.Enum(EVENT_KINDS), { maxItems: EVENT_KINDS.length })),
  severity: Type.Optional(Type.Array(Type.Enum(SEVERITIES), { maxItems: SEVERITIES.length })),
  /** Part of the text or of the row's key, whatever the case. */
  q: Type.Optional(Type.String({ maxLength: 200 })),
  /** Unix ms, or ISO 8601 with a zone; without both: all times. */
  from: Type.Optional(Type.String({ maxLength: 40 })),
  to: Type.Optional(Type.String({ maxLength: 40 })),
}
const LinesQuery = Type.Object(filters, closed)
const ListQuery = Type.Object(
  {
    ...filters,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    /** The id of the last event of the page before. */
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,16}-[A-Za-z0-9_-]{1,22}$' })),
  },
  closed,
)

const CommentBody = Type.Object(
  {
    text: Type.String({ minLength: 1, maxLength: commentCharsMax }),
    group: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    row: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
  },
  closed,
)
const checkComment = checker(CommentBody)

export interface EventAnswer extends EventBody {
  id: string
  /** The device's id, also of one that was deleted since. */
  device: string
}

export function eventCalls(web: WebContext): Route[] {
  return [listCall(web), linesCall(web), commentCall(web)]
}

function listCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/events',
    permission: 'devices.read',
    summary: 'Events, newest first, filtered and in pages',
    query: ListQuery,
    async answer({ query, request, reply }): Promise<EventAnswer[]> {
      const { limit = LIMIT_DEFAULT, cursor, ...rest } = query
      const asked = { ...(await storeQuery(web, rest)), ...(cursor && { before: cursor }) }
      const { events, hasMore } = await pageOf(web, asked, limit)
      const last = events.at(-1)
      if (last && hasMore) reply.header('link', nextLink(request.url, last.id))
      return events
    },
  })
}

/** At most so many events and so many bytes, and at least one of those that there are. */
async function pageOf(
  web: WebContext,
  query: EventQuery,
  limit: number,
): Promise<{ events: EventAnswer[]; hasMore: boolean }> {
  const events: EventAnswer[] = []
  let bytes = 0
  for (let asked = query; ; ) {
    const step = Math.min(pageStep, limit + 1 - events.length)
    const found = await web.store.events.list({ ...asked, limit: step })
    for (const event of found.map(answerOf)) {
      bytes += Buffer.byteLength(JSON.stringify(event))
      const isFull = events.length === limit || (events.length > 0 && bytes > answerBytesMax)
      if (isFull) return { events, hasMore: true }
      events.push(event)
    }
    const last = found.at(-1)
    if (!last || found.length < step) return { events, hasMore: false }
    asked = { ...query, before: last.id }
  }
}

function linesCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/events.jsonl',
    permission: 'devices.read',
    summary: `Events as JSON lines, newest first, at most ${linesMax} and ${linesBytesMax / 2 ** 20} MB`,
    type: LINES_TYPE,
    query: LinesQuery,
    perMinuteMax: 30,
    async answer({ query, reply }) {
      const asked = await storeQuery(web, query)
      // A database that is away is told before the answer has begun.
      const list = (some: EventQuery) => web.store.events.list(some)
      const first = await list({ ...asked, limit: lineStep })
      return reply
        .type(`${LINES_TYPE}; charset=utf-8`)
        .header('content-disposition', 'attachment; filename="events.jsonl"')
        .send(Readable.from(eventLines({ query: asked, first, list, lineOf: answerOf })))
    },
  })
}

function commentCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/devices/:id/comments',
    permission: 'events.comment',
    summary: 'Writes a comment, which is an event of the device or of one of its rows',
    status: 204,
    params: DeviceParams,
    body: { types: [JSON_TYPE], schema: CommentBody },
    async answer({ params, body, by }) {
      const device = await knownDevice(web, params.id)
      const checked = checkComment(body)
      if (!checked.ok)
        throw new AppError('E_COMMENT', 'the comment is not valid', { errors: checked.errors })
      const { text, group, row } = checked.value
      const about = group !== undefined && row !== undefined ? { group, row } : undefined
      await web.events.comment({ id: params.id, uid: device.uid }, { text, about }, by)
    },
  })
}

/** @throws AppError E_DEVICE_UNKNOWN, E_QUERY */
async function storeQuery(
  web: WebContext,
  { device, group, row, kind, severity, q, from, to }: Static<typeof LinesQuery>,
): Promise<EventQuery> {
  const uid = device === undefined ? undefined : (await knownDevice(web, device)).uid
  const errors = []
  if ((group === undefined) !== (row === undefined) || (row !== undefined && uid === undefined))
    errors.push({ path: 'row', message: 'needs its device and group' })
  const span = timeSpan({ ...(from && { from }), ...(to && { to }) }, Date.now())
  errors.push(...span.errors)
  if (errors.length > 0) throw new AppError('E_QUERY', 'the query is not valid', { errors })
  return {
    ...(uid !== undefined && { deviceUid: uid }),
    ...(group !== undefined && row !== undefined && { row: { group, row } }),
    ...(kind && { kinds: kind }),
    ...(severity && { severities: severity }),
    ...(q && { text: q }),
    ...(from !== undefined && { from: span.from }),
    ...(to !== undefined && { to: span.to }),
  }
}

function answerOf(event: StoredEvent): EventAnswer {
  const { deviceUid: _uid, isDeleted: _deleted, ...rest } = event
  return rest
}
