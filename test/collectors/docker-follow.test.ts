// Goal: what happens to containers is told at once and read soon, by no more endpoints than are
// documented, without any secret of a container, and bounded when hundreds come and go.

import { getEventListeners } from 'node:events'
import { createServer, request, type ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Collected, Target, Told } from '../../server/collectors/collector.ts'
import { dockerCollector } from '../../server/collectors/docker.ts'
import { Follower } from '../../server/collectors/docker-follow.ts'
import { openEngine } from '../../server/docker/engine.ts'
import type { EventBody } from '../../server/model/event.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { EncodedCollection } from '../../server/profiles/encoded.ts'
import { dockerCatalogue } from '../docker/catalogue.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { until } from '../parts/find.ts'

const addresses = addressPolicy(['127.0.0.0/8'])
const signal = new AbortController().signal

/** Every endpoint that is ever called: the list in docs/docker.md, for a proxy before the socket. */
const ALLOWED = {
  ping: /^\/_ping$/,
  version: /^\/version$/,
  info: /^\/info$/,
  list: /^\/containers\/json\?all=true$/,
  inspect: /^\/containers\/[0-9a-f]{64}\/json$/,
  stats: /^\/containers\/[0-9a-f]{64}\/stats\?stream=false&one-shot=true$/,
  image: /^\/images\/sha256:[0-9a-f]{64}\/json$/,
  disk: /^\/system\/df$/,
  events: /^\/events\?filters=[^&]*(&since=[0-9.]+)?$/,
}

async function listen(t: Test, server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  return `tcp://127.0.0.1:${bound.port}`
}

/** A proxy that lets through what is allowed, as a socket proxy of an admin does. */
async function startProxy(t: Test, socketPath: string) {
  const used = new Set<string>()
  const refused: string[] = []
  const streams = new Set<ServerResponse>()
  const server = createServer((asked, answer) => {
    const url = asked.url ?? ''
    const name = Object.entries(ALLOWED).find(([, pattern]) => pattern.test(url))?.[0]
    if (asked.method !== 'GET' || name === undefined) {
      refused.push(`${asked.method} ${url}`)
      answer.writeHead(403).end()
      return
    }
    used.add(name)
    if (name === 'events') streams.add(answer)
    const passed = request({ socketPath, path: url, headers: { Host: 'docker' } }, got => {
      answer.writeHead(got.statusCode ?? 500, got.headers).flushHeaders()
      got.pipe(answer)
    })
    answer.on('close', () => passed.destroy())
    passed.on('error', () => answer.destroy()).end()
  })
  return { address: await listen(t, server), used, refused, streams }
}

function target(address: string): Target {
  const config = {
    ...{ id: 'e', name: 'e', kind: 'docker' as const, address, profiles: ['auto'] },
    ...{ every: '60s', timeout: '10s', retries: 0, enabled: true },
  }
  return { config, version: 1, secrets: {}, identity: null }
}

async function openReader(t: Test, address: string) {
  const told: Told[] = []
  const reader = dockerCollector.open(
    target(address),
    { catalogue: await dockerCatalogue(), addresses },
    one => told.push(one),
  )
  t.teardown(() => reader.close())
  let at = 1_800_000_000_000
  const all: Collected[] = []
  const collect = async () => {
    at += 60_000
    const collected = await reader.collect(at, signal)
    all.push(collected)
    return collected
  }
  const events = (): EventBody[] => [...told, ...all].flatMap(one => one.events ?? [])
  const named = (name: string, row?: string) =>
    events().find(one => one.name === name && (row === undefined || one.row === row))
  return { collect, told, all, events, named }
}

function contents(collected: Collected | Told): string {
  const bodies = (collected.collections ?? []).map(({ body }) =>
    body instanceof EncodedCollection ? body.read() : body,
  )
  return JSON.stringify([collected, bodies])
}

t.test('a real engine behind a proxy that allows what is documented', async t => {
  const dockerd = await startDockerd(t)
  const { docker } = dockerd
  const proxy = await startProxy(t, dockerd.socketPath)
  const { collect, told, all, events, named } = await openReader(t, proxy.address)
  const idle = 'while :; do sleep 1; done'
  const secret = 'hunter2-never-tell'
  const hiding = ['-e', `PASSWORD=${secret}`, '--label', `token=${secret}`]
  const report = await dockerCollector.check(
    target(proxy.address),
    { catalogue: buildCatalogue([]), addresses },
    signal,
  )
  t.ok(report.ok, 'the test of the form works over the proxy')
  await dockerd.run('web', hiding, `${idle} # ${secret}`)
  await collect()
  await until(() => proxy.streams.size > 0, 'the stream')
  const groups = async () => (await collect()).collections.map(one => one.group)
  await until(async () => (await groups()).includes('docker_disk'), 'the use of the disk')

  const asked = told.length
  await dockerd.run(
    'second',
    ['--health-cmd', 'false', '--health-interval', '1s', '--health-retries', '1'],
    idle,
  )
  await until(() => named('start', 'second'), 'a start')
  await until(() => told.slice(asked).some(one => one.readSoon), 'a read that is asked for')
  t.ok(named('create', 'second'))
  await until(() => named('health_status', 'second'), 'bad health')
  await docker('pause', 'second')
  await until(() => named('pause', 'second'), 'a pause')
  await docker('unpause', 'second')
  await docker('rename', 'second', 'third')
  await until(() => named('renamed', 'third'), 'another name')
  t.match(named('renamed'), { fields: { before: 'second', now: 'third' } })
  await dockerd.run('short', [], 'exit 3')
  await until(() => named('die', 'short'), 'an end')
  t.match(named('die', 'short'), { severity: 'warning', fields: { exit_code: '3' } })

  t.comment('made again of another image, while the stream is cut')
  for (const stream of proxy.streams) stream.destroy()
  await docker('tag', 'box:1', 'box:other')
  await docker('commit', 'web', 'box:2')
  await docker('rm', '-f', 'web')
  await docker('run', '-d', '--name', 'web', ...hiding, 'box:2', 'sh', '-c', idle)
  await until(() => named('destroy', 'web'), 'what happened while the stream was cut')
  await collect()
  const remade = named('recreated', 'web')
  t.match(remade, { text: /another image/, fields: { image: 'box:2', digest: /^sha256:/ } })
  t.not(remade?.fields?.digest, remade?.fields?.digest_before)
  const starts = events().filter(one => one.name === 'start' && one.row === 'web')
  t.equal(starts.length, 1, 'no event comes twice')

  const everything = [...told, ...all].map(contents).join()
  t.notOk(everything.includes(secret), 'nothing of the environment or other labels is told')
  t.same(
    [...proxy.used].sort(),
    Object.keys(ALLOWED).sort(),
    'every endpoint that is allowed is used',
  )
  t.same(proxy.refused, [], 'and no other')
})

t.test(
  'an engine that forbids the stream, or sends rubbish in it, is read all the same',
  async t => {
    const mute = createServer((asked, answer) => {
      if (asked.url === '/version') answer.end('{"Version":"27.0","ApiVersion":"1.47"}')
      else if (asked.url === '/info')
        answer.end(
          '{"Containers":0,"ContainersRunning":0,"ContainersPaused":0,"ContainersStopped":0,"Images":0}',
        )
      else if (asked.url?.startsWith('/containers/json')) answer.end('[]')
      else if (asked.url?.startsWith('/events')) answer.end('rubbish\n{"Type":\n')
      else answer.writeHead(403).end()
    })
    const { collect, told } = await openReader(t, await listen(t, mute))
    await collect()
    const disk = await until(
      async () => (await collect()).collections.find(one => one.group === 'docker_disk'),
      'a word on the disk',
    )
    t.match(disk.body, { ok: false, reason: 'auth' }, 'what is forbidden is said')
    const engine = (await collect()).collections.map(one => [one.group, one.body.ok])
    t.same(engine, [['docker_engine', true]])
    t.notOk(
      told.some(one => one.events),
      'rubbish is no event',
    )
  },
)

t.test('500 containers that come and go', async t => {
  const actions = ['create', 'start', 'die', 'destroy']
  const lines = Array.from({ length: 500 }, (_, i) =>
    actions.map(Action => {
      const Actor = { ID: `${i}`.padStart(64, '0'), Attributes: { name: `job-${i}`, image: 'job' } }
      return `${JSON.stringify({ Type: 'container', Action, Actor, time: 1_800_000_000 + i })}\n`
    }),
  ).flat()
  let isSent = false
  const busy = createServer((asked, answer) => {
    if (!asked.url?.startsWith('/events')) return answer.end('OK')
    answer.flushHeaders()
    if (isSent) return
    isSent = true
    let next = 0
    const more = setInterval(() => {
      answer.write(lines.slice(next, next + 100).join(''))
      next += 100
      if (next >= lines.length) clearInterval(more)
    }, 20)
  })
  const address = await listen(t, busy)
  const startedAt = performance.now()
  const events: EventBody[] = []
  let reads = 0
  const follower = new Follower({
    open: () => openEngine({ address, addresses, timeoutMs: 10_000 }),
    tell(one) {
      events.push(...(one.events ?? []))
      if (!one.readSoon) return
      reads++
      follower.readBegins()
      setTimeout(() => follower.readEnded(10), 10)
    },
  })
  t.teardown(() => follower.close())
  const leftOut = () =>
    events.reduce((sum, one) => sum + Number(one.name === 'left-out' ? one.fields?.count : 0), 0)
  const kept = () => events.filter(one => one.name !== 'left-out').length
  await until(() => leftOut() + kept() === lines.length, 'every event to be told or counted')
  t.comment(`${kept()} told, ${leftOut()} counted, ${reads} reads`)
  const seconds = (performance.now() - startedAt) / 1000
  t.ok(reads >= 1 && reads <= 2 + seconds / 5, `${reads} reads`)
  t.ok(kept() >= 200 && kept() <= 200 + 2 * seconds + 1, `${kept()} events were told`)
})

t.test('an engine that refuses the stream again and again leaves nothing behind', async t => {
  const signals: AbortSignal[] = []
  const real = await openEngine({ address: 'unix:///none.sock', addresses, timeoutMs: 1000 })
  t.teardown(() => real.close())
  let closed = 0
  const events: typeof real.events = async (_since, signal) => {
    signals.push(signal)
    throw new Error('403')
  }
  const follower = new Follower({
    open: async () => ({ ...real, events, close: () => closed++ }),
    tell: () => undefined,
    retryMs: { min: 1, max: 2 },
  })
  await until(() => signals.length > 20, 'many tries')
  follower.close()
  t.ok(closed >= 20, 'each connection was closed')
  const [signal = AbortSignal.abort()] = signals
  t.ok(getEventListeners(signal, 'abort').length < 5, 'no listener for each try')
})
