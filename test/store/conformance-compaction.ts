// The cases of compaction: polls become blocks and roll-ups, whatever comes late and wherever it fails,
// and what is read stays what was written.

import type { KyselyPlugin } from 'kysely'
import type { Test } from 'tap'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import { GAP_REASONS } from '../../server/model/gap.ts'
import { Damage } from '../../server/store/blocks.ts'
import { connectDatabase, type Database } from '../../server/store/database.ts'
import { Maintainer } from '../../server/store/maintenance.ts'
import { parseDatabaseUrl } from '../../server/store/open.ts'
import { tidy } from '../../server/store/tidy.ts'
import { log, type NewPlace } from './place.ts'
import { randomFrom, SEED } from './random.ts'
import { type Cell, collected, failed, gap, good, names, opened } from './samples.ts'
import { count, DAY, HOUR, MINUTE, minutes, readRange, type Stored, T0, tend } from './tending.ts'

/** As a block keeps it: numbers at five digits. */
const kept = (stored: Stored): Stored =>
  Object.fromEntries(
    Object.entries(stored).map(([name, points]) => [
      name,
      points.map(point =>
        typeof point.value === 'number' ? { ...point, value: tidy(point.value) } : point,
      ),
    ]),
  )

export function compactionCases(t: Test, newPlace: NewPlace): void {
  movingCases(t, newPlace)
  lateCases(t, newPlace)
  rollUpCases(t, newPlace)
  damageCases(t, newPlace)
  crashCases(t, newPlace)
}

function randomCell(random: () => number, metric: string): Cell {
  const form = random()
  if (form < 0.05)
    return { gap: GAP_REASONS[Math.floor(random() * GAP_REASONS.length)] ?? 'timeout' }
  if (metric === 'text')
    return ['up', 'down', '', 'ünï', 'x'.repeat(900)][Math.floor(random() * 5)] ?? ''
  if (metric === 'state') return random() < 0.9 ? 1 : 2
  if (metric === 'counter') return Math.floor(random() * 2 ** 53)
  if (metric === 'quotient') return random() * 10 ** Math.floor(random() * 12 - 3)
  return Number((random() * 10 ** Math.floor(random() * 10)).toPrecision(5))
}

const METRICS = ['rate', 'counter', 'state', 'quotient', 'text']

/** Rows that come and go, gaps, failures, times that jitter, and holes. */
function randomHistory(random: () => number, uid: number, count: number): AcceptedCollection[] {
  const rows = names('r', 40)
  let at = T0
  return Array.from({ length: count }, () => {
    at += MINUTE - 500 + Math.floor(random() * 1000) + (random() < 0.01 ? HOUR : 0)
    if (random() < 0.03) return failed(uid, at, 'timeout')
    const here = rows.filter((_, row) => row < 20 || (at - T0) / HOUR > row / 10)
    const metrics = METRICS.filter(() => random() < 0.9)
    return collected(
      uid,
      at,
      here,
      Object.fromEntries(metrics.map(name => [name, here.map(() => randomCell(random, name))])),
    )
  })
}

function movingCases(t: Test, newPlace: NewPlace): void {
  t.test(`random data is the same after compaction, at five digits (seed ${SEED})`, async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const random = randomFrom(SEED + 11)
    const history = randomHistory(random, uid, 700)
    for (let from = 0; from < history.length; from += 50) {
      await store.samples.write(history.slice(from, from + 50))
    }
    const all = { from: T0, to: T0 + 3 * DAY }
    const before = await readRange(store, uid, METRICS, all)
    const latest = await store.samples.latest(uid)
    t.equal(Object.keys(before).length, 200)
    const half = T0 + 6 * HOUR
    await tend(store, half - HOUR)
    const left = await count(place, 'poll')
    t.ok(left > 0 && left < 3 * 700, 'some windows are closed')
    t.same(
      await readRange(store, uid, METRICS, { from: half - HOUR, to: half + HOUR }),
      within(await readRange(store, uid, METRICS, all), half - HOUR, half + HOUR),
      'over the edge between blocks and polls',
    )
    await tend(store, T0 + 3 * DAY)
    t.equal(await count(place, 'poll'), 0)
    t.ok((await count(place, 'block_default')) >= 3)
    const after = await readRange(store, uid, METRICS, all)
    t.same(after, kept(before))
    t.same(
      (await store.samples.latest(uid)).map(one => one.value),
      latest.map(({ value }) => (typeof value === 'number' ? tidy(value) : value)),
    )
    t.same(
      // A failure that is sent again says something of the series that came since.
      (await store.samples.write(history.filter(one => one.failed === null))).filter(
        outcome => outcome !== 'duplicate',
      ),
      [],
      'what is in a block is a duplicate',
    )
    t.equal(await count(place, 'poll'), 0)
    t.same(await readRange(store, uid, METRICS, all), after)
    t.match(store.maintenance.stats(), { failed: 0, damaged: 0, waiting: 0 })
  })

  t.test('how often a stream is read decides how long its windows are', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const groups = { fast: 1000, quick: 15_000, usual: MINUTE, slow: 5 * MINUTE }
    for (const [group, every] of Object.entries(groups)) {
      for (let from = 0; from < 300; from += 100) {
        await store.samples.write(
          Array.from({ length: 100 }, (_, index) =>
            collected(uid, T0 + (from + index) * every, null, { load: [index] }, group),
          ),
        )
      }
    }
    await tend(store, T0 + 3 * DAY)
    const rows = await place.raw(
      `select stream.group_name as name, min(t1 - t0) as w, max(t1 - t0) as v, sum(n) as n
       from block_default join stream on stream.id = block_default.stream_id group by group_name`,
    )
    const found = Object.fromEntries(
      rows.map(({ name, w, v, n }) => [name, [Number(w), Number(v), Number(n)]]),
    )
    t.same(found, {
      fast: [HOUR / 4, HOUR / 4, 300],
      quick: [HOUR, HOUR, 300],
      usual: [4 * HOUR, 4 * HOUR, 300],
      slow: [DAY, DAY, 300],
    })
  })

  t.test('while the compactor works, nothing is missed and nothing is double', async t => {
    const { store, uid } = await opened(t, newPlace)
    const times = minutes(0, 2 * 1440)
    for (let from = 0; from < times.length; from += 240) {
      await store.samples.write(
        times.slice(from, from + 240).map(at => collected(uid, at, null, { load: [1] })),
      )
    }
    let isDone = false
    const wrong: unknown[] = []
    let reads = 0
    const reading = (async () => {
      while (!isDone) {
        const range = { from: T0, to: T0 + 2 * DAY - 1 }
        const raw = await readRange(store, uid, ['load'], range)
        if (raw['load null']?.length !== times.length) wrong.push(raw['load null']?.length)
        const [one] = await store.samples.latest(uid)
        if (one?.at !== times.at(-1)) wrong.push(one)
        reads++
      }
    })()
    await tend(store, T0 + 30 * DAY)
    isDone = true
    await reading
    t.ok(reads > 0)
    t.same(wrong, [])
  })

  t.test('a device that goes takes its blocks with it', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 600).map(at => collected(uid, at, ['a'], { in: [at] })))
    await tend(store, T0 + 10 * DAY)
    t.ok((await count(place, 'r15m_default')) > 0)
    await store.devices.remove('sw', { history: true, at: 1 })
    for (const table of ['block_default', 'r15m_default', 'r1h_default', 'rollup_due', 'stream']) {
      t.equal(await count(place, table), 0, table)
    }
    await tend(store, T0 + 20 * DAY)
    t.match(store.maintenance.stats(), { failed: 0 })
  })
}

const within = (stored: Stored, from: number, to: number): Stored =>
  Object.fromEntries(
    Object.entries(stored).map(([name, points]) => [
      name,
      points.filter(({ at }) => at >= from && at <= to),
    ]),
  )

function lateCases(t: Test, newPlace: NewPlace): void {
  t.test('what comes late is merged: gaps are filled, values stay, nothing is double', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const write = (at: number, cells: Record<string, Cell[]>) =>
      store.samples.write([collected(uid, at, ['a', 'b'], cells)])
    const [m0, m1, m2, m3] = [T0, T0 + MINUTE, T0 + 2 * MINUTE, T0 + 3 * MINUTE]
    await write(m0, { in: [1, 2], name: ['x', 'y'] })
    await write(m2, { in: [{ gap: 'timeout' }, 4], name: ['x', 'z'] })
    await tend(store, T0 + DAY)
    t.equal(await count(place, 'poll'), 0)
    t.same(await write(m0, { in: [1, 2] }), ['duplicate'])
    t.same(await write(m0, { in: [9, 9] }), ['duplicate'], 'the first value stays')
    t.same(await write(m2, { in: [3, 4] }), ['stored'], 'a gap is filled')
    t.same(await write(m2, { in: [3, 4] }), ['duplicate'])
    t.same(await write(m3, { in: [5, 6], name: ['late', 'z'] }), ['stored'])
    t.same(await write(m1, { in: [7, { gap: 'partial' }] }), ['stored'])
    t.same(await write(m1, { name: ['n', 'm'] }), ['stored'], 'another part of it')
    const expected = {
      'in a': [good(m0, 1), good(m1, 7), good(m2, 3), good(m3, 5)],
      'in b': [good(m0, 2), gap(m1, 'partial'), good(m2, 4), good(m3, 6)],
      'name a': [good(m0, 'x'), good(m1, 'n'), good(m2, 'x'), good(m3, 'late')],
      'name b': [good(m0, 'y'), good(m1, 'm'), good(m2, 'z'), good(m3, 'z')],
    }
    const range = { from: T0, to: T0 + HOUR }
    t.same(await readRange(store, uid, ['in', 'name'], range), expected)
    const sums = await readRange(store, uid, ['in'], { ...range, points: 1 })
    t.match(sums, { 'in a': [{ value: 4 }], 'in b': [{ value: 4 }] }, 'each counts once')
    await tend(store, T0 + 2 * DAY)
    t.equal(await count(place, 'poll'), 0)
    t.equal(await count(place, 'block_default'), 1)
    t.same(await readRange(store, uid, ['in', 'name'], range), expected)
    t.same(await readRange(store, uid, ['in'], { ...range, points: 1 }), sums)
  })

  t.test(`a week that comes back to front, in part twice (seed ${SEED})`, async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const random = randomFrom(SEED + 12)
    const times = minutes(0, 7 * 1440).filter((_, index) => index % 7 === 0)
    const batches = Array.from({ length: 24 }, (_, index) =>
      times.filter((_, which) => which % 24 === index),
    ).reverse()
    for (const [index, batch] of batches.entries()) {
      const collections = batch.map(at => collected(uid, at, ['a'], { in: [(at - T0) / MINUTE] }))
      await store.samples.write(collections)
      await store.samples.write(collections.filter(() => random() < 0.2))
      // In between the compactor meets blocks that are there already.
      if (index % 5 === 4) await tend(store, T0 + (8 + index / 2) * DAY)
    }
    await tend(store, T0 + 25 * DAY)
    t.equal(await count(place, 'poll'), 0)
    t.equal(await count(place, 'rollup_due'), 0)
    const range = { from: T0, to: T0 + 7 * DAY - 1 }
    t.same(await readRange(store, uid, ['in'], range), {
      'in a': times.map(at => good(at, (at - T0) / MINUTE)),
    })
    const days = await readRange(store, uid, ['in'], { ...range, points: 7, fn: 'max' })
    t.same(
      days['in a']?.map(({ value }) => value),
      Array.from({ length: 7 }, (_, day) =>
        Math.max(...times.filter(at => at < T0 + (day + 1) * DAY).map(at => (at - T0) / MINUTE)),
      ),
    )
  })
}

function rollUpCases(t: Test, newPlace: NewPlace): void {
  t.test(`roll-ups say what the samples say (seed ${SEED})`, async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const random = randomFrom(SEED + 13)
    const times = minutes(0, 15 * 288).map(at => T0 + (at - T0) * 5)
    const values = new Map(times.map(at => [at, Math.round(random() * 1000)]))
    for (let from = 0; from < times.length; from += 200) {
      await store.samples.write(
        times.slice(from, from + 200).map(at => {
          const isGap = at % DAY < HOUR
          return collected(uid, at, null, {
            load: [isGap ? { gap: 'timeout' } : (values.get(at) ?? 0)],
            word: [at % DAY < 12 * HOUR ? 'am' : 'pm'],
          })
        }),
      )
    }
    const range = { from: T0, to: T0 + 15 * DAY - 1 }
    const asked = async () => {
      const answers = []
      const averages: number[] = []
      for (const points of [360, 60, 30]) {
        for (const fn of ['min', 'max', 'last', 'avg'] as const) {
          const { 'load null': load, 'word null': word } = await readRange(
            store,
            uid,
            ['load', 'word'],
            { ...range, points, fn },
          )
          // Averages of averages have five digits: they are compared by themselves.
          if (fn === 'avg') averages.push(...(load ?? []).map(({ value }) => Number(value)))
          const shown = fn === 'avg' ? load?.map(({ at, gap }) => ({ at, gap })) : load
          answers.push({ points, fn, load: shown, word })
        }
      }
      return { answers, averages }
    }
    const before = await asked()
    const asBefore = async (when: string) => {
      const { answers, averages } = await asked()
      t.same(answers, before.answers, when)
      const isNear = (value: number, index: number) =>
        Math.abs(value - (before.averages[index] ?? 0)) <= value * 1e-4
      t.ok(averages.every(isNear), `${when}: averages`)
    }
    await tend(store, T0 + 13 * DAY)
    t.ok((await count(place, 'rollup_due')) > 0, 'the second week is not rolled up yet')
    await asBefore('days and weeks, and what is not rolled up yet')
    await tend(store, T0 + 22 * DAY)
    t.equal(await count(place, 'rollup_due'), 0)
    t.equal(await count(place, 'r15m_default'), 15)
    t.equal(await count(place, 'r1h_default'), 3)
    await asBefore('all rolled up')
    const late = T0 + 3 * DAY + 2 * HOUR + 1
    await store.samples.write([collected(uid, late, null, { load: [5000] })])
    const max = await readRange(store, uid, ['load'], { ...range, points: 15, fn: 'max' })
    t.equal(max['load null']?.[3]?.value, 5000, 'at once')
    await tend(store, T0 + 22 * DAY + HOUR)
    t.equal(await count(place, 'rollup_due'), 0)
    t.same(await readRange(store, uid, ['load'], { ...range, points: 15, fn: 'max' }), max)
  })
}

function damageCases(t: Test, newPlace: NewPlace): void {
  t.test('a damaged block is a gap and set aside, the rest is read', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 1440).map(at => collected(uid, at, ['a'], { in: [1] })))
    await tend(store, T0 + DAY)
    t.equal(await count(place, 'block_default'), 6)
    await place.raw(
      `update block_default set data = concat(substr(data, 1, 20), substr(data, 22))
        where t0 = ${T0 + 4 * HOUR}`.replace(
        /concat\((.*), (substr.*)\)\n/,
        place.url.startsWith('sqlite') ? 'cast($1 || $2 as blob)\n' : 'concat($1, $2)\n',
      ),
    )
    const all = { from: T0, to: T0 + DAY - 1 }
    const read = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.equal(read.length, 1440 - 240 + 1)
    t.same(
      read.filter(point => point.gap !== null),
      [gap(T0 + 4 * HOUR, 'decode')],
    )
    t.equal(store.maintenance.stats().damaged, 1)
    const late = T0 + 5 * HOUR + 1
    await store.samples.write([collected(uid, late, ['a'], { in: [2] })])
    await tend(store, T0 + 3 * DAY)
    t.match(store.maintenance.stats(), { failed: 0 })
    t.equal(await count(place, 'block_damaged'), 1)
    const after = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.same(
      after.filter(point => point.at >= T0 + 4 * HOUR && point.at < T0 + 8 * HOUR),
      [gap(T0 + 4 * HOUR, 'decode'), good(late, 2), gap(T0 + 8 * HOUR - 1, 'decode')],
    )
    t.equal(after.length, 1440 - 240 + 3)
  })

  t.test('a roll-up that fails again and again is named until it is made', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 1440).map(at => collected(uid, at, ['a'], { in: [1] })))
    await tend(store, T0 + 20 * HOUR)
    // Its times now lie in the day before, which no point of this day can hold.
    const move = (by: number) =>
      place.raw(`update block_default set t0 = t0 + ${by} where t1 = ${T0 + 4 * HOUR}`)
    await move(-HOUR)
    await tend(store, T0 + DAY)
    t.equal(store.maintenance.stuck(), null, 'once or twice may pass')
    await tend(store, T0 + DAY + 3 * HOUR)
    t.match(store.maintenance.stuck(), { count: 1, error: /not in this roll-up/ })
    t.match(store.maintenance.stats(), { stuck: 1, rollUps: 0 })
    const since = store.maintenance.stuck()?.since ?? 0
    t.ok(since >= T0 + DAY && since <= T0 + DAY + HOUR, 'since the first failure')
    await move(HOUR)
    await tend(store, T0 + DAY + 4.5 * HOUR)
    t.equal(store.maintenance.stuck(), null)
    t.match(store.maintenance.stats(), { stuck: 0, rollUps: 1 })
  })

  t.test('what failed and is not due any more is not named', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 1440).map(at => collected(uid, at, ['a'], { in: [1] })))
    await tend(store, T0 + 20 * HOUR)
    await place.raw(`update block_default set t0 = t0 - ${HOUR} where t1 = ${T0 + 4 * HOUR}`)
    await tend(store, T0 + DAY)
    await tend(store, T0 + DAY + 3 * HOUR)
    t.match(store.maintenance.stuck(), { count: 1 })
    await place.raw('delete from rollup_due')
    await tend(store, T0 + DAY + 9 * HOUR)
    t.equal(store.maintenance.stuck(), null)
  })

  t.test('a damaged roll-up is replaced by what it is made of', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 2880).map(at => collected(uid, at, ['a'], { in: [1] })))
    await tend(store, T0 + 20 * DAY)
    const asked = { from: T0, to: T0 + 2 * DAY - 1, points: 12 }
    const before = await readRange(store, uid, ['in'], asked)
    t.equal(before['in a']?.length, 12)
    const short = (table: string) =>
      place.raw(`update ${table} set data = substr(data, 1, 30) where t0 = ${T0}`)
    await short('r1h_default')
    t.same(await readRange(store, uid, ['in'], asked), before)
    await short('r15m_default')
    t.same(await readRange(store, uid, ['in'], asked), before)
    t.equal(store.maintenance.stats().damaged, 2)
  })

  t.test('where samples were lost, a roll-up that was made before stays', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(minutes(0, 1440).map(at => collected(uid, at, ['a'], { in: [7] })))
    await tend(store, T0 + 20 * DAY)
    const asked = { from: T0, to: T0 + DAY - 1, points: 24, fn: 'avg' as const }
    const before = await readRange(store, uid, ['in'], asked)
    await place.raw(`update block_default set data = substr(data, 1, 30) where t0 = ${T0}`)
    await store.samples.write([collected(uid, T0 + 1, ['a'], { in: [7] })])
    await tend(store, T0 + 21 * DAY)
    t.equal(await count(place, 'block_damaged'), 1)
    t.equal(await count(place, 'rollup_due'), 0)
    t.same(await readRange(store, uid, ['in'], asked), before)
  })
}

/** A database whose statement number `failAt` in a transaction fails, as if the process ended there. */
function failing(database: Database, failAt: () => number): Database {
  let statements = 0
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      if (++statements === failAt()) throw new Error('the end')
      return node
    },
    async transformResult({ result }) {
      return result
    },
  }
  return {
    ...database,
    transaction: work =>
      database.db.transaction().execute(tx => {
        statements = 0
        return work(tx.withPlugin(plugin))
      }),
  }
}

function crashCases(t: Test, newPlace: NewPlace): void {
  t.test('an end between any two statements loses nothing and doubles nothing', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const history = minutes(0, 500).map((at, index) =>
      collected(uid, at, ['a', 'b'], { in: [index, index * 2], name: ['x', `t${index % 9}`] }),
    )
    const late = minutes(0, 500).map(at => collected(uid, at + 1, ['a'], { in: [1] }))
    const all = { from: T0, to: T0 + DAY }
    const database = connectDatabase(parseDatabaseUrl(place.url))
    t.teardown(() => database.close())
    let failAt = 0
    let crashes = 0
    for (const [round, batch] of [history, late.slice(0, 300)].entries()) {
      for (let from = 0; from < batch.length; from += 100) {
        await store.samples.write(batch.slice(from, from + 100))
      }
      const expected = await readRange(store, uid, ['in', 'name'], all)
      const sums = await readRange(store, uid, ['in'], { ...all, points: 3 })
      let isWhole = false
      for (failAt = 1; !isWhole; failAt++) {
        const maintainer = new Maintainer(
          failing(database, () => failAt),
          log,
          new Damage(log),
        )
        const now = T0 + (3 + round) * DAY
        await tend({ maintenance: maintainer }, now)
        crashes += maintainer.stats().failed
        isWhole = maintainer.stats().failed === 0
        const read = await readRange(store, uid, ['in', 'name'], all)
        if (JSON.stringify(read) !== JSON.stringify(expected)) t.fail(`statement ${failAt}`)
        const again = await readRange(store, uid, ['in'], { ...all, points: 3 })
        if (JSON.stringify(again) !== JSON.stringify(sums)) t.fail(`statement ${failAt}: sums`)
        // A roll-up that failed waits an hour.
        await place.raw(`update rollup_due set ready_at = 0`)
      }
      await tend(store, T0 + (10 + round) * DAY)
      t.equal(await count(place, 'poll'), 0)
      t.same(await readRange(store, uid, ['in', 'name'], all), expected)
    }
    t.ok(crashes > 40, `${crashes} ends`)
  })
}
