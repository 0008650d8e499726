// The list of devices.

import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

/** What `views/devices/_table` shows. */
export async function devicesData(
  web: WebContext,
  _query: Record<string, string | undefined>,
): Promise<Record<string, unknown>> {
  return { devices: await web.devices.list() }
}

export function devicesPage(web: WebContext): Handler {
  return async (request, reply) =>
    page(request, reply, 'devices', {
      title: 'Devices',
      ...(await devicesData(web, request.query as Record<string, string | undefined>)),
    })
}
