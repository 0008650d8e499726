// GET /api/v1/health: whether all is well, and how each part does. What may be asked without signing
// in is /healthz and /readyz.

import type { HealthCheck, Route, WebContext } from '../context.ts'
import { call } from './call.ts'

export interface HealthAnswer {
  ok: boolean
  version: string
  parts: HealthCheck[]
}

export function healthCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/health',
    permission: 'self',
    summary: 'How each part of Pollux does',
    async answer(): Promise<HealthAnswer> {
      const parts = await web.health()
      return { ok: parts.every(part => part.ok), version: web.version, parts }
    },
  })
}
