// Goal: the schedule keeps its grid, spreads devices, skips what was missed and backs off, for any clock.

import t from 'tap'
import { backOffIntervals, backOffMsMax, hashId, slotAtOrAfter } from '../../server/poll/grid.ts'
import {
  createSchedule,
  probeMsMax,
  type ReadOutcome,
  type Schedule,
  type ScheduledRead,
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
  t.same(schedule.counters, { overruns: 0, backedOff: 0, silent: 0, probes: 0 })
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
  t.same(reads, [{ id: 'dev', at: slot + 30_000, grid: true, probe: false }])
  t.same(overruns, [{ id: 'dev', at: slot + 20_000, slots: 3 }])
  t.equal(schedule.counters.overruns, 3)
  t.equal(schedule.nextAt('dev'), slot + 40_000)
})

t.test('a read that still runs is not started again: overrun', async t => {
  const { schedule } = settled(10_000)
  const slot = schedule.nextAt('dev') ?? 0
  t.equal(schedule.take(slot).reads.length, 1)
  const second = schedule.take(slot + 10_000)
  t.match(second, { reads: [], overruns: [{ id: 'dev', at: slot + 10_000, slots: 1 }] })
  schedule.finished('dev', slot + 12_000, 'good')
  t.match(schedule.take(slot + 20_000).reads, [{ id: 'dev', at: slot + 20_000, grid: true }])
})

t.test('a slot that falls into a read beside the grid is answered by that read', async t => {
  const { schedule } = settled(10_000)
  const slot = schedule.nextAt('dev') ?? 0
  t.match(schedule.pollNow('dev', slot - 6000), { id: 'dev', at: slot - 6000, grid: false })
  t.same(schedule.take(slot), { reads: [], overruns: [], silent: [] })
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

/** Runs a schedule for so long; `answer` says what becomes of each read, at once. */
function run(
  schedule: Schedule,
  from: number,
  forMs: number,
  answer: (read: ScheduledRead, now: number) => ReadOutcome | null,
) {
  const reads: ScheduledRead[] = []
  const gaps: number[] = []
  let overruns = 0
  for (let now = schedule.wakeAt() ?? from; now <= from + forMs; now = schedule.wakeAt() ?? now) {
    const due = schedule.take(now)
    reads.push(...due.reads)
    gaps.push(...due.silent.map(({ at }) => at))
    overruns += due.overruns.length
    for (const read of due.reads) {
      const outcome = answer(read, now)
      if (outcome) schedule.finished(read.id, now, outcome)
    }
  }
  return { reads, gaps, overruns }
}

t.test('a silent device: a gap at each slot, probes beside the grid, no full reads', async t => {
  for (const [everyMs, probeMs] of [
    [10_000, 10_000],
    [300_000, probeMsMax],
  ] as const) {
    const schedule = createSchedule()
    schedule.add('dev', everyMs, T0)
    const hour = run(schedule, T0, 3_600_000, () => 'silent')
    const [first, ...probes] = hour.reads
    t.equal(first?.probe, false, 'the first is a full one')
    t.ok(probes.every(one => one.probe && !one.grid))
    const spaces = probes.slice(1).map((one, i) => one.at - (probes[i]?.at ?? 0))
    t.ok(Math.min(...spaces) >= 0.9 * probeMs, `${Math.min(...spaces)} ms apart`)
    t.ok(Math.max(...spaces) <= 1.1 * probeMs, `${Math.max(...spaces)} ms apart`)
    t.ok(new Set(spaces).size > 5, 'with jitter')
    t.same(
      hour.gaps,
      Array.from({ length: hour.gaps.length }, (_, i) => (hour.gaps[0] ?? 0) + i * everyMs),
      'every slot of the grid',
    )
    t.ok(hour.gaps.length >= 3_600_000 / everyMs - 1)
    t.equal((hour.gaps[0] ?? 0) % everyMs, hashId('dev') % everyMs)
    t.equal(schedule.counters.silent, hour.gaps.length)
    t.equal(schedule.counters.probes, probes.length)
    t.equal(hour.overruns + schedule.counters.backedOff, 0)
  }
})

t.test('a probe that waits longer than the interval: no second one, no overrun', async t => {
  const { schedule } = settled(1000)
  const slot = schedule.nextAt('dev') ?? 0
  schedule.take(slot)
  schedule.finished('dev', slot + 800, 'silent')
  const stuck = run(schedule, slot + 800, 10_000, () => null)
  t.equal(stuck.reads.length, 1)
  t.equal(stuck.gaps.length, 10, 'each slot has its gap')
  t.equal(stuck.overruns, 0)
})

t.test('an answer ends the silence: the grid again, but not at once', async t => {
  for (const outcome of ['good', 'failed', 'nothing'] as const) {
    const { schedule, now } = settled(10_000)
    run(schedule, now, 60_000, () => 'silent')
    let answeredAt = 0
    const back = run(schedule, now + 60_000, 60_000, (_read, at) => {
      answeredAt ||= at
      return outcome
    })
    t.equal(back.reads[0]?.probe, true)
    t.ok(back.reads.slice(1).every(one => one.grid && !one.probe))
    t.ok((back.reads[1]?.at ?? 0) - answeredAt >= 2500, 'a rate over less would say little')
    t.ok(back.gaps.every(at => at < answeredAt))
  }
})

t.test('a probe that did not take place says nothing', async t => {
  const { schedule, now } = settled(10_000)
  run(schedule, now, 30_000, () => 'silent')
  const { reads } = run(schedule, now + 30_000, 60_000, () => 'lost')
  t.ok(reads.length >= 5 && reads.every(one => one.probe))
})

t.test('poll now of a silent device is a full read, also while a probe runs', async t => {
  const { schedule, now } = settled(10_000)
  run(schedule, now, 60_000, () => 'silent')
  const later = now + 61_000
  const read = schedule.pollNow('dev', later)
  t.match(read, { grid: false, probe: false })
  schedule.finished('dev', later, 'silent')
  let at = schedule.wakeAt() ?? 0
  while (schedule.take(at).reads.length === 0) at = schedule.wakeAt() ?? 0
  t.equal(schedule.pollNow('dev', at), 'running')
  schedule.finished('dev', at + 50, 'silent')
  t.match(schedule.take(at + 50).reads, [{ grid: false, probe: false }])
  schedule.finished('dev', at + 60, 'silent')
  t.ok(run(schedule, at + 60, 60_000, () => 'silent').reads.every(one => one.probe))
})

t.test('silent, and its thread dies, the clock steps, it is held, its config changes', async t => {
  const { schedule, now } = settled(10_000)
  run(schedule, now, 30_000, () => 'silent')
  const at = now + 30_000
  schedule.again('dev', at)
  t.ok(
    run(schedule, at, 30_000, () => 'silent').reads.every(one => one.probe),
    'again',
  )
  const there = at + 30_000 - 7_200_000
  schedule.clockStepped(there, -7_200_000)
  t.ok((schedule.nextAt('dev') ?? 0) <= there + 11_000, 'nobody waits longer')
  const stepped = run(schedule, there, 30_000, () => 'silent')
  t.ok(stepped.reads.length >= 2 && stepped.reads.every(one => one.probe), 'a step')
  t.ok(stepped.gaps.length >= 2)
  schedule.hold('dev', there + 600_000)
  t.ok((schedule.nextAt('dev') ?? 0) >= there + 600_000, 'held: not even probed')
  schedule.add('dev', 10_000, there + 40_000)
  t.match(schedule.take(schedule.wakeAt() ?? 0).reads, [{ probe: false }], 'a changed config')
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
  t.same(schedule.take(now + 1e6), { reads: [], overruns: [], silent: [] })
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
