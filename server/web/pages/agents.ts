// Agents: tokens for new hosts, with the command line ready to paste; who enrolled, and the button that
// cuts one off.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { HAND_MADE_ROLES } from '../../bus/account-rights.ts'
import type { Credentials } from '../../bus/principals.ts'
import { AppError } from '../../model/errors.ts'
import type { Agent } from '../../store/enrolment.ts'
import { actorOf } from '../actor.ts'
import { serverUrl } from '../agents.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { readValues } from './device-fields.ts'

const hourMs = 3_600_000
/** Hours that a token may wait to be used. */
export const TOKEN_LIVES = [1, 24, 168] as const

export interface Shown {
  values: Record<string, string>
  problem: string | null
  made: { token: string; expiresAt: number; device: string | null; server: string } | null
  /** An account of the broker that was made just now. */
  account?: Credentials | null
}

export function agentsPage(web: WebContext): Handler {
  return (request, reply) =>
    showAgents(web, request, reply, { values: {}, problem: null, made: null })
}

export async function showAgents(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  shown: Shown,
): Promise<string> {
  const { enrolment, accounts } = web.agents
  const [agents, tokens, listed] = await Promise.all([
    enrolment.agents(),
    enrolment.tokens(),
    accounts.list(),
  ])
  return page(request, reply, 'agents', {
    title: say(request).agents.title,
    agents: await Promise.all(agents.map(agent => agentLine(web, agent))),
    tokens,
    lives: TOKEN_LIVES,
    accounts: listed,
    accountRoles: HAND_MADE_ROLES,
    account: null,
    ...shown,
  })
}

async function agentLine(web: WebContext, agent: Agent) {
  const device = await web.devices.get(agent.deviceId)
  const isThere = device?.uid === agent.deviceUid
  const latest = isThere ? await web.live.latest(agent.deviceUid) : []
  return {
    ...agent,
    name: isThere ? device.config.name : null,
    status: isThere ? web.devices.status(agent.deviceId) : null,
    seenAt: latest.reduce<number | null>((newest, { at }) => Math.max(newest ?? 0, at), null),
  }
}

export function createAgentToken(web: WebContext): Handler {
  return async (request, reply) => {
    const values = readValues(request.body)
    const hours = TOKEN_LIVES.find(choice => String(choice) === values.hours) ?? 1
    const device = values.device || null
    const note = (values.note ?? '').trim()
    try {
      const wanted = { expiresInMs: hours * hourMs, device, note }
      const { token, expiresAt } = await web.agents.enrolment.makeToken(wanted, actorOf(request))
      const made = { token, expiresAt, device, server: serverUrl(web, request) }
      return await showAgents(web, request, reply.code(201), { values: {}, problem: null, made })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const problem = [error.message, error.hint].filter(Boolean).join(': ')
      return showAgents(web, request, reply.code(422), { values, problem, made: null })
    }
  }
}

export function withdrawAgentToken(web: WebContext): Handler {
  return async (request, reply) => {
    await web.agents.enrolment.withdraw(readValues(request.body).prefix ?? '', actorOf(request))
    return goTo(request, reply, '/agents')
  }
}

export function revokeAgent(web: WebContext): Handler {
  return async (request, reply) => {
    await web.agents.enrolment.revoke(readValues(request.body).device ?? '', actorOf(request))
    return goTo(request, reply, '/agents')
  }
}
