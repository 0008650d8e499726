// GET /api/v1/health: whether all is well, for anybody; how each part does, for who is signed in.

import type { HealthCheck, Route, WebContext } from '../context.ts'
import { call } from './call.ts'

export interface HealthAnswer {
  ok: boolean
  version?: string
  parts?: HealthCheck[]
}

export function healthCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/health',
    permission: 'public',
    async answer({ request }): Promise<HealthAnswer> {
      const parts = await web.health()
      const ok = parts.every(part => part.ok)
      return request.viewer ? { ok, version: web.version, parts } : { ok }
    },
  })
}
