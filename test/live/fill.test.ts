// Goal: live filled from a real SQLite shows what the store knows, and never hides newer values.

import path from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { collectionsOf, fillLive } from '../../server/live/fill.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { openStore } from '../../server/store/open.ts'
import { type Teardown, tempDir } from '../parts/find.ts'
import { failed, scalars, table, values } from './samples.ts'

const log = pino({ level: 'silent' })

async function stored(t: Teardown) {
  const store = await openStore({ url: `sqlite:${path.join(await tempDir(t), 'p.db')}`, log })
  t.teardown(() => store.close())
  const config = (id: string) => ({
    ...{ id, name: id, kind: 'snmp' as const, address: '192.0.2.1', profiles: ['auto'] },
    ...{ every: '60s', timeout: '2s', retries: 1, enabled: true },
  })
  const [a, b] = [
    await store.devices.create(config('a'), 'api', 1),
    await store.devices.create(config('b'), 'api', 1),
  ]
  return { store, a: a.uid, b: b.uid }
}

t.test('the newest of every column, gaps and gone rows', async t => {
  const { store, a } = await stored(t)
  await store.samples.write([
    table(a, 'interface', 1000, ['x', 'y'], { in: [1, 2], alias: ['up', 'down'] }),
    table(a, 'interface', 2000, ['x', 'z'], { in: [3, null] }),
    scalars(a, 'system', 1000, { uptime: 5 }),
    failed(a, 'system', 2000, 'timeout'),
  ])
  const live = createMemoryLive()
  t.equal(await fillLive(live, store), 1)
  t.same(values(await live.latest(a)), [
    'interface.alias[x] = up @1000',
    'interface.alias[y] = down @1000',
    'interface.in[x] = 3 @2000',
    'interface.in[z] = null (range) @2000',
    'system.uptime = null (timeout) @2000',
  ])
})

t.test('what came meanwhile stays', async t => {
  const { store, a, b } = await stored(t)
  await store.samples.write([
    scalars(a, 'system', 1000, { uptime: 1 }),
    scalars(b, 'system', 1000, { uptime: 2 }),
  ])
  const live = createMemoryLive()
  await live.put(scalars(a, 'system', 5000, { uptime: 9 }))
  t.equal(await fillLive(live, store), 2)
  t.same(values(await live.latest(a)), ['system.uptime = 9 @5000'])
  t.same(values(await live.latest(b)), ['system.uptime = 2 @1000'])
})

t.test('nothing stored, nothing put', async t => {
  t.same(collectionsOf(1, []), [])
})
