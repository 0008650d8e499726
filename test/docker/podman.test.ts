// Goal: Podman's compatible socket is read as an engine: its containers, their numbers, its events.

import t from 'tap'
import { addressPolicy } from '../../server/addresses.ts'
import type { Told } from '../../server/collectors/collector.ts'
import { dockerCollector } from '../../server/collectors/docker.ts'
import { EncodedCollection } from '../../server/profiles/encoded.ts'
import { until } from '../parts/find.ts'
import { startPodman } from '../parts/podman.ts'
import { dockerCatalogue } from './catalogue.ts'

t.test('a real Podman', async t => {
  const { address, podman, run } = await startPodman(t)
  await run('busy', ['--memory', '64m'], 'while :; do :; done')
  await run('ended', [], 'exit 3')
  await until(
    async () => (await podman('inspect', '-f', '{{.State.Status}}', 'ended')) === 'exited',
    'an end',
  )
  const told: Told[] = []
  const config = {
    ...{ id: 'p', name: 'p', kind: 'docker' as const, address, profiles: ['auto'] },
    ...{ every: '1s', timeout: '10s', retries: 0, enabled: true },
  }
  const reader = dockerCollector.open(
    { config, version: 1, secrets: {}, identity: null },
    { catalogue: await dockerCatalogue(), addresses: addressPolicy([]) },
    one => told.push(one),
  )
  t.teardown(() => reader.close())
  let at = 1_800_000_000_000
  /** The newest of every cell: not all is read each time. */
  const cells = new Map<string, unknown>()
  const read = async () => {
    at += 1000
    const { collections } = await reader.collect(at, new AbortController().signal)
    for (const { group, body } of collections) {
      if (!body.ok) throw new Error(`${group}: ${body.error}`)
      const { rows = [''], metrics } = body instanceof EncodedCollection ? body.read() : body
      for (const [metric, values] of Object.entries(metrics))
        for (const [i, row] of rows.entries())
          cells.set(`${group}.${metric} ${row}`.trim(), [values].flat()[i])
    }
    return cells
  }
  const first = await read()
  t.equal(first.get('docker_engine.containers'), 2)
  t.equal(first.get('docker_container.state busy'), 0)
  t.equal(first.get('docker_container.state ended'), 3)
  t.equal(first.get('docker_container.exit_code ended'), 3)
  t.equal(first.get('docker_container.memory_limit busy'), 64 * 1024 * 1024)
  t.equal(first.get('docker_container.health busy'), 0, 'no health check')
  const rates = await until(async () => {
    await read()
    return typeof cells.get('docker_container.cpu busy') === 'number' && cells
  }, 'a rate')
  t.ok(Number(rates.get('docker_container.memory_used busy')) > 0)
  t.ok(
    Number(rates.get('docker_container.cpu busy')) > 1,
    `CPU ${rates.get('docker_container.cpu busy')} %`,
  )
  await until(
    async () => Number((await read()).get('docker_disk.images')) > 0,
    'the use of the disk',
  )

  const named = (name: string) =>
    told.flatMap(one => one.events ?? []).find(one => one.name === name)
  await until(async () => (await read()).get('docker_engine.stream') === 1, 'the stream')
  await podman('rename', 'busy', 'other')
  await until(() => named('renamed')?.row === 'other', 'another name')
  await podman('rm', '-f', '-t', '0', 'other')
  await until(() => named('die')?.row === 'other', 'an end')
  await until(() => named('destroy')?.row === 'other', 'a removal')
})
