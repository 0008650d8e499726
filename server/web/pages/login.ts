// Signing in and out. After signing in a person lands on the page that was first asked for.

import Type from 'typebox'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { ageText } from '../languages/times.ts'
import { page } from '../render.ts'
import { clearSessionCookie, setSessionCookie } from '../security.ts'

const checkForm = checker(
  Type.Object({
    name: Type.String({ maxLength: 200 }),
    password: Type.String({ maxLength: 1000 }),
    next: Type.Optional(Type.String({ maxLength: 2000 })),
  }),
)
const checkQuery = checker(Type.Object({ next: Type.Optional(Type.String({ maxLength: 2000 })) }))

/** A path on this site, or the overview: another site's address must not be followed. */
export function localPath(wanted: string | undefined): string {
  if (wanted === undefined || !/^\/(?![/\\])[^\s\\]*$/.test(wanted)) return '/'
  return new URL(wanted, 'http://here').host === 'here' ? wanted : '/'
}

export function loginPage(): Handler {
  return async (request, reply) => {
    const query = checkQuery(request.query)
    const next = localPath(query.ok ? query.value.next : undefined)
    if (request.viewer) return reply.redirect(next, 303)
    return page(request, reply, 'login', {
      title: say(request).login.title,
      next,
      name: '',
      problem: '',
    })
  }
}

export function login(web: WebContext): Handler {
  return async (request, reply) => {
    const form = checkForm(request.body)
    const name = form.ok ? form.value.name.trim() : ''
    const next = localPath(form.ok ? form.value.next : undefined)
    const result = form.ok
      ? await web.auth.signIn(name, form.value.password, request.ip)
      : { ok: false as const, retryAfterMs: 0 }
    if (result.ok) {
      setSessionCookie(reply, web.secure, result.token)
      return reply.redirect(next, 303)
    }
    const { retryAfterMs } = result
    reply.code(retryAfterMs > 0 ? 429 : 422)
    if (retryAfterMs > 0) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
    const { login: words, time } = say(request)
    const problem = retryAfterMs > 0 ? words.tooMany(ageText(time, retryAfterMs)) : words.wrong
    return page(request, reply, 'login', { title: words.title, next, name, problem })
  }
}

export function logout(web: WebContext): Handler {
  return async (request, reply) => {
    if (request.viewer?.via === 'session') await web.auth.signOut(request.viewer.sessionToken)
    clearSessionCookie(reply, web.secure)
    return reply.redirect('/login', 303)
  }
}
