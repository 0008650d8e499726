// Goal: an engine over ssh is read and followed as a local one; a host whose key is not known, or is
// another one, is never spoken to; and each refusal has its own words. Method: a real sshd.

import { createServer } from 'node:http'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { openEngine } from '../../server/docker/engine.ts'
import { dockerGapReason } from '../../server/docker/errors.ts'
import { algorithmsOf, judgeHost, keysOf } from '../../server/docker/known-hosts.ts'
import { type LogLine, logBytesMax, openLog } from '../../server/docker/logs.ts'
import { AppError } from '../../server/model/errors.ts'
import { tempDir, until } from '../parts/find.ts'
import { sshKey, startSshd } from '../parts/sshd.ts'

const addresses = addressPolicy(['127.0.0.0/8'])

/** A socket that answers as much of the Engine API as is asked here. */
async function fakeEngine(t: Test): Promise<string> {
  const socketPath = path.join(await tempDir(t), 'd.sock')
  const server = createServer((asked, answer) => {
    if (asked.url === '/_ping') return answer.end('OK')
    if (!asked.url?.startsWith('/events')) return answer.writeHead(404).end('{}')
    answer.flushHeaders()
    const Actor = { ID: 'a'.repeat(64), Attributes: { name: 'web', image: 'x' } }
    answer.write(`${JSON.stringify({ Type: 'container', Action: 'start', Actor, time: 1 })}\n`)
  })
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return socketPath
}

async function ping(address: string, ssh: { key: string; knownHosts: string }) {
  try {
    const engine = await openEngine({ address, ssh, addresses, timeoutMs: 10_000 })
    try {
      await engine.ping()
      return 'answered'
    } finally {
      engine.close()
    }
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

t.test('over a real sshd', async t => {
  const [sshd, socketPath, dir] = await Promise.all([startSshd(t), fakeEngine(t), tempDir(t)])
  const at = `ssh://root@127.0.0.1:${sshd.port}`
  const knownHosts = `# ours\n[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`
  const good = { key: sshd.key, knownHosts }
  t.equal(await ping(at + socketPath, good), 'answered')

  const engine = await openEngine({
    address: at + socketPath,
    ssh: good,
    addresses,
    timeoutMs: 10_000,
  })
  t.teardown(() => engine.close())
  await Promise.all(Array.from({ length: 60 }, () => engine.ping()))
  t.equal(engine.counters.errors, 0, 'many calls side by side over one connection')
  const cut = new AbortController()
  let seen = 0
  const follow = async () => {
    for await (const event of await engine.events(null, cut.signal))
      seen += event.name === 'web' ? 1 : 0
  }
  const following = follow().catch(() => {})
  await until(() => seen === 1, 'an event')
  cut.abort()
  await following

  const other = await sshKey(dir, 'other')
  const second = await startSshd(t, ['AllowStreamLocalForwarding no'])
  const closed = `[127.0.0.1]:${second.port} ${second.hostKey}`
  const cases: [string, string, { key: string; knownHosts: string }, string, RegExp][] = [
    [
      'a host that is not known',
      at,
      { ...good, knownHosts: `other ${sshd.hostKey}` },
      'auth',
      /no key of .* is in/,
    ],
    [
      'another host key',
      at,
      { ...good, knownHosts: knownHosts.replace(sshd.hostKey, other.pub) },
      'auth',
      /another host key/,
    ],
    [
      'a revoked host key',
      at,
      { ...good, knownHosts: `${knownHosts}@revoked * ${sshd.hostKey}` },
      'auth',
      /revoked/,
    ],
    [
      'a host key of another kind',
      at,
      { ...good, knownHosts: `[127.0.0.1]:${sshd.port} ecdsa-sha2-nistp256 AAAA` },
      'auth',
      /another kind/,
    ],
    ['a key that is not let in', at, { ...good, key: other.key }, 'auth', /refuses our ssh key/],
    ['no key', at, { ...good, key: 'nonsense' }, 'auth', /cannot be read/],
    ['no socket', `${at}/nowhere.sock`, good, 'unreachable', /does not open/],
    [
      'sockets are forbidden',
      `ssh://root@127.0.0.1:${second.port}`,
      { key: second.key, knownHosts: closed },
      'unreachable',
      /does not open/,
    ],
  ]
  for (const [what, address, ssh, reason, words] of cases) {
    const error = await ping(address.includes('.sock') ? address : address + socketPath, ssh)
    if (error === 'answered') {
      t.fail(`${what} was taken`)
      continue
    }
    t.match(error.message, words, `${what}: ${error.message}`)
    t.equal(dockerGapReason(error), reason, what)
    t.ok(error.hint)
    t.notOk(
      `${error.message}${error.hint}${error.cause}`.includes('PRIVATE KEY'),
      'no key in a message',
    )
  }

  await sshd.stop()
  const gone = await ping(at + socketPath, good)
  t.match(gone, { code: 'E_DOCKER_UNREACHABLE' }, 'a machine that is gone')
})

/** A container's log that goes on, and how many readers it has; a fault on request. */
async function logEngine(t: Test) {
  const socketPath = path.join(await tempDir(t), 'd.sock')
  const at = { readers: 0, lines: 0, fault: '' }
  const server = createServer((asked, answer) => {
    if (asked.url?.endsWith('/json')) return answer.end('{"Config":{"Tty":true}}')
    at.readers++
    answer.on('close', () => at.readers--)
    answer.write('first\n'.repeat(200))
    if (at.fault === 'cut') return void setImmediate(() => answer.destroy())
    // As fast as the reader takes it.
    const more = () => {
      while (!answer.destroyed) {
        at.lines += 1000
        if (!answer.write(`${'x'.repeat(99)}\n`.repeat(1000))) break
      }
    }
    answer.on('drain', more)
    if (at.fault === 'flood') more()
    else answer.write('next\n')
  })
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { socketPath, at }
}

t.test('the log of a container over ssh', async t => {
  const [sshd, engine] = await Promise.all([startSshd(t), logEngine(t)])
  const ssh = { key: sshd.key, knownHosts: `[127.0.0.1]:${sshd.port} ${sshd.hostKey}` }
  const address = `ssh://root@127.0.0.1:${sshd.port}${engine.socketPath}`
  const options = { address, ssh, addresses, timeoutMs: 10_000 }
  const open = (signal: AbortSignal) =>
    openLog(options, { container: 'web', tail: 200, follow: true, signal })
  const readUntil = async (
    lines: AsyncIterable<LogLine[]>,
    isEnough: (line: LogLine) => boolean,
  ) => {
    for await (const some of lines) if (some.some(isEnough)) return true
    return false
  }
  const noReaders = () => until(() => engine.at.readers === 0, 'the engine to be left')

  t.test('lines come while it runs, and leaving it ends the call and the connection', async t => {
    const end = new AbortController()
    t.ok(await readUntil(await open(end.signal), line => line.text === 'next'))
    await noReaders()
    await until(async () => (await sshd.sessions()).length === 0, 'the connection to end')
  })

  t.test('lines that nobody reads end by the signal', async t => {
    const end = new AbortController()
    await open(end.signal)
    t.equal(engine.at.readers, 1)
    end.abort()
    await noReaders()
    await until(async () => (await sshd.sessions()).length === 0, 'the connection to end')
  })

  t.test('a flood is bounded, and waits for its reader', async t => {
    engine.at.fault = 'flood'
    const end = new AbortController()
    const lines = await open(end.signal)
    await until(async () => {
      const before = engine.at.lines
      await setTimeout(200)
      return engine.at.lines === before
    }, 'the engine to wait')
    t.ok(engine.at.lines * 100 < 4 * logBytesMax, `${engine.at.lines} lines on the way`)
    await t.rejects(
      readUntil(lines, () => false),
      { code: 'E_DOCKER_TOO_BIG' },
    )
    await noReaders()
  })

  t.test('a call that is cut, and a connection that is cut', async t => {
    engine.at.fault = 'cut'
    await t.rejects(readUntil(await open(new AbortController().signal), () => false))
    engine.at.fault = ''
    const lines = await open(new AbortController().signal)
    const reading = readUntil(lines, () => false)
    await until(() => engine.at.readers === 1, 'the reader')
    await sshd.cut()
    await t.rejects(reading)
    await noReaders()
    await sshd.stop()
    await t.rejects(open(new AbortController().signal), { code: 'E_DOCKER_UNREACHABLE' })
  })
})

t.test('addresses that may not be polled are not connected to', async t => {
  const ssh = { key: (await sshKey(await tempDir(t), 'k')).key, knownHosts: '* ssh-ed25519 AAAA' }
  await t.rejects(
    openEngine({
      address: 'ssh://root@127.0.0.1',
      ssh,
      addresses: addressPolicy([]),
      timeoutMs: 500,
    }),
    { code: 'E_ADDRESS_REFUSED' },
  )
})

t.test('known_hosts', async t => {
  const key = Buffer.from('a key')
  const line = (hosts: string, more = '') =>
    `${more}${hosts} ssh-ed25519 ${key.toString('base64')} a comment`
  const verdict = (text: string, host: string, port = 22, shown = key) =>
    judgeHost(keysOf(text, host, port), shown)
  t.equal(verdict(line('host.lan'), 'HOST.lan'), 'known')
  t.equal(verdict(line('a,host.lan,b'), 'host.lan'), 'known')
  t.equal(verdict(line('host.lan'), 'host.lan', 2022), 'unknown', 'another port is another host')
  t.equal(verdict(line('[host.lan]:2022'), 'host.lan', 2022), 'known')
  t.equal(verdict(line('*.lan'), 'host.lan'), 'known')
  t.equal(verdict(line('*.lan,!host.lan'), 'host.lan'), 'unknown')
  t.equal(verdict(line('h?st.*n'), 'host.lan'), 'known')
  t.equal(verdict(line('host'), 'host.lan'), 'unknown', 'a name is not its beginning')
  t.equal(verdict(line('host.lan'), 'host.lan', 22, Buffer.from('x')), 'changed')
  t.equal(verdict(line('host.lan', '@cert-authority '), 'host.lan'), 'unknown')
  t.equal(verdict(`${line('host.lan')}\n${line('*', '@revoked ')}`, 'host.lan'), 'revoked')
  t.equal(verdict(`# ${line('host.lan')}\n\nhost.lan\nhost.lan ssh-ed25519`, 'host.lan'), 'unknown')
  // Made by ssh-keygen -H of "host.lan".
  const salt = Buffer.from('0123456789012345678')
  const { createHmac } = await import('node:crypto')
  const hash = createHmac('sha1', salt).update('host.lan').digest('base64')
  const hashed = line(`|1|${salt.toString('base64')}|${hash}`)
  t.equal(verdict(hashed, 'host.lan'), 'known')
  t.equal(verdict(hashed, 'other.lan'), 'unknown')
  t.equal(verdict(line('|1||'), 'host.lan'), 'unknown')
  t.equal(verdict(line(`${'*'.repeat(2000)}x`), 'a'.repeat(253)), 'unknown', 'many stars end soon')
  t.same(algorithmsOf(keysOf('h ssh-rsa AAAA\nh ssh-ed25519 AAAA', 'h', 22)), [
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-ed25519',
  ])
})
