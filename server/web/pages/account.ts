// A person's own account: name, role, password, language. The second step and the sessions have a
// file of their own.

import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { AppError, type FieldError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { DICTIONARIES, languageNamed, say } from '../languages/say.ts'
import { goTo, page } from '../render.ts'
import { mustSetUp } from '../security.ts'

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

interface Shown {
  /** Which form the errors are of. */
  wrongForm?: 'password' | 'totp'
  errors?: FieldError[]
  saved?: boolean
}

export function accountPage(web: WebContext): Handler {
  return (request, reply) => showAccount(web, request, reply, {})
}

export async function showAccount(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { wrongForm = 'password', errors = [], saved = false }: Shown,
): Promise<string> {
  const { viewer } = request
  const user = viewer?.user ?? null
  const languages = Object.entries(DICTIONARIES).map(([code, { language }]) => ({
    code,
    name: language,
  }))
  return page(request, reply, 'account', {
    title: say(request).account.title,
    languages,
    user,
    sessions: user && viewer ? await web.auth.sessions(user, viewer.sessionToken) : [],
    recoveryCodes: user?.twoStep ? await web.auth.recoveryCodes(user) : 0,
    ages: web.auth.ages,
    mustSetUp: mustSetUp(web, viewer),
    wrongForm,
    errors,
    saved,
  })
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
      return showAccount(web, request, reply, { errors, saved })
    }
    if (!viewer?.user) throw new AppError('E_FORBIDDEN', 'a token has no password')
    if (!form.ok) return show(form.errors, false)
    const { current, next, again } = form.value
    if (next !== again)
      return show([{ path: 'again', message: say(request).account.notSame }], false)
    try {
      await web.auth.changePassword(viewer.user, current, next, viewer.sessionToken, request.ip)
      return await show([], true)
    } catch (error) {
      if (error instanceof AppError && error.errors.length > 0) return show(error.errors, false)
      throw error
    }
  }
}
