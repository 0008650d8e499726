// Settings and how the running parts do; each part of the program adds its own section.

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FieldError } from '../../model/errors.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'

/** What was typed into one of the forms of days, and what is wrong with it. */
interface Typed {
  /** The class whose form it is, or `hourly`. */
  kept: string
  values: Record<string, string>
  errors: FieldError[]
}

export function settingsPage(web: WebContext): Handler {
  return async (request, reply) => showSettings(web, request, reply, null)
}

export async function showSettings(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  typed: Typed | null,
): Promise<string> {
  const kept = await web.retention.report()
  return page(request, reply, 'settings', {
    title: say(request).settings.title,
    kept,
    typed: typed ?? { kept: '', values: {}, errors: [] },
    sections: await web.settings(),
    health: await web.health(),
    checks: await web.checks(),
    version: web.version,
  })
}
