// Goal: the schedule keeps its grid, spreads devices, skips what was missed and backs off, for any clock.

import t from 'tap'
import {
  backOffIntervals,
  backOffMsMax,
  createSchedule,
  hashId,
  slotAtOrAfter,
  startsPerSecondMax,
} from '../../server/poll/schedule.ts'

const T0 = 1_795_320_000_000

/** A device that has its first two reads behind it, and the time then. */
function settled(everyMs: number, id = 'dev') {
  const schedule = createSchedule(() => 0)
  schedule.add(id, everyMs, T0)
  let now = T0
  for (let reads = 0; reads < 2; now = schedule.wakeAt() ?? now) {
    for (const read of schedule.take(now).reads) {
      reads++
      schedule.finished(read.id, now, 'good')
    }
  }
  return { schedule, now }
}

t.test('a new device is read at once, again soon, and then on its grid for ever', async t => {
  const schedule = createSchedule()
  const id = 'core-sw-1'
  const everyMs = 60_000
  const phase = hashId(id) % everyMs
  schedule.add(id, everyMs, T0 + phase + 1000)
  const times: number[] = []
  const grid: boolean[] = []
  let now = T0 + phase + 1000
  while (times.length < 50) {
    for (const read of schedule.take(now).reads) {
      times.push(read.at)
      grid.push(read.grid)
      schedule.finished(id, now + 40, 'good')
    }
    // Timers fire late: the slots must not drift for it.
    now = (schedule.wakeAt() ?? 0) + 17
  }
  t.equal(times[0], T0 + phase + 1000)
  t.same(grid.slice(0, 3), [false, false, true])
  const second = (times[1] ?? 0) - (times[0] ?? 0)
  t.ok(second >= 5000 && second < 6000, `second read after ${second} ms`)
  for (const at of times.slice(2)) t.equal((at - phase) % everyMs, 0)
  t.equal((times[49] ?? 0) - (times[2] ?? 0), 47 * everyMs)
  t.same(schedule.counters, { overruns: 0, backedOff: 0 })
})

t.test('no second read beside the grid when a slot comes soon anyway', async t => {
  const everyMs = 2000
  const schedule = createSchedule()
  const phase = hashId('fast') % everyMs
  schedule.add('fast', everyMs, T0 + phase + 1900)
  const [first] = schedule.take(T0 + phase + 1900).reads
  schedule.finished('fast', T0 + phase + 1910, 'good')
  t.equal(first?.grid, false)
  // The slot 100 ms later would give a rate over 100 ms.
  t.equal(schedule.nextAt('fast'), T0 + phase + 2 * everyMs)
})

t.test('many that start together are spread, one alone is not delayed', async t => {
  const schedule = createSchedule()
  for (let i = 0; i < 1000; i++) schedule.add(`d${i}`, 3_600_000, T0)
  t.ok(schedule.take(T0).reads.length <= 2)
  let most = 0
  let seen = 0
  for (let s = 0; s < 6; s++) {
    const { reads } = schedule.take(T0 + (s + 1) * 1000)
    most = Math.max(most, reads.length)
    seen += reads.length
  }
  t.ok(most <= startsPerSecondMax + 5, `${most} starts in one second`)
  t.equal(seen >= 990, true, 'all have started within 6 s')
  schedule.add('alone', 60_000, T0 + 60_000)
  t.equal(schedule.nextAt('alone'), T0 + 60_000)
})

t.test('5,000 devices at 60 s are spread evenly over the minute', async t => {
  const perSecond = new Array<number>(60).fill(0)
  for (let i = 0; i < 5000; i++) {
    const slot = slotAtOrAfter(T0, hashId(`switch-${i}`) % 60_000, 60_000)
    const second = Math.floor((slot - T0) / 1000)
    perSecond[second] = (perSecond[second] ?? 0) + 1
  }
  const chi = perSecond.reduce((sum, n) => sum + (n - 5000 / 60) ** 2 / (5000 / 60), 0)
  // 59 degrees of freedom: beyond 120 is no chance (p < 0.00001).
  t.ok(chi < 120, `chi-square ${chi.toFixed(1)}`)
  t.ok(Math.max(...perSecond) < 2 * (5000 / 60), `at most ${Math.max(...perSecond)} in a second`)
})

t.test('a stall: what was missed is skipped and counted, not made up', async t => {
  const { schedule, now } = settled(10_000)
  const slot = schedule.nextAt('dev') ?? 0
  t.ok(slot >= now)
  const { reads, overruns } = schedule.take(slot + 35_000)
  t.same(reads, [{ id: 'dev', at: slot + 30_000, grid: true }])
  t.same(overruns, [{ id: 'dev', at: slot + 20_000, slots: 3 }])
  t.equal(schedule.counters.overruns, 3)
  t.equal(schedule.nextAt('dev'), slot + 40_000)
})

t.test('a read that still runs is not started again: overrun', async t => {
  const { schedule } = settled(10_000)
  const slot = schedule.nextAt('dev') ?? 0
  t.equal(schedule.take(slot).reads.length, 1)
  const second = schedule.take(slot + 10_000)
  t.same(second, { reads: [], overruns: [{ id: 'dev', at: slot + 10_000, slots: 1 }] })
  schedule.finished('dev', slot + 12_000, 'good')
  t.same(schedule.take(slot + 20_000).reads, [{ id: 'dev', at: slot + 20_000, grid: true }])
})

t.test('a slot that falls into a read beside the grid is answered by that read', async t => {
  const { schedule } = settled(10_000)
  const slot = schedule.nextAt('dev') ?? 0
  t.same(schedule.pollNow('dev', slot - 6000), { id: 'dev', at: slot - 6000, grid: false })
  t.same(schedule.take(slot), { reads: [], overruns: [] })
  t.equal(schedule.counters.overruns, 0)
})

t.test(
  'back-off: 2, 4, 8 intervals, at most 5 min, on the grid, ended by good and by poll now',
  async t => {
    t.same(
      [1, 2, 3, 4, 5, 6, 99].map(n => backOffIntervals(n, 10_000, 0)),
      [1, 1, 2, 4, 8, 8, 8],
    )
    t.equal(backOffIntervals(99, 10_000, 0.999), 6)
    t.equal(backOffIntervals(99, 60_000, 0), backOffMsMax / 60_000)
    t.equal(backOffIntervals(99, 3_600_000, 0.5), 1)

    const { schedule } = settled(10_000)
    const first = schedule.nextAt('dev') ?? 0
    const fail = () => {
      const at = schedule.nextAt('dev') ?? 0
      t.equal(schedule.take(at).reads.length, 1)
      schedule.finished('dev', at + 100, 'failed')
      return ((schedule.nextAt('dev') ?? 0) - at) / 10_000
    }
    t.same([fail(), fail(), fail(), fail(), fail(), fail()], [1, 1, 2, 4, 8, 8])
    t.equal(((schedule.nextAt('dev') ?? 0) - first) % 10_000, 0)
    t.equal(schedule.counters.overruns, 0, 'slots left out on purpose are no overruns')
    t.equal(schedule.counters.backedOff, 1 + 3 + 7 + 7)

    const far = schedule.nextAt('dev') ?? 0
    t.ok(schedule.pollNow('dev', far - 55_000))
    t.ok((schedule.nextAt('dev') ?? 0) <= far - 40_000, 'poll now ends the back-off')
    schedule.finished('dev', far - 54_900, 'failed')
    t.ok((schedule.nextAt('dev') ?? 0) <= far - 40_000, 'and its count starts anew')
  },
)

t.test('a steady failure, then good: the interval is the usual one again', async t => {
  const { schedule } = settled(10_000)
  for (let i = 0; i < 5; i++) {
    const at = schedule.nextAt('dev') ?? 0
    schedule.take(at)
    schedule.finished('dev', at, 'failed')
  }
  const at = schedule.nextAt('dev') ?? 0
  schedule.take(at)
  schedule.finished('dev', at, 'good')
  t.equal(schedule.nextAt('dev'), at + 10_000)
})

t.test('hold, add and remove', async t => {
  const { schedule, now } = settled(10_000)
  schedule.hold('dev', now + 600_000)
  t.ok((schedule.nextAt('dev') ?? 0) >= now + 600_000)
  schedule.add('dev', 20_000, now)
  t.ok((schedule.nextAt('dev') ?? 0) <= now + 1000, 'a changed config ends it')
  t.equal(schedule.size, 1)
  schedule.remove('dev')
  t.equal(schedule.wakeAt(), null)
  t.equal(schedule.pollNow('dev', now), null)
  t.same(schedule.take(now + 1e6), { reads: [], overruns: [] })
  schedule.finished('dev', now, 'good')
  schedule.again('dev', now)
  t.equal(schedule.size, 0)
})

t.test('a step of the clock: nobody waits longer, nothing counts as missed', async t => {
  for (const step of [-7_200_000, 7_200_000]) {
    const { schedule, now } = settled(10_000)
    const there = now + step
    schedule.clockStepped(there, step)
    const next = schedule.nextAt('dev') ?? 0
    t.ok(next >= there && next <= there + 10_000, `step ${step}: waits ${next - there} ms`)
    t.equal((next - (hashId('dev') % 10_000)) % 10_000, 0)
    t.same(schedule.take(next).overruns, [])
    schedule.add('new', 60_000, there)
    t.ok((schedule.nextAt('new') ?? 0) <= there + 1000)
  }
})

t.test('against a plain list: the heap gives every device its slots, in order', async t => {
  let seed = 7
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const schedule = createSchedule(random)
  const every = new Map<string, number>()
  let now = T0
  const wrong: string[] = []

  const change = (id: string) => {
    const everyMs = 1000 * (1 + Math.floor(random() * 60))
    every.set(id, everyMs)
    schedule.add(id, everyMs, now)
  }
  const remove = (id: string) => {
    every.delete(id)
    schedule.remove(id)
  }
  const work = () => {
    now = Math.max(now, schedule.wakeAt() ?? now)
    for (const read of schedule.take(now).reads) {
      const everyMs = every.get(read.id) ?? 0
      if (read.at > now || now - read.at >= everyMs) wrong.push(`${read.id} at ${read.at - now}`)
      schedule.finished(read.id, now, random() < 0.3 ? 'failed' : 'good')
    }
  }
  for (let round = 0; round < 3000; round++) {
    const id = `n${Math.floor(random() * 200)}`
    const pick = random()
    if (pick < 0.2) change(id)
    else if (pick < 0.3) remove(id)
    else work()
    const soonest = [...every.keys()].map(each => schedule.nextAt(each) ?? 0)
    const wake = schedule.wakeAt()
    if (wake !== (soonest.length === 0 ? null : Math.min(...soonest))) wrong.push(`head ${round}`)
  }
  t.same(wrong, [])
  t.equal(schedule.size, every.size)
})
