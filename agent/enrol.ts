// The one request by which a host becomes a device. A server that is away is asked again for as long
// as it takes; a token that is refused, or a certificate that is not trusted, ends it.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ENROL_PATH, EnrolAnswer, type EnrolRequest } from '../server/model/agent.ts'
import { AppError, messageOf } from '../server/model/errors.ts'
import { parseJson, parser } from '../server/validate.ts'

const requestMsMax = 30_000
const answerCharsMax = 64 * 1024
const backoffMsMin = 1000
const backoffMsMax = 60_000

const parseAnswer = parser(EnrolAnswer, 'E_ENROL_ANSWER', 'what the server answered')

/** What OpenSSL and Node call a certificate that nobody here vouches for. */
const UNTRUSTED = /^(CERT_|ERR_TLS_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH)/

export interface EnrolOptions {
  /** `https://pollux.example`. */
  server: string
  token: string
  request: EnrolRequest
  log: Logger
  signal: AbortSignal
  /** Default: 1 s, doubling to one minute. */
  backoff?: { msMin: number; msMax: number }
}

/**
 * Enrols, waiting for the server where it is away.
 * @throws AppError E_ENROL_REFUSED, E_ENROL_TLS, E_ENROL_URL, E_ENROL_ANSWER; AbortError by `signal`
 */
export async function enrol(options: EnrolOptions): Promise<EnrolAnswer> {
  const { log, signal } = options
  const backoff = options.backoff ?? { msMin: backoffMsMin, msMax: backoffMsMax }
  const url = enrolUrl(options.server, log)
  let lastText = ''
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask(url, options)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof AppError && error.passing)) throw error
      if (error.message !== lastText) log.warn({ err: error.message }, 'not enrolled yet')
      lastText = error.message
    }
    const base = Math.min(backoff.msMax, backoff.msMin * 2 ** Math.min(attempt, 16))
    await delay(base * (0.75 + Math.random() / 2), undefined, { signal })
  }
}

function enrolUrl(server: string, log: Logger): URL {
  const url = URL.parse(server)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new AppError('E_ENROL_URL', 'the address of the server is not one', {
      hint: 'write --server as https://pollux.example or http://127.0.0.1:3000',
    })
  }
  const isHere = /^(localhost|127\..*|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !isHere)
    log.warn('the token and the password go over the network unencrypted: use https')
  return new URL(`${url.pathname.replace(/\/$/, '')}${ENROL_PATH}`, url)
}

async function ask(url: URL, { token, request, signal }: EnrolOptions): Promise<EnrolAnswer> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
    // A token follows nobody to another place.
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(requestMsMax)]),
  }).catch(error => {
    throw unreachable(url, error)
  })
  const text = await textOf(answer).catch(error => {
    throw unreachable(url, error)
  })
  if (answer.status === 201) return parseAnswer(parseJson(text))
  throw refusal(url, answer.status, text)
}

async function textOf(answer: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > answerCharsMax) throw new Error('it answered more than an enrolment has')
  }
  return text
}

function unreachable(url: URL, error: unknown): AppError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const where = `${url.origin}: ${messageOf(cause) || code}`
  if (UNTRUSTED.test(code)) {
    return new AppError('E_ENROL_TLS', `the certificate of ${where}`, {
      cause,
      hint: 'give the certificate of its authority with --ca FILE (PEM)',
    })
  }
  return new AppError('E_ENROL_AWAY', `no answer from ${where}`, { cause, passing: true })
}

/** 429 and what is not the asker's fault may pass; the rest does not by asking again. */
function refusal(url: URL, status: number, text: string): AppError {
  const problem: unknown = parseJson(text)
  const told = (key: string): string => {
    const value: unknown = problem && Object.getOwnPropertyDescriptor(Object(problem), key)?.value
    return typeof value === 'string' ? value.slice(0, 500) : ''
  }
  const passing = status === 429 || status >= 500
  const title = told('title') || 'it is no Pollux, or something stands between'
  return new AppError(
    passing ? 'E_ENROL_AWAY' : 'E_ENROL_REFUSED',
    `${url.origin} answered ${status}: ${title}`,
    { passing, hint: told('detail') || 'check --server and --token' },
  )
}
