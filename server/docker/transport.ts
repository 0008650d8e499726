// The wire under dockerode: GET over a unix socket, TCP or TLS, with a time limit and a size limit
// on each call; of a stream, on its beginning. It stands in for dockerode's own docker-modem, which keeps answers of any size,
// follows redirects (to addresses that nobody checked) and reads DOCKER_HOST from the environment.

import http from 'node:http'
import https from 'node:https'
import { isIP, Socket } from 'node:net'
import { AppError } from '../model/errors.ts'
import { connectionError, statusError, timeoutError } from './errors.ts'

/** Bytes of one answer: a list of a thousand containers with many labels is below 10 MB. */
export const answerBytesMax = 16 * 1024 * 1024
/** Bytes of an answer about one container: as many are asked about side by side as there are sockets. */
export const oneAnswerBytesMax = 1024 * 1024
const ABOUT_ONE = /^\/containers\/[^/]+\/(json|stats)\b/
/** Connections to one engine at a time; more calls wait for a free one. */
const socketsMax = 250
/** A stream may be silent for days: TCP itself looks this often whether the engine is still there. */
const keepAliveMs = 30_000

export type Endpoint =
  | { socketPath: string }
  | { address: string; host: string; port: number; tls: TlsTexts | null }

export interface TlsTexts {
  ca?: string
  cert?: string
  key?: string
}

export interface TransportCounters {
  requests: number
  bytes: number
  errors: number
}

/** What dockerode hands to its modem, as far as reading calls use it (docker-modem's `dial`). */
export interface DialOptions {
  path: string
  method?: string
  options?: Record<string, unknown>
  abortSignal?: AbortSignal
  /** The answer is given as it comes. */
  isStream?: boolean
}

export type DialCallback = (error: Error | null, answer: unknown) => void

/** Takes the place of docker-modem in dockerode: `new Docker({ modem })`. */
export interface Transport {
  Promise: PromiseConstructor
  dial(options: DialOptions, callback: DialCallback): void
  readonly counters: Readonly<TransportCounters>
  /** How people know it: for error texts. */
  readonly name: string
  close(): void
}

/** @param tunnel the way to the endpoint's socket, where it lies on another machine */
export function createTransport(
  endpoint: Endpoint,
  timeoutMs: number,
  tunnel: { agent: http.Agent; name: string } | null = null,
): Transport {
  const counters: TransportCounters = { requests: 0, bytes: 0, errors: 0 }
  const name = tunnel?.name ?? nameOf(endpoint)
  const tls = 'socketPath' in endpoint ? null : endpoint.tls
  // Connections are kept only where opening one is dear: handshakes of TLS.
  const own = tls
    ? new https.Agent({ maxSockets: socketsMax, keepAlive: true })
    : new http.Agent({ maxSockets: socketsMax })
  const where = tunnel ? { headers: { Host: 'docker' } } : connection(endpoint)
  const agent = tunnel?.agent ?? own
  const base: https.RequestOptions = { ...where, ...tls, agent, method: 'GET' }

  async function get(dial: DialOptions): Promise<unknown> {
    if (dial.method !== undefined && dial.method !== 'GET') {
      throw new AppError('E_DOCKER_ERROR', `${dial.method} is never sent to an engine`)
    }
    counters.requests++
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), timeoutMs)
    const signal = dial.abortSignal
      ? AbortSignal.any([limit.signal, dial.abortSignal])
      : limit.signal
    try {
      const answer = await request(tls !== null, { ...base, path: pathOf(dial), signal })
      if (dial.isStream && answer.statusCode === 200) {
        keepAlive(answer)
        return answer
      }
      const body = await readAnswer(answer, bytesMaxOf(dial.path))
      counters.bytes += body.length
      if (answer.statusCode !== 200) {
        throw statusError(answer.statusCode ?? 0, body.toString('utf8'), name)
      }
      return parseBody(body, name)
    } catch (error) {
      counters.errors++
      if (dial.abortSignal?.aborted) throw aborted(dial.abortSignal, name)
      if (limit.signal.aborted) throw timeoutError(name, timeoutMs)
      throw connectionError(error, name)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    Promise,
    counters,
    name,
    dial(options, callback) {
      get(options).then(
        answer => callback(null, answer),
        error => callback(error, null),
      )
    },
    close: () => own.destroy(),
  }
}

function bytesMaxOf(path: string): number {
  return ABOUT_ONE.test(path) ? oneAnswerBytesMax : answerBytesMax
}

function nameOf(endpoint: Endpoint): string {
  return 'socketPath' in endpoint ? endpoint.socketPath : `${endpoint.host}:${endpoint.port}`
}

/** The checked address is connected to; the name that was written stays in Host and in TLS. */
export function connection(endpoint: Endpoint): https.RequestOptions {
  if ('socketPath' in endpoint) {
    return { socketPath: endpoint.socketPath, headers: { Host: 'docker' } }
  }
  const { address, host, port } = endpoint
  const written = isIP(host) === 6 ? `[${host}]` : host
  return {
    host: address,
    port,
    headers: { Host: `${written}:${port}` },
    ...(isIP(host) ? {} : { servername: host }),
  }
}

/** dockerode ends a path with `?` where its options are the query. */
function pathOf(dial: DialOptions): string {
  if (!dial.path.endsWith('?')) return dial.path
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(dial.options ?? {})) {
    if (key !== 'abortSignal' && value !== undefined) query.set(key, String(value))
  }
  return query.size > 0 ? dial.path + query.toString() : dial.path.slice(0, -1)
}

/** One request; never follows a redirect. Resolves with the head of the answer. */
function request(secure: boolean, options: https.RequestOptions): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = (secure ? https : http).request(options, resolve)
    call.on('error', error => {
      // The engine may close a kept connection in the moment that we use it again.
      if (call.reusedSocket && 'code' in error && error.code === 'ECONNRESET') {
        request(secure, options).then(resolve, reject)
      } else reject(error)
    })
    call.end()
  })
}

/** A channel of ssh is no socket, and its connection looks after itself. */
function keepAlive({ socket }: http.IncomingMessage): void {
  if (socket instanceof Socket) socket.setKeepAlive(true, keepAliveMs)
}

/** The whole body; gives up on one that is too big. */
function readAnswer(answer: http.IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= bytesMax) {
        chunks.push(chunk)
        return
      }
      chunks.length = 0
      const error = new AppError('E_DOCKER_TOO_BIG', `an answer is over ${bytesMax} bytes`, {
        hint: 'is this really a Docker engine?',
      })
      reject(error)
      answer.destroy()
    })
    answer.on('error', reject)
    answer.once('end', () => resolve(Buffer.concat(chunks)))
  })
}

/** `/_ping` answers "OK" as plain text; everything else is JSON. */
function parseBody(body: Buffer, name: string): unknown {
  const text = body.toString('utf8')
  if (text === 'OK') return text
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('E_DOCKER_DECODE', `${name} answered something that is not JSON`, {
      cause,
      hint: 'is this the address of a Docker engine?',
    })
  }
}

function aborted(signal: AbortSignal, name: string): AppError {
  return new AppError('E_ABORTED', `the read of ${name} was cut short`, {
    cause: signal.reason,
    passing: true,
  })
}
