// Goal: an endpoint that is absent, hung, lying or hostile costs one clear error in bounded time and
// memory, and never leads anywhere that was not checked.

import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createTcp, type Socket } from 'node:net'
import path from 'node:path'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import { openEngine } from '../../server/docker/engine.ts'
import { dockerGapReason } from '../../server/docker/errors.ts'
import { AppError } from '../../server/model/errors.ts'
import { freePort, tempDir } from '../parts/find.ts'

const loopback = addressPolicy(['127.0.0.0/8'])

async function listen(t: Test, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcp(socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `tcp://127.0.0.1:${address.port}`
}

async function serve(t: Test, answer: RequestListener): Promise<string> {
  const http = createHttp(answer)
  return listen(t, socket => http.emit('connection', socket))
}

/** What the first call to an engine there fails with. */
async function failure(address: string, timeoutMs = 2000): Promise<AppError> {
  try {
    const engine = await openEngine({ address, addresses: loopback, timeoutMs })
    try {
      await engine.info()
    } finally {
      engine.close()
      engine.close()
    }
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
  throw new Error(`${address} answered`)
}

async function fails(t: Test, address: string, code: string, reason: string, timeoutMs?: number) {
  const error = await failure(address, timeoutMs)
  t.equal(error.code, code, `${code}: ${error.message}`)
  t.equal(dockerGapReason(error), reason)
  return error
}

t.test('nothing there', async t => {
  const dir = await tempDir(t)
  const absent = await fails(
    t,
    `unix://${path.join(dir, 'none.sock')}`,
    'E_DOCKER_UNREACHABLE',
    'unreachable',
  )
  t.match(absent.hint, /running/)
  t.ok(absent.passing)
  await fails(t, `tcp://127.0.0.1:${await freePort()}`, 'E_DOCKER_UNREACHABLE', 'unreachable')
  await fails(t, 'ssh://root@127.0.0.1', 'E_DOCKER_SSH', 'auth')
})

t.test('addresses that may not be polled are not connected to', async t => {
  let connected = 0
  const address = await listen(t, () => connected++)
  await t.rejects(openEngine({ address, addresses: addressPolicy([]), timeoutMs: 500 }), {
    code: 'E_ADDRESS_REFUSED',
  })
  t.equal(connected, 0)
})

t.test('hangs', async t => {
  await fails(t, await listen(t, () => {}), 'E_DOCKER_TIMEOUT', 'timeout', 200)
  const slow = await listen(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{')
    const drip = setInterval(() => socket.write(' '), 20)
    socket.on('close', () => clearInterval(drip))
  })
  await fails(t, slow, 'E_DOCKER_TIMEOUT', 'timeout', 300)
})

t.test('an abort from outside ends a call', async t => {
  const address = await listen(t, () => {})
  const engine = await openEngine({ address, addresses: loopback, timeoutMs: 60_000 })
  t.teardown(() => engine.close())
  const controller = new AbortController()
  const call = engine.info(controller.signal)
  controller.abort()
  await t.rejects(call, { code: 'E_ABORTED' })
})

t.test('answers that are none', async t => {
  await fails(
    t,
    await listen(t, s => s.end('SSH-2.0-OpenSSH_9.2\r\n')),
    'E_DOCKER_DECODE',
    'decode',
  )
  await fails(t, await listen(t, s => s.end()), 'E_DOCKER_UNREACHABLE', 'unreachable')
  await fails(t, await serve(t, (_, res) => res.end('<html>hello')), 'E_DOCKER_DECODE', 'decode')
  await fails(
    t,
    await serve(t, (_, res) => res.end('{"Containers":"x"}')),
    'E_DOCKER_DECODE',
    'decode',
  )
  await fails(t, await serve(t, (_, res) => res.end('null')), 'E_DOCKER_DECODE', 'decode')
  const cut = await serve(t, (_, res) => {
    res.writeHead(200, { 'content-length': '1000' })
    res.write('{"Contain')
    res.socket?.destroySoon()
  })
  await fails(t, cut, 'E_DOCKER_UNREACHABLE', 'unreachable')
})

t.test('an endless answer is cut', async t => {
  const address = await serve(t, (_, res) => {
    const block = Buffer.alloc(1 << 20, ' ')
    const more = () => {
      while (!res.destroyed && res.write(block));
    }
    res.on('drain', more)
    more()
  })
  const before = process.memoryUsage().arrayBuffers
  await fails(t, address, 'E_DOCKER_TOO_BIG', 'decode', 20_000)
  t.ok(process.memoryUsage().arrayBuffers - before < 200 << 20, 'memory stays bounded')
})

t.test('an answer about one container may be smaller still', async t => {
  // A list of this size is taken; of one container it is a lie, and many are asked about at once.
  const big = JSON.stringify([{ Id: 'a', Names: [`/${'x'.repeat(2 << 20)}`] }])
  const address = await serve(t, (_, res) => res.end(big))
  const engine = await openEngine({ address, addresses: loopback, timeoutMs: 20_000 })
  t.teardown(() => engine.close())
  const code = async (call: Promise<unknown>) =>
    call.then(
      () => 'answered',
      error => error.code,
    )
  t.not(await code(engine.containers()), 'E_DOCKER_TOO_BIG')
  t.equal(await code(engine.inspect('a')), 'E_DOCKER_TOO_BIG')
  t.equal(await code(engine.stats('a', true)), 'E_DOCKER_TOO_BIG')
})

t.test('refusals keep what the engine said, shortened', async t => {
  const refuse = (status: number, body: string) =>
    serve(t, (_, res) => {
      res.statusCode = status
      res.end(body)
    })
  const denied = await fails(t, await refuse(403, 'Forbidden'), 'E_DOCKER_PERMISSION', 'auth')
  t.match(denied.hint, /socket proxy/)
  const broken = await fails(
    t,
    await refuse(500, JSON.stringify({ message: `no space ${'x'.repeat(5000)}` })),
    'E_DOCKER_ERROR',
    'partial',
  )
  t.match(broken.message, /no space/)
  t.ok(broken.message.length < 500)
})

t.test('redirects are not followed', async t => {
  let reached = 0
  const elsewhere = await serve(t, (_, res) => {
    reached++
    res.end('{}')
  })
  for (const target of [elsewhere.replace('tcp', 'http'), 'foo:bar', 'file:///etc/passwd', '//']) {
    const address = await serve(t, (_, res) => {
      res.writeHead(302, { location: target }).end()
    })
    await fails(t, address, 'E_DOCKER_ERROR', 'partial')
  }
  t.equal(reached, 0)
})

t.test('the environment of the docker command means nothing', async t => {
  let reached = 0
  const wrong = await serve(t, (_, res) => {
    reached++
    res.end('OK')
  })
  const right = await serve(t, (_, res) => res.end('OK'))
  const before = { ...process.env }
  process.env.DOCKER_HOST = wrong
  process.env.DOCKER_TLS_VERIFY = '1'
  process.env.DOCKER_CERT_PATH = '/nonexistent'
  t.teardown(() => {
    process.env = before
  })
  const engine = await openEngine({ address: right, addresses: loopback, timeoutMs: 2000 })
  t.teardown(() => engine.close())
  await engine.ping()
  t.equal(reached, 0)
  t.same(engine.counters, { requests: 1, bytes: 2, errors: 0, dropped: 0, badLines: 0 })
})

t.test('a list beyond the bound is cut and counted', async t => {
  const all = Array.from({ length: 1003 }, (_, i) => ({
    Id: i.toString(16).padStart(64, '0'),
    Names: [`/c${i}`],
    State: 'exited',
  }))
  const address = await serve(t, (_, res) => res.end(JSON.stringify(all)))
  const engine = await openEngine({ address, addresses: loopback, timeoutMs: 5000 })
  t.teardown(() => engine.close())
  t.equal((await engine.containers()).length, 1000)
  t.equal(engine.counters.dropped, 3)
})

t.test('a stream of events that never begins, is refused, or is cut in a line', async t => {
  const follow = async (address: string) => {
    const engine = await openEngine({ address, addresses: loopback, timeoutMs: 300 })
    t.teardown(() => engine.close())
    const names: string[] = []
    const signal = new AbortController().signal
    try {
      for await (const { name } of await engine.events(null, signal)) names.push(name)
    } catch (error) {
      if (!(error instanceof AppError)) return { names, code: 'cut', dropped: 0 }
      return { names, code: error.code, dropped: 0 }
    }
    return { names, code: null, dropped: engine.counters.badLines }
  }
  t.match(await follow(await listen(t, () => {})), { code: 'E_DOCKER_TIMEOUT' })
  const refused = await serve(t, (_, res) => res.writeHead(403).end('no'))
  t.match(await follow(refused), { code: 'E_DOCKER_PERMISSION' })
  const event = {
    Type: 'container',
    Action: 'start',
    Actor: { ID: 'a', Attributes: { name: 'w' } },
  }
  const half = `${JSON.stringify(event)}\n{"Type":"container","Act`
  const ended = await serve(t, (_, res) => res.end(half))
  t.same(await follow(ended), { names: ['w'], code: null, dropped: 1 })
  const slow = await serve(t, (_, res) => {
    res.flushHeaders()
    // Beyond the time limit of a call, which is for its beginning alone.
    setTimeout(() => res.end(half), 600)
  })
  t.same(await follow(slow), { names: ['w'], code: null, dropped: 1 })
  const reset = await serve(t, (_, res) => {
    res.write(half)
    setTimeout(() => res.destroy(), 50)
  })
  t.match(await follow(reset), { names: ['w'], code: 'cut' })
})

t.test('what may be secret is dropped with the answer', async t => {
  const secret = 'hunter2'
  const address = await serve(t, (asked, res) =>
    res.end(
      JSON.stringify(
        asked.url?.startsWith('/containers/json')
          ? [{ Id: 'a'.repeat(64), Command: secret, Labels: { token: secret }, Mounts: [secret] }]
          : {
              Args: [secret],
              Config: { Env: [`PASSWORD=${secret}`], Cmd: [secret], Labels: { token: secret } },
              State: { Status: 'running', Error: secret, Health: { Status: '', Log: [secret] } },
            },
      ),
    ),
  )
  const engine = await openEngine({ address, addresses: loopback, timeoutMs: 5000 })
  t.teardown(() => engine.close())
  const kept = JSON.stringify([await engine.containers(), await engine.inspect('a')])
  t.match(kept, 'running')
  t.notMatch(kept, secret)
})
