// Goal: the pool grows where its threads are busy and shrinks where they are idle, losing no reads;
// and the rules behind it decide well.

import t from 'tap'
import { createSizer, movesBetween } from '../../server/poll/placement.ts'
import { bench, eventually, target } from './bench.ts'

t.test('busy devices: the pool grows and shares them; idle ones: it shrinks again', async t => {
  const limits = { tickMs: 200, hotMs: 1000, coldMs: 1000, skewMs: 60_000 }
  const b = bench(t, { threadsMin: 1, threadsMax: 2, limits })
  const ids = Array.from({ length: 12 }, (_, i) => `d${i}`)
  b.targets.push(...ids.map(id => target(id, { spinMs: 110 })))
  await b.poller.start()
  await eventually(() => b.poller.stats().pool.grown === 1, 'growth')
  await eventually(() => {
    const { threads } = b.poller.stats()
    return threads.length === 2 && threads.every(one => one.devices >= 3)
  }, 'shared devices')
  t.equal(b.poller.stats().pool.died, 0)
  const moved = b.poller.stats().pool.moved
  t.ok(moved <= ids.length, `${moved} moves`)

  b.replace(...ids.map(id => target(id, {}, { version: 2 })))
  await b.poller.reload()
  await eventually(() => b.poller.stats().pool.shrunk === 1, 'shrinking')
  const count = new Map(ids.map(id => [id, b.good(id).length]))
  for (const id of ids) {
    await eventually(() => b.good(id).length >= (count.get(id) ?? 0) + 2, `${id} goes on`)
  }
  t.equal(b.poller.stats().threads.length, 1)
  t.equal(b.poller.stats().threads[0]?.devices, ids.length)
})

t.test('the sizer waits, stays within its bounds and does not flap', async t => {
  const size = createSizer({ min: 1, max: 3, hotMs: 5000, coldMs: 60_000, skewMs: 10_000 })
  const at = (...busy: number[]) => busy.map(utilisation => ({ utilisation, load: utilisation }))
  t.equal(size(at(0.9), 0), 'stay')
  t.equal(size(at(0.9), 4999), 'stay')
  t.equal(size(at(0.6), 5000), 'stay', 'a moment of rest starts the wait anew')
  t.equal(size(at(0.9), 6000), 'stay')
  t.equal(size(at(0.9), 11_000), 'grow')
  t.equal(size(at(0.9, 0.9, 0.9), 20_000), 'stay')
  t.equal(size(at(0.9, 0.9, 0.9), 40_000), 'stay', 'never beyond the bound')
  t.equal(size(at(0.1, 0.1), 50_000), 'stay')
  t.equal(size(at(0.1, 0.1), 110_000), 'shrink')
  t.equal(size(at(0.01), 200_000), 'stay')
  t.equal(size(at(0.01), 900_000), 'stay', 'never below the bound')
  t.equal(size(at(0.9, 0.1), 1_000_000), 'stay')
  t.equal(size(at(0.9, 0.1), 1_010_000), 'rebalance')
})

t.test('moves: few, the costliest that fit, none when even', async t => {
  const idle = [1, 5, 2, 40, 3].map(load => ({ id: `d${load}`, load }))
  const ids = (to: number, max: number) =>
    movesBetween({ load: 51, idle }, { load: to }, max).map(one => one.id)
  t.same(ids(45, 10), [])
  t.same(ids(31, 10), ['d5', 'd3', 'd2'])
  t.same(ids(31, 1), ['d5'])
  t.same(ids(0, 10), ['d5', 'd3', 'd2', 'd1'], 'one larger than the gap would only swap the roles')
})

t.test('2,000 devices in real threads: all are read, spread, and none is overrun', async t => {
  const b = bench(t, { threadsMax: 2 })
  b.targets.push(...Array.from({ length: 2000 }, (_, i) => target(`sw-${i}`, {}, { every: '60s' })))
  await b.poller.start()
  const seen = new Set<string>()
  let next = 0
  const allSeen = () => {
    for (; next < b.given.length; next++) seen.add(b.given[next]?.device ?? '')
    return seen.size === 2000
  }
  await eventually(allSeen, 'a read of each of 2,000')
  const { threads } = b.poller.stats()
  t.equal(threads.length, 2)
  t.ok(threads.every(one => one.devices > 500))
  t.equal(b.poller.stats().schedule.overruns, 0)
  t.equal(b.poller.stats().pool.died, 0)
})
