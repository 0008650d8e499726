// The cases of time passing: what is too old goes, by class and resolution; databases of an older form;
// and the plain rows for people who read SQL.

import { cp, mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { Test } from 'tap'
import { GAP_NUMBERS } from '../../server/model/gap.ts'
import { emptyPoll, encodePoll, NUMBER, setCell, TEXT } from '../../server/store/codec.ts'
import type { SamplePoint, Store } from '../../server/store/contract.ts'
import { openStore } from '../../server/store/open.ts'
import { tempDir } from '../parts/find.ts'
import { log, type NewPlace } from './place.ts'
import { collected, config, failed, gap, good, opened } from './samples.ts'
import { count, DAY, HOUR, MINUTE, minutes, readRange, T0, tend } from './tending.ts'

const MIGRATIONS = path.join(import.meta.dirname, '../../migrations')

export function retentionCases(t: Test, newPlace: NewPlace): void {
  ageCases(t, newPlace)
  classCases(t, newPlace)
  plainCases(t, newPlace)
  olderFormCases(t, newPlace)
}

function ageCases(t: Test, newPlace: NewPlace): void {
  t.test('samples become coarser with time, and then they go', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const times = minutes(0, 1440)
    await tend(store, T0 + HOUR)
    await store.samples.write(
      times.map((at, index) =>
        collected(uid, at, ['a'], { in: [index % 60], name: [`v${Math.floor(index / 700)}`] }),
      ),
    )
    const day = { from: T0, to: T0 + DAY - 1 }
    const found = async (points?: number) =>
      await readRange(store, uid, ['in'], { ...day, ...(points && { points, fn: 'max' }) })
    await tend(store, T0 + 20 * DAY)
    const whole = await found()
    t.equal(whole['in a']?.length, 1440)
    t.ok((await count(place, 'block_default')) > 0)

    await tend(store, T0 + 33 * DAY)
    t.equal(await count(place, 'block_default'), 0, 'raw: 30 days')
    const quarters = (await found())['in a'] ?? []
    t.same(quarters[1], good(T0 + 15 * MINUTE, 22), 'averages of a quarter of an hour')
    t.equal(quarters.length, 96)
    t.same((await found(1))['in a'], [good(T0, 59)])
    t.equal(await count(place, 'text_log'), 1, 'the last text stays for the next poll')

    await tend(store, T0 + 400 * DAY)
    t.equal(await count(place, 'r15m_default'), 0, '15 minutes: a year')
    const hours = (await found())['in a'] ?? []
    t.same(hours[1], good(T0 + HOUR, 29.5), 'averages of an hour')
    t.equal(hours.length, 24)
    const names = await readRange(store, uid, ['name'], { ...day, points: 2, fn: 'last' })
    t.same(
      names['name a']?.map(({ value }) => value),
      ['v1', 'v2'],
    )

    // MySQL drops whole years.
    await tend(store, T0 + 7 * 366 * DAY)
    t.equal(await count(place, 'r1h_default'), 0, '1 hour: five years')
    t.same((await found())['in a'], [])
    await tend(store, T0 + 12 * 366 * DAY)
    t.equal(await count(place, 'daily_value'), 0, 'days: as long as the class that keeps longest')
    t.match(store.maintenance.stats(), { failed: 0 })
  })

  t.test('the series of a row that vanished closes when nothing is kept of it', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.retention.setDays('default', { raw: 2, r15m: 4, r1h: 20 })
    const send = (day: number, rows: string[]) =>
      store.samples.write([
        collected(uid, T0 + day * DAY, rows, {
          in: rows.map(() => day),
          name: rows.map(() => 'x'),
        }),
      ])
    const open = async () =>
      (await store.samples.series(uid)).map(({ metric, row }) => `${metric} ${row}`).sort()
    const all = ['in a', 'in b', 'name a', 'name b']
    await send(0, ['a', 'b'])
    await tend(store, T0 + DAY + HOUR)
    for (const day of [1, 10, 19]) {
      await send(day, ['a'])
      await store.samples.write([failed(uid, T0 + day * DAY + HOUR, 'timeout')])
      await tend(store, T0 + (day + 1) * DAY + HOUR)
    }
    t.same(await open(), all, 'hours are kept of it')
    await send(27, ['a'])
    await tend(store, T0 + 28 * DAY + HOUR)
    t.same(await open(), ['in a', 'name a'], 'a gap is no sight of it')
    t.equal(await count(place, 'series'), 4, 'slots are not used again')

    await send(29, ['a', 'b'])
    await tend(store, T0 + 29 * DAY + HOUR)
    const read = await readRange(store, uid, ['in'], { from: T0 + 29 * DAY, to: T0 + 30 * DAY })
    t.same(read['in b'], [good(T0 + 29 * DAY, 29)], 'it goes on where it was')
    await tend(store, T0 + 30 * DAY + HOUR)
    t.same(await open(), all, 'open again')
  })

  t.test(
    'series of before anybody noted when they were seen close no earlier than others',
    async t => {
      const { place, store, uid } = await opened(t, newPlace)
      await store.retention.setDays('default', { raw: 2, r15m: 4, r1h: 20 })
      await store.samples.write([collected(uid, T0, ['a'], { in: [1] })])
      await place.raw('update series set seen_at = 0')
      await tend(store, T0 + 30 * DAY)
      t.equal((await store.samples.series(uid)).length, 1)
      await tend(store, T0 + 56 * DAY)
      t.equal((await store.samples.series(uid)).length, 1)
      await tend(store, T0 + 58 * DAY)
      t.equal((await store.samples.series(uid)).length, 0)
    },
  )

  t.test('what is older than is kept is refused, and goes where it waits', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const one = (at: number) => collected(uid, at, null, { load: [1] })
    await store.samples.write([one(T0), one(T0 + 50 * DAY)])
    await tend(store, T0 + 60 * DAY)
    t.match(store.maintenance.stats(), { tooOld: 1, samples: 1 })
    const fresh = await openStore({ url: place.url, log })
    t.teardown(() => fresh.close())
    t.same(await fresh.samples.write([one(T0 + 1), one(T0 + 50 * DAY + 1)]), [
      { refused: 'too-old' },
      'stored',
    ])
    t.equal(await count(place, 'poll'), 1)
  })

  t.test('a setting says how many days; nonsense in it does nothing', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await tend(store, T0 + HOUR)
    await store.samples.write(minutes(0, 600).map(at => collected(uid, at, null, { load: [1] })))
    await store.settings.put('retention.default.raw', 'soon')
    await tend(store, T0 + 20 * DAY)
    t.ok((await count(place, 'block_default')) > 0)
    await store.settings.put('retention.default.raw', '3')
    await tend(store, T0 + 22 * DAY)
    t.equal(await count(place, 'block_default'), 0)
  })
}

function classCases(t: Test, newPlace: NewPlace): void {
  t.test('each class has its own tables and its own time', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const groups = ['short', 'default', 'long']
    await tend(store, T0 + HOUR)
    for (const group of groups) {
      await store.samples.write(
        minutes(0, 300).map(at => collected(uid, at, ['a'], { in: [at - T0] }, group)),
      )
      await place.raw(`update stream set retention = '${group}' where group_name = '${group}'`)
    }
    const has = async (tier: string) =>
      (await Promise.all(groups.map(one => count(place, `${tier}_${one}`)))).map(n => n > 0)
    const points = async (store: Store) => {
      const range = { from: T0, to: T0 + DAY }
      const read = groups.map(group =>
        store.samples.read({ deviceUid: uid, group, metrics: ['in'], ...range }),
      )
      return (await Promise.all(read)).map(([one]) => one?.points.length)
    }
    await tend(store, T0 + 5 * DAY)
    t.same(await has('block'), [true, true, true])
    t.same(await points(store), [300, 300, 300])
    await tend(store, T0 + 20 * DAY)
    t.same(await has('block'), [false, true, true], 'short: 7 days')
    t.same(await points(store), [20, 300, 300])
    await tend(store, T0 + 80 * DAY)
    t.same(await has('block'), [false, false, true])
    t.same(await points(store), [20, 20, 300])
    t.same(await has('r15m'), [true, true, true])
  })
}

function plainCases(t: Test, newPlace: NewPlace): void {
  t.test('plain rows: the latest values, and the days', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.samples.write(
      minutes(0, 1500).map((at, index) =>
        collected(uid, at, ['a', 'b'], {
          in: [index % 100, { gap: 'timeout' }],
          name: ['x', `${index}`],
        }),
      ),
    )
    await tend(store, T0 + 2 * DAY)
    const latest = await place.raw(
      `select device, group_name, metric, row_key, at_utc, value, text, gap from latest_values
        order by metric, row_key`,
    )
    t.match(latest, [
      { device: 'sw', group_name: 'interface', metric: 'in', row_key: 'a', value: 99, gap: null },
      { metric: 'in', row_key: 'b', value: null, text: null, gap: 'timeout' },
      { metric: 'name', row_key: 'a', value: null, text: 'x' },
      { metric: 'name', row_key: 'b', text: '1499' },
    ])
    t.match(new Date(String(latest[0]?.at_utc)).getUTCMinutes(), 59)
    await tend(store, T0 + 4 * DAY)
    const days = await place.raw(
      `select device, metric, row_key, day_utc, value_min, value_max, value_avg, value_count,
        value_last from daily_values order by day_utc`,
    )
    t.equal(days.length, 2, 'days of numbers')
    t.match(days[0], {
      ...{ device: 'sw', metric: 'in', row_key: 'a' },
      ...{ value_min: 0, value_max: 99, value_count: 1440, value_last: 39 },
    })
    t.ok(Math.abs(Number(days[0]?.value_avg) - 48.67) < 0.02, `${days[0]?.value_avg}`)
    t.match(days[1], { value_count: 60, value_min: 40, value_max: 99 })
  })

  t.test('plain rows of a device that is deleted with its history go, and no others', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    await store.retention.setHourlyDays(100)
    const other = await store.devices.create(config('other'), 'form', 1)
    // More days than one statement deletes.
    const days = Array.from({ length: 24 }, (_, day) => day)
    for (const deviceUid of [uid, other.uid]) {
      const times = days.flatMap(day => minutes(day * 1440, day * 1440 + 10))
      await store.samples.write(times.map(at => collected(deviceUid, at, ['a'], { in: [1] })))
    }
    await tend(store, T0 + 25 * DAY)
    t.equal(await count(place, 'daily_value'), 48)
    t.equal(await count(place, 'hourly_value'), 48)
    await store.devices.remove('sw', { history: true, at: T0 + 26 * DAY })
    t.equal(await count(place, 'device'), 1)
    for (const table of ['daily_value', 'hourly_value']) {
      const left = await place.raw(`select distinct device_uid from ${table}
        join stream on stream.id = ${table}.stream_id`)
      t.match(left, [{ device_uid: other.uid }], table)
      t.equal(await count(place, table), 24, table)
    }
  })
}

/** Run beside the chosen classes, so that no file takes too long. */
export function rowCases(t: Test, newPlace: NewPlace): void {
  t.test('rows that come, go, come back and are renamed keep what is theirs', async t => {
    const { store, uid } = await opened(t, newPlace)
    const days = [
      ['a', 'b'],
      ['a', 'c'],
      ['c', 'a'],
      ['b', 'a', 'c'],
    ]
    const value = (row: string, at: number) => row.charCodeAt(0) * 1e6 + (at - T0) / MINUTE
    const expected: Record<string, SamplePoint[]> = {}
    for (const [day, rows] of days.entries()) {
      const times = minutes(day * 1440, day * 1440 + 300)
      await store.samples.write(
        times.map(at => collected(uid, at, rows, { in: rows.map(row => value(row, at)) })),
      )
      for (const row of rows) {
        const points = times.map(at => good(at, value(row, at)))
        expected[`in ${row}`] = [...(expected[`in ${row}`] ?? []), ...points]
      }
      const row = { key: 'a', index: `${day + 1}`, name: `name ${day}`, labels: {} }
      await store.samples.writeRows(uid, 'interface', [row], T0 + day * DAY)
      await tend(store, T0 + (day + 1) * DAY)
    }
    const all = { from: T0, to: T0 + 10 * DAY }
    t.same(await readRange(store, uid, ['in'], all), expected)
    t.match(await store.samples.rows(uid), [{ key: 'a', index: '4', name: 'name 3' }])
    t.same(
      (await store.samples.series(uid)).map(({ row }) => row),
      ['a', 'b', 'c'],
      'no series is there twice',
    )
    const newest = (await store.samples.latest(uid)).map(({ row, value }) => [row, value])
    const end = T0 + (3 * 1440 + 299) * MINUTE
    t.same(
      newest,
      ['a', 'b', 'c'].map(row => [row, value(row, end)]),
    )
    // Each row's own days, from the roll-ups.
    const daily = await readRange(store, uid, ['in'], { ...all, points: 10, fn: 'max' })
    t.same(
      Object.values(daily).map(points => points.filter(({ value }) => value !== null).length),
      [4, 2, 3],
    )
  })
}

export function hourlyCases(t: Test, newPlace: NewPlace): void {
  t.test('hourly rows where a setting says so, for as long as it says', async t => {
    const { place, store, uid } = await opened(t, newPlace)
    const write = async (day: number) => {
      await store.samples.write(
        minutes(day * 1440, (day + 1) * 1440).map((at, index) =>
          collected(uid, at, ['a', 'b'], { in: [index, index >= 720 ? 2 : { gap: 'timeout' }] }),
        ),
      )
      await tend(store, T0 + (day + 2) * DAY)
    }
    t.equal(await store.retention.hourlyDays(), 0)
    await write(0)
    t.equal(await count(place, 'hourly_values'), 0, 'daily alone where nobody asked')
    await store.retention.setHourlyDays(10)
    await write(1)
    const hours = await place.raw(
      `select device, row_key, hour_utc, value_min, value_max, value_avg, value_count, value_last
        from hourly_values order by row_key, hour_utc`,
    )
    t.equal(hours.length, 24 + 12)
    t.match(hours[23], {
      ...{ device: 'sw', row_key: 'a', value_min: 1380, value_max: 1439 },
      ...{ value_avg: 1409.5, value_count: 60, value_last: 1439 },
    })
    t.match(hours[24], { row_key: 'b', value_min: 2, value_max: 2, value_count: 60 })
    t.match(new Date(String(hours[23]?.hour_utc)).getUTCHours(), 23)
    t.equal(await count(place, 'daily_values'), 4)
    // MySQL drops whole months.
    await tend(store, T0 + 60 * DAY)
    t.equal(await count(place, 'hourly_value'), 0)
    t.equal(await count(place, 'daily_value'), 4)
    await store.settings.put('hourly_values.days', 'for ever')
    t.equal(await store.retention.hourlyDays(), 0, 'nonsense is as if it were not there')
  })
}

const hex = (bytes: Uint8Array) => `x'${Buffer.from(bytes).toString('hex')}'`

/** Polls as rows of SQL, and the points that they are. */
function olderPolls(): { rows: string[]; expected: Record<string, SamplePoint[]> } {
  const a: SamplePoint[] = []
  const b: SamplePoint[] = []
  const name: SamplePoint[] = []
  const rows = minutes(0, 3000).map((at, index) => {
    const poll = emptyPoll(3)
    setCell(poll, 0, NUMBER, index * 1000)
    a.push(good(at, index * 1000))
    if (index % 10 === 0) {
      setCell(poll, 1, GAP_NUMBERS.reset)
      b.push(gap(at, 'reset'))
    } else if (index > 100) {
      setCell(poll, 1, NUMBER, index / 8)
      b.push(good(at, index / 8))
    }
    const isFirst = at < T0 + 5 * HOUR
    setCell(poll, 2, TEXT, at - (isFirst ? T0 - 100 * DAY : T0 + 5 * HOUR))
    name.push(good(at, isFirst ? 'first' : 'second'))
    return `(1, ${at}, ${hex(encodePoll(poll))})`
  })
  return { rows, expected: { 'in a': a, 'in b': b, 'name a': name } }
}

function olderFormCases(t: Test, newPlace: NewPlace): void {
  t.test('a database of before the blocks is brought up to date without loss', async t => {
    const place = await newPlace(t)
    const migrationsDir = path.join(await tempDir(t), 'migrations')
    await mkdir(migrationsDir)
    for (const file of (await readdir(MIGRATIONS)).filter(name => name < '0015')) {
      await cp(path.join(MIGRATIONS, file), path.join(migrationsDir, file))
    }
    await (await openStore({ url: place.url, migrationsDir, log })).close()
    await place.raw(`insert into device (uid, id, live_id, config, version, source, created_at,
      updated_at, purging) values (1, 'old', 'old', '{}', 1, 'form', 1, 1, 0)`)
    await place.raw(`insert into stream (id, device_uid, group_name) values (1, 1, 'interface')`)
    await place.raw(`insert into series (stream_id, slot, metric, row_key, first_at) values
      (1, 0, 'in', 'a', 1), (1, 1, 'in', 'b', 1), (1, 2, 'name', 'a', 1)`)
    // The text was said long before the first poll that is left.
    await place.raw(`insert into text_log (stream_id, slot, ts, text) values
      (1, 2, ${T0 - 100 * DAY}, 'first'), (1, 2, ${T0 + 5 * HOUR}, 'second')`)
    const { rows, expected } = olderPolls()
    for (let from = 0; from < rows.length; from += 300) {
      await place.raw(
        `insert into poll (stream_id, ts, data) values ${rows.slice(from, from + 300).join()}`,
      )
    }
    const store = await openStore({ url: place.url, log })
    t.teardown(() => store.close())
    const all = { from: T0, to: T0 + 10 * DAY }
    t.same(await readRange(store, 1, ['in', 'name'], all), expected, 'before the first step')
    await tend(store, T0 + 10 * DAY)
    t.equal(await count(place, 'poll'), 0)
    t.same(await readRange(store, 1, ['in', 'name'], all), expected)
    t.match(store.maintenance.stats(), { failed: 0, damaged: 0, samples: 3000 * 3 })
  })
}
