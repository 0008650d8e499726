// Goal: memory and Redis keep the same promises about newest values, and tell of new collections.

import { pino } from 'pino'
import t from 'tap'
import type { Live } from '../../server/live/contract.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { createRedisLive } from '../../server/live/redis.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { type Teardown, until } from '../parts/find.ts'
import { startRedis } from '../parts/redis.ts'
import { failed, scalars, table, values } from './samples.ts'

const log = pino({ level: 'silent' })

type Make = (t: Teardown) => Promise<Live>

const KINDS: [string, Make][] = [
  ['memory', async t => closed(t, createMemoryLive())],
  [
    'redis',
    async t => {
      const { url } = await startRedis(t)
      const live = createRedisLive({ url, site: 'main', log })
      await until(() => live.connected, 'live to connect')
      return closed(t, live)
    },
  ],
]

function closed<L extends Live>(t: Teardown, live: L): L {
  t.teardown(() => live.close())
  return live
}

for (const [kind, make] of KINDS) {
  t.test(`${kind}: newest values of scalars and tables`, async t => {
    const live = await make(t)
    await live.put(scalars(1, 'system', 1000, { uptime: 5, name: 'sw' }))
    await live.put(table(1, 'interface', 1000, ['a', 'b'], { in: [1, null] }))
    await live.put(table(2, 'interface', 1000, ['a'], { in: [9] }))
    t.same(values(await live.latest(1)), [
      'interface.in[a] = 1 @1000',
      'interface.in[b] = null (range) @1000',
      'system.name = sw @1000',
      'system.uptime = 5 @1000',
    ])
    t.same(values(await live.latest(2)), ['interface.in[a] = 9 @1000'])
    t.same(await live.latest(3), [])
  })

  t.test(`${kind}: a slow column keeps its older value with its own time`, async t => {
    const live = await make(t)
    await live.put(table(1, 'interface', 1000, ['a'], { in: [1], alias: ['up'] }))
    await live.put(table(1, 'interface', 2000, ['a'], { in: [2] }))
    await live.put(table(1, 'interface', 3000, ['a'], { in: [3] }))
    t.same(values(await live.latest(1)), [
      'interface.alias[a] = up @1000',
      'interface.in[a] = 3 @3000',
    ])
  })

  t.test(`${kind}: a row that is gone from a column is gone`, async t => {
    const live = await make(t)
    await live.put(table(1, 'container', 1000, ['a', 'b'], { cpu: [1, 2] }))
    await live.put(table(1, 'container', 2000, ['b', 'c'], { cpu: [3, 4] }))
    t.same(values(await live.latest(1)), [
      'container.cpu[b] = 3 @2000',
      'container.cpu[c] = 4 @2000',
    ])
  })

  t.test(`${kind}: parts of one read are joined; the next read replaces all of them`, async t => {
    const live = await make(t)
    const told: number[] = []
    t.teardown(live.subscribe(1, ({ part }) => told.push(part ?? 0)))
    const second = { ...table(1, 'interface', 1000, ['c'], { in: [3], out: [null] }), part: 2 }
    await live.put(second)
    await live.put({ ...table(1, 'interface', 1000, ['a', 'b'], { in: [1, 2] }), part: 1 })
    await live.put(second)
    t.same(values(await live.latest(1)), [
      'interface.in[a] = 1 @1000',
      'interface.in[b] = 2 @1000',
      'interface.in[c] = 3 @1000',
      'interface.out[c] = null (range) @1000',
    ])
    t.same(told, [2, 1], 'a part that comes again is not told')
    await live.put({ ...table(1, 'interface', 2000, ['a'], { in: [4], out: [5] }), part: 1 })
    t.same(values(await live.latest(1)), [
      'interface.in[a] = 4 @2000',
      'interface.out[a] = 5 @2000',
    ])
  })

  t.test(`${kind}: a failed read makes gaps of the group alone, until values come`, async t => {
    const live = await make(t)
    await live.put(table(1, 'interface', 1000, ['a'], { in: [1], alias: ['x'] }))
    await live.put(scalars(1, 'system', 1000, { uptime: 1 }))
    await live.put(failed(1, 'interface', 2000, 'timeout'))
    t.same(values(await live.latest(1)), [
      'interface.alias[a] = null (timeout) @2000',
      'interface.in[a] = null (timeout) @2000',
      'system.uptime = 1 @1000',
    ])
    await live.put(table(1, 'interface', 3000, ['a'], { in: [2] }))
    t.same(values(await live.latest(1)), [
      'interface.alias[a] = null (timeout) @2000',
      'interface.in[a] = 2 @3000',
      'system.uptime = 1 @1000',
    ])
  })

  t.test(`${kind}: older collections are ignored, and not told`, async t => {
    const live = await make(t)
    const told: number[] = []
    t.teardown(live.subscribe(1, ({ at }) => told.push(at)))
    await live.put(scalars(1, 'system', 2000, { uptime: 2 }))
    await live.put(scalars(1, 'system', 1000, { uptime: 1 }))
    await live.put(scalars(1, 'system', 2000, { uptime: 2 }))
    await live.put(scalars(1, 'other', 1000, { x: 1 }))
    t.same(values(await live.latest(1)), ['other.x = 1 @1000', 'system.uptime = 2 @2000'])
    t.same(told, [2000, 1000])
  })

  t.test(`${kind}: listeners of one device and of all, until they stop`, async t => {
    const live = await make(t)
    const one: AcceptedCollection[] = []
    const all: AcceptedCollection[] = []
    const stopOne = live.subscribe(1, collection => one.push(collection))
    const stopBad = live.subscribe(1, () => {
      throw new Error('a listener that throws')
    })
    const stopAll = live.subscribe('all', collection => all.push(collection))
    const first = table(1, 'interface', 1000, ['a'], { in: [null] })
    await live.put(first)
    await live.put(scalars(2, 'system', 1000, { uptime: 1 }))
    t.same(one, [first])
    t.same(
      all.map(({ deviceUid }) => deviceUid),
      [1, 2],
    )
    stopOne()
    stopOne()
    stopBad()
    stopAll()
    await live.put(scalars(1, 'system', 2000, { uptime: 1 }))
    t.equal(one.length + all.length, 3)
  })

  t.test(`${kind}: rows that are heard one by one stay beside each other`, async t => {
    const live = await make(t)
    const heard = (at: number, row: string, value: number): AcceptedCollection => ({
      ...table(1, 'room', at, [row], { temperature: [value] }),
      some: true,
    })
    for (const one of [heard(1, 'a', 10), heard(2, 'b', 20), heard(3, 'a', 11)]) await live.put(one)
    t.same(values(await live.latest(1)), [
      'room.temperature[a] = 11 @3',
      'room.temperature[b] = 20 @2',
    ])
  })

  t.test(`${kind}: a thousand rows of numbers and texts of every sort`, async t => {
    const live = await make(t)
    const odd = [0, -0, 1e300, -1.5, 2 ** 53, 0.1 + 0.2, 'ü😀', '', 'up', null, 63, 64, 12345.6]
    const rows = Array.from({ length: 1500 }, (_, i) => `row ${i} |,"\u0000`)
    const column = rows.map((_, i) => odd[i % odd.length] ?? null)
    await live.put(table(1, 'odd', 1000, rows, { a: column, b: [...column].reverse() }))
    const found = await live.latest(1)
    const of = (metric: string) => found.filter(one => one.metric === metric)
    t.strictSame(
      of('a').map(one => one.value),
      column,
    )
    t.same(
      of('b').map(one => one.row),
      rows,
    )
    t.ok(found.every(({ value, gap }) => (value === null ? gap === 'range' : gap === null)))
  })

  t.test(`${kind}: a forgotten device is gone; a closed live closes again`, async t => {
    const live = await make(t)
    await live.put(scalars(1, 'system', 1000, { uptime: 1 }))
    await live.forget(1)
    t.same(await live.latest(1), [])
    await live.close()
    await live.close()
  })
}

t.test('memory: the device that is silent longest goes when there are too many', async t => {
  const live = createMemoryLive({ devicesMax: 2 })
  for (const uid of [1, 2]) await live.put(scalars(uid, 'system', 1000, { x: 1 }))
  await live.put(scalars(1, 'system', 2000, { x: 1 }))
  await live.put(scalars(3, 'system', 1000, { x: 1 }))
  t.equal((await live.latest(1)).length, 1)
  t.equal((await live.latest(2)).length, 0)
  t.match(live.stats(), { devices: 2, evicted: 1 })
})
