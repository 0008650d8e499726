// Goal: the fleet command speaks to an engine over TLS with the files that it is given, says which
// does not fit, and speaks to no network that is not allowed.

import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import path from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { shell } from '../cli/run.ts'
import { program } from '../parts/find.ts'

t.setTimeout(600_000)

/** A certificate of its own, good for 127.0.0.1: authority, server and client in one. */
async function certificate(folder: string, name: string): Promise<{ cert: string; key: string }> {
  const openssl = await program('openssl', 'openssl')
  const [cert, key] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
  await promisify(execFile)(openssl, [
    ...['req', '-x509', ...kind, '-days', '2', ...names],
    ...['-keyout', key, '-out', cert],
  ])
  return { cert, key }
}

async function engine(t: Test, own: { cert: string; key: string }): Promise<string> {
  const [cert, key] = await Promise.all([readFile(own.cert), readFile(own.key)])
  const options = { cert, key, ca: cert, requestCert: true, rejectUnauthorized: true }
  const server = createServer(options, (_request, answer) => answer.end('[]'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `tcp://127.0.0.1:${address.port}`
}

t.test('an engine over TLS', async t => {
  const it = await shell(t)
  const file = path.join(it.folder, 'fleet.json')
  await writeFile(file, JSON.stringify({ name: 'shop', services: { web: { image: 'box:1' } } }))
  const own = await certificate(it.folder, 'own')
  const other = await certificate(it.folder, 'other')
  const address = await engine(t, own)
  const env = { POLLUX_ALLOW_NETWORKS: '127.0.0.0/8' }
  const status = (...files: string[]) =>
    it.run(['fleet', 'status', file, '--engine', address, ...files], { env })

  const good = await status('--tls-ca', own.cert, '--tls-cert', own.cert, '--tls-key', own.key)
  t.match(good, { code: 1, stdout: /shop-web-1 +missing[\s\S]*0 of 1 containers run/ }, good.stderr)
  const wrongCa = await status('--tls-ca', other.cert, '--tls-cert', own.cert, '--tls-key', own.key)
  t.match(wrongCa, { code: 1, stderr: /TLS with 127\.0\.0\.1:\d+ failed/ })
  t.match(await status('--tls-ca', own.cert), { code: 1, stdout: '', stderr: /127\.0\.0\.1:\d+/ })
  t.match(await status('--tls-ca', 'nosuch.pem'), {
    code: 1,
    stderr: /nosuch\.pem could not be read/,
  })
  const refused = await it.run(['fleet', 'status', file, '--engine', address])
  t.match(
    refused,
    { code: 1, stderr: /POLLUX_ALLOW_NETWORKS/ },
    'loopback is not allowed by itself',
  )
})
