// Goal: mail reaches whom it can: one refused recipient does not keep it from the others, one that is put
// off is tried again alone, and what a mail server does wrong is told by kind. Against a real SMTP server.

import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import t from 'tap'
import { email } from '../../server/alarms/notify/channels/email.ts'
import { AppError } from '../../server/model/errors.ts'
import { type Teardown, until } from '../parts/find.ts'
import { HOSTILE, item, notice } from './notify-kit.ts'

const never = new AbortController().signal

interface Mail {
  to: string[]
  text: string
}

async function startSmtp(t: Teardown, options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      let text = ''
      stream.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
      stream.on('end', () => {
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>(resolve => server.close(() => resolve())))
  const address = server.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return { mails, port }
}

const config = (port: number, more: object = {}) => ({
  ...{ host: '127.0.0.1', port, security: 'none', from: 'pollux@example.org' },
  to: ['ann@example.org', 'bob@example.org'],
  ...more,
})
const tools = {
  outward: () => Promise.reject(new Error('no web')),
  publish: () => Promise.reject(new Error('no broker')),
}
const send = (of: object, only: readonly string[] | null = null, what = notice()) =>
  email.send(of, what, tools, only, never)
const failureOf = async (sending: Promise<unknown>): Promise<AppError> => {
  const error = await sending.then(
    () => null,
    error => error,
  )
  if (!(error instanceof AppError)) throw new Error(`no failure of ours: ${error}`)
  return error
}
const refuse = (code: number, whom: RegExp): Pick<SMTPServerOptions, 'onRcptTo'> => ({
  onRcptTo({ address }, _session, done) {
    if (!whom.test(address)) return done()
    done(Object.assign(new Error(`no such place, ${address}`), { responseCode: code }))
  },
})

t.test('one mail for all, that says everything', async t => {
  const { mails, port } = await startSmtp(t)
  const of = notice({ items: [item({ deviceName: HOSTILE, text: 'Größe übel\r\nBcc: x@y' })] })
  t.match(await send(config(port), null, of), { receipt: /taken for ann@.*bob@/ })
  const [mail] = mails
  t.same(mail?.to, ['ann@example.org', 'bob@example.org'])
  t.match(mail?.text, /^Message-ID: <n1@main\.pollux>/im)
  t.match(mail?.text, /^Auto-Submitted: auto-generated/im)
  t.notMatch(mail?.text, /^Bcc:/im, 'a text is no header')
  t.notMatch(mail?.text, /^Content-Type: text\/html/im)
})

t.test('one is refused, the others have it', async t => {
  const { mails, port } = await startSmtp(t, refuse(550, /bob/))
  const done = await send(config(port))
  t.match(done.receipt, /1 of 2; bob@example\.org refused: 550/)
  t.equal(done.left, undefined)
  t.same(
    mails.map(({ to }) => to),
    [['ann@example.org']],
  )
})

t.test('one is put off and tried again alone', async t => {
  let first = true
  const { mails, port } = await startSmtp(t, {
    onRcptTo({ address }, _session, done) {
      if (!first || !/bob/.test(address)) return done()
      first = false
      done(Object.assign(new Error('greylisted'), { responseCode: 451 }))
    },
  })
  const { left } = await send(config(port))
  t.same(left, ['bob@example.org'])
  t.equal((await send(config(port), left ?? null)).left, undefined)
  t.same(
    mails.map(({ to }) => to),
    [['ann@example.org'], ['bob@example.org']],
  )
})

t.test('what mail servers do wrong', async t => {
  const all = await startSmtp(t, refuse(550, /./))
  t.match(await failureOf(send(config(all.port))), { code: 'E_NOTIFY_REFUSED', passing: false })
  const later = await startSmtp(t, refuse(450, /./))
  t.match(await failureOf(send(config(later.port))), { code: 'E_NOTIFY_REFUSED', passing: true })
  const plain = await startSmtp(t)
  const noTls = await failureOf(send(config(plain.port, { security: 'starttls' })))
  t.match({ passing: noTls.passing, hint: noTls.hint }, { passing: false, hint: /encryption/ })
  // It offers TLS with a certificate of nobody.
  const own = await startSmtp(t, { disabledCommands: [] })
  const untrusted = await failureOf(send(config(own.port, { security: 'starttls' })))
  t.equal(untrusted.passing, false, untrusted.message)
  t.equal(own.mails.length + plain.mails.length, 0, 'nothing went out in the open')
  const strict = await startSmtp(t, {
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => done(new Error('wrong')),
  })
  const auth = await failureOf(send(config(strict.port, { user: 'me', password: 'hunter2' })))
  t.equal(auth.passing, false)
  t.match(auth.hint, /password/)
  t.notMatch(`${auth.message} ${auth.hint}`, /hunter2/)
  const busy = await startSmtp(t, {
    onConnect: (_session, done) =>
      done(Object.assign(new Error('too many'), { responseCode: 421 })),
  })
  t.equal((await failureOf(send(config(busy.port)))).passing, true)
  t.match(await failureOf(send(config(1))), { passing: true })
})

t.test('one that says nothing: it ends with the signal', async t => {
  let isThere = false
  const silent = await startSmtp(t, {
    onConnect: () => {
      isThere = true
    },
  })
  const stop = new AbortController()
  const sending = email.send(config(silent.port), notice(), tools, null, stop.signal)
  await until(() => isThere, 'the connection')
  stop.abort(new Error('stopped'))
  t.match(await sending.catch(error => error), { message: 'stopped' })
})
