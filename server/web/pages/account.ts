// A person's own account: name, role, password.

import Type from 'typebox'
import { AppError, type FieldError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import type { Handler, WebContext } from '../context.ts'
import { page } from '../render.ts'

const checkForm = checker(
  Type.Object({
    current: Type.String({ maxLength: 1000 }),
    next: Type.String({ maxLength: 1000 }),
    again: Type.String({ maxLength: 1000 }),
  }),
)

export function accountPage(): Handler {
  return async (request, reply) =>
    page(request, reply, 'account', { title: 'Account', errors: [], saved: false })
}

export function changePassword(web: WebContext): Handler {
  return async (request, reply) => {
    const { viewer } = request
    const form = checkForm(request.body)
    const show = (errors: FieldError[], saved: boolean) => {
      if (!saved) reply.code(422)
      return page(request, reply, 'account', { title: 'Account', errors, saved })
    }
    if (!viewer?.user) throw new AppError('E_FORBIDDEN', 'a token has no password')
    if (!form.ok) return show(form.errors, false)
    const { current, next, again } = form.value
    if (next !== again)
      return show([{ path: 'again', message: 'is not the same as the new password' }], false)
    try {
      await web.auth.changePassword(viewer.user, current, next, viewer.sessionToken, request.ip)
      return show([], true)
    } catch (error) {
      if (error instanceof AppError && error.errors.length > 0) return show(error.errors, false)
      throw error
    }
  }
}
