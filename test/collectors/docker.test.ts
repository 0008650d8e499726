// Goal: from a real engine through the shipped profile to collections: values, rates, rows that keep
// their key when a container is made again, and a reason for everything that is missing.

import path from 'node:path'
import t, { type Test } from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Collected, Surroundings, Target } from '../../server/collectors/collector.ts'
import { dockerCollector } from '../../server/collectors/docker.ts'
import { Collection, type GoodCollection, RowsMessage } from '../../server/model/collection.ts'
import { EncodedCollection } from '../../server/profiles/encoded.ts'
import { checker } from '../../server/validate.ts'
import { dockerCatalogue } from '../docker/catalogue.ts'
import { startDockerd } from '../parts/dockerd.ts'
import { tempDir, until } from '../parts/find.ts'

const isCollection = checker(Collection)
const isRowsMessage = checker(RowsMessage)
const signal = new AbortController().signal

async function surroundings(): Promise<Surroundings> {
  const catalogue = await dockerCatalogue()
  t.same(catalogue.problems, [], 'the shipped profile has no problems')
  return { catalogue, addresses: addressPolicy(['127.0.0.0/8']) }
}

function target(address: string): Target {
  const config = {
    id: 'engine-1',
    name: 'Engine',
    kind: 'docker' as const,
    address,
    profiles: ['auto'],
    every: '1s',
    timeout: '10s',
    retries: 1,
    enabled: true,
  }
  return { config, version: 1, secrets: {}, identity: null }
}

/** A reader that is asked once a second of its own schedule, so that everything is always due. */
function openReader(t: Test, address: string, around: Surroundings) {
  const reader = dockerCollector.open(target(address), around)
  t.teardown(() => reader.close())
  let at = 1_800_000_000_000
  const collect = () => {
    at += 1000
    return reader.collect(at, signal)
  }
  return { reader, collect }
}

function good(collected: Collected, group: string): GoodCollection {
  const body = collected.collections.find(each => each.group === group)?.body
  const content = body instanceof EncodedCollection ? body.read() : body
  const checked = isCollection({ v: 1, ...content })
  if (!checked.ok || !checked.value.ok) throw new Error(`${group}: ${JSON.stringify(body)}`)
  return checked.value
}

/** One cell: the value, or the reason why there is none. */
function cell(collected: Collected, metric: string, row: string): unknown {
  const { rows = [], metrics, gaps } = good(collected, 'docker_container')
  const place = rows.indexOf(row)
  return [metrics[metric]].flat()[place] ?? [gaps?.[metric]].flat()[place]
}

t.test('a real engine', async t => {
  const dockerd = await startDockerd(t)
  const { docker } = dockerd
  const around = await surroundings()
  const labels = ['com.docker.compose.project=shop', 'com.docker.compose.service=web']
  const options = ['-m', '64m', '--cpus', '0.5', ...labels.flatMap(label => ['--label', label])]
  const busy = 'while :; do :; done'

  t.test('an engine without containers, then an ended one, then one that runs', async t => {
    const { collect } = openReader(t, dockerd.address, around)
    const empty = await collect()
    t.equal(good(empty, 'docker_engine').metrics.containers, 0)
    await dockerd.run('ended', [], 'exit 3')
    const state = () => docker('inspect', '-f', '{{.State.Status}}', 'ended')
    await until(async () => (await state()) === 'exited', 'an end')
    t.equal(cell(await collect(), 'exit_code', 'ended'), 3)
    await dockerd.run('web', options, busy)
    t.equal(cell(await collect(), 'cpu', 'web'), 'first')
    t.type(cell(await collect(), 'cpu', 'web'), 'number')
  })

  t.test('check', async t => {
    const report = await dockerCollector.check(target(dockerd.address), around, signal)
    if (!report.ok) throw new Error(report.error)
    t.same(report.identity.profiles, ['docker'])
    t.equal(report.identity.chosenBecause.length, 1)
    t.match(report.identity.facts, {
      vendor: 'Docker',
      version: /^\d+\./,
      containers: '2',
      os: /./,
      kernel: /./,
    })
  })

  t.test('collections', async t => {
    const { reader, collect } = openReader(t, dockerd.address, around)
    const first = await collect()
    t.same(first.identity?.profiles, ['docker'])
    t.match(good(first, 'docker_engine').metrics, {
      containers: 2,
      running: 1,
      stopped: 1,
      images: 1,
      cpus: Number,
      memory: Number,
      version: /^\d+\./,
    })
    t.same([...(good(first, 'docker_container').rows ?? [])].sort(), ['ended', 'web'])
    t.equal(cell(first, 'cpu', 'web'), 'first')
    t.equal(cell(first, 'net_in', 'web'), 'first')
    t.equal(cell(first, 'state', 'web'), 0)
    t.equal(cell(first, 'state', 'ended'), 3)
    t.equal(cell(first, 'exit_code', 'ended'), 3)
    t.equal(cell(first, 'memory_limit', 'web'), 64 * 1024 * 1024)
    const rows = isRowsMessage({
      v: 1,
      ...first.rows.find(r => r.group === 'docker_container')?.body,
    })
    if (!rows.ok) throw new Error(JSON.stringify(rows.errors))
    t.match(
      rows.value.rows.find(row => row.key === 'web'),
      {
        name: 'web',
        index: /^[0-9a-f]{12}$/,
        subtitle: 'box:1',
        labels: { image: 'box:1', project: 'shop', service: 'web' },
      },
    )

    await collect()
    const second = await collect()
    t.equal(second.identity, null, 'identified once')
    t.same(second.rows, [], 'rows are told when they change')
    const cpu = Number(cell(second, 'cpu', 'web'))
    // A machine that is busy elsewhere gives a container less, and what it did not use before a little
    // later: over two seconds it may look like more.
    t.ok(cpu > 5 && cpu < 90, `a limit of half a core: ${cpu} %`)
    const host = Number(cell(second, 'cpu_host', 'web'))
    const cpus = Number(good(second, 'docker_engine').metrics.cpus)
    t.ok(Math.abs(host * cpus - cpu) < 0.01, `of the host's ${cpus} cores: ${host} %`)
    t.ok(Number(cell(second, 'net_in', 'web')) >= 0)
    const percent = Number(cell(second, 'memory_percent', 'web'))
    t.ok(percent > 0 && percent < 50, `memory ${percent} %`)
    t.equal(cell(second, 'cpu', 'ended'), 'no-such-object')

    t.comment('a container that started again, and one that was made again')
    await docker('restart', '-t', '0', 'web')
    t.equal(cell(await collect(), 'cpu', 'web'), 'reset')
    await docker('rm', '-f', 'web')
    await dockerd.run('web', options, busy)
    const again = await collect()
    t.same([...(good(again, 'docker_container').rows ?? [])].sort(), ['ended', 'web'])
    t.ok(['first', 'reset'].includes(String(cell(again, 'cpu', 'web'))), 'no false rate')
    t.equal(again.rows.length, 1, 'its new id is told')
    await collect()
    t.ok(Number(cell(await collect(), 'cpu', 'web')) > 5)
    await docker('pause', 'web')
    t.equal(cell(await collect(), 'state', 'web'), 1)
    await reader.close()
    await reader.close()
    t.match((await collect()).collections[0]?.body, { ok: false }, 'closed is closed')
  })
})

t.test('an engine that is not there', async t => {
  const around = await surroundings()
  const dir = await tempDir(t)
  const address = `unix://${path.join(dir, 'd.sock')}`
  const report = await dockerCollector.check(target(address), around, signal)
  t.match(report, { ok: false, reason: 'unreachable', error: /no socket/, hint: /running/ })
  const { reader, collect } = openReader(t, address, around)
  const unknown = await collect()
  t.match(unknown.collections, [{ group: 'device', body: { ok: false, reason: 'unreachable' } }])
  await reader.close()

  const known: Target = {
    ...target(address),
    identity: { at: 1, profiles: ['docker'], chosenBecause: [], facts: {} },
  }
  const second = dockerCollector.open(known, around)
  t.teardown(() => second.close())
  const failed = await second.collect(1_800_000_000_000, signal)
  t.same(failed.collections.map(({ group }) => group).sort(), ['docker_container', 'docker_engine'])
  for (const { body } of failed.collections) {
    t.match(body, { ok: false, reason: 'unreachable' })
    t.ok(isCollection({ v: 1, ...body }).ok)
  }
  const wrong = dockerCollector.open(
    { ...known, config: { ...known.config, address: 'ssh://x' } },
    around,
  )
  t.match((await wrong.collect(1_800_000_000_000, signal)).collections[0]?.body, {
    ok: false,
    error: /ssh/,
  })
  await wrong.close()
})
