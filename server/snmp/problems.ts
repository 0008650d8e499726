// The errors of a session as people read them: one function for each code of the contract.

import { AppError, messageOf } from '../model/errors.ts'
import type { SessionOptions } from './session.ts'

/** What was refused since the question was asked. */
export interface Evidence {
  /** Datagrams from the device that are no SNMP, or broken. */
  malformed: number
  /** Answers below the security level, or with another community or user. */
  weak: number
  /** Who else answered with our request id: `192.0.2.9:161`. */
  otherSource: string | null
}

const where = (options: SessionOptions) => `${options.address}:${options.port}`

/**
 * No answer that counts within all tries. What came instead decides what it is called: SNMP agents
 * drop a wrong community in silence, so that alone cannot be told from a dead host.
 */
export function timeoutError(options: SessionOptions, evidence: Evidence): AppError {
  const tries = options.retries + 1
  const waited = `no answer from ${where(options)} within ${options.timeoutMs} ms, ${tries} ${tries === 1 ? 'try' : 'tries'}`
  if (evidence.weak > 0) {
    return new AppError(
      'E_SNMP_AUTH',
      `${where(options)} answered, but not with the credentials of the request`,
      {
        hint: 'the answers carried another community or user, or a lower security level than asked for, and were dropped',
      },
    )
  }
  if (evidence.malformed > 0) {
    return new AppError(
      'E_SNMP_DECODE',
      `${where(options)} sent ${evidence.malformed} datagrams that are no SNMP`,
      { hint: 'is another service listening on this port?' },
    )
  }
  if (evidence.otherSource !== null) {
    return new AppError(
      'E_SNMP_TIMEOUT',
      `${waited}; the answer came from ${evidence.otherSource}`,
      {
        passing: true,
        hint: 'set the device to answer from the address it was asked at, or poll it at the other address',
      },
    )
  }
  const secret = options.credentials.version === '3' ? 'user, context' : 'community'
  return new AppError('E_SNMP_TIMEOUT', waited, {
    passing: true,
    hint: `no answer: address, port, ${secret} and the device's access list must fit`,
  })
}

const SOCKET_TEXT: Record<string, string> = {
  ECONNREFUSED: 'nothing listens on this UDP port',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'there is no route to this network',
  EACCES: 'a firewall of this machine forbids it',
  EPERM: 'a firewall of this machine forbids it',
}

/** The socket or the network refused: no question of waiting longer. */
export function unreachableError(options: SessionOptions, cause: unknown): AppError {
  const code = errorCode(cause)
  const text = (code && SOCKET_TEXT[code]) ?? messageOf(cause)
  return new AppError('E_SNMP_UNREACHABLE', `${where(options)}: ${text}`, {
    cause,
    passing: true,
    hint: 'check that the device is up, that SNMP is enabled on it and that the address and port are right',
  })
}

function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null
}

/** The agent knows who we are, and says no all the same (RFC 3415). */
function accessError(options: SessionOptions, text: string): AppError {
  return new AppError('E_SNMP_AUTH', `${where(options)} refused access: ${text}`, {
    hint:
      options.credentials.version === '3'
        ? 'the device serves this user only at a higher level (credentials.level), or not this part of its tree'
        : 'the community may not read this part of the tree',
  })
}

/** The agent's error-status, where there is no way round it. */
export function statusError(options: SessionOptions, status: number, text: string): AppError {
  // noAccess and authorizationError (RFC 3416, section 3).
  if (status === 6 || status === 16) return accessError(options, text)
  return new AppError('E_SNMP_ERROR', `${where(options)} answered with an error: ${text}`, {
    hint: 'the agent cannot serve this object; leave out the profile that asks for it, or look at the log of the device',
  })
}

/** The answer is well-formed, but not one to what was asked. */
export function decodeError(options: SessionOptions, text: string): AppError {
  return new AppError('E_SNMP_DECODE', `${where(options)}: ${text}`, {
    hint: "the device's agent breaks the protocol; a newer firmware may not",
  })
}

export function closedError(options: SessionOptions): AppError {
  return new AppError('E_ABORTED', `the session with ${where(options)} was closed`)
}

export function aborted(signal: AbortSignal | undefined): AppError {
  return new AppError('E_ABORTED', 'the request was stopped', {
    ...(signal?.reason === undefined ? {} : { cause: signal.reason }),
  })
}
