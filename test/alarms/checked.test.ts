// Goal: what checks say of the state of their device: up, degraded, down, with the first in words.
// Method: collections made by hand, and the state machine that hears of them.

import t from 'tap'
import { checkedEvent } from '../../server/alarms/checked.ts'
import { nextStatus, settleMs, unjudged } from '../../server/alarms/machine.ts'
import type { AcceptedCollection } from '../../server/model/accepted.ts'
import type { Value } from '../../server/model/collection.ts'

const NOW = 1_800_000_000_000

const read = (
  at: number,
  ...checks: [name: string, error: string | null][]
): AcceptedCollection => ({
  ...{ deviceUid: 1, group: 'check', at, gaps: new Map(), failed: null },
  rows: checks.map(([name]) => name),
  metrics: new Map<string, Value[]>([
    ['state', checks.map(([, error]) => (error === null ? 0 : 1))],
    ['error', checks.map(([, error]) => error)],
  ]),
})

t.test('in words', async t => {
  t.match(checkedEvent(read(1, ['a', null], ['b', null]), 2), { type: 'good', partly: undefined })
  t.match(checkedEvent(read(1, ['a', null], ['b', 'status 500'], ['c', 'x']), 2), {
    ...{ type: 'good', partly: '2 of 3 checks fail: b: status 500' },
  })
  t.match(checkedEvent(read(1, ['a', 'no answer'], ['b', 'x']), 2), {
    ...{ type: 'failed', reason: 'unreachable', error: 'all 2 checks fail: a: no answer' },
  })
  t.match(checkedEvent(read(1, ['a', null], ['b', 'y'.repeat(5000)]), 2).type, 'good')
  t.match(checkedEvent(read(1, ['a', 'y'.repeat(5000)]), 2), { error: /^its check fails: a: y+$/ })
  const { error = '' } = { error: '', ...checkedEvent(read(1, ['a', 'y'.repeat(5000)]), 2) }
  t.equal(error?.length, 1024, 'as long as a state may say')
  const odd = { ...read(1), metrics: new Map(), rows: null }
  t.match(checkedEvent(odd, 2), { type: 'good' }, 'a profile without states says nothing bad')
})

t.test('up, degraded, down and back', async t => {
  const device = { enabled: true, everyMs: 60_000 }
  let judged = unjudged(NOW)
  const hear = (at: number, ...checks: [string, string | null][]) => {
    judged = nextStatus(judged, checkedEvent(read(NOW + at, ...checks), NOW + at), device)
    judged = nextStatus(judged, { type: 'tick', now: NOW + at + settleMs }, device)
    return judged.status
  }
  t.match(hear(1000, ['a', null], ['b', null]), { state: 'up', since: NOW + 1000 })
  const first = hear(61_000, ['a', null], ['b', 'x'])
  t.match(first, { state: 'degraded', since: NOW + 61_000, error: '1 of 2 checks fail: b: x' })
  t.equal(hear(121_000, ['a', null], ['b', 'x']), first, 'the same is no news')
  t.match(hear(181_000, ['a', 'y'], ['b', null]), {
    ...{ state: 'degraded', since: NOW + 61_000, error: '1 of 2 checks fail: a: y' },
  })
  t.match(hear(241_000, ['a', 'y'], ['b', 'x']), { state: 'down', since: NOW + 241_000 })
  t.match(hear(301_000, ['a', null], ['b', 'x']), { state: 'degraded', since: NOW + 301_000 })
  const up = hear(361_000, ['a', null], ['b', null])
  t.same(up, { state: 'up', since: NOW + 361_000, reason: null }, 'nothing of the trouble stays')
})
