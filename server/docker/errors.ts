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
  E_DOCKER_SSH: 'auth',
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
    const { message, hint } = tlsWords(code, where, cause)
    return new AppError('E_DOCKER_TLS', message, { cause, hint })
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

/** What is wrong with a certificate, by the first code that fits. */
const TLS_WORDS: readonly { code: RegExp; what: string; hint: string }[] = [
  {
    code: /^CERT_HAS_EXPIRED/,
    what: "the engine's certificate has expired",
    hint: 'give the engine a new one; if it has one, look at the clock of this machine',
  },
  {
    code: /^CERT_NOT_YET_VALID/,
    what: "the engine's certificate is not valid yet",
    hint: 'look at the clocks of both machines',
  },
  {
    code: /^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)/,
    what: "the engine's certificate is for another name",
    hint: 'write the address as the certificate names it, or make one that has this name or address as subjectAltName',
  },
  {
    code: /^[A-Z_]*(SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|CERT_SIGNATURE_FAILURE|INVALID_CA|CERT_UNTRUSTED)/,
    what: 'the device\'s "ca" did not sign the engine\'s certificate',
    hint: 'give the device as "ca" the authority that signed it',
  },
  {
    code: /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
    what: 'the engine wants a certificate of us',
    hint: 'give the device its "cert" and "key"',
  },
  {
    code: /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    what: 'the engine refuses our certificate',
    hint: 'give the device a "cert" and "key" that the authority of the engine signed, and that have not expired',
  },
  {
    code: /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/,
    what: 'there is no TLS at this port',
    hint: 'the port with TLS is usually 2376; 2375 is the one without',
  },
  {
    code: /^ERR_(OSSL|SSL_KEY|CRYPTO|X509)|KEY_VALUES_MISMATCH|NO_START_LINE/,
    what: 'one of the texts ca, cert and key cannot be read, or cert and key are not of one pair',
    hint: 'paste the whole PEM texts, from -----BEGIN to END-----',
  },
]

function tlsWords(code: string, where: string, cause: string): { message: string; hint: string } {
  // Some failures are EPROTO, and only OpenSSL's text tells them apart.
  const told = `${code} ${cause}`.toUpperCase().replaceAll(' ', '_')
  const known = TLS_WORDS.find(words => words.code.test(told))
  return {
    message: `TLS with ${where} failed: ${known ? `${known.what} (${cause.trim()})` : cause}`,
    hint:
      known?.hint ??
      "check the device's ca, cert and key, and that the engine listens with TLS there",
  }
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
