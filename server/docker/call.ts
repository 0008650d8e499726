// Calls to an engine beside monitoring: those that change something, and answers that come bit by
// bit. Only the fleet command and the log of a container use it; pollers have `transport`, which
// can only read.

import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { AppError } from '../model/errors.ts'
import type { EngineOptions } from './engine.ts'
import { connectionError, statusError, timeoutError } from './errors.ts'
import { answerBytesMax, connection } from './transport.ts'
import { wayTo } from './way.ts'

/** Bytes of an error's body that are read. */
const errorBytesMax = 64 * 1024

export interface Asked {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  signal?: AbortSignal
  /** Until the head of the answer; with `send` until its end. Default: the caller's. */
  timeoutMs?: number
}

export interface Caller {
  /** The socket's path, host and port, or who signs in where by ssh. */
  readonly name: string
  /** The JSON of an answer; null for one without a body. Errors as those of Engine. */
  send(asked: Asked): Promise<unknown>
  /** An answer of success, unread. Whoever asked ends it by its signal or by `destroy`. */
  stream(asked: Asked): Promise<http.IncomingMessage>
  /** Cuts what is under way; may be called twice. Without it a connection of ssh stays. */
  close(): void
}

/** @throws AppError as openEngine */
export async function openCaller(options: EngineOptions): Promise<Caller> {
  const { endpoint, tunnel } = await wayTo(options)
  const tls = 'socketPath' in endpoint ? null : endpoint.tls
  const name = 'socketPath' in endpoint ? endpoint.socketPath : `${endpoint.host}:${endpoint.port}`
  const base: https.RequestOptions = tunnel
    ? { headers: { Host: 'docker' }, agent: tunnel.agent }
    : { ...connection(endpoint), ...tls, agent: false }

  async function open(
    { method, path, body, signal }: Asked,
    limit: AbortSignal,
  ): Promise<http.IncomingMessage> {
    const content = body === undefined ? null : JSON.stringify(body)
    const headers = content !== null && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(content),
    }
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const call = (tls ? https : http).request(
        {
          ...base,
          method,
          path,
          headers: { ...base.headers, ...headers },
          signal: signal ? AbortSignal.any([signal, limit]) : limit,
        },
        resolve,
      )
      call.on('error', reject)
      call.end(content)
    })
    const status = answer.statusCode ?? 0
    if ((status >= 200 && status < 300) || status === 304) return answer
    throw statusError(status, await bounded(answer, errorBytesMax, name), name)
  }

  async function within<T>(asked: Asked, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
    const limitMs = asked.timeoutMs ?? options.timeoutMs
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), limitMs)
    try {
      return await work(late.signal)
    } catch (error) {
      if (late.signal.aborted) throw timeoutError(name, limitMs)
      if (asked.signal?.aborted) {
        throw new AppError('E_ABORTED', `the call of ${name} was cut short`, { passing: true })
      }
      throw connectionError(error, name)
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    name,
    send: asked =>
      within(asked, async limit => {
        const body = await bounded(await open(asked, limit), answerBytesMax, name)
        if (body === '') return null
        try {
          return JSON.parse(body)
        } catch (cause) {
          throw new AppError('E_DOCKER_DECODE', `${name} answered something that is not JSON`, {
            cause,
            hint: 'is this the address of a Docker engine?',
          })
        }
      }),
    stream: asked => within(asked, limit => open(asked, limit)),
    close: () => tunnel?.close(),
  }
}

async function bounded(answer: http.IncomingMessage, max: number, name: string): Promise<string> {
  let size = 0
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= max) return
    const hint = 'is this really a Docker engine?'
    answer.destroy(
      new AppError('E_DOCKER_TOO_BIG', `an answer of ${name} is over ${max} bytes`, { hint }),
    )
  })
  return text(answer)
}
