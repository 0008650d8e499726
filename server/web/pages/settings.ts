// Settings and how the running parts do; each part of the program adds its own section.

import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

export function settingsPage(web: WebContext): Handler {
  return async (request, reply) =>
    page(request, reply, 'settings', {
      title: 'Settings',
      sections: await web.settings(),
      health: await web.health(),
      version: web.version,
    })
}
