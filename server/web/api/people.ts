// People and API tokens for programs, by the same commands as the pages. A password or a token's text
// is in the one answer that made it, and nowhere else.

import Type from 'typebox'
import { DURATION_PATTERN, parseDuration } from '../../model/duration.ts'
import { AppError } from '../../model/errors.ts'
import { ROLES, SCOPES, scopeWithin } from '../../model/user.ts'
import { checker } from '../../validate.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed, JSON_TYPE, MERGE_PATCH_TYPE } from './call.ts'

const Params = Type.Object({ id: Type.String({ pattern: '^[0-9]{1,10}$' }) }, closed)
const NewUser = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 64 }), role: Type.Enum(ROLES) },
  closed,
)
const Change = Type.Object(
  { role: Type.Optional(Type.Enum(ROLES)), disabled: Type.Optional(Type.Boolean()) },
  closed,
)
const NewToken = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    role: Type.Enum(ROLES),
    /** Only these of its role's permissions; absent: all of them. */
    scope: Type.Optional(Type.Array(Type.Enum(SCOPES), { minItems: 1, maxItems: SCOPES.length })),
    /** As `90d`. */
    expires: Type.String({ pattern: DURATION_PATTERN }),
  },
  closed,
)
const TokenParams = Type.Object({ name: Type.String({ maxLength: 64 }) }, closed)
const [checkUser, checkChange, checkToken] = [checker(NewUser), checker(Change), checker(NewToken)]

export function peopleCalls(web: WebContext): Route[] {
  return [...userCalls(web), ...tokenCalls(web)]
}

function userCalls(web: WebContext): Route[] {
  const permission = 'users.write'
  return [
    call({
      ...{ method: 'GET', path: '/api/v1/users', permission },
      summary: 'The people who may sign in',
      answer: () => web.people.list(),
    }),
    call({
      ...{ method: 'POST', path: '/api/v1/users', permission, status: 201 },
      summary: 'Adds a person; the password is told this once',
      body: { types: [JSON_TYPE], schema: NewUser },
      async answer({ body, by }) {
        const checked = checkUser(body)
        if (!checked.ok) throw invalid('the user', checked.errors)
        return web.people.create(checked.value, by)
      },
    }),
    call({
      ...{ method: 'GET', path: '/api/v1/users/:id', permission, params: Params },
      summary: 'One person',
      answer: ({ params }) => web.people.get(Number(params.id)),
    }),
    call({
      ...{ method: 'PATCH', path: '/api/v1/users/:id', permission, params: Params },
      summary: 'Gives a person another role, or disables the account and ends its sessions',
      body: { types: [JSON_TYPE, MERGE_PATCH_TYPE], schema: Change },
      async answer({ params, body, by }) {
        const checked = checkChange(body)
        if (!checked.ok) throw invalid('the change', checked.errors)
        const id = Number(params.id)
        const { role, disabled } = await web.people.get(id)
        await web.people.change(id, { role, disabled, ...checked.value }, by)
        return web.people.get(id)
      },
    }),
    call({
      ...{ method: 'POST', path: '/api/v1/users/:id/password', permission, params: Params },
      summary: 'Makes a new password, told this once, and ends all sessions of the person',
      answer: ({ params, by }) => web.people.resetPassword(Number(params.id), by),
    }),
    call({
      ...{ method: 'POST', path: '/api/v1/users/:id/sign-out', permission, params: Params },
      summary: 'Ends all sessions of the person',
      status: 204,
      answer: ({ params, by }) => web.people.endSessions(Number(params.id), by),
    }),
  ]
}

function tokenCalls(web: WebContext): Route[] {
  const permission = 'tokens.write'
  return [
    call({
      ...{ method: 'GET', path: '/api/v1/tokens', permission },
      summary: 'The API tokens, without their texts',
      answer: () => web.people.tokens(),
    }),
    call({
      ...{ method: 'POST', path: '/api/v1/tokens', permission, status: 201 },
      summary: 'Makes an API token; its text is told this once',
      body: { types: [JSON_TYPE], schema: NewToken },
      async answer({ body, by }) {
        const checked = checkToken(body)
        if (!checked.ok) throw invalid('the token', checked.errors)
        const { name, role, scope, expires } = checked.value
        const wanted = { name, role, expiresInMs: parseDuration(expires) }
        return web.people.makeToken(
          { ...wanted, ...(scope && { scope: scopeWithin(role, scope) }) },
          by,
        )
      },
    }),
    call({
      ...{ method: 'DELETE', path: '/api/v1/tokens/:name', permission, params: TokenParams },
      summary: 'Revokes an API token',
      status: 204,
      answer: ({ params, by }) => web.people.revokeToken(params.name, by),
    }),
  ]
}

function invalid(what: string, errors: AppError['errors']): AppError {
  return new AppError('E_REQUEST', `${what} is not valid`, { errors })
}
