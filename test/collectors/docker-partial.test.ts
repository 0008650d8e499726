// Goal: an engine that hangs, refuses or answers for a part of its containers gives reasons, and
// good values stay good. Method: an HTTP server that speaks as much of the Engine API as is read.

import { createServer, type Server } from 'node:http'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Surroundings, Target } from '../../server/collectors/collector.ts'
import { dockerCollector } from '../../server/collectors/docker.ts'
import type { GoodCollection } from '../../server/model/collection.ts'
import { buildCatalogue } from '../../server/profiles/build.ts'
import { EncodedCollection } from '../../server/profiles/encoded.ts'
import { dockerCatalogue } from '../docker/catalogue.ts'

const ids = ['a', 'b', 'c'].map(letter => letter.repeat(64))

/** Answers by path; a function may refuse to answer at all. */
interface Engine {
  status: (path: string) => number | 'hang'
  seen: string[]
  address: string
}

async function engine(t: Test): Promise<Engine> {
  const state: Engine = { status: () => 200, seen: [], address: '' }
  let reads = 0
  const server: Server = createServer((request, response) => {
    const url = request.url ?? ''
    state.seen.push(`${request.method} ${url}`)
    const status = state.status(url)
    if (status === 'hang') return
    response.statusCode = status
    if (status !== 200) return response.end(JSON.stringify({ message: 'refused' }))
    response.end(url === '/_ping' ? 'OK' : JSON.stringify(answer(url, reads++)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  state.address = `tcp://127.0.0.1:${bound.port}`
  return state
}

function answer(url: string, reads: number): unknown {
  if (url === '/version') return { Version: '19.03.1', ApiVersion: '1.40' }
  if (url === '/info') {
    return {
      Containers: 3,
      ContainersRunning: 3,
      ContainersPaused: 0,
      ContainersStopped: 0,
      Images: 1,
    }
  }
  if (url.startsWith('/containers/json')) {
    const rest = { ImageID: `sha256:${'a'.repeat(64)}`, Image: 'x', State: 'running' }
    return ids.map(id => ({ ...rest, Id: id, Names: [`/${id[0]}`] }))
  }
  if (url.startsWith('/images/')) return { RepoDigests: ['x@sha256:f00d'] }
  if (url.endsWith('/json')) {
    return { RestartCount: 0, State: { Status: 'running', StartedAt: '2026-01-01T00:00:00Z' } }
  }
  return {
    read: new Date(1_767_300_000_000 + reads * 1000).toISOString(),
    cpu_stats: {
      cpu_usage: { total_usage: reads * 1e6 },
      system_cpu_usage: reads * 1e9,
      online_cpus: 1,
    },
    memory_stats: { usage: 100, limit: 200, stats: {} },
    pids_stats: { current: 1 },
  }
}

async function open(t: Test, address: string, timeout = '1s') {
  const around: Surroundings = {
    catalogue: await dockerCatalogue(),
    addresses: addressPolicy(['127.0.0.0/8']),
  }
  const target: Target = {
    config: {
      id: 'e',
      name: 'e',
      kind: 'docker',
      address,
      profiles: ['auto'],
      every: '10s',
      timeout,
      retries: 0,
      enabled: true,
    },
    version: 1,
    secrets: {},
    identity: { at: 1, profiles: ['docker'], chosenBecause: [], facts: {} },
  }
  const reader = dockerCollector.open(target, around)
  t.teardown(() => reader.close())
  let at = 1_800_000_000_000
  const collect = (signal = AbortSignal.timeout(30_000)) => {
    at += 10_000
    return reader.collect(at, signal)
  }
  return { reader, collect }
}

type Bodies = Awaited<ReturnType<Awaited<ReturnType<typeof open>>['collect']>>

function containers(collected: Bodies): GoodCollection {
  const body = collected.collections.find(({ group }) => group === 'docker_container')?.body
  if (!body?.ok) throw new Error(JSON.stringify(body))
  return { v: 1, ...(body instanceof EncodedCollection ? body.read() : body) }
}

t.test('one container whose statistics fail', async t => {
  const fake = await engine(t)
  const { collect } = await open(t, fake.address)
  await collect()
  fake.status = path => (path.includes(`/${ids[1]}/stats`) ? 500 : 200)
  const body = containers(await collect())
  t.same(body.rows, ['a', 'b', 'c'])
  t.match(body.metrics, { memory_used: [100, null, 100], state: [0, 0, 0] })
  t.equal([body.gaps?.memory_used].flat()[1], 'partial')
  t.equal([body.gaps?.cpu].flat()[1], 'partial')
  fake.status = () => 200
  t.match(containers(await collect()).metrics, { memory_used: [100, 100, 100] })
})

t.test('one container whose inspection fails, and one that is gone', async t => {
  const fake = await engine(t)
  const { collect } = await open(t, fake.address)
  await collect()
  fake.status = path =>
    path === `/containers/${ids[0]}/json` ? 500 : path.includes(ids[2] ?? '') ? 404 : 200
  const body = containers(await collect())
  t.same(body.rows, ['a', 'b'])
  t.match(body.metrics, { state: [0, 0], restarts: [null, 0], memory_used: [100, 100] })
  t.equal([body.gaps?.restarts].flat()[0], 'partial')
})

t.test('an engine that hangs, refuses, and comes back', async t => {
  const fake = await engine(t)
  const { collect } = await open(t, fake.address)
  t.ok((await collect()).identity)
  fake.status = () => 'hang'
  const hung = await collect()
  t.match(hung.collections, [
    { group: /docker_/, body: { ok: false, reason: 'timeout' } },
    { group: /docker_/, body: { ok: false, reason: 'timeout' } },
  ])
  fake.status = () => 403
  t.match((await collect()).collections[0]?.body, { ok: false, reason: 'auth' })
  fake.status = () => 200
  const back = await collect()
  t.ok(back.identity, 'identified again: it may be another version')
  t.type([containers(back).metrics.cpu].flat()[0], 'number', 'rates go on over the gap')
})

t.test('an abort from outside ends the read as a timeout', async t => {
  const fake = await engine(t)
  fake.status = path => (path.includes('/stats') ? 'hang' : 200)
  const { collect } = await open(t, fake.address, '1h')
  const cut = new AbortController()
  const read = collect(cut.signal)
  setTimeout(() => cut.abort(), 100)
  const { collections } = await read
  t.equal(collections.length, 2)
  for (const { body } of collections) t.match(body, { ok: false, reason: 'timeout' })
})

t.test('nothing but reading is asked, and one-shot only where it is known', async t => {
  const fake = await engine(t)
  const { collect } = await open(t, fake.address)
  const { rows } = await collect()
  t.match(rows.find(({ group }) => group === 'docker_container')?.body.rows[0]?.labels, {
    digest: 'sha256:f00d',
  })
  const paths = [...new Set(fake.seen.map(line => line.replace(/[0-9a-c]{64}/, 'ID')))].sort()
  t.same(paths, [
    'GET /containers/ID/json',
    'GET /containers/ID/stats?stream=false',
    'GET /containers/json?all=true',
    'GET /images/sha256:ID/json',
    'GET /info',
    'GET /version',
  ])
  await collect()
  t.equal(fake.seen.filter(line => line.includes('/images/')).length, 1)
})

t.test('no profile, no address, a lost secret', async t => {
  const fake = await engine(t)
  const around = { catalogue: buildCatalogue([]), addresses: addressPolicy(['127.0.0.0/8']) }
  const config = {
    id: 'e',
    name: 'e',
    kind: 'docker' as const,
    profiles: ['auto'],
    every: '10s',
    timeout: '1s',
    retries: 0,
    enabled: true,
  }
  const signal = AbortSignal.timeout(10_000)
  const first = async (more: object) => {
    const target = { config: { ...config, ...more }, version: 1, secrets: {}, identity: null }
    const reader = dockerCollector.open(target, around)
    const { collections } = await reader.collect(1, signal)
    await reader.close()
    return collections
  }
  t.match(await first({ address: fake.address }), [
    { group: 'device', body: { error: /no profile/ } },
  ])
  t.match(await first({}), [{ group: 'device', body: { error: /no address/ } }])
  t.match(await first({ address: 'tcp://127.0.0.1', tls: { ca: { secret: 'e.ca' } } }), [
    { group: 'device', body: { reason: 'auth', error: /secret/ } },
  ])
})
