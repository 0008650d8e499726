// How a call of the API is declared: its schemas check the request before the handler runs, and the
// handler gets exactly what they say, typed. What a call does is not here.

import type { FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import Type, { type Static, type TObject } from 'typebox'
import { AppError } from '../../model/errors.ts'
import type { Actor, Permission } from '../../model/user.ts'
import { actorOf } from '../actor.ts'
import type { Route } from '../context.ts'

/** Levels of a JSON body: what is deeper would overflow the stack of whoever walks it. */
const depthMax = 20

export const JSON_TYPE = 'application/json'
/** RFC 7396, 4. */
export const MERGE_PATCH_TYPE = 'application/merge-patch+json'

/** What a handler gets. */
export interface Asked<P, Q> {
  params: P
  query: Q
  /** Of a JSON body: not checked, but not deep and without `__proto__`. */
  body: unknown
  /** For the audit log. */
  by: Actor
  request: FastifyRequest
  reply: FastifyReply
}

interface CallOptions<P extends TObject, Q extends TObject> {
  method: HTTPMethods
  path: string
  permission: Permission
  /** For openapi.json. */
  summary: string
  /** Of a good answer; default 200. */
  status?: number
  /** The media type of a good answer; default: JSON. */
  type?: string
  params?: P
  query?: Q
  /**
   * The media types that a body may have; absent: the call takes no body. The schema only describes
   * it: whoever takes the body checks it.
   */
  body?: { types: readonly string[]; schema: object }
  perMinuteMax?: number
  answer: (asked: Asked<Static<P>, Static<Q>>) => Promise<unknown>
}

/** Keys that are not named are refused. */
export const closed = { additionalProperties: false } as const

const Nothing = Type.Object({}, closed)
type Nothing = typeof Nothing

/** The names in a path, as `:id`, are in `params`. */
export function call<P extends TObject = Nothing, Q extends TObject = Nothing>(
  options: CallOptions<P, Q>,
): Route {
  const { method, path, permission, summary, status = 200, params, query, body, answer } = options
  const { perMinuteMax, type } = options
  return {
    method,
    path,
    kind: 'api',
    permission,
    schema: { params: params ?? Nothing, querystring: query ?? Nothing },
    ...(perMinuteMax === undefined ? {} : { perMinuteMax }),
    description: { summary, status, ...(type ? { type } : {}), ...(body ? { body } : {}) },
    async handler(request, reply) {
      if (body) assertBody(request, body.types)
      reply.code(status)
      return answer({
        // Fastify has checked both by the very schemas that these types come from.
        params: request.params as Static<P>,
        query: request.query as Static<Q>,
        body: request.body,
        by: actorOf(request),
        request,
        reply,
      })
    },
  }
}

function assertBody({ headers, body }: FastifyRequest, types: readonly string[]): void {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (!types.includes(type)) {
    throw new AppError('E_MEDIA_TYPE', `the Content-Type must be ${types.join(' or ')}`)
  }
  if (isDeeperThan(body, depthMax)) {
    throw new AppError('E_JSON', `the body has more than ${depthMax} levels`)
  }
}

/** Level by level, as the answer of a recursive walk may be an overflow. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level = [value].filter(isContainer)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= levels) return true
    level = level.flatMap(container => Object.values(container).filter(isContainer))
  }
  return false
}

function isContainer(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
