// Goal: parts of one collection become one, whatever order they come in and whichever are lost.

import t from 'tap'
import { accept } from '../../server/ingest/accept.ts'
import {
  createAssembler,
  type Joined,
  type PartOutcome,
  partsHeldMax,
  partsWaitMs,
} from '../../server/ingest/parts.ts'
import { context, good, message, NOW } from './messages.ts'

function part(i: number, n: number, more: Record<string, unknown> = {}) {
  const rows = [`r${i}a`, `r${i}b`]
  const metrics = { in: [i, null] }
  const body = good({ seq: 100 + i, part: [i, n], rows, metrics, ...more })
  const accepted = accept(message(body), context())
  if (accepted.refused !== null || !accepted.part) throw new Error('no part')
  return { ...accepted, part: accepted.part }
}

function joined(outcomes: readonly PartOutcome[]): Joined {
  const [outcome] = outcomes
  if (outcomes.length !== 1 || !outcome || 'refusal' in outcome) throw new Error('not one joined')
  return outcome
}

t.test('in any order', async t => {
  const assembler = createAssembler()
  t.same(assembler.add(part(3, 3), 10, 0), [])
  t.same(assembler.add(part(1, 3), 20, 0), [])
  t.equal(assembler.held, 2)
  const { collection, ...rest } = joined(assembler.add(part(2, 3), 30, 0))
  t.same(collection.rows, ['r1a', 'r1b', 'r2a', 'r2b', 'r3a', 'r3b'])
  t.same(collection.metrics.get('in'), [1, null, 2, null, 3, null])
  t.same(collection.gaps.get('in'), [null, 'reset', null, 'reset', null, 'reset'])
  t.same(
    rest.numbers.map(({ seq }) => seq),
    [103, 101, 102],
  )
  t.match(rest, { messages: 3, bytes: 60, complete: true })
  t.equal(assembler.held, 0)
})

t.test('other times, groups and devices are other collections', async t => {
  const assembler = createAssembler()
  assembler.add(part(1, 2), 1, 0)
  t.same(assembler.add(part(2, 2, { at: NOW - 1 }), 1, 0), [])
  t.equal(assembler.held, 2)
})

t.test('a part that comes twice is held once, and acknowledged twice', async t => {
  const assembler = createAssembler()
  assembler.add(part(1, 2), 1, 0)
  t.same(assembler.add(part(1, 2, { seq: 500 }), 1, 0), [])
  const { numbers, messages, collection } = joined(assembler.add(part(2, 2), 1, 0))
  t.equal(messages, 3)
  t.same(
    numbers.map(({ seq }) => seq),
    [101, 500, 102],
  )
  t.equal(collection.rows?.length, 4)
})

t.test('a part that never comes: the others after the wait, a late one by itself', async t => {
  const assembler = createAssembler()
  assembler.add(part(1, 2), 1, 1000)
  t.same(assembler.expired(1000 + partsWaitMs - 1), [])
  const first = joined(assembler.expired(1000 + partsWaitMs))
  t.equal(first.complete, false)
  t.same(first.collection.rows, ['r1a', 'r1b'])
  assembler.add(part(2, 2), 1, 50_000)
  t.same(joined(assembler.drain()).collection.rows, ['r2a', 'r2b'])
  t.same(assembler.drain(), [])
})

t.test('a metric that one part left out is missing there', async t => {
  const assembler = createAssembler()
  assembler.add(part(1, 2), 1, 0)
  const other = part(2, 2, { metrics: { out: [1, 2] }, gaps: {} })
  const { collection } = joined(assembler.add(other, 1, 0))
  t.same(collection.metrics.get('out'), [null, null, 1, 2])
  t.same(collection.gaps.get('out'), ['partial', 'partial', null, null])
  t.same(collection.gaps.get('in'), [null, 'reset', 'partial', 'partial'])
})

t.test('parts that do not fit', async t => {
  const assembler = createAssembler()
  assembler.add(part(1, 2), 1, 0)
  t.throws(() => assembler.add(part(2, 3), 1, 0), {
    name: 'Refusal',
    message: 'parts of different counts',
  })
  const twice = assembler.add(part(2, 2, { rows: ['r1a', 'x'] }), 1, 0)
  t.match(twice, [{ refusal: { reason: 'duplicate-row' }, messages: 2 }])
  t.equal(assembler.held, 0)
})

t.test('too many held: the oldest goes out as it is', async t => {
  const assembler = createAssembler()
  for (let i = 0; i < partsHeldMax; i++) {
    t.same(assembler.add(part(1, 2, { at: NOW - i }), 1, i), [])
  }
  const out = joined(assembler.add(part(1, 2, { at: NOW - partsHeldMax }), 1, 999))
  t.equal(out.collection.at, NOW)
  t.equal(assembler.held, partsHeldMax)
})
