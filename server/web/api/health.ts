// GET /api/v1/health: how each part does, for programs that watch Pollux. Machines that must not
// sign in have /healthz and /readyz.

import type { Route, WebContext } from '../context.ts'

export function healthCall(web: WebContext): Route {
  return {
    method: 'GET',
    path: '/api/v1/health',
    kind: 'api',
    permission: 'self',
    async handler() {
      const parts = await web.health()
      return { ok: parts.every(part => part.ok), version: web.version, parts }
    },
  }
}
