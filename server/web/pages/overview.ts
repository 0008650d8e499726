// The overview: how many devices are in which state, what is in trouble, and a tile for each device.

import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

/** What `views/overview/_body` shows. */
export async function overviewData(web: WebContext): Promise<Record<string, unknown>> {
  return { devices: await web.devices.list() }
}

export function overviewPage(web: WebContext): Handler {
  return async (request, reply) =>
    page(request, reply, 'overview', { title: 'Overview', ...(await overviewData(web)) })
}
