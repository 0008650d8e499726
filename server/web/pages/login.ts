// Signing in and out: a password, a code where the account asks for one, or another service. After
// signing in a person lands on the page that was first asked for.

import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Place, SignIn } from '../../auth/contract.ts'
import { AppError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { problemOf } from '../errors.ts'
import { say } from '../languages/say.ts'
import { ageText } from '../languages/times.ts'
import { page } from '../render.ts'
import {
  clearOpenIdCookie,
  clearSessionCookie,
  setOpenIdCookie,
  setSessionCookie,
} from '../security.ts'

const CALLBACK = '/login/openid/callback'

const next = Type.Optional(Type.String({ maxLength: 2000 }))
const checkForm = checker(
  Type.Object({
    name: Type.String({ maxLength: 200 }),
    password: Type.String({ maxLength: 1000 }),
    next,
  }),
)
const checkCode = checker(
  Type.Object({
    ticket: Type.String({ maxLength: 2000 }),
    code: Type.String({ maxLength: 100 }),
    next,
  }),
)
const checkQuery = checker(Type.Object({ next }))

/** A path on this site, or the overview: another site's address must not be followed. */
export function localPath(wanted: string | undefined): string {
  if (wanted === undefined || !/^\/(?![/\\])[^\s\\]*$/.test(wanted)) return '/'
  return new URL(wanted, 'http://here').host === 'here' ? wanted : '/'
}

export function placeOf(request: FastifyRequest): Place {
  return { address: request.ip, browser: request.headers['user-agent'] ?? '' }
}

export function loginPage(web: WebContext): Handler {
  return async (request, reply) => {
    const query = checkQuery(request.query)
    const wanted = localPath(query.ok ? query.value.next : undefined)
    if (request.viewer) return reply.redirect(wanted, 303)
    return show(web, request, reply, { next: wanted, name: '', problem: '' })
  }
}

function show(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  shown: { next: string; name: string; problem: string },
): Promise<string> {
  const service = web.openId && new URL(web.openId.issuer).host
  return page(request, reply, 'login', { title: say(request).login.title, service, ...shown })
}

export function login(web: WebContext): Handler {
  return async (request, reply) => {
    const form = checkForm(request.body)
    const name = form.ok ? form.value.name.trim() : ''
    const wanted = localPath(form.ok ? form.value.next : undefined)
    const result: SignIn = form.ok
      ? await web.auth.signIn(name, form.value.password, placeOf(request))
      : { ok: false, retryAfterMs: 0, ticket: null }
    if (result.ok) return enter(web, reply, result.token, wanted)
    if (result.ticket !== null) {
      return showCode(request, reply, { ticket: result.ticket, next: wanted, problem: '' })
    }
    const problem = refusal(request, reply, result.retryAfterMs) ?? say(request).login.wrong
    return show(web, request, reply, { next: wanted, name, problem })
  }
}

/** The second step. */
export function loginCode(web: WebContext): Handler {
  return async (request, reply) => {
    const form = checkCode(request.body)
    const { ticket, code, next: asked } = form.ok ? form.value : { ticket: '', code: '' }
    const wanted = localPath(asked)
    const result = await web.auth.signInByCode(ticket, code, placeOf(request))
    if (result.ok) return enter(web, reply, result.token, wanted)
    const words = say(request).login
    const problem = refusal(request, reply, result.retryAfterMs)
    if (result.ticket === null) {
      return show(web, request, reply, { next: wanted, name: '', problem: words.tooLate })
    }
    return showCode(request, reply, { ticket, next: wanted, problem: problem ?? words.wrongCode })
  }
}

/** What a refused sign-in says where it must wait; null: it need not. */
function refusal(request: FastifyRequest, reply: FastifyReply, retryAfterMs: number) {
  reply.code(retryAfterMs > 0 ? 429 : 422)
  if (retryAfterMs <= 0) return null
  reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  const { login: words, time } = say(request)
  return words.tooMany(ageText(time, retryAfterMs))
}

function showCode(
  request: FastifyRequest,
  reply: FastifyReply,
  shown: { ticket: string; next: string; problem: string },
): Promise<string> {
  return page(request, reply, 'login/code', { title: say(request).login.codeTitle, ...shown })
}

function enter(web: WebContext, reply: FastifyReply, token: string, wanted: string): FastifyReply {
  setSessionCookie(reply, web.secure, token)
  return reply.redirect(wanted, 303)
}

/** To the sign-in service; a link, as our policy lets no form lead to another site. */
export function openIdLogin(web: WebContext): Handler {
  return async (request, reply) => {
    const query = checkQuery(request.query)
    const wanted = localPath(query.ok ? query.value.next : undefined)
    const openId = openIdOf(web)
    const base = web.publicUrl ?? `${request.protocol}://${request.host}`
    try {
      const { url, sealed } = await openId.begin(new URL(CALLBACK, base).href, wanted)
      setOpenIdCookie(reply, web.secure, sealed)
      return reply.redirect(url, 303)
    } catch (error) {
      return showRefused(web, request, reply, error, wanted)
    }
  }
}

/** Back from it. */
export function openIdCallback(web: WebContext): Handler {
  return async (request, reply) => {
    const openId = openIdOf(web)
    clearOpenIdCookie(reply, web.secure)
    try {
      const url = new URL(request.url, 'http://here')
      const { outsider, next: wanted } = await openId.finish(url, request.cookies.openid ?? '')
      const { token } = await web.auth.signInOutsider(outsider, placeOf(request))
      return enter(web, reply, token, localPath(wanted))
    } catch (error) {
      return showRefused(web, request, reply, error, '/')
    }
  }
}

function openIdOf(web: WebContext) {
  if (web.openId) return web.openId
  throw new AppError('E_NOT_FOUND', 'nobody signs in here by another service')
}

function showRefused(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  wanted: string,
): Promise<string> {
  if (!(error instanceof AppError) || !error.code.startsWith('E_OIDC_')) throw error
  const { status, title, hint } = problemOf(error)
  web.log.warn({ err: error }, 'a sign-in by the other service was refused')
  const problem = `${[title, hint].filter(Boolean).join(': ')}.`
  return show(web, request, reply.code(status), { next: wanted, name: '', problem })
}

export function logout(web: WebContext): Handler {
  return async (request, reply) => {
    if (request.viewer?.via === 'session') await web.auth.signOut(request.viewer.sessionToken)
    clearSessionCookie(reply, web.secure)
    return reply.redirect('/login', 303)
  }
}
