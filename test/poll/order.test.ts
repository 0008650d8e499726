// Goal: of what is due, slow devices start early, by as much as they are slow, and nobody starves; how
// late each read was is told.

import t from 'tap'
import type { PooledDevice } from '../../server/poll/device.ts'
import { enqueue, type Slot } from '../../server/poll/slot.ts'
import { bench, eventually, target } from './bench.ts'

const T0 = 1_795_320_000_000

type Queues = Pick<Slot, 'queue' | 'probes'>

function queued(queues: Queues, id: string, at: number, readMs: number | null, head = false) {
  const device: PooledDevice = {
    id,
    target: target(id),
    everyMs: 60_000,
    epoch: 0,
    thread: 1,
    job: null,
    deaths: 0,
    readMs,
    costMs: null,
    load: 0,
  }
  const read = { id, at, grid: true, probe: false }
  enqueue(queues, device, { read, deadlineMs: 1, started: false, head })
  return device
}

t.test('what waits: slow ones early, heads first, and who waits long before all', async t => {
  const slot: Queues = { queue: [], probes: [] }
  queued(slot, 'new', T0, null)
  queued(slot, 'quick', T0, 20)
  queued(slot, 'slow', T0, 9000)
  queued(slot, 'slowest', T0, 30_000)
  queued(slot, 'slow-2', T0, 9000)
  const ids = () => slot.queue.map(({ id }) => id)
  t.same(ids(), ['slowest', 'slow', 'slow-2', 'quick', 'new'])
  queued(slot, 'urgent', T0 + 5000, null, true)
  queued(slot, 'later', T0 + 8000, 9000)
  t.same(ids(), ['urgent', 'slowest', 'slow', 'slow-2', 'later', 'quick', 'new'])
  queued(slot, 'much-later', T0 + 40_000, 30_000)
  t.equal(ids().at(-1), 'much-later', 'the quick ones have waited longer than it is slow')
})

t.test('one at a time in a real thread: the slow one goes first; lateness is told', async t => {
  const b = bench(t, { limits: { readsMax: 1 } })
  const quick = Array.from({ length: 8 }, (_, i) => `q${i}`)
  const every = '2s'
  b.targets.push(
    ...quick.map(id => target(id, { tookMs: 60 }, { every })),
    target('slow', { tookMs: 700 }, { every }),
  )
  await b.poller.start()
  for (const id of [...quick, 'slow']) {
    await eventually(() => b.good(id).length >= 5, `reads of ${id}`)
  }
  const slow = b.poller.device('slow')
  t.ok((slow?.readMs ?? 0) >= 600, 'how slow it is was learned')
  for (const id of quick) {
    const one = b.poller.device(id)
    t.ok((one?.readMs ?? 0) < (slow?.readMs ?? 0))
    t.type(one?.lateMs, 'number')
    t.ok((one?.lateMs ?? -1) >= 0)
    t.equal(one?.silence, null)
    t.type(one?.nextAt, 'number')
  }
  t.equal(b.poller.device('nobody'), null)
})
