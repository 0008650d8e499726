// Goal: ingest and judge get one answer for one message, whether it came over one connection or two;
// another message, or the same one later, is looked at anew.

import t from 'tap'
import { accept } from '../../server/ingest/accept.ts'
import { acceptOnce } from '../../server/ingest/once.ts'
import { context, good, message, NOW, topicOf } from './messages.ts'

function counted() {
  let calls = 0
  const gate = acceptOnce((...given) => {
    calls++
    return accept(...given)
  })
  return { gate, calls: () => calls }
}

t.test('the second of two gets what the first got, also from a copy of the bytes', async t => {
  const { gate, calls } = counted()
  const first = message(good())
  t.equal(gate(first, context()), gate(first, context()))
  t.equal(calls(), 1)
  t.equal(gate(message(good()), context()), gate(message(good()), context({ now: NOW + 100 })))
  t.equal(calls(), 2)
})

t.test('a resend, another topic, other bytes and another retention are looked at', async t => {
  const { gate, calls } = counted()
  const ask = (...given: Parameters<typeof gate>) => {
    const before = calls()
    gate(...given)
    return calls() - before
  }
  t.equal(ask(message(good()), context()), 1)
  t.equal(ask(message(good()), context({ now: NOW + 10_000 })), 1, 'the same, 10 s later')
  t.equal(ask(message(good(), topicOf('sw-1', 'other')), context()), 1)
  t.equal(ask(message(good({ seq: 102 })), context({ now: NOW + 10_000 })), 1)
  t.equal(ask(message(good({ seq: 102 })), context({ now: NOW + 10_000, retentionMs: 1 })), 1)
})

t.test('what nobody asks for a second time is forgotten', async t => {
  const { gate, calls } = counted()
  const row = 'x'.repeat(500)
  const large = good({
    rows: Array.from({ length: 300 }, (_, i) => `${row}${i}`),
    metrics: { in: new Array(300).fill(1) },
    gaps: {},
  })
  const one = (i: number) => message(large, topicOf('sw-1', `g${i}`))
  for (let i = 0; i < 100; i++) gate(one(i), context())
  for (let i = 0; i < 10; i++) gate(one(i), context())
  t.equal(calls(), 110, 'the oldest are gone')
  gate(one(99), context())
  t.equal(calls(), 110, 'the newest is here')
})
