// The cases of a class of retention that is chosen, and chosen anew: what there is stays readable at
// every step, nothing is lost or doubled, and from then on it is kept as the new class says.

import type { Test } from 'tap'
import type { RetentionClass } from '../../server/model/retention.ts'
import type { Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { hourlyCases, rowCases } from './conformance-retention.ts'
import { log, type NewPlace, type Place } from './place.ts'
import { collected, good, opened } from './samples.ts'
import { count, DAY, HOUR, MINUTE, minutes, readRange, T0, tend } from './tending.ts'

const all = { from: T0, to: T0 + 100 * DAY }

/** A store with some days of one group in it, compacted. */
async function withDays(t: Test, newPlace: NewPlace, days: number) {
  const { place, store, uid } = await opened(t, newPlace)
  await tend(store, T0 + HOUR)
  for (let day = 0; day < days; day++) {
    await store.samples.write(
      minutes(day * 1440, (day + 1) * 1440).map(at =>
        collected(uid, at, ['a'], { in: [(at - T0) / MINUTE], name: [`d${day}`] }),
      ),
    )
  }
  return { place, store, uid }
}

const choose = (store: Store, kept: RetentionClass) => store.retention.choose(() => kept)

const sizesOf = async (place: Place, kept: RetentionClass) =>
  await Promise.all(['block', 'r15m', 'r1h'].map(tier => count(place, `${tier}_${kept}`)))

export function chosenClassCases(t: Test, newPlace: NewPlace): void {
  hourlyCases(t, newPlace)
  rowCases(t, newPlace)
  t.test('a new stream goes at once where its class says', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    store.retention.choose((_, group) => (group === 'volatile' ? 'short' : null))
    for (const group of ['volatile', 'other'])
      await store.samples.write([collected(uid, T0, ['a'], { in: [1] }, group)])
    t.match(await place.raw('select group_name, retention from stream order by group_name'), [
      { group_name: 'other', retention: 'default' },
      { group_name: 'volatile', retention: 'short' },
    ])
    // With more series than one stream holds, the others follow the first.
    const rows = Array.from({ length: 250 }, (_, index) => `r${index}`)
    store.retention.choose(() => null)
    await store.samples.write([collected(uid, T0 + 1, rows, { in: rows.map(() => 1) }, 'volatile')])
    t.match(
      await place.raw(`select distinct retention from stream where group_name = 'volatile'`),
      [{ retention: 'short' }],
    )
    t.match(await store.retention.devices(), { short: 1, default: 1, long: 0 })
  })

  t.test('a stream goes over with all that it has, and is whole at every step', async t => {
    const { place, store, uid } = await withDays(t, newPlace, 8)
    const now = T0 + 9 * DAY
    await tend(store, now)
    const before = await sizesOf(place, 'default')
    t.ok(
      before.every(n => n > 0),
      `${before}`,
    )
    const whole = await readRange(store, uid, ['in', 'name'], all)
    const days = await readRange(store, uid, ['in'], { ...all, points: 100, fn: 'max' })
    t.equal(whole['in a']?.length, 8 * 1440)
    choose(store, 'long')
    const late = [good(T0 + 30_000, 0.5), good(T0 + DAY + 30_000, 1.5)]
    let steps = 0
    for (; (await store.maintenance.step(now + 3 * HOUR)) === 'worked'; steps++) {
      if (steps > 500) throw new Error('the move does not come to an end')
      // What comes late lies in a block that was copied already.
      const one = late[steps - 4]
      if (one)
        await store.samples.write([collected(uid, one.at, ['a'], { in: [Number(one.value)] })])
      const read = await readRange(store, uid, ['in', 'name'], all)
      const known = (read['in a'] ?? []).filter(({ at }) => at % MINUTE === 0)
      t.same(known, whole['in a'], `step ${steps}`)
      t.same(read['name a'], whole['name a'])
    }
    t.match(store.maintenance.stats(), { moved: 1, failed: 0, damaged: 0 })
    await tend(store, now + 6 * HOUR)
    t.same(await sizesOf(place, 'default'), [0, 0, 0])
    t.same(await sizesOf(place, 'long'), before)
    const read = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.same(
      read.filter(({ at }) => at % MINUTE > 0),
      late,
    )
    t.equal(read.length, 8 * 1440 + 2)
    t.same(await readRange(store, uid, ['in'], { ...all, points: 100, fn: 'max' }), days)
    t.same(
      await store.samples.write([collected(uid, T0 + 30_000, ['a'], { in: [0.5] })]),
      ['duplicate'],
      'what came late is found where it is now',
    )
    t.equal((await store.samples.latest(uid)).length, 2)
    // From then on the class `long` says how long.
    await tend(store, T0 + 60 * DAY)
    t.equal(await count(place, 'block_long'), before[0], 'the default would keep none of it')
  })

  t.test('a shorter class drops what is too old for it', async t => {
    const { place, store, uid } = await withDays(t, newPlace, 2)
    await tend(store, T0 + 20 * DAY)
    choose(store, 'short')
    await tend(store, T0 + 21 * DAY)
    await tend(store, T0 + 22 * DAY + HOUR)
    t.same(await sizesOf(place, 'default'), [0, 0, 0])
    const [blocks, quarters] = await sizesOf(place, 'short')
    t.equal(blocks, 0, '7 days')
    t.ok(quarters)
    const read = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.equal(read.length, 2 * 96, 'averages of a quarter of an hour')
  })

  t.test('what is not rolled up yet is, before a shorter class drops it', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const now = T0 + 20 * DAY
    const run = async (at: number) => {
      for (let steps = 0; (await store.maintenance.step(at)) === 'worked'; ) {
        if (++steps > 5000) throw new Error('maintenance does not come to an end')
      }
    }
    await run(now)
    const times = minutes(0, 2 * 1440)
    await store.samples.write(times.map(at => collected(uid, at, ['a'], { in: [1] })))
    await run(now + 2 * MINUTE)
    t.ok((await count(place, 'rollup_due')) > 0)
    t.ok((await count(place, 'block_default')) > 0)
    choose(store, 'short')
    await run(now + 4 * MINUTE)
    t.equal((await readRange(store, uid, ['in'], all))['in a']?.length, 2 * 1440, 'it waits')
    await tend(store, now + HOUR)
    await tend(store, now + DAY)
    t.match(store.maintenance.stats(), { moved: 1, failed: 0 })
    t.same(await sizesOf(place, 'default'), [0, 0, 0])
    t.equal(await count(place, 'block_short'), 0, '7 days')
    t.equal((await readRange(store, uid, ['in'], all))['in a']?.length, 2 * 96)
  })

  t.test('what was answered as stored is kept where a longer class was chosen', async t => {
    const { store, uid } = await opened(t, newPlace)
    const now = T0 + 20 * DAY
    choose(store, 'short')
    await store.samples.write([collected(uid, now - HOUR, ['a'], { in: [1] })])
    await tend(store, now)
    choose(store, 'long')
    const answers = await store.samples.write(
      minutes(0, 60).map(at => collected(uid, at, ['a'], { in: [2] })),
    )
    t.same([...new Set(answers)], ['stored'])
    await tend(store, now + 3 * HOUR)
    t.match(store.maintenance.stats(), { tooOld: 0, moved: 1, failed: 0 })
    const read = await readRange(store, uid, ['in'], { from: T0, to: T0 + DAY })
    t.equal(read['in a']?.length, 4, 'quarters: the short class had no samples so long')
    t.ok(read['in a']?.every(({ value }) => value === 2))
  })

  t.test('what comes late does not replace the roll-up of samples that went', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    choose(store, 'short')
    await tend(store, T0 + HOUR)
    const day = minutes(0, 1440)
    await store.samples.write(day.map(at => collected(uid, at, ['a'], { in: [1] })))
    await tend(store, T0 + 2 * DAY)
    await tend(store, T0 + 20 * DAY)
    t.equal(await count(place, 'block_short'), 0)
    choose(store, 'long')
    await store.samples.write([collected(uid, T0 + 30_000, ['a'], { in: [9] })])
    await tend(store, T0 + 21 * DAY)
    const read = await readRange(store, uid, ['in'], { from: T0, to: T0 + DAY - 1 })
    t.equal(read['in a']?.length, 96)
    t.match(await place.raw('select value_count from daily_value'), [{ value_count: 1440 }])
  })

  t.test('a move that is given up half-way leaves no copies', async t => {
    const { place, store } = await withDays(t, newPlace, 5)
    const now = T0 + 6 * DAY
    await tend(store, now)
    await tend(store, now + DAY)
    const [blocks, quarters] = await sizesOf(place, 'default')
    choose(store, 'long')
    for (let steps = 0; (await count(place, 'block_long')) === 0; steps++) {
      if (steps > 500) throw new Error('nothing was copied')
      await store.maintenance.step(now + DAY + 3 * HOUR)
    }
    choose(store, 'default')
    for (const days of [2, 3, 4]) await tend(store, now + days * DAY)
    t.same(await sizesOf(place, 'long'), [0, 0, 0])
    t.same((await sizesOf(place, 'default')).slice(0, 2), [blocks, quarters])
    t.match(store.maintenance.stats(), { moved: 0, failed: 0 })
  })

  t.test('what a shorter class dropped is not looked for in a longer one', async t => {
    const { store, uid } = await withDays(t, newPlace, 2)
    choose(store, 'short')
    await tend(store, T0 + 3 * DAY)
    await tend(store, T0 + 20 * DAY)
    const quarters = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.equal(quarters.length, 2 * 96)
    choose(store, 'long')
    await tend(store, T0 + 21 * DAY)
    t.equal(store.maintenance.stats().moved, 2)
    t.same((await readRange(store, uid, ['in'], all))['in a'], quarters)
  })

  t.test('the same where the days of a class grow', async t => {
    const { store, uid } = await withDays(t, newPlace, 2)
    await tend(store, T0 + 3 * DAY)
    await tend(store, T0 + 40 * DAY)
    const quarters = (await readRange(store, uid, ['in'], all))['in a'] ?? []
    t.equal(quarters.length, 2 * 96)
    const { default: days } = await store.retention.days()
    await store.retention.setDays('default', { ...days, raw: 80 })
    await tend(store, T0 + 41 * DAY)
    t.same((await readRange(store, uid, ['in'], all))['in a'], quarters)
  })

  t.test('two processes move the same stream, and one of them ends in the middle', async t => {
    const { place, store, uid } = await withDays(t, newPlace, 9)
    const now = T0 + 10 * DAY
    await tend(store, now)
    const whole = await readRange(store, uid, ['in', 'name'], all)
    const before = await sizesOf(place, 'default')
    const open = async () => {
      const one = await openStore({ url: place.url, log })
      choose(one, 'long')
      return one
    }
    const [first, second] = [await open(), await open()]
    t.teardown(() => second.close())
    for (let step = 0; step < 6; step++) {
      await Promise.all([first.maintenance.step(now), second.maintenance.step(now)])
    }
    await first.close()
    await tend(second, now + 3 * HOUR)
    t.same(await sizesOf(place, 'default'), [0, 0, 0])
    t.same(await sizesOf(place, 'long'), before)
    t.same(await readRange(second, uid, ['in', 'name'], all), whole)
    t.match(second.maintenance.stats(), { failed: 0 })
  })

  t.test('a device that is deleted in the middle of it leaves nothing', async t => {
    const { place, store } = await withDays(t, newPlace, 9)
    const now = T0 + 10 * DAY
    await tend(store, now)
    choose(store, 'long')
    for (let step = 0; step < 6; step++) await store.maintenance.step(now + 3 * HOUR)
    t.ok((await count(place, 'block_long')) > 0, 'it is in the middle')
    await store.devices.remove('sw', { history: true, at: now })
    await tend(store, now + 4 * HOUR)
    t.same(await sizesOf(place, 'long'), [0, 0, 0])
    t.same(await sizesOf(place, 'default'), [0, 0, 0])
    t.match(store.maintenance.stats(), { failed: 0, moved: 0 })
  })
}
