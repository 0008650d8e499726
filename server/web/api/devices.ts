// Devices for programs: the same commands as behind the form.

import type { Route, WebContext } from '../context.ts'

export function deviceCalls(web: WebContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/devices',
      kind: 'api',
      permission: 'devices.read',
      handler: async () => ({ devices: (await web.devices.list()).map(device => device.config) }),
    },
  ]
}
