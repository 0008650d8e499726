// What goes wrong with a Docker engine, in words for people and as the reason of a gap. It knows
// Node's and the Engine API's error codes, and nothing of how a call is made.

import { AppError, messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'

/** Characters of an engine's own error text that are kept. */
const engineTextMax = 300

const REASONS: Record<string, GapReason> = {
  E_DOCKER_UNREACHABLE: 'unreachable',
  E_DOCKER_ADDRESS: 'unreachable',
  E_ADDRESS_REFUSED: 'unreachable',
  E_ADDRESS_UNKNOWN: 'unreachable',
  E_DOCKER_PERMISSION: 'auth',
  E_DOCKER_TLS: 'auth',
  E_DOCKER_TIMEOUT: 'timeout',
  E_ABORTED: 'timeout',
  E_DOCKER_DECODE: 'decode',
  E_DOCKER_TOO_BIG: 'decode',
  E_DOCKER_ERROR: 'partial',
  E_DOCKER_GONE: 'no-such-object',
  E_DOCKER_PROFILE: 'no-such-object',
}

/** Why nothing came, of any error that a call to an engine threw. */
export function dockerGapReason(error: unknown): GapReason {
  return (error instanceof AppError ? REASONS[error.code] : undefined) ?? 'decode'
}

const PERMISSION_HINT =
  'add the user that Pollux runs as to the group "docker" and start Pollux again, or give it a socket proxy that allows GET'

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTSOCK',
  'EPIPE',
  'EADDRNOTAVAIL',
])

/** OpenSSL's verification results, as Node names them (doc/api/tls.md, "X509 certificate error codes"). */
const CERTIFICATE =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|EPROTO$|(UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERROR_IN_CERT|PATH_LENGTH))/

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return typeof code === 'string' ? code : ''
}

/** A failed connection or request as an AppError; one that is an AppError already stays. */
export function connectionError(error: unknown, where: string): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  const cause = messageOf(error)
  if (code === 'ENOENT') {
    return new AppError('E_DOCKER_UNREACHABLE', `there is no socket at ${where}`, {
      cause,
      passing: true,
      hint: 'is Docker running on this machine, and is the path right?',
    })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new AppError('E_DOCKER_PERMISSION', `no permission to use ${where}`, {
      cause,
      hint: PERMISSION_HINT,
    })
  }
  if (CERTIFICATE.test(code)) {
    return new AppError('E_DOCKER_TLS', `TLS with ${where} failed: ${cause}`, {
      cause,
      hint: "check the device's ca, cert and key, and that the engine listens with TLS there",
    })
  }
  if (code.startsWith('HPE_')) {
    return new AppError('E_DOCKER_DECODE', `${where} does not speak HTTP: ${cause}`, {
      cause,
      hint: 'is this the port of a Docker engine? 2375 is plain, 2376 is TLS',
    })
  }
  return new AppError('E_DOCKER_UNREACHABLE', `${where} could not be reached: ${cause}`, {
    cause,
    passing: true,
    hint: UNREACHABLE.has(code)
      ? 'is Docker running and listening there?'
      : 'check the address of the engine',
  })
}

/** The engine did not answer a call within its time limit. */
export function timeoutError(where: string, timeoutMs: number): AppError {
  return new AppError('E_DOCKER_TIMEOUT', `${where} did not answer within ${timeoutMs} ms`, {
    passing: true,
    hint: "the engine may be overloaded or hung; a longer timeout in the device's config may help",
  })
}

/** An HTTP status that is no success. `text` is the engine's body, which is JSON with `message`. */
export function statusError(status: number, text: string, where: string): AppError {
  const said = engineMessage(text)
  const detail = `${where} answered ${status}${said && `: ${said}`}`
  if (status === 401 || status === 403) {
    return new AppError('E_DOCKER_PERMISSION', detail, { hint: PERMISSION_HINT })
  }
  if (status === 404 || status === 409) return new AppError('E_DOCKER_GONE', detail)
  if (status === 400 && /TLS|HTTPS/i.test(text)) {
    return new AppError('E_DOCKER_TLS', detail, { hint: 'give the device its "tls" texts' })
  }
  return new AppError('E_DOCKER_ERROR', detail, {
    passing: status >= 500,
    hint: "the engine's own log says more",
  })
}

function engineMessage(text: string): string {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null && 'message' in body) {
      return String(body.message).slice(0, engineTextMax)
    }
  } catch {
    // Not JSON: a proxy's page, whose first words are as good as any.
  }
  return text.replace(/\s+/g, ' ').trim().slice(0, engineTextMax)
}
