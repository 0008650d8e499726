// API tokens of programs: made with a role and an end, shown once, revoked with one button.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { PERMISSIONS, ROLES, type Role, SCOPES, type Scope, scopeWithin } from '../../model/user.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { readValues } from './device-fields.ts'
import { roleOf } from './users.ts'

const DAY_MS = 86_400_000
const checkDays = checker(Type.String({ pattern: '^[1-9][0-9]{0,2}$' }))
const checkName = checker(Type.Object({ name: Type.String({ minLength: 1, maxLength: 64 }) }))

const EMPTY = { name: '', role: 'technician', days: '90' }

interface Shown {
  values: Record<string, string>
  errors: { path: string; message: string }[]
  made: { name: string; token: string; expiresAt: number } | null
}

export function tokensPage(web: WebContext): Handler {
  return (request, reply) => show(web, request, reply, { values: EMPTY, errors: [], made: null })
}

async function show(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  shown: Shown,
): Promise<string> {
  const tokens = await web.people.tokens()
  return page(request, reply, 'tokens', {
    title: say(request).tokens.title,
    tokens,
    roles: ROLES,
    scopes: SCOPES,
    ...shown,
  })
}

export function createToken(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const refuse = (path: string, message: string) =>
      show(web, request, reply.code(422), { values, errors: [{ path, message }], made: null })
    const name = (values.name ?? '').trim()
    if (!checkDays(values.days).ok || Number(values.days) > 366)
      return refuse('days', say(request).tokens.daysWrong)
    const role = roleOf(values.role)
    try {
      const expiresInMs = Number(values.days) * DAY_MS
      const made = await web.people.makeToken(
        { name, role, scope: scopeOf(values, role), expiresInMs },
        actorOf(request),
      )
      reply.code(201)
      return await show(web, request, reply, { values: EMPTY, errors: [], made: { name, ...made } })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      return refuse('name', [error.message, error.hint].join(': '))
    }
  }
}

/** Of what was ticked, what the role may; nothing ticked: all of it. */
function scopeOf(values: Record<string, string>, role: Role): Scope {
  const ticked = PERMISSIONS.filter(permission => values[`may.${permission}`] === 'on')
  return ticked.length === 0 ? null : scopeWithin(role, ticked)
}

export function revokeToken(web: WebContext): Handler {
  return async (request, reply) => {
    const checked = checkName(request.params)
    if (!checked.ok) throw new AppError('E_TOKEN_UNKNOWN', 'there is no such token')
    await web.people.revokeToken(checked.value.name, actorOf(request))
    return goTo(request, reply, '/tokens')
  }
}
