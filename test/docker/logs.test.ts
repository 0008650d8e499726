// Goal: a container's log becomes lines wherever the wire cuts it, with a terminal or without; what is
// hostile in it costs little, and what is no log at all is one clear error.

import { createServer } from 'node:http'
import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import {
  type LogLine,
  linesOf,
  logBytesMax,
  logLineMax,
  openLog,
} from '../../server/docker/logs.ts'
import { startDockerd } from '../parts/dockerd.ts'

const never = new AbortController().signal

function frame(stream: 1 | 2, text: string | Buffer): Buffer {
  const body = Buffer.from(text)
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(chunks: AsyncIterable<Buffer>, isTty: boolean): Promise<LogLine[]> {
  const found: LogLine[] = []
  for await (const some of linesOf(chunks, isTty, never)) found.push(...some)
  return found
}

const AT = '2026-11-22T10:00:00.123456789Z'

t.test('frames, wherever they are cut', async t => {
  const bytes = Buffer.concat([
    frame(1, `${AT} first\n${AT} seco`),
    frame(2, `${AT} wrong: \u001b[31mred\u001b[0m\r\n`),
    frame(1, `nd ü\n${AT} \n`),
    frame(1, `${AT} without an end`),
  ])
  const expected = [
    ['stdout', 'first'],
    ['stderr', 'wrong: red'],
    ['stdout', 'second ü'],
    ['stdout', ''],
    ['stdout', 'without an end'],
  ]
  for (const size of [1, 3, 7, 8, 9, 1000]) {
    const found = await read(cut(bytes, size), false)
    t.same(found.map(({ stream, text }) => [stream, text]).sort(), expected.toSorted(), `${size}`)
    t.ok(found.every(line => line.at === Date.parse('2026-11-22T10:00:00.123Z') && !line.isCut))
  }
})

t.test('a terminal has no frames', async t => {
  const found = await read(cut(Buffer.from(`${AT} a\r\nno time\n`), 4), true)
  t.match(found, [
    { text: 'a', stream: 'stdout' },
    { text: 'no time', at: null },
  ])
})

t.test('an endless line is cut, and what is no log is refused', async t => {
  const long = `${AT} ${'x'.repeat(3 * logLineMax)}\n${AT} next\n`
  const found = await read(cut(frame(1, long), 100), false)
  t.match(found, [{ isCut: true }, { text: 'next', isCut: false }])
  t.equal(found[0]?.text.length, logLineMax)
  await t.rejects(read(cut(Buffer.from('<html>nothing here</html>'), 9), false), {
    code: 'E_DOCKER_DECODE',
  })
  const lie = Buffer.alloc(8)
  lie[0] = 1
  lie.writeUInt32BE(0xffffffff, 4)
  const half = read(cut(Buffer.concat([lie, Buffer.from('a\nb')]), 5), false)
  t.match(await half, [{ text: 'a' }, { text: 'b' }], 'a frame of 4 GB is not waited for')
})

t.test('an endless log ends at its bound', async t => {
  async function* endless() {
    for (;;) yield frame(1, 'y'.repeat(65_536))
  }
  let lines = 0
  const all = (async () => {
    for await (const some of linesOf(endless(), false, never)) lines += some.length
  })()
  await t.rejects(all, {
    code: 'E_DOCKER_TOO_BIG',
    message: `the log went over ${logBytesMax / 1024 ** 2} MB`,
  })
  t.equal(lines, 0, 'one line without an end')
})

t.test('an engine that refuses, hangs, or sends something else', async t => {
  const server = createServer((request, answer) => {
    if (request.url?.includes('/gone/'))
      answer.writeHead(404).end('{"message":"No such container"}')
    else if (request.url?.includes('/hung/')) return
    else if (request.url?.endsWith('/json')) answer.end('{"Config":{"Env":["SECRET=x"]}}')
    else answer.end('<html>nothing to see here</html>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const options = {
    address: `tcp://127.0.0.1:${address.port}`,
    addresses: addressPolicy(['127.0.0.0/8']),
    timeoutMs: 500,
  }
  const open = (container: string, signal = never) =>
    openLog(options, { container, tail: 5, follow: false, signal })
  await t.rejects(open('gone'), { code: 'E_DOCKER_GONE' })
  await t.rejects(open('hung'), { code: 'E_DOCKER_TIMEOUT' })
  await t.rejects(open('hung', AbortSignal.abort()), { code: 'E_ABORTED' })
  const lines = await open('other')
  await t.rejects(lines.next(), { code: 'E_DOCKER_DECODE' })
})

t.test('a real container: the last lines, then those to come, until somebody goes', async t => {
  const { address, run, docker } = await startDockerd(t)
  const options = { address, addresses: addressPolicy([]), timeoutMs: 20_000 }
  await run(
    'talker',
    [],
    'i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; echo oh >&2; while :; do sleep 0.1; echo more; done',
  )
  await run('terminal', ['-t'], 'echo hello; sleep 1000')
  const leave = new AbortController()
  const asked = { container: 'talker', tail: 200, follow: true, signal: leave.signal }
  const found: LogLine[] = []
  for await (const some of await openLog(options, asked)) {
    found.push(...some)
    if (found.filter(line => line.text === 'more').length > 2) leave.abort()
  }
  t.ok(
    found.some(({ text }) => text === 'more'),
    'it was followed',
  )
  t.ok(found.every(line => line.at !== null))
  const still = { container: 'terminal', tail: 200, follow: false, signal: never }
  const lines: LogLine[] = []
  for await (const some of await openLog(options, still)) lines.push(...some)
  t.match(lines, [{ text: 'hello', stream: 'stdout' }])
  await docker('rm', '-f', 'talker', 'terminal')
})
