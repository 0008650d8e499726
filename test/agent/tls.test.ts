// Goal: an agent trusts the server and the broker that its --ca vouches for, and no other: neither
// the token nor its samples go to somebody else. Method: TLS ends before a real server, as at a proxy.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { freePort, program, until } from '../parts/find.ts'
import { pollux, quickToken, spawnCommand, startServer } from '../system/server.ts'
import { enrolToken, fixedPorts } from './hosts.ts'

t.setTimeout(600_000)

/** A certificate of its own authority for this machine's names. */
async function ownCertificate(dir: string, name: string) {
  const [key, cert] = [path.join(dir, `${name}.key`), path.join(dir, `${name}.pem`)]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const openssl = await program('openssl', 'openssl')
  await promisify(execFile)(openssl, [
    ...['req', '-x509', ...kind, ...names],
    ...['-keyout', key, '-out', cert],
  ])
  return { file: cert, key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
}

/** TLS on `port`, the same in clear to `target`; counts what came through. */
function endTls(t: Test, pair: { key: string; cert: string }, port: number, target: number) {
  const seen = { bytes: 0 }
  const server = createServer(pair, near => {
    const far = connect(target, '127.0.0.1')
    near.on('data', chunk => (seen.bytes += chunk.length))
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
  })
  server.on('tlsClientError', () => undefined)
  server.listen(port, '127.0.0.1')
  t.teardown(() => server.close())
  return seen
}

t.test('the right authority, and another', async t => {
  const where = await fixedPorts(t)
  const [webPort, mqttPort] = [await freePort(), await freePort()]
  where.env = { ...where.env, POLLUX_AGENT_MQTT_URL: `mqtts://127.0.0.1:${mqttPort}` }
  const ours = await ownCertificate(where.dir, 'ours')
  const other = await ownCertificate(where.dir, 'other')
  const server = await startServer(t, where)
  const brokerPort = Number(where.env.POLLUX_MQTT_LISTEN?.split(':')[1])
  const web = endTls(t, ours, webPort, Number(new URL(server.url).port))
  const broker = endTls(t, ours, mqttPort, brokerPort)

  const apiToken = await quickToken(where.sqliteUrl)
  const token = await enrolToken(server.url, apiToken)
  const data = path.join(where.dir, 'agent')
  const asked = ['agent', '--data', data, '--server', `https://127.0.0.1:${webPort}`]
  for (const ca of [[], ['--ca', other.file]]) {
    const ended = await pollux(where, [...asked, '--token', token, ...ca])
    t.equal(ended.code, 1, 'a server that nobody vouches for')
    t.match(ended.stderr, /certificate[\s\S]*--ca/)
    t.equal(web.bytes, 0, 'not one byte for it')
  }
  const agent = spawnCommand(t, where, [...asked, '--token', token, '--ca', ours.file])
  await until(() => /"msg":"measuring"/.test(agent.stderr()), 'it to enrol and measure')
  const { device } = JSON.parse(await readFile(path.join(data, 'agent.json'), 'utf8')).answer
  const latest = async () => {
    const headers = { authorization: `Bearer ${apiToken}` }
    return (await fetch(`${server.url}/api/v1/devices/${device}/latest`, { headers })).text()
  }
  await until(async () => (await latest()).includes('"host_cpu.'), 'its samples at the server')
  t.ok(broker.bytes > 0, 'and they came over TLS')
  await agent.stop()

  const stolen = { ...broker }
  const wrong = spawnCommand(t, where, ['agent', '--data', data, '--ca', other.file])
  await until(() => /certificate/.test(wrong.stderr()), 'it to say what is wrong')
  t.equal(broker.bytes, stolen.bytes, 'no password for a broker that nobody vouches for')
  await wrong.stop()
})
