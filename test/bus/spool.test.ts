// The disk spool: order, bounds, settling, restarts, full disks, and recovery from any damage.

import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import t from 'tap'
import { createRangeSet } from '../../server/bus/ranges.ts'
import { encodeRecord, scanRecords } from '../../server/bus/record.ts'
import { openSpool, type Spool, type SpoolLimits } from '../../server/bus/spool.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'

const topic = 'pollux/test/devices/d/samples/g'

async function spoolIn(t: Teardown, dir: string, boot: string, limits: SpoolLimits = {}) {
  const spool = await openSpool({ dir, boot, log: silentLog, limits })
  t.teardown(() => spool.close())
  return spool
}

function fill(spool: Spool, from: number, to: number, bytes = 100): void {
  for (let seq = from; seq <= to; seq++) {
    spool.append({ seq, retain: seq % 7 === 0, topic, payload: Buffer.alloc(bytes, seq) })
  }
}

async function takeAll(spool: Spool): Promise<string[]> {
  const got: string[] = []
  for (;;) {
    const records = await spool.take(50, 10_000)
    if (records.length === 0) return got
    for (const record of records) {
      if (!record.payload.every(byte => byte === record.seq % 256)) throw new Error('wrong bytes')
      got.push(`${record.boot} ${record.seq}`)
    }
  }
}

const numbers = (boot: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${boot} ${from + i}`)

/** A small generator with a seed, so that a failure can be replayed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

t.test('gives records in order, once each, from memory and from disk', async t => {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1')
  fill(spool, 1, 100)
  const first = await spool.take(10, 1e6)
  t.same(
    first.map(record => record.seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  t.match(first[6], { boot: 'b1', retain: true, topic })
  await spool.flush()
  t.equal(spool.stats.memoryBytes, 0, 'synced records are not kept in memory')
  fill(spool, 101, 150)
  t.same(await takeAll(spool), numbers('b1', 11, 150))
  t.same(await takeAll(spool), [])
  t.equal(spool.stats.waiting, 150)
})

t.test(
  'what is settled is not given again by the next start; the rest is, under its boot',
  async t => {
    const dir = await tempDir(t)
    const one = await spoolIn(t, dir, 'b1')
    fill(one, 1, 100)
    await one.flush()
    t.equal(one.settle('b1', 1, 60), 60)
    t.equal(one.settle('b1', 1, 60), 0, 'once')
    t.equal(one.settle('other', 1, 60), 0)
    t.equal(one.settle('b1', 90, Number.MAX_SAFE_INTEGER), 11)
    await one.close()
    await one.close()
    const two = await spoolIn(t, dir, 'b2')
    t.match(two.stats, { recovered: 29, waiting: 29, lost: 0 })
    fill(two, 1, 5)
    t.same(await takeAll(two), [...numbers('b1', 61, 89), ...numbers('b2', 1, 5)])
    t.ok(two.isWaiting('b1', 61) && two.isWaiting('b2', 5))
    t.notOk(two.isWaiting('b1', 60) || two.isWaiting('b2', 6) || two.isWaiting('b1', 90))
    two.settle('b1', 0, 1000)
    two.settle('b2', 0, 1000)
    await two.close()
    const left = await readdir(dir)
    t.notOk(
      left.some(name => name.endsWith('.seg')),
      'settled files are gone',
    )
  },
)

t.test('files are cut at their size and deleted when settled', async t => {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1', { segmentBytes: 2000 })
  for (let i = 0; i < 10; i++) {
    fill(spool, i * 10 + 1, i * 10 + 10)
    await spool.flush()
  }
  const files = async () => (await readdir(dir)).filter(name => name.endsWith('.seg')).length
  t.ok((await files()) >= 4)
  spool.settle('b1', 1, 90)
  await spool.flush()
  t.ok((await files()) <= 2)
  t.same(await takeAll(spool), numbers('b1', 91, 100))
})

t.test('many files of many boots are given in order, each record once', async t => {
  const dir = await tempDir(t)
  const expected: string[] = []
  for (const [i, count] of [40, 7, 120, 1, 60].entries()) {
    const spool = await openSpool({
      dir,
      boot: `b${i}`,
      log: silentLog,
      limits: { segmentBytes: 3000 },
    })
    for (let seq = 1; seq <= count; seq += 10) {
      fill(spool, seq, Math.min(count, seq + 9))
      await spool.flush()
    }
    await spool.close()
    expected.push(...numbers(`b${i}`, 1, count))
  }
  const spool = await spoolIn(t, dir, 'new')
  fill(spool, 1, 30)
  t.same(await takeAll(spool), [...expected, ...numbers('new', 1, 30)])
})

t.test('the oldest go first when the bytes are used up, and are counted', async t => {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1', { bytesMax: 20_000 })
  for (let i = 0; i < 50; i++) {
    fill(spool, i * 10 + 1, i * 10 + 10)
    await spool.flush()
  }
  const { waiting, dropped, bytes } = spool.stats
  t.equal(waiting + dropped, 500)
  t.ok(dropped > 300 && waiting > 50)
  t.ok(bytes <= 20_000)
  t.same(await takeAll(spool), numbers('b1', dropped + 1, 500))
})

t.test('a file dropped while it is being read disturbs nothing', async t => {
  const dir = await tempDir(t)
  const before = await spoolIn(t, dir, 'b1', { segmentBytes: 1000 })
  for (let i = 0; i < 20; i++) {
    fill(before, i * 5 + 1, i * 5 + 5)
    await before.flush()
  }
  await before.close()
  const spool = await spoolIn(t, dir, 'b2', { bytesMax: 16_000, segmentBytes: 1000 })
  const got: string[] = []
  for (let i = 0; i < 40; i++) {
    const [records] = await Promise.all([spool.take(2, 1e6), spool.flush()])
    got.push(...records.map(record => `${record.boot} ${record.seq}`))
    fill(spool, i + 1, i + 1, 400)
  }
  got.push(...(await takeAll(spool)))
  t.same([...new Set(got)], got, 'no record twice')
  t.same(
    got.filter(key => key.startsWith('b2')),
    numbers('b2', 1, 40).slice(-got.filter(key => key.startsWith('b2')).length),
  )
  t.ok(got.length + spool.stats.dropped >= 140, 'every record was given, or dropped and counted')
  t.equal(spool.stats.waiting + spool.stats.dropped, 140)
})

t.test('old files go', async t => {
  const dir = await tempDir(t)
  const one = await spoolIn(t, dir, 'b1')
  fill(one, 1, 10)
  await one.close()
  const two = await spoolIn(t, dir, 'b2', { ageMsMax: 1 })
  fill(two, 1, 1)
  await until(() => two.stats.dropped === 10, 'the old file to go')
  t.equal(two.stats.recovered, 10)
})

t.test('a disk that takes nothing: memory, then counted drops, then all is well again', async t => {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1', { memoryBytesMax: 20_000, segmentBytes: 500 })
  fill(spool, 1, 10)
  await spool.flush()
  // A spool without its folder fails to open the next file, as a full disk does.
  await rm(dir, { recursive: true })
  fill(spool, 11, 20)
  await spool.flush()
  t.match(spool.stats.diskError, /ENOENT/)
  fill(spool, 21, 300)
  const { waiting, dropped, memoryBytes } = spool.stats
  t.ok(memoryBytes <= 20_000)
  t.ok(dropped > 0)
  t.equal(waiting + dropped, 300)
  const { mkdir } = await import('node:fs/promises')
  await mkdir(dir)
  await until(() => spool.stats.diskError === null, 'the disk to be used again')
  await spool.flush()
  t.equal(spool.stats.memoryBytes, 0)
  const got = await takeAll(spool)
  t.same(got, numbers('b1', 300 - got.length + 1, 300), 'the newest, in order')
  t.equal(spool.stats.lost, 10, 'what the removed file held is counted')
  t.equal(got.length + spool.stats.lost + spool.stats.dropped, 300)
})

t.test('a folder that cannot be made is refused with the setting', async t => {
  const dir = await tempDir(t)
  await writeFile(path.join(dir, 'file'), '')
  await t.rejects(openSpool({ dir: path.join(dir, 'file', 'x'), boot: 'b', log: silentLog }), {
    code: 'E_SPOOL',
    hint: /POLLUX_DATA_DIR/,
  })
})

t.test('a broken or lost checkpoint sends again, and loses nothing', async t => {
  for (const text of ['', '{', '{"v":1,"boots":{"b1":[[5]]}}', '[]', '\0\0\0']) {
    const dir = await tempDir(t)
    const one = await spoolIn(t, dir, 'b1')
    fill(one, 1, 10)
    await one.flush()
    one.settle('b1', 1, 5)
    await one.close()
    await writeFile(path.join(dir, 'settled.json'), text)
    const two = await spoolIn(t, dir, 'b2')
    t.same(await takeAll(two), numbers('b1', 1, 10), JSON.stringify(text))
    t.equal(two.stats.lost, 0)
  }
})

/** A folder with one file of `count` records, and where each lies in it. */
async function oneFile(t: Teardown, count: number) {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1')
  fill(spool, 1, count, 60)
  await spool.close()
  const name = (await readdir(dir)).find(entry => entry.endsWith('.seg')) ?? ''
  const file = path.join(dir, name)
  const bytes = await readFile(file)
  const places = [...scanRecords(bytes)].map(({ offset, bytes: length }) => ({ offset, length }))
  return { dir, file, bytes, places }
}

t.test('cut at any byte: every record before the cut is there', async t => {
  const { dir, file, bytes, places } = await oneFile(t, 20)
  const next = random(1)
  for (let round = 0; round < 150; round++) {
    const cut = next(bytes.length + 1)
    await writeFile(file, bytes)
    await truncate(file, cut)
    const whole = places.filter(({ offset, length }) => offset + length <= cut).length
    const torn = places.every(({ offset }) => offset !== cut) && cut < bytes.length
    const spool = await openSpool({ dir, boot: 'b2', log: silentLog })
    const got = await takeAll(spool)
    t.same(got, numbers('b1', 1, whole), `cut at ${cut}`)
    t.equal(spool.stats.lost, torn ? 1 : 0, `counted at ${cut}`)
    await spool.close()
  }
})

t.test(
  'bits flipped anywhere: every other record is there, the broken ones are counted',
  async t => {
    const { dir, file, bytes, places } = await oneFile(t, 20)
    const next = random(2)
    for (let round = 0; round < 150; round++) {
      const copy = Buffer.from(bytes)
      const hit = new Set<number>()
      for (let flips = 1 + next(3); flips > 0; flips--) {
        const at = next(copy.length)
        copy.writeUInt8(copy.readUInt8(at) ^ (1 << next(8)), at)
      }
      for (const [i, { offset, length }] of places.entries()) {
        if (!copy.subarray(offset, offset + length).equals(bytes.subarray(offset, offset + length)))
          hit.add(i + 1)
      }
      await writeFile(file, copy)
      const spool = await openSpool({ dir, boot: 'b2', log: silentLog })
      const got = await takeAll(spool)
      t.same(
        got,
        numbers('b1', 1, 20).filter((_, i) => !hit.has(i + 1)),
        `round ${round}`,
      )
      // Neighbours at the very end leave no number behind them: one broken place is counted there.
      let atEnd = 0
      while (hit.has(20 - atEnd)) atEnd++
      t.equal(spool.stats.lost, hit.size - Math.max(0, atEnd - 1), `lost in round ${round}`)
      await spool.close()
    }
  },
)

t.test('garbage before, between and after, zeros, and foreign files stop nothing', async t => {
  const { dir, file, bytes, places } = await oneFile(t, 6)
  const middle = places[3]?.offset ?? 0
  const next = random(3)
  const garbage = () => Buffer.from(Array.from({ length: next(200) }, () => next(256)))
  const zeros = Buffer.alloc(4096)
  for (let round = 0; round < 50; round++) {
    await writeFile(
      file,
      Buffer.concat([
        garbage(),
        bytes.subarray(0, middle),
        garbage(),
        bytes.subarray(middle),
        zeros,
      ]),
    )
    await writeFile(path.join(dir, '0000000777.seg'), garbage())
    await writeFile(path.join(dir, 'notes.txt'), 'hello')
    const spool = await openSpool({ dir, boot: `c${round}`, log: silentLog })
    t.same(await takeAll(spool), numbers('b1', 1, 6))
    await spool.close()
  }
  t.ok((await stat(path.join(dir, 'notes.txt'))).isFile(), 'foreign files stay')
})

t.test('damage is counted once, not at every start', async t => {
  const { dir, file, bytes, places } = await oneFile(t, 10)
  const copy = Buffer.from(bytes)
  copy.fill(0, places[4]?.offset, (places[5]?.offset ?? 0) + (places[5]?.length ?? 0))
  await writeFile(file, copy.subarray(0, copy.length - 3))
  const first = await openSpool({ dir, boot: 'b2', log: silentLog })
  t.equal(first.stats.lost, 3, 'two zeroed, one torn')
  first.settle('b1', 1, 1)
  await first.close()
  const second = await openSpool({ dir, boot: 'b3', log: silentLog })
  t.match(second.stats, { lost: 0, waiting: 6 })
  await second.close()
})

t.test('a record broken after the start is counted when it is read', async t => {
  const dir = await tempDir(t)
  const spool = await spoolIn(t, dir, 'b1')
  fill(spool, 1, 10)
  await spool.flush()
  const name = (await readdir(dir)).find(entry => entry.endsWith('.seg')) ?? ''
  const bytes = await readFile(path.join(dir, name))
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  await writeFile(path.join(dir, name), bytes)
  t.same(await takeAll(spool), numbers('b1', 1, 9))
  t.match(spool.stats, { waiting: 9, lost: 1 })
})

t.test('a payload that looks like a record does not confuse recovery', async t => {
  const record = { boot: 'b', seq: 5, at: 1, retain: false, topic, payload: Buffer.from('x') }
  const inner = encodeRecord(record)
  const outer = encodeRecord({ ...record, seq: 6, payload: inner })
  const found = [...scanRecords(Buffer.concat([outer, inner]))]
  t.same(
    found.map(one => one.record?.seq),
    [6, 5],
  )
})

t.test('ranges stay few and answer right', async t => {
  const next = random(4)
  for (let round = 0; round < 50; round++) {
    const set = createRangeSet()
    const model = new Set<number>()
    for (let i = 0; i < 60; i++) {
      const from = next(100)
      const to = from + next(6)
      set.add(from, to)
      for (let number = from; number <= to; number++) model.add(number)
    }
    const wrong = Array.from({ length: 110 }, (_, i) => i).filter(i => set.has(i) !== model.has(i))
    t.same(wrong, [])
    const [from, to] = [next(50), 50 + next(60)]
    t.equal(
      set.countIn(from, to),
      [...model].filter(number => number >= from && number <= to).length,
    )
    const ranges = set.ranges()
    t.ok(ranges.every(([a, b], i) => a <= b && a > (ranges[i - 1]?.[1] ?? -2) + 1))
    t.same(createRangeSet(ranges).ranges(), ranges)
  }
})
