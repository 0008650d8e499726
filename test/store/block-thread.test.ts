// Blocks are made in a thread: its answers, what it cannot do, and what becomes of it.
import t from 'tap'
import { decodeBlock } from '../../server/store/block.ts'
import { BlockThread } from '../../server/store/block-thread.ts'
import { emptyPoll, encodePoll, NUMBER, setCell, TEXT } from '../../server/store/codec.ts'
import { readPlainValues } from '../../server/store/plain-values.ts'

const T0 = Date.UTC(2026, 0, 1)
const window = { t0: T0, t1: T0 + 3_600_000 }

function pollOf(at: number, value: number): { ts: number; data: Uint8Array } {
  const poll = emptyPoll(2)
  setCell(poll, 0, NUMBER, value)
  setCell(poll, 1, TEXT, at - T0)
  return { ts: at, data: encodePoll(poll) }
}

t.test('polls become a block; texts are asked for first', async t => {
  const thread = new BlockThread()
  t.teardown(() => thread.close())
  const polls = [pollOf(T0, 1), pollOf(T0 + 60_000, 2)]
  const job = { ...window, before: null, polls, texts: null }
  const first = await thread.condense(job)
  t.same(first.needs, new Map([[1, new Set([T0])]]))
  t.equal(first.block.length, 0, 'nothing is made of it yet')
  const texts = new Map([[1, new Map([[T0, 'on']])]])
  const { block, count, samples, damagedBlock } = await thread.condense({ ...job, texts })
  t.same([count, samples, damagedBlock], [2, 4, null])
  const columns = decodeBlock(block, T0)
  t.same(columns.slots[0]?.values, Float64Array.of(1, 2))
  t.same([columns.texts, columns.slots[1]?.values], [['on'], Float64Array.of(0, 0)])
  const rolled = await thread.roll({
    ...{ tier: 'r15m', t0: T0, isHourly: true },
    blocks: [
      { ...window, data: block },
      { ...window, t0: window.t1, t1: window.t1 + 1000, data: block.subarray(1) },
    ],
  })
  t.same(
    rolled.damaged.map(({ index }) => index),
    [1],
    'the other one is used',
  )
  t.same([...decodeBlock(rolled.block, T0).times], [T0, T0 + 3_600_000], 'its gap is a point')
  t.equal(rolled.count, 2)
  const row = { at: T0, slot: 0, value_min: 1, value_max: 2, value_avg: 1.5, value_count: 2 }
  t.same(readPlainValues(rolled.plain.daily), [{ ...row, value_last: 2 }])
  t.same(readPlainValues(rolled.plain.hourly), [{ ...row, value_last: 2 }])
})

t.test('damaged polls and blocks are named, and are gaps', async t => {
  const thread = new BlockThread()
  t.teardown(() => thread.close())
  const polls = [{ ts: T0, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7) }]
  const before = Uint8Array.of(9, 9, 9)
  const made = await thread.condense({ ...window, before, polls, texts: new Map() })
  t.match(made.damagedBlock, /not a block/)
  t.match(made.damagedPolls, [{ ts: T0, error: /checksum|poll/ }])
  t.same([...decodeBlock(made.block, T0).times], [T0, window.t1 - 1])
})

t.test('a job that cannot be done fails alone', async t => {
  const thread = new BlockThread()
  t.teardown(() => thread.close())
  const job = { ...window, before: null, polls: [pollOf(T0, 1)], texts: new Map() }
  const { block } = await thread.condense(job)
  const elsewhere = { tier: 'r15m' as const, t0: T0 + 86_400_000 }
  const [wrong, good] = await Promise.allSettled([
    thread.roll({ ...elsewhere, isHourly: false, blocks: [{ ...window, data: block }] }),
    thread.condense(job),
  ])
  t.match(wrong, { status: 'rejected', reason: { code: 'E_BLOCK', passing: false } })
  t.equal(good.status, 'fulfilled')
})

t.test('a thread that ends lets nobody wait, and another one takes the next job', async t => {
  const thread = new BlockThread()
  t.teardown(() => thread.close())
  const job = { ...window, before: null, polls: [pollOf(T0, 1)], texts: new Map() }
  const waiting = t.rejects(thread.condense(job), { code: 'E_STORE_UNAVAILABLE', passing: true })
  await thread.close()
  await waiting
  t.equal((await thread.condense(job)).count, 1)
})
