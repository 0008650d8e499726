// What a person or a program sees when something is wrong: what happened, a code, the request's
// number and a way back. The text of our own failures stays in the log.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, type FieldError } from '../model/errors.ts'
import { fieldErrors } from '../validate.ts'
import type { Dictionary } from './languages/en.ts'
import { say } from './languages/say.ts'
import { translate } from './languages/translate.ts'
import { fragment, isHtmx, page } from './render.ts'

const STATUS: Record<string, number> = {
  E_SIGN_IN: 401,
  E_ENROL_TOKEN: 401,
  E_FORBIDDEN: 403,
  E_FORGED: 403,
  E_SECOND_STEP: 403,
  E_NOT_FOUND: 404,
  E_DEVICE_UNKNOWN: 404,
  E_AGENT_UNKNOWN: 404,
  E_DEVICE_EXISTS: 409,
  E_DEVICE_CHANGED: 409,
  E_DEVICE_FROM_FILE: 409,
  E_PARENTS_LOOP: 409,
  E_PROFILE_UNKNOWN: 404,
  E_PROFILE_CHANGED: 409,
  E_PROFILE_FROM_FILE: 409,
  E_PROFILE_USED: 409,
  E_CHANNEL_UNKNOWN: 404,
  E_CHANNEL_USED: 409,
  E_ROUTE_UNKNOWN: 404,
  E_NOTIFY_CHANGED: 409,
  E_USER_UNKNOWN: 404,
  E_USER_EXISTS: 409,
  E_USER_SELF: 409,
  E_USER_LAST_ADMIN: 409,
  E_USER_ORIGIN: 409,
  E_OIDC_PROVIDER: 502,
  E_OIDC_STATE: 422,
  E_OIDC_REFUSED: 403,
  E_OIDC_NO_ROLE: 403,
  E_OIDC_DISABLED: 403,
  E_OIDC_NAME: 409,
  E_OIDC_ROLE: 409,
  E_TOKEN_UNKNOWN: 404,
  E_TOKEN_EXISTS: 409,
  E_NOT_POLLED: 409,
  E_SCAN_RUNNING: 409,
  E_NO_SCAN: 409,
  E_DISCOVERY_OFF: 409,
  E_AGENT_BROKER: 409,
  E_ACCOUNT_UNKNOWN: 404,
  E_ACCOUNT_EXISTS: 409,
  E_ACCOUNT_AGENT: 409,
  E_AGENT_TOKENS: 409,
  E_RULE_CHANGED: 409,
  E_BACKUP_RUNNING: 409,
  E_PRECONDITION: 412,
  E_MEDIA_TYPE: 415,
  E_SERIES_MANY: 422,
  E_STORE_UNAVAILABLE: 503,
  E_STORE_ACCESS: 503,
  E_BUS_OFFLINE: 503,
}

/** What these errors say of addresses and users is for the log: a person may not be signed in. */
const INSIDE: Record<string, string> = {
  E_STORE_UNAVAILABLE: 'the database is not available',
  E_STORE_ACCESS: 'the database refuses Pollux',
}

export interface Problem {
  status: number
  code: string
  title: string
  hint: string
  errors: FieldError[]
}

export function problemOf(error: FastifyError | AppError | Error): Problem {
  if (error instanceof AppError) {
    const status = STATUS[error.code] ?? (error.errors.length > 0 ? 422 : error.passing ? 503 : 400)
    return {
      status,
      code: error.code,
      title: INSIDE[error.code] ?? error.message,
      hint: error.hint ?? '',
      errors: error.errors,
    }
  }
  const { status, code } = statusAndCode(error)
  const errors = 'validation' in error && error.validation ? fieldErrors(error.validation) : []
  if (errors.length > 0)
    return { status: 400, code: 'E_REQUEST', hint: '', errors, ...titled(errors) }
  const known = FRAMEWORK_PROBLEMS[status === 429 ? 'rate limit' : code]
  if (known) return { ...known, status, errors }
  if (status < 500) return { status, code: 'E_REQUEST', title: error.message, hint: '', errors }
  return {
    status: 500,
    code: 'E_INTERNAL',
    title: 'something went wrong in Pollux',
    hint: 'the log has the details under this request number',
    errors: [],
  }
}

function statusAndCode(error: Error): { status: number; code: string } {
  const status = 'statusCode' in error ? error.statusCode : undefined
  const code = 'code' in error ? error.code : undefined
  return {
    status: typeof status === 'number' && status >= 400 && status < 600 ? status : 500,
    code: typeof code === 'string' ? code : '',
  }
}

function titled([first]: FieldError[]): { title: string } {
  const what = [first?.path, first?.message].filter(Boolean).join(' ')
  return { title: `the request is not valid: ${what}` }
}

/** Refusals of the framework, in our words: theirs quote what was sent. */
const FRAMEWORK_PROBLEMS: Record<string, Pick<Problem, 'code' | 'title' | 'hint'>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'E_TOO_LARGE',
    title: 'what was sent is larger than 1 MB',
    hint: 'send less at once',
  },
  'rate limit': {
    code: 'E_TOO_MANY',
    title: 'too many requests',
    hint: 'wait a little and try again',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'E_MEDIA_TYPE',
    title: 'the Content-Type is not one that is read here',
    hint: 'send JSON as application/json',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: {
    code: 'E_JSON',
    title: 'the body is not valid JSON',
    hint: '',
  },
  FST_ERR_BAD_URL: { code: 'E_REQUEST', title: 'the address is not valid', hint: '' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'E_REQUEST', title: 'the address is too long', hint: '' },
}

/** RFC 9457. */
export function sendProblemDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
): FastifyReply {
  const { status, code, title, hint, errors } = problem
  if (status === 401) reply.header('www-authenticate', challenge(request))
  return reply
    .code(status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      status,
      title,
      detail: hint || undefined,
      code,
      instance: request.id,
      errors: errors.length > 0 ? errors : undefined,
    })
}

/** RFC 6750, 3: a token that was sent was a wrong one. */
function challenge({ headers }: FastifyRequest): string {
  const sent = /^bearer /i.test(headers.authorization ?? '')
  return `Bearer realm="pollux"${sent ? ', error="invalid_token"' : ''}`
}

/** A page, or for htmx a note that goes to the flash line and leaves the rest of the page alone. */
export async function sendProblemPage(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
): Promise<unknown> {
  reply.code(problem.status)
  if (isHtmx(request)) {
    reply.header('HX-Retarget', '#flash').header('HX-Reswap', 'innerHTML')
    return fragment(request, reply, 'layout/_flash', {
      problem,
      text: textOf(request, problem),
      requestId: request.id,
    })
  }
  return page(request, reply, 'error', {
    title: titleOf(say(request), problem.status),
    problem,
    text: textOf(request, problem),
    requestId: request.id,
  })
}

function titleOf({ error }: Dictionary, status: number): string {
  if (status === 404) return error.notFound
  if (status === 403) return error.notAllowed
  return status >= 500 ? error.ours : error.yours
}

function textOf(request: FastifyRequest, { title, hint }: Problem): string {
  return translate(say(request).messages, `${hint ? `${title}: ${hint}` : title}.`)
}
