// What protects every answer and every change: headers, the session cookie, and the checks against
// forged requests (OWASP ASVS 5.0: 3.3, 3.4, 3.5, 7.2). Who may do what is decided per route.

import { timingSafeEqual } from 'node:crypto'
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../model/errors.ts'
import { lacksSecondStep } from '../model/user.ts'
import type { Viewer, WebContext } from './context.ts'
import { readerOf } from './languages/say.ts'

const SELF = ["'self'"]
const NONE = ["'none'"]

export async function registerSecurityHeaders(
  app: FastifyInstance,
  secure: boolean,
): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': NONE,
        'script-src': SELF,
        'style-src': SELF,
        'img-src': [...SELF, 'data:'],
        'font-src': SELF,
        'connect-src': SELF,
        'manifest-src': SELF,
        'form-action': SELF,
        'base-uri': NONE,
        'frame-ancestors': NONE,
      },
    },
    // On plain http a browser ignores it, and a proxy before us sends its own.
    strictTransportSecurity: secure,
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'same-origin' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
  })
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
}

/** Only its reader: a half-done sign-in by another service, for the few minutes that it may take. */
const OPENID_SECONDS = 10 * 60
const OPENID_PATH = '/login/openid'

export function setOpenIdCookie(reply: FastifyReply, secure: boolean, sealed: string): void {
  const maxAge = OPENID_SECONDS
  reply.setCookie('openid', sealed, {
    path: OPENID_PATH,
    httpOnly: true,
    sameSite: 'lax',
    secure,
    maxAge,
  })
}

export function clearOpenIdCookie(reply: FastifyReply, secure: boolean): void {
  reply.clearCookie('openid', { path: OPENID_PATH, httpOnly: true, sameSite: 'lax', secure })
}

const cookieName = (secure: boolean): string => (secure ? '__Host-sid' : 'sid')

export function setSessionCookie(reply: FastifyReply, secure: boolean, token: string): void {
  reply.setCookie(cookieName(secure), token, { path: '/', httpOnly: true, sameSite: 'lax', secure })
}

export function clearSessionCookie(reply: FastifyReply, secure: boolean): void {
  reply.clearCookie(cookieName(secure), { path: '/', httpOnly: true, sameSite: 'lax', secure })
}

/** A session's cookie or an `Authorization: Bearer` header; null for neither, or a wrong one. */
export async function viewerOf(web: WebContext, request: FastifyRequest): Promise<Viewer | null> {
  const bearer = /^Bearer ([\w-]{1,200})$/.exec(request.headers.authorization ?? '')?.[1]
  if (bearer !== undefined) {
    const token = await web.auth.bearer(bearer)
    return (
      token && {
        name: `token:${token.name}`,
        role: token.role,
        scope: token.scope,
        via: 'token',
        user: null,
        ...readerOf(request, null),
        csrf: '',
        sessionToken: '',
      }
    )
  }
  const cookie = request.cookies[cookieName(web.secure)]
  if (cookie === undefined || cookie.length > 200) return null
  const session = await web.auth.session(cookie)
  if (!session) return null
  const { user, csrf } = session
  return {
    name: user.name,
    role: user.role,
    scope: null,
    via: 'session',
    user,
    csrf,
    sessionToken: cookie,
    ...readerOf(request, user.language),
  }
}

/** Signed in, and nothing else yet: the second step is asked of this person, who has none. */
export function mustSetUp(web: Pick<WebContext, 'secondStep'>, viewer: Viewer | null): boolean {
  return viewer?.user ? lacksSecondStep(viewer.user, web.secondStep) : false
}

/**
 * Tokens of programs pass: they were made by somebody who had signed in.
 * @throws AppError E_SECOND_STEP
 */
export function assertSecondStep(web: Pick<WebContext, 'secondStep'>, viewer: Viewer | null): void {
  if (!mustSetUp(web, viewer)) return
  throw new AppError('E_SECOND_STEP', 'this Pollux asks you for a second step when you sign in', {
    hint: 'set it up on the page of your account',
  })
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * A change by a session must come from our own pages: the browser says so, and the page knew the
 * session's token. Tokens of programs are never sent by a browser on its own, so they need neither.
 * @throws AppError E_FORGED
 */
export function assertNotForged(request: FastifyRequest, viewer: Viewer | null): void {
  if (SAFE.has(request.method) || viewer?.via === 'token') return
  // A browser never sends this by itself, and there is no session that somebody else could use.
  if (viewer === null && request.headers.authorization?.startsWith('Bearer ')) return
  if (!isSameOrigin(request)) throw forged('the request did not come from this site')
  if (viewer && !isSame(sentToken(request), viewer.csrf))
    throw forged('the page was too old, or the request forged')
}

function forged(message: string): AppError {
  return new AppError('E_FORGED', message, { hint: 'load the page again and repeat what you did' })
}

function isSameOrigin(request: FastifyRequest): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = request.headers
  if (origin === undefined || !URL.canParse(origin)) return false
  return new URL(origin).host === request.host
}

function sentToken(request: FastifyRequest): string {
  const header = request.headers['x-csrf-token']
  if (typeof header === 'string') return header
  const { body } = request
  const field = typeof body === 'object' && body !== null && '_csrf' in body ? body._csrf : ''
  return typeof field === 'string' ? field : ''
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right)
}
