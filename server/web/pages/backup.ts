// The backup as a download: the password once more, the passphrase typed twice, then a stream that is
// sealed here and never lies on a disk of the server.

import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { PASSPHRASE_MIN } from '../../backup/sealed.ts'
import { AppError, type FieldError } from '../../model/errors.ts'
import { checker } from '../../validate.ts'
import { actorOf } from '../actor.ts'
import type { Handler, WebContext } from '../context.ts'
import { say } from '../languages/say.ts'
import { page } from '../render.ts'
import { personOf } from './account-security.ts'

const text = Type.String({ maxLength: 1000 })
const checkForm = checker(
  Type.Object({ passphrase: text, again: text, current: Type.Optional(text) }),
)

export function backupPage(): Handler {
  return (request, reply) => show(request, reply, [])
}

function show(
  request: FastifyRequest,
  reply: FastifyReply,
  errors: readonly FieldError[],
): Promise<string> {
  const { origin } = personOf(request)
  return page(request, reply, 'settings/backup', {
    title: say(request).backup.title,
    errors,
    hasPassword: origin === null,
    passphraseChars: PASSPHRASE_MIN,
  })
}

export function downloadBackup(web: WebContext): Handler {
  return async (request, reply) => {
    const person = personOf(request)
    const form = checkForm(request.body)
    if (!form.ok) return show(request, reply.code(422), form.errors)
    const { passphrase, again, current = '' } = form.value
    const errors = passphraseErrors(request, passphrase, again)
    if (errors.length > 0) return show(request, reply.code(422), errors)
    const token = request.viewer?.sessionToken ?? ''
    try {
      await web.auth.assertPerson(person, current, token, request.ip)
    } catch (error) {
      if (!(error instanceof AppError) || error.errors.length === 0) throw error
      return show(request, reply.code(422), error.errors)
    }
    const { name, stream } = await web.backups.open(passphrase, actorOf(request))
    return reply
      .type('application/octet-stream')
      .header('content-disposition', `attachment; filename="${name}"`)
      .header('cache-control', 'no-store')
      .send(stream)
  }
}

function passphraseErrors(
  request: FastifyRequest,
  passphrase: string,
  again: string,
): FieldError[] {
  const words = say(request).backup
  if (passphrase.length < PASSPHRASE_MIN)
    return [{ path: 'passphrase', message: words.tooShort(PASSPHRASE_MIN) }]
  return passphrase === again ? [] : [{ path: 'again', message: words.notSame }]
}
