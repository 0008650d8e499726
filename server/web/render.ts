// Pages and fragments from views/: what every view gets, filled in once. A fragment is always a file
// that a full page includes too.

import type { Eta } from 'eta'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { GAP_TEXT } from '../model/gap.ts'
import { formatSeconds, formatValue, unitText } from '../model/units.ts'
import { can, type Permission } from '../model/user.ts'
import type { Viewer } from './context.ts'
import { plainText, shortAge, statusView } from './words.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export function themeOf(request: FastifyRequest): Theme {
  return THEMES.find(theme => theme === request.cookies.theme) ?? 'system'
}

/** What views may call; all of it pure. */
export const HELPERS = {
  formatValue,
  formatSeconds,
  unitText,
  plainText,
  shortAge,
  statusView,
  GAP_TEXT,
}

function shared(viewer: Viewer | null) {
  return {
    ...HELPERS,
    viewer,
    csrf: viewer?.csrf ?? '',
    may: (permission: Permission) => can(viewer?.role ?? null, permission),
    now: Date.now(),
  }
}

/** A whole page: `views/<view>/index.eta` inside the layout. */
export function page(
  request: FastifyRequest,
  reply: FastifyReply,
  view: string,
  data: { title: string } & Record<string, unknown>,
): Promise<string> {
  return reply.viewAsync(`${view}/index`, {
    ...shared(request.viewer),
    theme: themeOf(request),
    path: request.url.split('?')[0],
    troubles: request.troubles ?? [],
    ...data,
  })
}

/** A part of a page: `views/<view>.eta`, as `device/_receipts`. */
export function fragment(
  request: FastifyRequest,
  reply: FastifyReply,
  view: string,
  data: Record<string, unknown>,
): Promise<string> {
  return reply.viewAsync(view, { ...shared(request.viewer), ...data })
}

/** The same as text, for the live stream. */
export function renderFragment(
  eta: Eta,
  viewer: Viewer,
  view: string,
  data: Record<string, unknown>,
): Promise<string> {
  return eta.renderAsync(view, { ...shared(viewer), ...data })
}

export function isHtmx(request: FastifyRequest): boolean {
  return request.headers['hx-request'] === 'true'
}

/** After a change: htmx goes there by itself, a plain form is redirected (RFC 9110 15.4.4: 303). */
export function goTo(request: FastifyRequest, reply: FastifyReply, path: string): FastifyReply {
  return isHtmx(request)
    ? reply.code(204).header('HX-Redirect', path).send()
    : reply.redirect(path, 303)
}
