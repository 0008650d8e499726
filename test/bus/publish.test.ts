// Our own PUBLISH packets, over both brokers and both versions of MQTT: sizes, pieces, order, ids
// that come round, refusals.

import { createHash } from 'node:crypto'
import t from 'tap'
import { createOutgoing } from '../../server/bus/outgoing.ts'
import { eachBroker, mosquittoBroker, type TestBroker } from '../parts/broker.ts'
import { until } from '../parts/find.ts'

const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const bytesOf = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31) & 255))

interface Asserts {
  same(found: unknown, wanted: unknown): unknown
}

/** Around each step of the remaining length (MQTT 5, 1.5.5), and of the buffers that packets share. */
const SIZES = [0, 1, 100, 127, 128, 16_360, 16_384, 65_536, 262_100, 262_144, 2_097_152, 2_097_200]

async function everySize(t: Asserts, broker: TestBroker, protocol: 4 | 'auto'): Promise<void> {
  const sender = broker.connect({ protocol })
  const receiver = broker.connect({ protocol })
  await until(() => sender.connected && receiver.connected, 'the connections')
  const got: string[] = []
  await receiver.subscribe('p/#', ({ payload }) => void got.push(hash(payload)))
  const payloads = SIZES.map(bytesOf)
  await Promise.all(
    payloads.map((whole, i) => {
      const cut = Math.floor(whole.length / 3)
      const pieces = [whole.subarray(0, cut), whole.subarray(cut), Buffer.alloc(0)]
      return sender.publish(`p/${i}`, i % 2 ? pieces : whole)
    }),
  )
  await until(() => got.length >= SIZES.length, 'all of them')
  t.same(got, payloads.map(hash))
}

t.test('payloads of every size arrive as they were, in order', t =>
  // The embedded broker speaks 3.1.1, Mosquitto 5.
  eachBroker(t, (t, broker) => everySize(t, broker, 'auto')),
)

t.test('and in version 3.1.1 to a broker that speaks both', async t =>
  everySize(t, await mosquittoBroker(t), 4),
)

t.test(
  'more messages than there are ids, each once and in order',
  { timeout: 300_000 },
  async t => {
    const broker = await mosquittoBroker(t, ['max_inflight_messages 0'])
    const bus = broker.connect()
    await until(() => bus.connected, 'the connection')
    const count = 66_000
    let next = 0
    let wrong = 0
    await bus.subscribe('n', ({ payload }) => {
      if (Number(payload.toString()) !== next++) wrong++
    })
    for (let from = 0; from < count; from += 1000) {
      await Promise.all(Array.from({ length: 1000 }, (_, i) => bus.publish('n', `${from + i}`)))
    }
    await until(() => next >= count, 'all of them', 60_000)
    t.same([next, wrong], [count, 0])
  },
)

t.test('what the broker refuses is rejected, and what follows goes on', async t => {
  const broker = await mosquittoBroker(t)
  const bus = broker.connect({ user: 'agent-a', protocol: 5 })
  await until(() => bus.connected, 'the connection')
  await t.rejects(bus.publish('pollux/test/devices/agent-b/events', 'no'), { message: /refused/ })
  await bus.publish('pollux/test/devices/agent-a/events', 'yes')
  await t.rejects(bus.publish('x'.repeat(70_000), 'too long'), RangeError)
  await bus.publish('pollux/test/devices/agent-a/events', 'yes')
  t.equal(bus.connected, true)
})

t.test('one turn is one write; what was flushed is not written again', async t => {
  const written: Buffer[] = []
  const outgoing = createOutgoing({ version: 4, write: bytes => void written.push(bytes) })
  outgoing.publish('a', [Buffer.from('x')], 1, false)
  outgoing.publish('b', [Buffer.from('y')], 258, true)
  t.equal(written.length, 0)
  await new Promise(resolve => setImmediate(resolve))
  t.same(
    written.map(bytes => bytes.toString('hex')),
    ['3206000161000178' + '3306000162010279'],
  )
  outgoing.publish('c', [], 3, false)
  outgoing.flush()
  await new Promise(resolve => setImmediate(resolve))
  t.same(
    written.slice(1).map(bytes => bytes.toString('hex')),
    ['32050001630003'],
  )
})
