// Messages that are wrong, huge, deep, many, late or lying: each is bounded, counted under its reason,
// and the good ones beside them are mapped as if they were alone.

import t from 'tap'
import { flat, mapping, START, shippedCatalogue, testDevice } from './kit.ts'

const simple = mapping({
  tables: {
    room: {
      title: 'Rooms',
      message: { topic: 'room/+', row: ['topic:2'] },
      maxRows: 100,
      metrics: {
        temperature: { title: 'Temperature', unit: 'Cel', path: 'temperature' },
        count: { title: 'Count', unit: '{thing}/s', kind: 'rate', path: 'count' },
      },
    },
  },
})

t.test('texts, NaN and numbers beyond numbers are gaps; what is beside them is kept', async t => {
  const device = await testDevice(simple)
  device.say('room/a', '{"temperature": "warm"}')
  device.say('room/b', '{"temperature": 1e308}')
  device.say('room/c', '{"temperature": 1e309}')
  device.say('room/d', '{"temperature": NaN}')
  device.say('room/e', '{"temperature": "NaN"}')
  device.say('room/f', '{"temperature": {"deep": 1}}')
  device.say('room/good', '{"temperature": 21.5}')
  t.strictSame(device.values(), {
    'room.temperature a': '!decode',
    'room.temperature b': 1e308,
    'room.temperature c': '!decode',
    'room.temperature e': '!decode',
    'room.temperature good': 21.5,
  })
  t.same(
    device.setAside.map(({ reason, topic }) => `${reason} ${topic}`),
    ['format room/d', 'empty room/f', 'decode room/a', 'decode room/c', 'decode room/e'],
  )
})

t.test('an integer beyond 64 bits is a gap, never the number that is left of it', async t => {
  const device = await testDevice(await shippedCatalogue())
  device.say('t', `mem,host=h total=18446744073709551616u,used=9223372036854775808i,free=5u`)
  t.match(device.values(), {
    'telegraf_memory.total h': '!decode',
    'telegraf_memory.used h': '!decode',
  })
  t.same(device.setAside, [{ reason: 'decode', topic: 't' }])
})

t.test('__proto__ is a name like any other, in payloads, topics and rows', async t => {
  const catalogue = mapping({
    tables: {
      thing: {
        title: 'Things',
        message: { rows: '$', row: ['topic:1', '@'] },
        metrics: { value: { title: 'Value', path: 'value' } },
      },
    },
  })
  const device = await testDevice(catalogue)
  device.say('__proto__', '{"__proto__":{"value":1,"polluted":true},"constructor":{"value":2}}')
  t.strictSame(device.values(), {
    'thing.value __proto__|__proto__': 1,
    'thing.value __proto__|constructor': 2,
  })
  t.notOk(Object.hasOwn(Object.prototype, 'polluted'))
})

t.test('depth 10,000 and 10 MB cost nothing but themselves', async t => {
  const device = await testDevice(simple)
  const deep = `{"temperature":${'['.repeat(10_000)}1${']'.repeat(10_000)}}`
  t.notOk(device.say('room/deep', deep))
  const nested = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`
  t.notOk(device.say('room/nested', nested))
  t.notOk(device.say('room/big', `{"temperature": 1, "x": "${'x'.repeat(10 * 1024 * 1024)}"}`))
  t.notOk(device.say('room/bytes', Buffer.from([0xff, 0xfe, 0x7b])))
  t.notOk(device.say('room/empty', ''))
  t.ok(device.say('room/good', '{"temperature": 20}'))
  t.strictSame(device.values(), { 'room.temperature good': 20 })
  t.same(
    device.setAside.map(({ reason }) => reason),
    ['empty', 'empty', 'too-large', 'format', 'format'],
  )
})

t.test(
  'a hundred thousand topics: as many rows as the mapping allows, the known ones go on',
  async t => {
    const device = await testDevice(simple)
    for (let i = 0; i < 100_000; i++) device.say(`room/n${i}`, '{"temperature": 1}')
    t.equal(Object.keys(device.values()).length, 100)
    t.equal(device.setAside.filter(({ reason }) => reason === 'rows').length, 99_900)
    device.now += 1000
    device.say('room/n5', '{"temperature": 5}')
    t.strictSame(device.values(), { 'room.temperature n5': 5 })
  },
)

t.test('identities that are too long or the same are refused', async t => {
  const catalogue = mapping({
    tables: {
      thing: {
        title: 'Things',
        message: { row: ['id'] },
        columns: { name: { path: 'name' } },
        key: ['name'],
        metrics: { value: { title: 'Value', path: 'value' } },
      },
    },
  })
  const device = await testDevice(catalogue)
  device.say('t', JSON.stringify({ id: 'x'.repeat(5000), value: 1 }))
  device.say('t', '{"id":"a","name":"same","value":1}')
  device.say('t', '{"id":"b","name":"same","value":2}')
  t.strictSame(device.values(), { 'thing.value same': 1 })
  t.same(
    device.setAside.map(({ reason }) => reason),
    ['row', 'row'],
  )
})

t.test('half a surrogate in a name or a label: that row alone is left out', async t => {
  const catalogue = mapping({
    tables: {
      thing: {
        title: 'Things',
        message: { rows: '$', row: ['id'] },
        columns: { name: { path: 'name' }, room: { path: 'room' } },
        key: ['name'],
        labels: ['room'],
        metrics: { value: { title: 'Value', path: 'value' } },
      },
    },
  })
  const device = await testDevice(catalogue)
  const long = `x${'😀'.repeat(600)}`
  const things = [
    { id: '@', name: 'of its name', value: 1 },
    { id: 'a', name: '@', value: 2 },
    { id: 'b', name: 'of its label', room: 'hall @', value: 3 },
    { id: 'c', name: '😀', room: 'hall', value: 4 },
    // Cut in the middle of a pair, wherever one cuts.
    { id: 'd', name: long, room: long, value: 5 },
    { id: 'e', name: `x${long}`, room: `x${long}`, value: 6 },
  ]
  device.say('t', JSON.stringify(things).replaceAll('@', '\\ud83d'))
  const { collections, rows } = device.flush()
  const values = flat(collections)
  t.same(Object.values(values), [4, 5, 6])
  t.ok(Object.keys(values).every(key => key.isWellFormed()))
  t.notMatch(JSON.stringify(rows), /\\ud/, 'nor is there half a pair in a label')
  t.same(device.setAside, Array(3).fill({ reason: 'row', topic: 't' }))
})

t.test('a topic that matches two mappings goes to both', async t => {
  const group = (path: string) => ({
    title: path,
    message: { topic: 'room/+', row: ['topic:2'] },
    metrics: { value: { title: 'Value', path } },
  })
  const device = await testDevice(
    mapping({ tables: { one: group('temperature'), two: group('humidity') } }),
  )
  device.say('room/a', '{"temperature": 20, "humidity": 50}')
  t.strictSame(device.values(), { 'one.value a': 20, 'two.value a': 50 })
})

t.test('a wrong clock is a gap that says so, once it is known whose; never a sample', async t => {
  const device = await testDevice(await shippedCatalogue())
  const line = (at: number) => `system,host=h load1=1 ${at}000000000`
  device.say('t', line(START / 1000 + 86_400))
  t.strictSame(device.values(), {})
  device.say('t', line(START / 1000))
  t.strictSame(device.values(), { 'telegraf_system.load1 h': 1 })
  device.now += 10_000
  device.say('t', line(10))
  t.strictSame(device.values(), { 'telegraf_system.load1 h': '!device-clock' })
  t.same(
    device.setAside.map(({ reason }) => reason),
    ['device-clock', 'device-clock'],
  )
})

t.test('two collections of a group never have one time', async t => {
  const device = await testDevice(await shippedCatalogue())
  const times: number[] = []
  for (let i = 0; i < 20; i++) {
    device.say('t', `system,host=h${i} load1=1 ${START / 1000}000000000`)
    for (const { body } of device.flush().collections) times.push(body.at)
  }
  t.equal(times.length, 20)
  t.equal(new Set(times).size, 20)
})

t.test('counters: a value heard again is no increase of nothing', async t => {
  const device = await testDevice(simple)
  device.say('room/a', '{"count": 10, "temperature": 1}')
  t.match(device.values(), { 'room.count a': '!first', 'room.temperature a': 1 })
  device.say('room/a', '{"temperature": 2}')
  t.strictSame(device.values(), { 'room.temperature a': 2 }, 'what was not heard is not told')
  device.say('room/a', '{"count": 5}')
  t.strictSame(device.values(), { 'room.count a': '!reset' })
})

t.test('silence: a row, then all of them; never while nothing could be heard', async t => {
  const device = await testDevice(simple, { every: '10s' })
  const after = (seconds: number, deafUntil = 0) => {
    device.now = START + seconds * 1000
    return device.silences(deafUntil).collections
  }
  const say = (room: string) => {
    device.say(`room/${room}`, '{"temperature": 1}')
    device.flush()
  }
  say('a')
  say('b')
  t.same(after(10), [])
  t.same(after(20), [], 'two intervals are no silence yet')
  say('a')
  t.match(after(30), [
    { group: 'room', body: { ok: true, rows: ['b'], gaps: { temperature: ['timeout'] } } },
  ])
  t.same(after(31), [], 'told once an interval')
  t.match(after(60), [{ group: 'room', body: { ok: false, reason: 'timeout' } }], 'nothing at all')
  t.same(after(70, START + 69_000), [], 'the broker was away until just now')
  say('a')
  t.match(after(80), [{ body: { ok: true, rows: ['b'] } }], 'one is back')
})

t.test('a device that never sent anything says so', async t => {
  const device = await testDevice(simple, { every: '10s', topics: ['room/+'] })
  device.now = START + 30_000
  const [failed] = device.silences().collections
  t.match(failed, { group: 'device', body: { ok: false, reason: 'timeout', error: /room\/\+/ } })
})
