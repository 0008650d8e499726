// What keeps a person's own account safe: the second step of signing in, and the open sessions.

import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { TotpSetup } from '../../auth/second-step.ts'
import { AppError } from '../../model/errors.ts'
import type { User } from '../../model/user.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { qrCode } from '../qr-code.ts'
import { goTo, page } from '../render.ts'
import { clearSessionCookie } from '../security.ts'
import { showAccount } from './account.ts'

const checkPassword = checker(Type.Object({ current: Type.String({ maxLength: 1000 }) }))
const checkCode = checker(
  Type.Object({ setup: Type.String({ maxLength: 2000 }), code: Type.String({ maxLength: 100 }) }),
)
const checkSession = checker(Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{16}$' }) }))

/** @throws AppError E_FORBIDDEN: a token has no account */
export function personOf(request: FastifyRequest): User {
  if (request.viewer?.user) return request.viewer.user
  throw new AppError('E_FORBIDDEN', 'a token has no account')
}

/** The key, as a picture and as text; nothing is switched on before its first code. */
export function beginTotp(web: WebContext): Handler {
  return (request, reply) =>
    afterPassword(web, request, reply, 'totp', async (user, current) => {
      if (user.origin !== null || user.twoStep) return goTo(request, reply, '/account#second-step')
      return showSetup(request, reply, await web.auth.beginTotp(user, current, request.ip), '')
    })
}

export function confirmTotp(web: WebContext): Handler {
  return async (request, reply) => {
    const user = personOf(request)
    const form = checkCode(request.body)
    const { setup, code } = form.ok ? form.value : { setup: '', code: '' }
    if (user.origin !== null || user.twoStep) return goTo(request, reply, '/account#second-step')
    try {
      const codes = await web.auth.confirmTotp(user, setup, code, request.ip)
      const title = say(request).account.recoveryTitle
      return await page(request, reply, 'account/totp', { title, codes, picture: null })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const shown = error.code === 'E_TOTP_CODE' ? web.auth.totpAgain(user, setup) : null
      if (!shown) return goTo(request, reply, '/account#second-step')
      return showSetup(request, reply.code(422), shown, say(request).account.codeWrong)
    }
  }
}

export function endTotp(web: WebContext): Handler {
  return (request, reply) =>
    afterPassword(web, request, reply, 'totp', async (user, current) => {
      await web.auth.endTotp(user, current, request.ip)
      return goTo(request, reply, '/account#second-step')
    })
}

export function endOwnSession(web: WebContext): Handler {
  return async (request, reply) => {
    const user = personOf(request)
    const params = checkSession(request.params)
    if (params.ok) await web.auth.endSession(user, params.value.id, request.ip)
    return goTo(request, reply, '/account#sessions')
  }
}

export function endOwnSessions(web: WebContext): Handler {
  return async (request, reply) => {
    await web.auth.endSessions(personOf(request), request.ip)
    clearSessionCookie(reply, web.secure)
    return goTo(request, reply, '/login')
  }
}

function showSetup(
  request: FastifyRequest,
  reply: FastifyReply,
  { setup, key, uri }: TotpSetup,
  wrong: string,
): Promise<string> {
  const title = say(request).account.secondStep
  return page(request, reply, 'account/totp', { title, setup, key, wrong, picture: qrCode(uri) })
}

/** What needs the password once more; a wrong one is said beside its field. */
async function afterPassword(
  web: WebContext,
  request: FastifyRequest,
  reply: FastifyReply,
  form: 'totp',
  act: (user: User, current: string) => Promise<unknown>,
): Promise<unknown> {
  const user = personOf(request)
  const typed = checkPassword(request.body)
  try {
    return await act(user, typed.ok ? typed.value.current : '')
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'E_PASSWORD_WRONG') throw error
    return showAccount(web, request, reply.code(422), { wrongForm: form, errors: error.errors })
  }
}
