// Goal: what is wrong with a certificate is said in words, and a bad one passes only where a person
// wrote so. Method: HTTPS servers with certificates of the test's own authority, and one of garbage.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { program } from '../parts/find.ts'
import { checking, listening, tcpServer } from './parts.ts'

const run = promisify(execFile)
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

async function authority(t: Test) {
  const dir = t.testdir({})
  const openssl = await program('openssl', 'openssl')
  const make = (...args: string[]) => run(openssl, args, { cwd: dir })
  const text = (file: string) => readFile(path.join(dir, file), 'utf8')
  const own = ['-days', '2', '-subj', '/CN=Test authority', '-keyout', 'ca.key', '-out', 'ca.pem']
  await make('req', '-x509', ...newKey, ...own)
  let made = 0
  const sign = async (san: string, days: number) => {
    const file = `made${++made}`
    await writeFile(path.join(dir, 'san'), `subjectAltName=${san}`)
    const asked = ['-subj', '/CN=web.test', '-keyout', `${file}.key`, '-out', `${file}.csr`]
    await make('req', ...newKey, ...asked)
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'san']
    const to = ['-days', String(days), '-out', `${file}.pem`]
    await make('x509', '-req', '-in', `${file}.csr`, ...by, ...to)
    return { cert: await text(`${file}.pem`), key: await text(`${file}.key`) }
  }
  return { ca: await text('ca.pem'), sign }
}

async function serve(t: Test, pair: { cert: string; key: string }): Promise<string> {
  const server = createServer(pair, (_, answer) => answer.end('well'))
  server.on('tlsClientError', () => {})
  return `https://127.0.0.1:${await listening(t, server)}`
}

t.test('certificates: good, expired, of another name, of nobody, and none at all', async t => {
  const { ca, sign } = await authority(t)
  const mine = 'IP:127.0.0.1'
  const good = await serve(t, await sign(mine, 40))
  const expired = await serve(t, await sign(mine, -1))
  const other = await serve(t, await sign('DNS:other.test', 40))
  const garbage = `https://127.0.0.1:${await tcpServer(t, socket => socket.end('no TLS here'))}`
  const http = (name: string, url: string) => ({ name, type: 'http' as const, url })
  const { collect } = await checking(t, {
    ca,
    checks: [
      { ...http('good', good), text: 'well' },
      ...[http('expired', expired), http('other', other), http('garbage', garbage)],
      { ...http('relaxed', expired), verify: 'off' },
    ],
  })
  const { of } = await collect()
  t.same(of('state'), { good: 0, expired: 1, other: 1, garbage: 1, relaxed: 0 })
  t.match(of('error'), {
    good: null,
    expired: /the certificate has expired/,
    other: /the certificate is not for 127\.0\.0\.1/,
    garbage: /TLS failed/,
  })
  const days = of('cert_days')
  t.ok([38, 39, 40].includes(Number(days.good)), `days left: ${days.good}`)
  t.ok(Number(days.expired) < 0)
  t.match(of('cert_subject'), { good: 'web.test', garbage: null })
  t.match(of('cert_issuer'), { good: 'Test authority' })
  t.match(of('tls_problem'), { good: null, relaxed: /expired/ })

  const stranger = await checking(t, { checks: [http('good', good)] })
  const refused = await stranger.collect()
  t.same(refused.of('state'), { good: 1 })
  t.match(refused.of('error'), { good: /no known authority/ })
})
