// E-mail by SMTP (RFC 5321), through nodemailer. Of several recipients some may be refused: the others
// have the message, and only those that were put off (4yz) are tried again.

import { isIP } from 'node:net'
import nodemailer from 'nodemailer'
import Type, { type Static } from 'typebox'
import { AppError, messageOf } from '../../../model/errors.ts'
import type { Notice } from '../../../model/notice.ts'
import { cleanText } from '../../../model/text.ts'
import { channelKind, type Delivery } from '../channel.ts'
import { plainOf, subjectOf } from '../wording.ts'

/** Connection, greeting and silence of a server, ms. */
const socketMsMax = 10_000
const recipientsMax = 50
/** A local part, an @ and a host; the rest is the server's to judge. */
const ADDRESS = '^[^\\s@<>,;"]{1,64}@[^\\s@<>,;"]{1,255}$'

const Config = Type.Object(
  {
    host: Type.String({ title: 'SMTP server', pattern: '^[A-Za-z0-9._:-]{1,255}$' }),
    port: Type.Integer({ title: 'Port', minimum: 1, maximum: 65_535, default: 587 }),
    security: Type.Enum(['starttls', 'tls', 'none'], {
      title: 'Encryption',
      default: 'starttls',
      description: 'starttls and tls refuse a server without a valid certificate',
    }),
    user: Type.Optional(Type.String({ title: 'User', maxLength: 256 })),
    password: Type.Optional(Type.String({ title: 'Password', maxLength: 256 })),
    from: Type.String({ title: 'From', pattern: ADDRESS, maxLength: 320 }),
    to: Type.Array(Type.String({ pattern: ADDRESS, maxLength: 320 }), {
      title: 'To',
      minItems: 1,
      maxItems: recipientsMax,
      description: 'Addresses, a line each',
    }),
  },
  { additionalProperties: false },
)

export const email = channelKind({
  kind: 'email',
  title: 'E-mail',
  help: 'By a mail server (SMTP).',
  schema: Config,
  secrets: ['password'],
  places: ['host', 'port', 'security'],
  async send(config, notice, _tools, only, signal) {
    const to = only === null ? config.to : config.to.filter(one => only.includes(one))
    if (to.length === 0) return { receipt: 'nobody is left to be told' }
    const transport = nodemailer.createTransport(optionsOf(config))
    const stopped = Promise.withResolvers<never>()
    const stop = () => stopped.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      const sending = transport.sendMail(messageFor(config, to, notice))
      // nodemailer knows no signal: what it still says after one is nobody's.
      sending.catch(() => undefined)
      return outcome(to, await Promise.race([sending, stopped.promise]))
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw failure(to, config, error)
    } finally {
      signal.removeEventListener('abort', stop)
      transport.close()
    }
  },
})

type Config = Static<typeof Config>

function optionsOf({ host, port, security, user, password }: Config) {
  return {
    ...{ host, port, secure: security === 'tls', requireTLS: security === 'starttls' },
    ...(security === 'none' ? { ignoreTLS: true } : {}),
    ...(isIP(host) === 0 ? { tls: { servername: host } } : {}),
    ...(user ? { auth: { user, pass: password ?? '' } } : {}),
    connectionTimeout: socketMsMax,
    greetingTimeout: socketMsMax,
    socketTimeout: socketMsMax,
    // Nothing of a message is ever read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

function messageFor({ from }: Config, to: readonly string[], notice: Notice) {
  return {
    ...{ from, to: [...to], subject: subjectOf(notice), text: plainOf(notice) },
    // The same at each try, and all about one group of alarms in one thread.
    messageId: `<${notice.id}@${notice.site}.pollux>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Pollux-Notice': notice.id },
  }
}

interface Sent {
  rejectedErrors?: readonly unknown[] | undefined
}

function outcome(to: readonly string[], { rejectedErrors = [] }: Sent): Delivery {
  const refused = rejectedErrors.map(refusal)
  if (refused.length === 0) return { receipt: `taken for ${to.join(', ')}` }
  const words = refused.map(({ who, text }) => `${who} refused: ${text}`).join('; ')
  const left = refused.filter(({ isPassing }) => isPassing).map(({ who }) => who)
  const receipt = `taken for ${to.length - refused.length} of ${to.length}; ${words}`
  return { receipt, ...(left.length > 0 ? { left } : {}) }
}

/** What nodemailer says of one recipient; RFC 5321, 4.2.1: 4yz is a passing fault. */
function refusal(error: unknown): { who: string; text: string; isPassing: boolean } {
  const of = typeof error === 'object' && error !== null ? error : {}
  const code = 'responseCode' in of && typeof of.responseCode === 'number' ? of.responseCode : 0
  const who = 'recipient' in of && typeof of.recipient === 'string' ? of.recipient : 'somebody'
  const said = 'response' in of && typeof of.response === 'string' ? of.response : messageOf(error)
  return { who, text: cleanText(said, 200), isPassing: code >= 400 && code < 500 }
}

function failure(to: readonly string[], { host, port }: Config, error: unknown): AppError {
  const { text } = refusal(error)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const status =
    error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : null
  const isAll = code === 'EENVELOPE' && error instanceof Error && 'rejectedErrors' in error
  const every =
    isAll && Array.isArray(error.rejectedErrors) ? error.rejectedErrors.map(refusal) : []
  if (every.length > 0) {
    return new AppError('E_NOTIFY_REFUSED', `${host} refused ${to.join(', ')}: ${text}`, {
      passing: every.some(({ isPassing }) => isPassing),
      hint: 'check the addresses, and whether the server takes mail from here',
    })
  }
  if (code === 'EAUTH') {
    return new AppError('E_NOTIFY_REFUSED', `${host} refused user and password: ${text}`, {
      hint: 'check user and password of this channel',
    })
  }
  const isTls = code === 'ETLS' || /certificate|self.signed|SSL|TLS/i.test(text)
  const passing = !isTls && (status === null || status < 500)
  return new AppError('E_NOTIFY_SMTP', `${host}:${port}: ${text}`, {
    passing,
    hint: isTls
      ? 'the server offers no valid encryption; check host, port and encryption of this channel'
      : 'check host and port of this channel, and that the server answers',
  })
}
