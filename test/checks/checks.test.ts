// Goal: checks without SNMP say what answers and why not, whatever a foreign server does.
// Method: real servers of the test's own on loopback: TCP, HTTP, and a DNS server that lies.

import { writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { Found } from '../../server/checks/outcome.ts'
import { checkPing } from '../../server/checks/ping.ts'
import { aRecord, checking, dnsServer, listening, tcpServer } from './parts.ts'

const ok = 0
const failed = 1

/** A port that nothing listens at. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  await new Promise(resolve => server.close(resolve))
  return bound.port
}

const web = async (t: Test, answer: RequestListener) =>
  `http://127.0.0.1:${await listening(t, createServer(answer))}`

t.test('each check is a row of its own', async t => {
  const open = await tcpServer(t, socket => socket.end())
  const closed = await closedPort()
  const url = await web(t, (_, answer) => answer.end('all is well'))
  const dns = await dnsServer(t, question => [aRecord(question, '192.0.2.7')])
  const { collect, test } = await checking(t, {
    checks: [
      { name: 'open', type: 'tcp', port: open },
      { name: 'closed', type: 'tcp', port: closed },
      { name: 'web', type: 'http', url, text: 'is well' },
      {
        name: 'dns',
        type: 'dns',
        query: 'a.test',
        server: '127.0.0.1',
        port: dns,
        answer: '192.0.2.7',
      },
    ],
  })
  const { of } = await collect()
  t.same(of('state'), { open: ok, closed: failed, web: ok, dns: ok })
  t.match(of('error'), { open: null, closed: /ECONNREFUSED/ })
  t.match(of('time'), { open: Number, closed: null, web: Number, dns: Number })
  t.match(of('wait'), { open: null, web: Number })
  t.match(of('status'), { open: null, web: 200 })
  t.match(of('answer'), { web: null, dns: '192.0.2.7' })
  t.match(await test(), { ok: true, identity: { profiles: ['check'] } })
})

t.test('a page that is not as it should be', async t => {
  const url = await web(t, (request, answer) => {
    if (request.url === '/broken') answer.statusCode = 503
    answer.end('hello')
  })
  const { collect, test } = await checking(t, {
    checks: [
      { name: 'status', type: 'http', url: `${url}/broken` },
      { name: 'text', type: 'http', url, text: 'good bye' },
      { name: 'wanted', type: 'http', url: `${url}/broken`, status: 503 },
    ],
  })
  const { of } = await collect()
  t.same(of('state'), { status: failed, text: failed, wanted: ok })
  t.match(of('error'), {
    status: /status 503 instead of 200 to 299/,
    text: /"good bye" is not in the page/,
    wanted: null,
  })
  t.match(await test(), { ok: true })
})

t.test('bodies without end, and answers that never come', async t => {
  let sent = 0
  const endless = await web(t, (_, answer) => {
    const more = () => {
      while (answer.writable && answer.write(Buffer.alloc(65_536, 'x'))) sent += 65_536
    }
    answer.on('drain', more)
    more()
  })
  const slow = await web(t, (_, answer) => answer.write('a'))
  const mute = await tcpServer(t, () => {})
  const garbage = await tcpServer(t, socket => socket.end('\0\xff garbage\r\n\r\n'))
  const { collect } = await checking(t, {
    timeout: '3s',
    checks: [
      { name: 'endless', type: 'http', url: endless, text: 'yyy' },
      { name: 'slow', type: 'http', url: slow, text: 'ab' },
      { name: 'mute', type: 'http', url: `http://127.0.0.1:${mute}` },
      { name: 'garbage', type: 'http', url: `http://127.0.0.1:${garbage}` },
    ],
  })
  const { of } = await collect()
  t.same(of('state'), { endless: failed, slow: failed, mute: failed, garbage: failed })
  t.match(of('error'), {
    endless: /not in the page|no answer within/,
    slow: /no answer within 3000 ms/,
    mute: /no answer within/,
    garbage: /.+/,
  })
  t.ok(sent < 50_000_000, 'no more is taken than what is looked at')
})

t.test('redirects: followed so far, and never to where nothing may be asked', async t => {
  let inner = 0
  const url: string = await web(t, (request, answer) => {
    const to: Record<string, string> = {
      '/once': '/end',
      '/round': '/round',
      '/inner': 'http://127.0.0.2:1/',
      '/meta': 'http://169.254.169.254/latest',
      '/file': 'file:///etc/passwd',
      '/password': 'http://a:b@127.0.0.1/',
    }
    const location = to[request.url ?? '']
    if (request.url === '/round') inner++
    if (location !== undefined) answer.writeHead(302, { location })
    answer.end('x')
  })
  const paths = ['once', 'round', 'inner', 'meta', 'file', 'password']
  const checks = paths.map(name => ({ name, type: 'http' as const, url: `${url}/${name}` }))
  const { of } = await (await checking(t, { checks })).collect()
  t.match(of('state'), { once: ok, round: failed, inner: failed, meta: failed, file: failed })
  t.equal(of('state').password, failed)
  t.match(of('error'), {
    round: /more than 5 redirects/,
    inner: /127\.0\.0\.2 is not in a network/,
    meta: /169\.254\.169\.254 is not in a network/,
    file: /not followed/,
    password: /not followed/,
  })
  t.equal(inner, 6)
})

t.test('a DNS server that lies, cuts, loops and says nothing', async t => {
  const other = (question: Buffer) => {
    const answer = aRecord(question, '192.0.2.1')
    answer.writeUInt16BE(answer.readUInt16BE(0) ^ 1)
    return [answer]
  }
  const cut = (question: Buffer) => {
    const answer = aRecord(question, '192.0.2.1')
    answer.writeUInt16BE(0x8380, 2)
    return [answer]
  }
  const loop = (question: Buffer) => {
    const answer = aRecord(question, '192.0.2.1')
    const name = question.indexOf(0, 12) + 5
    answer.writeUInt16BE(0xc000 + name, name)
    return [answer]
  }
  const garbage = (question: Buffer) => [Buffer.concat([question.subarray(0, 2), Buffer.alloc(3)])]
  const answers = {
    lie: (question: Buffer) => [aRecord(question, '203.0.113.9')],
    ...{ other, cut, loop, garbage, mute: () => [] },
  }
  const checks = await Promise.all(
    Object.entries(answers).map(async ([name, answer]) => {
      const port = await dnsServer(t, answer)
      const asked = { query: 'a.test', server: '127.0.0.1', answer: '192.0.2.1' }
      return { name, type: 'dns' as const, port, ...asked }
    }),
  )
  const { of } = await (await checking(t, { checks, timeout: '5s' })).collect()
  for (const [name, state] of Object.entries(of('state'))) t.equal(state, failed, name)
  t.equal(Object.keys(of('state')).length, 6)
  t.match(of('error').lie, /the answer is 203\.0\.113\.9, not 192\.0\.2\.1/)
})

t.test('a host name that changes its address: told once, and checked each time', async t => {
  const port = await tcpServer(t, socket => socket.end())
  let address = '127.0.0.1'
  const addresses = addressPolicy(['127.0.0.1/32', '127.0.0.3/32'], async () => [{ address }])
  const check = { name: 'moving', type: 'tcp' as const, host: 'moving.test', port }
  const { collect } = await checking(t, { checks: [check], addresses })
  const first = await collect()
  t.same(first.events, [])
  t.same(first.of('state'), { moving: ok })
  address = '127.0.0.3'
  const moved = await collect()
  t.match(moved.events, [
    { name: 'address-changed', text: /now 127\.0\.0\.3, it was 127\.0\.0\.1/ },
  ])
  t.same((await collect()).events, [])
  address = '127.0.0.2'
  const refused = await collect()
  t.same(refused.of('state'), { moving: failed })
  t.match(refused.of('error'), { moving: /not in a network that may be polled/ })
})

t.test('a lookup that never ends costs its own check alone', async t => {
  const port = await tcpServer(t, socket => socket.end())
  const addresses = addressPolicy(['127.0.0.1/32'], () => new Promise(() => {}))
  const checks = [
    { name: 'lost', type: 'tcp' as const, host: 'lost.test', port },
    { name: 'there', type: 'tcp' as const, port },
  ]
  const { of } = await (await checking(t, { checks, addresses, timeout: '10s' })).collect()
  t.same(of('state'), { lost: failed, there: ok })
})

t.test('a read that is stopped says nothing', async t => {
  const port = await tcpServer(t, () => {})
  const url = `http://127.0.0.1:${port}`
  const { collect } = await checking(t, { checks: [{ name: 'mute', type: 'http', url }] })
  const stop = new AbortController()
  const read = collect(stop.signal)
  stop.abort()
  await t.rejects(read, { name: 'AbortError' })
})

t.test('ping: what it says, and what is no ping', async t => {
  const signal = new AbortController().signal
  const run = (command: string, address = '127.0.0.1') => {
    const found = new Found()
    return { found, done: checkPing(address, 1000, found, signal, command) }
  }
  const dir = t.testdir({})
  const script = async (name: string, lines: string) => {
    const file = `${dir}/${name}`
    await writeFile(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 })
    return file
  }
  const busybox = run(
    await script(
      'busybox',
      `echo 'seq=0 ttl=64 time=10.0 ms'; echo 'seq=1 ttl=64 time=30.0 ms'
echo '3 packets transmitted, 2 packets received, 33% packet loss'`,
    ),
  )
  await busybox.done
  const value = (path: string) => busybox.found.values.get(path)
  t.same(value('time'), { type: 'number', value: 0.02 })
  const jitter = value('ping.jitter')
  t.ok(jitter?.type === 'number' && Math.abs(jitter.value - 0.02) < 1e-9)
  t.match(value('ping.loss'), { value: 100 / 3 })
  const lost = run(await script('lost', "echo '3 packets transmitted, 0 received'; exit 1"))
  await t.rejects(lost.done, { message: /no echo/ })
  t.match(lost.found.values.get('ping.loss'), { value: 100 })
  await t.rejects(run(await script('odd', 'echo hello')).done, { message: /cannot be understood/ })
  await t.rejects(run(`${dir}/none`).done, { message: /no program "ping"/ })
  await t.rejects(run(await script('loud', 'exec yes')).done, { message: /maxBuffer/ })
  await t.rejects(run('ping', '-f').done, { message: /no address/ })
})
