// Accounts on the broker for sensors, guests and pollers: a section of the page Agents. A password is
// shown once, in the answer to the form that made it.

import { HAND_MADE_ROLES } from '../../bus/account-rights.ts'
import { AppError } from '../../model/errors.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { problemOf } from '../errors.ts'
import { goTo } from '../render.ts'
import { showAgents } from './agents.ts'
import { readValues } from './device-fields.ts'

export function createAccount(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const role = HAND_MADE_ROLES.find(choice => choice === values.role) ?? 'sensor'
    const name = (values.name ?? '').trim()
    const topics = role === 'sensor' ? (values.topics ?? '').split(/\s+/).filter(Boolean) : []
    const clientId = (values.clientId ?? '').trim()
    const wish = { name, role, topics, ...(clientId && { clientId }) }
    try {
      const account = await web.agents.accounts.add(wish, actorOf(request))
      const shown = { values: {}, problem: null, made: null, account }
      return await showAgents(web, request, reply.code(201), shown)
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const { status, title, hint, errors } = problemOf(error)
      const fields = errors.map(({ path, message }) => `${path} ${message}`).join('; ')
      const problem = fields || [title, hint].filter(Boolean).join(': ')
      return showAgents(web, request, reply.code(status), { values, problem, made: null })
    }
  }
}

export function removeAccount(web: WebContext): Handler {
  return async (request, reply) => {
    const { username = '' } = readValues(request.body)
    await web.agents.accounts.remove(username, actorOf(request))
    return goTo(request, reply, '/agents')
  }
}
