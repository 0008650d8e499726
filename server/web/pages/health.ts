// For machines: is the process alive, is it ready, and its own figures for Prometheus.

import type { Handler, WebContext } from '../context.ts'

export function healthText(): Handler {
  return async (_request, reply) => reply.type('text/plain').send('ok\n')
}

/** 503 while a part that pages need is away, with the parts' names alone. */
export function readyText(web: WebContext): Handler {
  return async (_request, reply) => {
    const checks = await web.health()
    reply.code(checks.every(check => check.ok) ? 200 : 503).type('text/plain')
    return reply.send(checks.map(({ name, ok }) => `${ok ? 'ok' : 'away'} ${name}\n`).join(''))
  }
}

export function metricsText(web: WebContext): Handler {
  return async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await web.metrics())
}
