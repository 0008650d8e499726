// Goal: what is said within one turn goes over together, in order, once; a lot of it goes at once.

import t from 'tap'
import { createGatherer, intoOneBuffer } from '../../server/poll/gather.ts'
import type { CollectedMessage, FromThread } from '../../server/poll/protocol.ts'
import { noDrops } from '../../server/snmp/drops.ts'

t.test('what one turn says is one message, in order; flush leaves nothing behind', async t => {
  const posted: number[][] = []
  const gatherer = createGatherer<number>(all => void posted.push(all), setImmediate)
  gatherer.say(1)
  gatherer.say(2)
  t.same(posted, [])
  await new Promise(resolve => setImmediate(resolve))
  t.same(posted, [[1, 2]])
  gatherer.say(3)
  gatherer.flush()
  gatherer.say(4)
  await new Promise(resolve => setImmediate(resolve))
  await new Promise(resolve => setImmediate(resolve))
  t.same(posted, [[1, 2], [3], [4]])
})

t.test('many bytes do not wait for the end of the turn', t => {
  const posted: number[][] = []
  const gatherer = createGatherer<number>(
    all => void posted.push(all),
    () => {},
  )
  for (let i = 0; i < 5; i++) gatherer.say(i, 400_000)
  t.same(posted, [[0, 1, 2]])
  t.end()
})

t.test('bodies of all messages move into one buffer and stay what they were', t => {
  const body = (text: string) => new TextEncoder().encode(text)
  const collected = (id: string, ...texts: string[]): CollectedMessage => ({
    ...{ is: 'collected', id, epoch: 1, outcome: 'good', reason: null, error: null },
    ...{ identity: null, tuning: null, silent: false, groups: [], tookMs: 1, cost: null },
    bodies: texts.map(text => ({ channel: 'samples', group: 'g', body: body(text) })),
  })
  const beat: FromThread = {
    is: 'heartbeat',
    utilisation: 0,
    activeMs: 0,
    abandoned: 0,
    snmpDrops: noDrops(),
  }
  const messages = [
    collected('a', '{"x":1}', '{}'),
    beat,
    collected('b'),
    collected('c', '{"ü":2}'),
  ]
  const buffer = intoOneBuffer(messages)
  const bodies = messages.flatMap(one => (one.is === 'collected' ? one.bodies : []))
  t.same(
    bodies.map(({ body }) => new TextDecoder().decode(body)),
    ['{"x":1}', '{}', '{"ü":2}'],
  )
  t.ok(bodies.every(({ body }) => body.buffer === buffer))
  t.equal(buffer?.byteLength, 17)
  t.equal(intoOneBuffer([beat, collected('b')]), null)
  t.end()
})
