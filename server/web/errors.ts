// What a person or a program sees when something is wrong: what happened, a code, the request's
// number and a way back. The text of our own failures stays in the log.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, type FieldError } from '../model/errors.ts'
import { isHtmx, page } from './render.ts'

const STATUS: Record<string, number> = {
  E_SIGN_IN: 401,
  E_FORBIDDEN: 403,
  E_FORGED: 403,
  E_NOT_FOUND: 404,
  E_DEVICE_UNKNOWN: 404,
  E_DEVICE_EXISTS: 409,
  E_DEVICE_CHANGED: 409,
  E_DEVICE_FROM_FILE: 409,
  E_PRECONDITION: 412,
  E_STORE_UNAVAILABLE: 503,
  E_BUS_OFFLINE: 503,
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
      title: error.message,
      hint: error.hint ?? '',
      errors: error.errors,
    }
  }
  const status =
    'validation' in error && error.validation
      ? 400
      : 'statusCode' in error
        ? (error.statusCode ?? 500)
        : 500
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'E_INTERNAL'
  if (status === 413)
    return {
      status,
      code,
      title: 'what was sent is larger than 1 MB',
      hint: 'send less at once',
      errors: [],
    }
  if (status === 429)
    return {
      status,
      code,
      title: 'too many requests',
      hint: 'wait a little and try again',
      errors: [],
    }
  if (status < 500)
    return { status, code, title: error.message, hint: '', errors: validationErrors(error) }
  return {
    status: 500,
    code: 'E_INTERNAL',
    title: 'something went wrong in Pollux',
    hint: 'the log has the details under this request number',
    errors: [],
  }
}

function validationErrors(error: Error | FastifyError): FieldError[] {
  if (!('validation' in error) || !error.validation) return []
  return error.validation.map(v => ({
    path: v.instancePath.slice(1).replaceAll('/', '.'),
    message: v.message ?? 'is not valid',
  }))
}

/** RFC 9457. */
export function sendProblemDocument(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
): FastifyReply {
  const { status, code, title, hint, errors } = problem
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

/** A page, or for htmx a note that goes to the flash line and leaves the rest of the page alone. */
export async function sendProblemPage(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem,
): Promise<unknown> {
  reply.code(problem.status)
  if (isHtmx(request)) {
    reply.header('HX-Retarget', '#flash').header('HX-Reswap', 'innerHTML')
    return reply.viewAsync('layout/_flash', { problem, requestId: request.id })
  }
  return page(request, reply, 'error', {
    title: titleOf(problem.status),
    problem,
    requestId: request.id,
  })
}

function titleOf(status: number): string {
  if (status === 404) return 'Not found'
  if (status === 403) return 'Not allowed'
  return status >= 500 ? 'Something went wrong' : 'That did not work'
}
