// For programs: who changed what, and the names of the secrets that are kept; never a secret's text.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed } from './call.ts'
import { nextLink } from './device-list.ts'
import { timeSpan } from './times.ts'

const LIMIT_DEFAULT = 100
const limitMax = 999

const AuditQuery = Type.Object(
  {
    actor: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    /** How the action and the thing begin. */
    action: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    thing: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
    /** Unix ms, or ISO 8601 with a zone; without both: all times. */
    from: Type.Optional(Type.String({ maxLength: 40 })),
    to: Type.Optional(Type.String({ maxLength: 40 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limitMax })),
    /** The id of the last entry of the page before. */
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })),
  },
  closed,
)

export function recordCalls(web: WebContext): Route[] {
  return [
    call({
      method: 'GET',
      path: '/api/v1/audit',
      permission: 'audit.read',
      summary: 'Who did what, on what, when and from where, newest first, in pages',
      query: AuditQuery,
      async answer({ query, request, reply }) {
        const { actor, action, thing, limit = LIMIT_DEFAULT, cursor } = query
        const found = await web.store.audit.list({
          ...{ actor, action, thing, ...spanOf(query), limit: limit + 1 },
          before: cursor === undefined ? undefined : Number(cursor),
        })
        const entries = found.slice(0, limit)
        const last = entries.at(-1)
        if (last && found.length > limit)
          reply.header('link', nextLink(request.url, String(last.id)))
        return entries
      },
    }),
    call({
      method: 'GET',
      path: '/api/v1/secrets',
      permission: 'secrets.write',
      summary: 'Names of the stored secrets and when each was set, never their texts',
      answer: () => web.store.secrets.list(),
    }),
  ]
}

/** The end is included, as everywhere in the API; the store's is not. */
function spanOf(query: { from?: string; to?: string }): { from?: number; to?: number } {
  if (query.from === undefined && query.to === undefined) return {}
  const { from, to, errors } = timeSpan(query, Date.now())
  if (errors.length > 0) throw new AppError('E_REQUEST', 'the request is not valid', { errors })
  return { from, to: to + 1 }
}
