// Pages and fragments from views/: what every view gets, filled in once. A fragment is always a file
// that a full page includes too.

import type { Eta } from 'eta'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { DeviceStatus } from '../model/collection.ts'
import { unitText } from '../model/units.ts'
import type { Permission } from '../model/user.ts'
import { mayDo } from './actor.ts'
import type { Viewer } from './context.ts'
import { type Reader, readerOf, wordsOf } from './languages/say.ts'
import { ageText, numberTexts, stampText, whenText } from './languages/times.ts'
import { translate } from './languages/translate.ts'
import { plainText, statusView } from './words.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export function themeOf(request: FastifyRequest): Theme {
  return THEMES.find(theme => theme === request.cookies.theme) ?? 'system'
}

/** What views may call; all of it pure, in the language and the zone of the reader. */
function helpers(reader: Reader) {
  const words = wordsOf(reader)
  return {
    say: words,
    /** A message of another layer: an error, a check, the meaning of a setting. */
    tell: (text: string) => translate(words.messages, text),
    language: reader.language,
    /** An absolute time with its zone. */
    when: (ms: number) => whenText(reader, ms),
    shortAge: (ms: number) => ageText(words.time, ms),
    /** `2026-11-22 21:24:01` and its day, in the reader's zone. */
    stamp: (ms: number) => stampText(reader, ms),
    day: (ms: number) => stampText(reader, ms).slice(0, 10),
    zone: reader.zone,
    ...numberTexts(reader),
    unitText,
    plainText,
    statusView: (status: DeviceStatus | null) => statusView(status, words),
  }
}

function shared(reader: Reader, viewer: Viewer | null) {
  return {
    ...helpers(reader),
    viewer,
    csrf: viewer?.csrf ?? '',
    may: (permission: Permission) => mayDo(viewer, permission),
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
  reply.header('vary', 'Accept-Language, Cookie')
  return reply.viewAsync(`${view}/index`, {
    ...shared(request.viewer ?? readerOf(request), request.viewer),
    theme: themeOf(request),
    path: request.url.split('?')[0],
    troubles: request.troubles ?? [],
    down: request.down ?? 0,
    open: request.alarms ?? null,
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
  const reader = request.viewer ?? readerOf(request)
  return reply.viewAsync(view, { ...shared(reader, request.viewer), ...data })
}

/** The same as text, for the live stream. */
export function renderFragment(
  eta: Eta,
  viewer: Viewer,
  view: string,
  data: Record<string, unknown>,
): Promise<string> {
  return eta.renderAsync(view, { ...shared(viewer, viewer), ...data })
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
