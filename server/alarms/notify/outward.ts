// Requests to web services that people named: bounded in time and size, to no address that is this
// machine's or its network's own (SSRF, OWASP), and never where a redirect points.

import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { DeliveryPolicy } from '../../addresses.ts'
import { AppError, messageOf } from '../../model/errors.ts'
import { cleanText } from '../../model/text.ts'

/** The whole request, ms. */
const requestMsMax = 15_000
/** Read of an answer; the rest is not waited for. */
const answerBytesMax = 16_384
/** Shown of an answer. */
const answerCharsMax = 200
/** A service may ask for so long a pause, ms. */
const retryAfterMsMax = 3_600_000

export interface OutwardRequest {
  url: string
  method?: 'POST' | 'GET'
  headers?: Readonly<Record<string, string>>
  body?: string
  /** Left out of every error: a token in a path. */
  isUrlSecret?: boolean
}

export interface OutwardAnswer {
  status: number
  text: string
}

/** Wait so long before the next try, ms. */
export class RetryLater extends AppError {
  readonly retryAfterMs: number | null
  constructor(code: string, message: string, retryAfterMs: number | null, hint?: string) {
    super(code, message, { passing: true, ...(hint === undefined ? {} : { hint }) })
    this.retryAfterMs = retryAfterMs
  }
}

/** @throws AppError, `passing` for what may work later */
export type Outward = (request: OutwardRequest, signal: AbortSignal) => Promise<OutwardAnswer>

export function createOutward(policy: DeliveryPolicy): Outward {
  return async (wanted, signal) => {
    const url = parseUrl(wanted)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const name = wanted.isUrlSecret ? url.host : `${url.host}${url.pathname}`
    const address = await policy.resolve(host)
    const family = isIP(address)
    const within = AbortSignal.any([signal, AbortSignal.timeout(requestMsMax)])
    const options: RequestOptions = {
      method: wanted.method ?? 'POST',
      headers: { 'user-agent': 'Pollux', ...wanted.headers },
      signal: within,
      // The address that was checked is the one that is used: there is no second look-up.
      lookup: (_name, options, found) =>
        options.all ? found(null, [{ address, family }]) : found(null, address, family),
    }
    const answer = await exchange(url, options, wanted.body).catch(error => {
      if (signal.aborted) throw signal.reason
      throw within.aborted
        ? new RetryLater('E_NOTIFY_TIMEOUT', `${name} did not answer within 15 s`, null)
        : new RetryLater(
            'E_NOTIFY_NETWORK',
            `${name} cannot be reached: ${networkText(error)}`,
            null,
          )
    })
    return judged(name, answer)
  }
}

function parseUrl({ url }: OutwardRequest): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed?.protocol === 'https:' || parsed?.protocol === 'http:') return parsed
  throw new AppError('E_NOTIFY_URL', 'the address of this channel is no http(s) URL', {
    hint: 'write it as https://host/path',
  })
}

/** Never the URL: it may hold a token. */
function networkText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code || cleanText(messageOf(error), answerCharsMax)
}

interface RawAnswer extends OutwardAnswer {
  retryAfter: string | undefined
  location: string | undefined
}

function exchange(url: URL, options: RequestOptions, body = ''): Promise<RawAnswer> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const request = send(url, options, response => {
      readSome(response).then(
        text =>
          resolve({
            status: response.statusCode ?? 0,
            text,
            retryAfter: response.headers['retry-after'],
            location: response.headers.location,
          }),
        reject,
      )
    })
    request.once('error', reject)
    request.end(body)
  })
}

async function readSome(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length >= answerBytesMax) break
  }
  return text.slice(0, answerBytesMax)
}

function judged(name: string, { status, text, retryAfter, location }: RawAnswer): OutwardAnswer {
  const said = cleanText(text, answerCharsMax)
  const answered = `${name} answered ${status}${said && `: ${said}`}`
  if (status >= 200 && status < 300) return { status, text }
  if (status >= 300 && status < 400) {
    throw new AppError('E_NOTIFY_REDIRECT', `${name} answered with a redirect (${status})`, {
      hint: `redirects are not followed; give this channel the final address${
        location === undefined ? '' : ` (the answer names ${hostOf(location)})`
      }`,
    })
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new RetryLater('E_NOTIFY_BUSY', answered, retryAfterMs(retryAfter))
  }
  throw new AppError('E_NOTIFY_REFUSED', answered, {
    hint:
      status === 401 || status === 403
        ? 'check the token or the rights of this channel'
        : 'check the address and what the service expects',
  })
}

function hostOf(location: string): string {
  return URL.canParse(location) ? new URL(location).host : 'another path'
}

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMs(text: string | undefined): number | null {
  if (text === undefined) return null
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, retryAfterMsMax) : null
}
