// Where points go over HTTP: what is sent, and what an answer means for what was sent.

import { messageOf } from '../model/errors.ts'
import { linesOf } from './line-protocol.ts'
import type { RowPoints } from './points.ts'
import { REMOTE_WRITE_HEADERS, writeRequest } from './remote-write.ts'

const requestMsMax = 30_000
const retryAfterMsMax = 5 * 60_000
const excerptCharsMax = 300
/** Bytes of an answer that are looked at for its words. */
const answerBytesMax = 4096
/** Something in what was sent is not taken; another request may be. */
const DATA_STATUS = new Set([400, 413, 422])
const LATER_STATUS = new Set([408, 425, 429])

export type Outcome =
  | { is: 'taken' }
  /** `isData`: because of something in it; parts of it may be taken. */
  | { is: 'refused'; error: string; isData: boolean }
  | { is: 'later'; error: string; afterMs: number }

export interface Destination {
  name: 'remote_write' | 'influxdb'
  /** Never rejects. */
  send(rows: readonly RowPoints[], signal: AbortSignal): Promise<Outcome>
}

/** @param token sent as a bearer token; null: user and password of the URL, where it has them */
export function remoteWriteTo(url: string, token: string | null): Destination {
  const target = targetOf(url, token && `Bearer ${token}`)
  const headers = { ...target.headers, ...REMOTE_WRITE_HEADERS, 'user-agent': 'pollux' }
  return {
    name: 'remote_write',
    send: (rows, signal) => post(target.url, headers, writeRequest(rows), signal),
  }
}

/** @param url with `db`, or `org` and `bucket`: `http://host:8086/write?db=pollux` */
export function influxTo(url: string, token: string | null): Destination {
  const target = targetOf(url, token && `Token ${token}`)
  target.url.searchParams.set('precision', 'ms')
  const headers = { ...target.headers, 'content-type': 'text/plain; charset=utf-8' }
  return {
    name: 'influxdb',
    send: (rows, signal) => post(target.url, headers, linesOf(rows), signal),
  }
}

/** `fetch` takes no URL with a password in it. */
function targetOf(text: string, authorization: string | null) {
  const url = new URL(text)
  const user = `${decoded(url.username)}:${decoded(url.password)}`
  const basic = user === ':' ? null : `Basic ${Buffer.from(user).toString('base64')}`
  url.username = ''
  url.password = ''
  const given = authorization ?? basic
  return { url, headers: { ...(given !== null && { authorization: given }) } }
}

/** A password may hold a % that nobody escaped. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function post(
  url: URL,
  headers: Record<string, string>,
  body: string | Uint8Array,
  closing: AbortSignal,
): Promise<Outcome> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(requestMsMax)])
  try {
    // A redirect would take the token elsewhere.
    const request = { method: 'POST', headers, body: Buffer.from(body), signal } as const
    const answer = await fetch(url, { ...request, redirect: 'manual' })
    if (answer.ok) {
      await answer.body?.cancel()
      return { is: 'taken' }
    }
    const error = `${answer.status} ${await excerptOf(answer)}`.trim()
    if (answer.status >= 500 || LATER_STATUS.has(answer.status))
      return { is: 'later', error, afterMs: retryAfter(answer.headers) }
    return { is: 'refused', error, isData: DATA_STATUS.has(answer.status) }
  } catch (error) {
    const cause = error instanceof Error && error.cause ? error.cause : error
    return { is: 'later', error: messageOf(cause), afterMs: 0 }
  }
}

async function excerptOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= answerBytesMax) break
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ').slice(0, excerptCharsMax)
}

/** RFC 9110, 10.2.3, in seconds; a date is not taken. */
function retryAfter(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? 0)
  return seconds > 0 ? Math.min(seconds * 1000, retryAfterMsMax) : 0
}
