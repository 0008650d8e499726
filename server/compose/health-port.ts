// What a process without pages answers where another one has its pages: alive, ready, and, for tokens that
// may read them, its figures for Prometheus.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Auth } from '../auth/contract.ts'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import { can } from '../model/user.ts'
import type { HealthCheck } from '../web/context.ts'

/** Nobody needs more at once. */
const connectionsMax = 100
const requestMsMax = 10_000

interface Answer {
  status: number
  text: string
}

export interface HealthParts {
  health(): Promise<HealthCheck[]>
  metrics(): Promise<string>
  auth: Pick<Auth, 'bearer'>
  log: Logger
}

/** @param where a free port, tested before; `tls`: speaks https */
export async function listenHealth(
  parts: HealthParts,
  where: { host: string; port: number; tls: { cert: string; key: string } | null },
): Promise<Server> {
  const { host, port, tls } = where
  const server = tls ? createTlsServer(tls) : createServer()
  server.maxConnections = connectionsMax
  server.requestTimeout = requestMsMax
  server.on('request', (request, response) => {
    answerTo(request, parts)
      .catch((error: unknown): Answer => {
        parts.log.warn({ error: messageOf(error) }, 'how this process does could not be told')
        return { status: 503, text: 'away\n' }
      })
      .then(({ status, text }) => {
        response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
      })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  return server
}

async function answerTo(request: IncomingMessage, parts: HealthParts): Promise<Answer> {
  if (request.method !== 'GET') return { status: 405, text: 'GET alone\n' }
  const { url } = request
  if (url === '/healthz') return { status: 200, text: 'ok\n' }
  if (url === '/readyz') {
    const checks = await parts.health()
    const text = checks.map(({ name, ok }) => `${ok ? 'ok' : 'away'} ${name}\n`).join('')
    return { status: checks.every(({ ok }) => ok) ? 200 : 503, text }
  }
  if (url !== '/metrics') return { status: 404, text: 'this process has no pages\n' }
  const [, token] = /^Bearer (\S{1,500})$/.exec(request.headers.authorization ?? '') ?? []
  const asker = token === undefined ? null : await parts.auth.bearer(token)
  if (!asker) return { status: 401, text: 'sign in by a token\n' }
  if (!can(asker.role, 'settings.read', asker.scope)) return { status: 403, text: 'not allowed\n' }
  return { status: 200, text: await parts.metrics() }
}
