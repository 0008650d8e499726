// Storms are summed, budgets hold, and nothing grows without end; by a clock of the test's own.

import t from 'tap'
import { costPerSecondMax, createBudget, totalPerSecondMax } from '../../server/receive/budget.ts'
import type { Told } from '../../server/receive/protocol.ts'
import {
  createStorm,
  sortsMax,
  sortsPerDeviceMax,
  toldPerSecondMax,
} from '../../server/receive/storm.ts'

const what = (text: string): Omit<Told, 'device'> => ({
  event: { at: 0, kind: 'syslog', severity: 'info', name: 'x', text },
  row: null,
  others: [],
  poll: true,
})

function stormAt(start: number) {
  const told: Told[] = []
  const clock = { now: start }
  const storm = createStorm(
    one => void told.push(one),
    () => clock.now,
  )
  return { told, clock, storm }
}

t.test('the first is told at once, the others as one event with a count', async t => {
  const { told, clock, storm } = stormAt(1_000_000)
  for (let i = 0; i < 4313; i++) storm.offer('a', 'syslog', 'same', what('disk full'))
  storm.offer('b', 'syslog', 'same', what('once'))
  t.same(
    told.map(({ event }) => event.text),
    ['disk full', 'once'],
  )
  storm.settle()
  t.equal(told.length, 2)
  clock.now += 60_000
  storm.settle()
  t.equal(told.length, 3)
  t.match(told[2], {
    device: 'a',
    event: { text: 'disk full (and 4,312 like it)', fields: { more: '4312' }, at: 1_060_000 },
    poll: false,
  })
  t.same(storm.counts, { offered: 4314, told: 2, summed: 4312, waiting: 0, sums: 1 })
  // A new minute begins with the next one.
  storm.offer('a', 'syslog', 'same', what('disk full'))
  t.equal(told.length, 4)
})

t.test('a clock that goes back ends the minute', async t => {
  const { told, clock, storm } = stormAt(1_000_000)
  storm.offer('a', 'trap', 'same', what('x'))
  storm.offer('a', 'trap', 'same', what('x'))
  clock.now = 5000
  storm.settle()
  t.equal(told.length, 2)
})

t.test('sorts are bounded for a device and in all; the rest is one sum for each kind', async t => {
  const { told, clock, storm } = stormAt(1_000_000)
  for (let i = 0; i < 1000; i++) storm.offer('a', 'syslog', `sort ${i}`, what(`line ${i}`))
  storm.unread('a', 'trap')
  t.equal(told.length, sortsPerDeviceMax)
  storm.settle(true)
  t.same(
    told.slice(sortsPerDeviceMax).map(({ event }) => event.text),
    [
      '1 more SNMP notifications came within a minute and were not told one by one',
      `${1000 - sortsPerDeviceMax} more lines of syslog came within a minute and were not told one by one`,
    ],
  )
  let offered = 0
  for (let device = 0; offered < 2 * sortsMax; device++) {
    clock.now += 1000
    for (let i = 0; i < sortsPerDeviceMax; i++, offered++) {
      storm.offer(`d${device}`, 'syslog', `sort ${i}`, what('x'))
    }
  }
  const { told: one, waiting } = storm.counts
  t.equal(one - sortsPerDeviceMax, sortsMax)
  t.equal(waiting, offered - sortsMax)
})

t.test('so many are told in a second, of all devices together', async t => {
  const { told, clock, storm } = stormAt(1_000_000)
  for (let i = 0; i < 1000; i++) storm.offer(`d${i}`, 'trap', 'same', what('x'))
  t.equal(told.length, toldPerSecondMax)
  clock.now += 1000
  storm.offer('more', 'trap', 'same', what('x'))
  t.equal(told.length, toldPerSecondMax + 1)
  storm.settle(true)
  const { offered, told: one, summed, waiting } = storm.counts
  t.equal(offered, one + summed + waiting)
})

t.test('a long text leaves room for the count', async t => {
  const { told, storm } = stormAt(0)
  for (let i = 0; i < 3; i++) storm.offer('a', 'trap', 'same', what('\u{1f525}'.repeat(512)))
  storm.settle(true)
  const text = told.at(-1)?.event.text ?? ''
  t.ok(text.length <= 1024)
  t.ok(text.isWellFormed())
  t.ok(text.endsWith('(and 2 like it)'))
})

t.test('a sender has so much in a second, by length; and all together', async t => {
  let now = 0
  const budget = createBudget(() => now)
  let taken = 0
  while (budget.takes('a', 60_000)) taken++
  t.equal(taken, Math.ceil(costPerSecondMax / 235))
  t.ok(budget.takes('b', 10))
  now += 1000
  t.ok(budget.takes('a', 10))
  now += 1000
  let all = 0
  for (let i = 0; i < 2 * totalPerSecondMax; i++) if (budget.takes(`s${i}`, 10)) all++
  t.equal(all, totalPerSecondMax)
})
