// People who may sign in: a list with a form for a new one, and a page for each. A password is shown
// once, in the answer that made it, and nowhere again.

import Type from 'typebox'
import { AppError } from '../../model/errors.ts'
import { can, PERMISSIONS, ROLES, type Role, type User } from '../../model/user.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { readValues } from './device-fields.ts'

const checkId = checker(Type.Object({ id: Type.String({ pattern: '^[0-9]{1,10}$' }) }))
const isRole = checker(Type.Enum(ROLES))

/** Accounts and addresses that must wait; more are no news. */
const slowedShownMax = 20

/** What each role may do, for people: rows of permissions, columns of roles. */
const ROLE_TABLE = PERMISSIONS.filter(one => one !== 'public').map(permission => ({
  permission,
  roles: ROLES.map(role => ({ role, may: can(role, permission) })),
}))

interface Shown {
  values: Record<string, string>
  errors: { path: string; message: string }[]
  made: { user: User; password: string } | null
}

const NOTHING: Shown = { values: { name: '', role: 'technician' }, errors: [], made: null }

export function usersPage(web: WebContext): Handler {
  return (request, reply) => show(web, request, reply, NOTHING)
}

async function show(
  web: WebContext,
  request: Parameters<Handler>[0],
  reply: Parameters<Handler>[1],
  shown: Shown,
): Promise<string> {
  return page(request, reply, 'users', {
    title: say(request).users.title,
    users: await web.people.list(),
    addresses: await web.people.lastAddresses(),
    slowed: web.auth.slowed().slice(0, slowedShownMax),
    roles: ROLES,
    table: ROLE_TABLE,
    ...shown,
  })
}

export function createUser(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    try {
      const made = await web.people.create(
        { name: (values.name ?? '').trim(), role: roleOf(values.role) },
        actorOf(request),
      )
      return await show(web, request, reply.code(201), { ...NOTHING, made })
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'E_USER_ROLE') throw error
      const errors = [{ path: 'name', message: [error.message, error.hint].join(': ') }]
      return show(web, request, reply.code(422), { values, errors, made: null })
    }
  }
}

export function userPage(web: WebContext): Handler {
  return async (request, reply) => {
    const user = await web.people.get(idOf(request.params))
    return page(request, reply, 'users/user', { title: user.name, user, roles: ROLES, made: null })
  }
}

export function changeUser(web: WebContext): Handler {
  return async (request, reply) => {
    const { role, disabled } = readValues(request.body)
    const to = { role: roleOf(role), disabled: disabled === 'on' }
    await web.people.change(idOf(request.params), to, actorOf(request))
    return goTo(request, reply, '/users')
  }
}

export function resetUser(web: WebContext): Handler {
  return async (request, reply) => {
    const made = await web.people.resetPassword(idOf(request.params), actorOf(request))
    const { user } = made
    return page(request, reply, 'users/user', { title: user.name, user, roles: ROLES, made })
  }
}

export function signOutUser(web: WebContext): Handler {
  return async (request, reply) => {
    await web.people.endSessions(idOf(request.params), actorOf(request))
    return goTo(request, reply, '/users')
  }
}

export function endUserTotp(web: WebContext): Handler {
  return async (request, reply) => {
    const id = idOf(request.params)
    await web.people.endTotp(id, actorOf(request))
    return goTo(request, reply, `/users/${id}`)
  }
}

function idOf(params: unknown): number {
  const checked = checkId(params)
  if (!checked.ok) throw new AppError('E_USER_UNKNOWN', 'there is no such user')
  return Number(checked.value.id)
}

/** @throws AppError E_USER_ROLE: no form of ours sends another word */
export function roleOf(text: string | undefined): Role {
  const checked = isRole(text)
  if (checked.ok) return checked.value
  throw new AppError('E_USER_ROLE', 'there is no such role', {
    errors: [{ path: 'role', message: `must be one of ${ROLES.join(', ')}` }],
  })
}
