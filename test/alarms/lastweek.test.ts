// Goal: the value of last week is that of the same hour, read once for all rows, and again after a failure.

import t from 'tap'
import { createLastWeek } from '../../server/alarms/lastweek.ts'
import { addDevice, sqlite, unavailable } from '../ingest/store.ts'
import { until } from '../parts/find.ts'
import { MINUTE, START, table } from './kit.ts'

const hour = Math.floor(START / (60 * MINUTE)) * 60 * MINUTE
const week = 7 * 24 * 60 * MINUTE

t.test('the same hour of last week, row by row', async t => {
  const store = await sqlite(t)
  const uid = await addDevice(store, 'sw')
  for (let minute = -60; minute < 120; minute++) {
    const value = minute < 0 ? 1000 : minute < 60 ? 10 + (minute % 2) * 2 : 2000
    const at = hour - week + minute * MINUTE
    await store.samples.write([table(uid, at, ['a', 'b'], { in: [value, 5] })])
  }
  let reads = 0
  const door = { isShut: true }
  const errors: unknown[] = []
  const made = createLastWeek({
    now: () => hour + 10 * MINUTE,
    onError: error => void errors.push(error),
    store: {
      read(query) {
        reads++
        return door.isShut ? Promise.reject(unavailable()) : store.samples.read(query)
      },
    },
  })
  const series = (row: string) => ({ group: 'interface', metric: 'in', row })
  t.equal(made.get(uid, series('a')), undefined)
  t.equal(made.get(uid, series('b')), undefined)
  await until(() => errors.length === 1 && made.waiting === 0, 'a failed read')
  t.equal(reads, 1, 'one for all rows')
  door.isShut = false
  await until(() => made.get(uid, series('a')) !== undefined, 'the value')
  t.equal(made.get(uid, series('a')), 11)
  t.equal(made.get(uid, series('b')), 5)
  t.equal(made.get(uid, series('c')), null)
  t.equal(reads, 2)
})
