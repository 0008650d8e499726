// Goal: an engine over TLS is used only where both certificates fit, and each way in which one does
// not fit is said in its own words. Method: an HTTPS server that answers as an engine; and openssl's,
// which refuses a client by an alert as dockerd does, where Node's hangs up.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { openEngine } from '../../server/docker/engine.ts'
import { dockerGapReason } from '../../server/docker/errors.ts'
import type { TlsTexts } from '../../server/docker/transport.ts'
import { AppError } from '../../server/model/errors.ts'
import { freePort, program, startPart, tempDir } from '../parts/find.ts'

const run = promisify(execFile)
const loopback = addressPolicy(['127.0.0.0/8', '::1/128'])

interface Pair {
  cert: string
  key: string
}

/** Makes certificates: `san` and `days` as openssl takes them; days below 0 are an expired one. */
async function openAuthority(t: Test, name: string) {
  const dir = await tempDir(t)
  const openssl = await program('openssl', 'openssl')
  const make = (...args: string[]) => run(openssl, args, { cwd: dir })
  const text = (file: string) => readFile(path.join(dir, file), 'utf8')
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', `/CN=${name}`]
  await make(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    ...subject,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  )
  let made = 0
  return {
    ca: await text('ca.pem'),
    async sign(san: string, days = 2): Promise<Pair> {
      const file = `made${++made}`
      await writeFile(path.join(dir, 'san'), `subjectAltName=${san}`)
      await make('req', ...newKey, ...subject, '-keyout', `${file}.key`, '-out', `${file}.csr`)
      const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san']
      const when = days > 0 ? ['-days', String(days)] : ['-days', '-1']
      await make('x509', '-req', '-in', `${file}.csr`, ...by, ...when, '-out', `${file}.pem`)
      return { cert: await text(`${file}.pem`), key: await text(`${file}.key`) }
    },
  }
}

async function serve(t: Test, pair: Pair, ca: string): Promise<number> {
  const server = createServer({ ...pair, ca, requestCert: true }, (_, answer) => answer.end('OK'))
  server.on('tlsClientError', () => {})
  return listening(t, server)
}

/** openssl as a server that wants a certificate of this authority. */
async function strictServer(t: Test, pair: Pair, ca: string): Promise<number> {
  const dir = await tempDir(t)
  const port = await freePort()
  const files = { 'own.pem': pair.cert, 'own.key': pair.key, 'ca.pem': ca }
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, name), text)
  const own = ['-cert', 'own.pem', '-key', 'own.key', '-CAfile', 'ca.pem']
  const strict = ['-Verify', '1', '-verify_return_error', '-www', '-quiet']
  const at = ['-accept', `127.0.0.1:${port}`]
  const openssl = await program('openssl', 'openssl')
  const answers = () =>
    new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
    })
  const part = await startPart(openssl, ['s_server', ...at, ...own, ...strict], answers, {
    cwd: dir,
  })
  t.teardown(() => part.stop())
  return port
}

async function listening(t: Test, server: ReturnType<typeof createPlain>): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return bound.port
}

async function ping(address: string, tls: TlsTexts): Promise<AppError | 'answered'> {
  const engine = await openEngine({ address, tls, addresses: loopback, timeoutMs: 10_000 })
  try {
    await engine.ping()
    return 'answered'
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  } finally {
    engine.close()
  }
}

t.test('TLS in both directions', async t => {
  const [ours, theirs] = await Promise.all([openAuthority(t, 'ours'), openAuthority(t, 'theirs')])
  const names = 'DNS:localhost,IP:127.0.0.1'
  const client = await ours.sign('DNS:client')
  const good = { ca: ours.ca, ...client }
  const port = await serve(t, await ours.sign(names), ours.ca)
  t.equal(await ping(`tcp://127.0.0.1:${port}`, good), 'answered', 'by address')
  t.equal(await ping(`tcp://localhost:${port}`, good), 'answered', 'by name')

  const plain = await listening(
    t,
    createPlain((_, answer) => answer.end('OK')),
  )
  const strict = await strictServer(t, await ours.sign(names), ours.ca)
  const expired = await serve(t, await ours.sign(names, -1), ours.ca)
  const other = await serve(t, await ours.sign('DNS:elsewhere.example'), ours.ca)
  const foreign = await theirs.sign('DNS:client')
  const late = await ours.sign('DNS:client', -1)
  const cases: [string, number, TlsTexts, RegExp][] = [
    ['the wrong authority', port, { ...client, ca: theirs.ca }, /"ca" did not sign/],
    ['no authority', port, client, /"ca" did not sign/],
    ['another name', other, good, /for another name/],
    ['an expired certificate', expired, good, /has expired/],
    ['none of ours', port, { ca: ours.ca }, /wants a certificate of us/],
    ['ours of another authority', strict, { ca: ours.ca, ...foreign }, /refuses our certificate/],
    ['ours has expired', strict, { ca: ours.ca, ...late }, /refuses our certificate/],
    ['a broken key', port, { ...good, key: 'not a key' }, /cannot be read/],
    ["another pair's key", port, { ...good, key: foreign.key }, /cannot be read/],
    ['no TLS there', plain, good, /no TLS at this port/],
  ]
  for (const [what, at, tls, words] of cases) {
    const error = await ping(`tcp://127.0.0.1:${at}`, tls)
    if (error === 'answered') {
      t.fail(`${what} was taken`)
      continue
    }
    t.equal(error.code, 'E_DOCKER_TLS', `${what}: ${error.message}`)
    t.match(error.message, words)
    t.equal(dockerGapReason(error), 'auth')
    t.ok(error.hint)
    for (const secret of [tls.key, tls.cert]) {
      if (secret) t.notOk(`${error.message}${error.hint}`.includes(secret), 'no key in a message')
    }
  }
})
