// Goal: Redis away, slow, full, emptied or full of foreign things costs nothing but speed.

import process from 'node:process'
import { pino } from 'pino'
import t from 'tap'
import { createRedisLive, type RedisLive } from '../../server/live/redis.ts'
import { freePort, type Teardown, until } from '../parts/find.ts'
import { startPrivateRedis, startRedis } from '../parts/redis.ts'
import { failed, scalars, table, values } from './samples.ts'

const log = pino({ level: 'silent' })

async function connected(t: Teardown, url: string, site = 'main'): Promise<RedisLive> {
  const live = createRedisLive({ url, site, log })
  t.teardown(() => live.close())
  await until(() => live.connected, 'live to connect')
  return live
}

t.test('two processes see each other, by value and by channel', async t => {
  const { url } = await startRedis(t)
  const [a, b] = [await connected(t, url), await connected(t, url)]
  const told: string[] = []
  b.subscribe(1, ({ group, at }) => told.push(`one ${group} ${at}`))
  b.subscribe('all', ({ group, at }) => told.push(`all ${group} ${at}`))
  // The subscription is on its way: put until it has come through.
  let at = 1000
  await until(async () => {
    await a.put(table(1, 'interface', at++, ['x'], { in: [null] }))
    return told.length >= 2
  }, 'b to hear of a')
  t.match(told.slice(0, 2).join(), /one interface/)
  t.match(told.slice(0, 2).join(), /all interface/)

  await a.put(table(1, 'interface', 9000, ['x'], { in: [1], alias: ['slow'] }))
  await a.put(table(1, 'interface', 9001, ['x'], { in: [2] }))
  t.same(values(await b.latest(1)), [
    'interface.alias[x] = slow @9000',
    'interface.in[x] = 2 @9001',
  ])
  // An older one by another process changes nothing, not even where that one knows no newer.
  const c = await connected(t, url)
  await c.put(failed(1, 'interface', 5000, 'timeout'))
  t.same(values(await b.latest(1)), [
    'interface.alias[x] = slow @9000',
    'interface.in[x] = 2 @9001',
  ])
})

t.test('parts that two processes put are one read for a third', async t => {
  const { url } = await startRedis(t)
  const [a, b, c] = [await connected(t, url), await connected(t, url), await connected(t, url)]
  await a.put({ ...table(1, 'interface', 1000, ['a'], { in: [1] }), part: 1 })
  await b.put({ ...table(1, 'interface', 1000, ['b'], { in: [2] }), part: 2 })
  const wanted = ['interface.in[a] = 1 @1000', 'interface.in[b] = 2 @1000']
  for (const live of [a, b, c]) t.same(values(await live.latest(1)), wanted)
})

t.test('two sites in one Redis do not meet', async t => {
  const { url } = await startRedis(t)
  const [a, b] = [await connected(t, url, 'one'), await connected(t, url, 'two')]
  await a.put(scalars(1, 'system', 1000, { x: 1 }))
  t.same(await b.latest(1), [])
})

t.test('started without Redis: memory answers', async t => {
  const port = await freePort()
  const live = createRedisLive({ url: `redis://127.0.0.1:${port}`, site: 'main', log })
  t.teardown(() => live.close())
  await live.put(scalars(1, 'system', 1000, { x: 1 }))
  t.same(values(await live.latest(1)), ['system.x = 1 @1000'])
  t.match(live.stats(), { skipped: 1, fallbacks: 1 })
})

t.test('killed and started again, empty: values stay, listeners hear again', async t => {
  const { url, server } = await startPrivateRedis(t)
  const [a, b] = [await connected(t, url), await connected(t, url)]
  const told: number[] = []
  b.subscribe('all', ({ at }) => told.push(at))
  await a.put(scalars(1, 'system', 1000, { x: 1 }))
  await server.stop('SIGKILL')
  await until(() => !a.connected, 'a to notice')
  await a.put(scalars(1, 'system', 2000, { x: 2 }))
  t.same(values(await a.latest(1)), ['system.x = 2 @2000'])
  t.equal(a.stats().skipped, 1)

  await server.start()
  await until(() => a.connected && b.connected, 'both to come back')
  t.same(values(await a.latest(1)), ['system.x = 2 @2000'], 'its own copy fills the empty Redis')
  let at = 3000
  await until(async () => {
    await a.put(scalars(1, 'system', at++, { x: 3 }))
    return told.some(time => time >= 3000)
  }, 'b to hear again')
  t.match(values(await b.latest(1)).join(), /system.x = 3/)
})

t.test('emptied: nothing is lost in the process that put it', async t => {
  const { url, admin } = await startRedis(t)
  const live = await connected(t, url)
  await live.put(scalars(1, 'system', 1000, { x: 1 }))
  await admin.flushall()
  t.same(values(await live.latest(1)), ['system.x = 1 @1000'])
})

t.test('stopped in the middle (alive, silent): calls come back, writes are counted', async t => {
  const { url, server } = await startPrivateRedis(t)
  const live = await connected(t, url)
  process.kill(server.pid(), 'SIGSTOP')
  t.teardown(() => process.kill(server.pid(), 'SIGCONT'))
  await live.put(scalars(1, 'system', 1000, { x: 1 }))
  t.same(values(await live.latest(1)), ['system.x = 1 @1000'])
  t.equal(live.stats().skipped, 1)
  t.equal(live.stats().fallbacks, 1)
  await until(() => !live.connected, 'the silent connection to be ended')
  process.kill(server.pid(), 'SIGCONT')
  await until(() => live.connected, 'live to come back')
  await live.put(scalars(1, 'system', 2000, { x: 2 }))
  t.equal(live.stats().skipped, 1)
})

t.test('full: values stay here, and others still hear of them', async t => {
  const { url, admin } = await startPrivateRedis(t, ['--maxmemory', '4mb'])
  const [a, b] = [await connected(t, url), await connected(t, url)]
  const told: number[] = []
  b.subscribe('all', ({ at }) => told.push(at))
  let at = 1000
  await until(async () => {
    await a.put(scalars(1, 'system', at++, { x: 1 }))
    return told.length > 0
  }, 'b to hear')
  await admin.set('ballast', 'x'.repeat(4_000_000)).catch(() => {})
  await admin.config('SET', 'maxmemory', '1mb')
  await a.put(scalars(1, 'system', 9000, { x: 9 }))
  t.equal(a.stats().full, 1)
  await until(() => told.includes(9000), 'b to hear although Redis is full')
  t.same(values(await a.latest(1)), ['system.x = 9 @9000'])
})

t.test('rows that two processes hear one by one are one group for a third', async t => {
  const { url } = await startRedis(t)
  const [a, b, c] = [await connected(t, url), await connected(t, url), await connected(t, url)]
  const heard = (live: RedisLive, at: number, row: string, value: number) =>
    live.put({ ...table(1, 'room', at, [row], { temperature: [value] }), some: true })
  await heard(a, 1, 'x', 10)
  await heard(b, 2, 'y', 20)
  await heard(a, 3, 'z', 30)
  await heard(b, 4, 'x', 11)
  const wanted = ['x] = 11 @4', 'y] = 20 @2', 'z] = 30 @3'].map(row => `room.temperature[${row}`)
  for (const live of [a, b, c]) t.same(values(await live.latest(1)), wanted)
})

t.test('two processes put at once: neither overwrites the other', async t => {
  const { url } = await startRedis(t)
  const [a, b, c] = [await connected(t, url), await connected(t, url), await connected(t, url)]
  const puts = Array.from({ length: 40 }, (_, i) =>
    (i % 2 === 0 ? a : b).put({
      ...table(1, 'interface', 1000, [`r${i}`], { in: [i] }),
      part: i + 1,
    }),
  )
  await Promise.all(puts)
  const missing = 40 - (await c.latest(1)).length
  t.ok(missing <= a.stats().skipped + b.stats().skipped, 'what is not there is counted')
  // The next write of each brings what was skipped.
  for (const live of [a, b]) await live.put(scalars(1, 'interface', 1001, { after: 1 }))
  await a.put(scalars(1, 'interface', 1002, { after: 2 }))
  await b.put(scalars(1, 'interface', 1003, { after: 3 }))
  t.equal((await c.latest(1)).filter(({ metric }) => metric === 'in').length, 40)
})

t.test('a process that starts again goes on from what lies in Redis', async t => {
  const { url } = await startRedis(t)
  const a = await connected(t, url)
  await a.put(table(1, 'interface', 1000, ['x'], { in: [1], alias: ['slow'] }))
  await a.close()
  const b = await connected(t, url)
  await b.put(table(1, 'interface', 2000, ['x'], { in: [2] }))
  t.same(values(await (await connected(t, url)).latest(1)), [
    'interface.alias[x] = slow @1000',
    'interface.in[x] = 2 @2000',
  ])
})

t.test('keys: one blob for a group, gone with the device, and by themselves', async t => {
  const { url, admin } = await startRedis(t)
  const live = await connected(t, url)
  for (const uid of [1, 2]) {
    for (let at = 1; at <= 3; at++) {
      await live.put(table(uid, 'interface', at, ['x'], { in: [at] }))
      await live.put(scalars(uid, 'system', at, { uptime: at }))
    }
  }
  const keysOf = (uid: number) =>
    ['', ':interface', ':system'].map(end => `pollux:main:live:{${uid}}${end}`)
  t.same((await admin.keys('*')).sort(), [...keysOf(1), ...keysOf(2)].sort())
  for (const key of keysOf(1)) t.ok((await admin.pttl(key)) > 0, `${key} goes by itself`)
  const other = await connected(t, url)
  await other.forget(1)
  t.same((await admin.keys('*')).sort(), keysOf(2).sort())
})

t.test('foreign, damaged, older and misplaced blobs are counted, not believed', async t => {
  const { url, admin } = await startRedis(t)
  const key = 'pollux:main:live:{1}:system'
  const live = await connected(t, url)
  const put = (at: number) => live.put(scalars(1, 'system', at, { x: at }))
  await put(1000)
  const good = await admin.getBuffer(key)
  if (!good) throw new Error('no blob')
  const changed = (at: number, byte: number) => {
    const copy = Buffer.from(good)
    copy[at] = byte
    return copy
  }
  await live.put(scalars(1, 'other', 1000, { x: 1 }))
  const misplaced = await admin.getBuffer('pollux:main:live:{1}:other')
  const bad: [string, Buffer | string][] = [
    ['text', 'no blob at all, but longer than its head'],
    ['of an older format', changed(1, 0x30)],
    ['with another head', changed(30, 0xff)],
    ['with other values', changed(good.length - 5, 0x39)],
    ['with another checksum', changed(19, 0x7f)],
    ['cut off', good.subarray(0, good.length - 1)],
    ['a head alone', good.subarray(0, 20)],
    ['with something behind', Buffer.concat([good, good])],
    ['of another group', misplaced ?? ''],
  ]
  let at = 2000
  for (const [what, bytes] of bad) {
    await admin.set(key, bytes)
    const reader = await connected(t, url)
    t.same(
      values(await reader.latest(1)),
      ['other.x = 1 @1000'],
      `${what}: a reader passes it over`,
    )
    t.equal(reader.stats().foreign, 1, `${what}: counted`)
    t.match(values(await live.latest(1)).join(), 'system.x', `${what}: its own copy answers`)
    await put(++at)
    t.same(
      values(await reader.latest(1)),
      ['other.x = 1 @1000', `system.x = ${at} @${at}`],
      `${what}: written anew`,
    )
    await reader.close()
  }
  t.equal(live.stats().skipped, 0)
})

t.test('keys of another type and foreign messages', async t => {
  const { url, admin } = await startRedis(t)
  const live = await connected(t, url)
  const told: unknown[] = []
  live.subscribe('all', collection => told.push(collection))
  await live.put(scalars(1, 'system', 1000, { x: 1 }))
  await until(async () => {
    await admin.publish('pollux:main:live:1', '{"__proto__":{"uid":1}}')
    return live.stats().foreign > 0
  }, 'the message to be counted')
  t.equal(told.length, 1)
  await admin.del('pollux:main:live:{1}:system', 'pollux:main:live:{1}')
  await admin.hset('pollux:main:live:{1}:system', 'a', 'hash')
  await admin.set('pollux:main:live:{1}', 'a string where a set should be')
  t.same(values(await live.latest(1)), ['system.x = 1 @1000'])
  await live.put(scalars(1, 'system', 2000, { x: 2 }))
  t.same(values(await (await connected(t, url)).latest(1)), ['system.x = 2 @2000'])
  await admin.script('FLUSH')
  await live.put(scalars(1, 'system', 3000, { x: 3 }))
  t.same(values(await (await connected(t, url)).latest(1)), ['system.x = 3 @3000'])
})
