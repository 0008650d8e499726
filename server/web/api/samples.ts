// Samples for programs: the newest values, the series, and history.

import type { Route, WebContext } from '../context.ts'

export function sampleCalls(web: WebContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/profiles',
      kind: 'api',
      permission: 'profiles.read',
      handler: async () => ({ profiles: [...web.catalogue().profiles.keys()] }),
    },
  ]
}
