// Agents for programs: tokens that work once, the enrolment that an agent itself asks for, and the end
// of an agent.

import Type from 'typebox'
import { EnrolAnswer, EnrolRequest } from '../../model/agent.ts'
import { DEVICE_ID_PATTERN } from '../../model/device.ts'
import { DURATION_PATTERN, parseDuration } from '../../model/duration.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { askedHost, isFromHere, serverUrl } from '../agents.ts'
import type { Route, WebContext } from '../context.ts'
import { call, closed, JSON_TYPE } from './call.ts'

/** Enrolments a minute from one address: a token of 256 bits is not guessed, but tries cost. */
const ENROLS_PER_MINUTE_MAX = 20

const TokenBody = Type.Object(
  {
    /** How long it may wait to be used. */
    expires: Type.Optional(Type.String({ pattern: DURATION_PATTERN })),
    note: Type.Optional(Type.String({ maxLength: 100 })),
    /** A host that is there already enrols again. */
    device: Type.Optional(Type.String({ pattern: DEVICE_ID_PATTERN })),
  },
  closed,
)
const checkToken = checker(TokenBody)

const DeviceParams = Type.Object({ id: Type.String({ maxLength: 63 }) }, closed)
const PrefixParams = Type.Object({ prefix: Type.String({ maxLength: 32 }) }, closed)

export function agentCalls(web: WebContext): Route[] {
  return [
    listCall(web),
    tokensCall(web),
    tokenCall(web),
    withdrawCall(web),
    enrolCall(web),
    revokeCall(web),
  ]
}

function listCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/agents',
    permission: 'agents.read',
    summary: 'The agents that enrolled',
    answer: async () =>
      (await web.agents.enrolment.agents()).map(
        ({ deviceId, version, address, enrolledAt, revokedAt }) => ({
          ...{ id: deviceId, version, address, enrolledAt, revokedAt },
        }),
      ),
  })
}

function tokensCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/agents/tokens',
    permission: 'agents.read',
    summary: 'One-time tokens that were not used yet, without their texts',
    answer: async () =>
      (await web.agents.enrolment.tokens()).map(
        ({ prefix, note, deviceId, createdBy, createdAt, expiresAt }) => ({
          ...{ prefix, note, device: deviceId, createdBy, createdAt, expiresAt },
        }),
      ),
  })
}

function tokenCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/agents/tokens',
    permission: 'agents.write',
    summary: 'Makes a token with which one host enrols, once; told this once',
    status: 201,
    body: { types: [JSON_TYPE], schema: TokenBody },
    async answer({ body, by, request }) {
      const checked = checkToken(body ?? {})
      if (!checked.ok) {
        throw new AppError('E_REQUEST', 'the token is not valid', { errors: checked.errors })
      }
      const { expires = '1h', note, device } = checked.value
      const wanted = { expiresInMs: parseDuration(expires), device: device ?? null }
      const made = await web.agents.enrolment.makeToken(
        { ...wanted, ...(note === undefined ? {} : { note }) },
        by,
      )
      const server = serverUrl(web, request)
      return { ...made, command: `npx pollux agent --server ${server} --token ${made.token}` }
    },
  })
}

function withdrawCall(web: WebContext): Route {
  return call({
    method: 'DELETE',
    path: '/api/v1/agents/tokens/:prefix',
    permission: 'agents.write',
    summary: 'Takes an unused token back',
    status: 204,
    params: PrefixParams,
    async answer({ params, by }) {
      if (await web.agents.enrolment.withdraw(params.prefix, by)) return
      throw new AppError('E_NOT_FOUND', 'there is no such token that waits')
    },
  })
}

function enrolCall(web: WebContext): Route {
  return call({
    method: 'POST',
    path: '/api/v1/agents/enrol',
    permission: 'public',
    summary: `An agent becomes a device: its one-time token is the bearer, the answer says who it is (${Object.keys(EnrolAnswer.properties).join(', ')})`,
    status: 201,
    perMinuteMax: ENROLS_PER_MINUTE_MAX,
    body: { types: [JSON_TYPE], schema: EnrolRequest },
    async answer({ body, request }): Promise<EnrolAnswer> {
      const token = /^Bearer ([\w-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1]
      if (token === undefined) {
        throw new AppError('E_ENROL_TOKEN', 'an agent enrols with a token', {
          hint: 'an administrator makes one on the page Agents',
        })
      }
      // Before the token is used up: a host that cannot reach the broker has nothing of it.
      const mqttUrl = web.agents.mqttUrl(askedHost(request), isFromHere(request))
      return web.agents.enrolment.enrol(token, body, { address: request.ip, mqttUrl })
    },
  })
}

function revokeCall(web: WebContext): Route {
  return call({
    method: 'DELETE',
    path: '/api/v1/agents/:id',
    permission: 'agents.write',
    summary: "Ends an agent's account and cuts it off; its device stays",
    status: 204,
    params: DeviceParams,
    async answer({ params, by }) {
      await web.agents.enrolment.revoke(params.id, by)
    },
  })
}
