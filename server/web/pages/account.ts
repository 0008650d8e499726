// A person's own account: name, role, password.

import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AppError, type FieldError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { DICTIONARIES, languageNamed, say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'

/** The sign-in page speaks it too, for so long. */
const COOKIE_SECONDS = 365 * 24 * 3600

const checkLanguage = checker(Type.Object({ language: Type.String({ maxLength: 20 }) }))
const checkForm = checker(
  Type.Object({
    current: Type.String({ maxLength: 1000 }),
    next: Type.String({ maxLength: 1000 }),
    again: Type.String({ maxLength: 1000 }),
  }),
)

export function accountPage(): Handler {
  return async (request, reply) =>
    page(request, reply, 'account', { ...aboutAccount(request), errors: [], saved: false })
}

function aboutAccount(request: FastifyRequest) {
  const languages = Object.entries(DICTIONARIES).map(([code, { language }]) => ({
    code,
    name: language,
  }))
  return { title: say(request).account.title, languages }
}

/** Anything but a language that there is: as the browser asks. */
export function changeLanguage(web: WebContext): Handler {
  return async (request, reply) => {
    const { viewer } = request
    if (!viewer?.user) throw new AppError('E_FORBIDDEN', 'a token has no language')
    const form = checkLanguage(request.body)
    const language = languageNamed(form.ok ? form.value.language : undefined)
    await web.people.setLanguage(viewer.user, language)
    reply.setCookie('language', language ?? '', {
      path: '/',
      sameSite: 'lax',
      secure: web.secure,
      httpOnly: true,
      maxAge: language === null ? 0 : COOKIE_SECONDS,
    })
    return goTo(request, reply, '/account#language')
  }
}

export function changePassword(web: WebContext): Handler {
  return async (request, reply) => {
    const { viewer } = request
    const form = checkForm(request.body)
    const show = (errors: FieldError[], saved: boolean) => {
      if (!saved) reply.code(422)
      return page(request, reply, 'account', { ...aboutAccount(request), errors, saved })
    }
    if (!viewer?.user) throw new AppError('E_FORBIDDEN', 'a token has no password')
    if (!form.ok) return show(form.errors, false)
    const { current, next, again } = form.value
    if (next !== again)
      return show([{ path: 'again', message: say(request).account.notSame }], false)
    try {
      await web.auth.changePassword(viewer.user, current, next, viewer.sessionToken, request.ip)
      return show([], true)
    } catch (error) {
      if (error instanceof AppError && error.errors.length > 0) return show(error.errors, false)
      throw error
    }
  }
}
