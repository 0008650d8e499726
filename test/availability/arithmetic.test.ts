// Goal: availability is the arithmetic that docs/availability.md says, whatever the history looked like.
// Method: constructed histories of states, watches and windows.

import t from 'tap'
import {
  availability,
  availabilityOfAll,
  overlap,
  type Span,
  spansOf,
  sumOf,
  Tally,
  united,
} from '../../server/model/availability.ts'
import type { DeviceState } from '../../server/model/collection.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const span = (from: number, until: number): Span => ({ from: from * HOUR, until: until * HOUR })
const always = [span(-1000, 10_000)]

/** Hours, where something is said in hours. */
function uptime(
  period: Span,
  states: [number, DeviceState][],
  { watches = always, maintenance = [] }: { watches?: Span[]; maintenance?: Span[] } = {},
) {
  const tally = new Tally(period, united(watches), united(maintenance))
  for (const [hour, state] of states) tally.at(hour * HOUR, state)
  const { outages, ...times } = tally.result()
  const hours = Object.fromEntries(Object.entries(times).map(([key, ms]) => [key, ms / HOUR]))
  return { ...hours, outages, is: availability({ ...times, outages }) }
}

const month = span(0, 720)

t.test('up, down, and what is not known', async t => {
  t.match(uptime(month, [[-10, 'up']]), { total: 720, up: 720, down: 0, unknown: 0, is: 1 })
  t.match(uptime(month, []), { total: 720, up: 0, down: 0, unknown: 720, is: null, outages: 0 })
  const states: [number, DeviceState][] = [
    [-10, 'up'],
    [100, 'down'],
    [110, 'up'],
    [200, 'unknown'],
    [300, 'degraded'],
    [400, 'paused'],
    [500, 'up'],
  ]
  t.match(uptime(month, states), {
    ...{ up: 100 + 90 + 100 + 220, down: 10, unknown: 100, paused: 100, outages: 1, longest: 10 },
    is: 510 / 520,
  })
})

t.test('borders of the month cut what goes over them', async t => {
  const down: [number, DeviceState][] = [
    [-5, 'down'],
    [5, 'up'],
    [715, 'down'],
    [800, 'up'],
  ]
  t.match(uptime(month, down), { down: 10, up: 710, outages: 2, longest: 5 })
  t.match(uptime(span(720, 1440), down), { down: 80, up: 640, outages: 1, longest: 80 })
})

t.test('the clocks change: a month is as long as it is', async t => {
  const march = { from: Date.UTC(2026, 1, 28, 23), until: Date.UTC(2026, 2, 31, 22) }
  const tally = new Tally(march, [{ from: 0, until: march.until + DAY }], [])
  tally.at(march.from - DAY, 'up')
  t.match(tally.result(), { total: 31 * DAY - HOUR, up: 31 * DAY - HOUR })
})

t.test('Pollux was off: nothing is known, and nothing counts against the device', async t => {
  const watches = [span(-100, 200), span(300, 800)]
  t.match(uptime(month, [[-10, 'up']], { watches }), { up: 200, down: 0, unknown: 520, is: 1 })
  const again: [number, DeviceState][] = [
    [-10, 'up'],
    [190, 'down'],
    [300, 'down'],
    [310, 'up'],
  ]
  t.match(uptime(month, again, { watches }), {
    ...{ up: 190 + 410, down: 20, unknown: 100, outages: 1, longest: 20 },
  })
  t.match(
    uptime(month, [[250, 'down']], { watches }),
    { down: 0, unknown: 720, outages: 0 },
    'what was said as a watch ended does not begin the next one',
  )
  t.match(
    uptime(month, [[-10, 'down']], { watches: [span(-100, 50)] }),
    { down: 50, unknown: 670 },
    'a state does not go on behind the end of its watch',
  )
})

t.test('a restart: the watches of two runs, and a clock that was set', async t => {
  const watches = [span(0, 100), span(90, 200)]
  t.match(
    uptime(
      month,
      [
        [0, 'up'],
        [90, 'up'],
      ],
      { watches },
    ),
    { up: 200, unknown: 520 },
    'time that two watches saw counts once',
  )
  const backwards: [number, DeviceState][] = [
    [0, 'up'],
    [50, 'down'],
    [50, 'up'],
  ]
  t.match(uptime(month, backwards, { watches }), { up: 200, down: 0, outages: 0 })
})

t.test('a device that came or went midway', async t => {
  t.match(uptime(span(600, 720), [[601, 'up']]), { total: 120, up: 119, unknown: 1, is: 1 })
  t.match(
    uptime(span(0, 10), [
      [0, 'up'],
      [5, 'down'],
    ]),
    { total: 10, up: 5, down: 5, is: 0.5 },
  )
  t.match(uptime(span(10, 10), [[0, 'up']]), { total: 0, up: 0, unknown: 0, is: null })
})

t.test('maintenance is taken out; windows over each other count once', async t => {
  const states: [number, DeviceState][] = [
    [-10, 'up'],
    [100, 'down'],
    [120, 'up'],
  ]
  const maintenance = [span(90, 110), span(95, 105), span(105, 115), span(-20, -10), span(719, 900)]
  const found = uptime(month, states, { maintenance })
  t.match(found, { up: 700, down: 20, maintenance: 26, countedDown: 5, countedUp: 700 - 11 })
  t.match(found, { outages: 1, longest: 5 })
  t.match(
    uptime(month, states, { maintenance: [span(0, 720)] }),
    { down: 20, countedDown: 0, countedUp: 0, outages: 0, is: null },
    'nothing counts in a month of maintenance',
  )
  const all = { up: 700, down: 20, countedUp: 0, countedDown: 0, paused: 0, unknown: 0, total: 720 }
  t.equal(availabilityOfAll({ ...all, maintenance: 0, outages: 0, longest: 0 }), 700 / 720)
})

t.test('several devices together: their times, not the mean of their shares', async t => {
  const one = new Tally(month, always, [])
  one.at(0, 'down')
  const other = new Tally(span(710, 720), always, [])
  other.at(710 * HOUR, 'up')
  const sum = sumOf([one.result(), other.result()])
  t.match(sum, { up: 10 * HOUR, down: 720 * HOUR, outages: 1 })
  t.equal(availability(sum), 10 / 730)
  t.equal(availability(sumOf([])), null)
})

t.test('when a window was in force', async t => {
  const monday = Date.UTC(2026, 10, 2)
  const period = { from: monday, until: monday + 14 * DAY }
  const weekly = { days: ['mon', 'sun'] as ('mon' | 'sun')[], at: '23:00', minutes: 120 }
  const made = { madeAt: 0, removedAt: null }
  const days = (spans: Span[]) =>
    spans.map(({ from, until }) => [(from - monday) / HOUR, (until - monday) / HOUR])
  t.same(
    days(spansOf({ weekly }, made, period)),
    [
      [0, 1],
      [23, 25],
      [167, 169],
      [191, 193],
      [335, 336],
    ],
    'the one that began on the Sunday before too',
  )
  t.same(
    days(
      spansOf({ weekly }, { madeAt: monday + 24 * HOUR, removedAt: monday + 168 * HOUR }, period),
    ),
    [
      [24, 25],
      [167, 168],
    ],
    'not before it was made, nor after it was removed',
  )
  const once = { from: monday - DAY, to: monday + DAY }
  t.same(days(spansOf({ once }, { madeAt: monday + 9 * DAY, removedAt: null }, period)), [[0, 24]])
  t.same(spansOf({ once: { from: 5, to: 3 } }, made, period), [])
  t.same(spansOf({}, made, period), [])
  const long = { days: ['mon'] as 'mon'[], at: '00:00', minutes: 7 * 24 * 60 }
  t.same(days(spansOf({ weekly: long }, made, period)), [[0, 336]], 'week after week is one span')
})

t.test('spans', async t => {
  t.same(united([span(5, 6), span(1, 3), span(2, 4), span(4, 5), span(9, 9)]), [span(1, 6)])
  t.equal(overlap([span(1, 2), span(4, 6)], 0, 5 * HOUR), 2 * HOUR)
  t.equal(overlap([], 0, 5), 0)
})
