// Goal: every sender whose number was in a batch hears of it, however many they are, and a forged
// number is acknowledged to nobody but the name it was forged with.

import t from 'tap'
import type { Bus } from '../../server/bus/contract.ts'
import { createAcks, rangesOf } from '../../server/ingest/acks.ts'
import { silent } from './messages.ts'

/** A bus that takes everything, and answers when it is let. */
function slowBus() {
  const published: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const bus: Bus = {
    connected: true,
    publish(topic, payload) {
      published.push(`${topic} ${payload}`)
      return promise
    },
    subscribe: async () => async () => {},
    onState: () => () => {},
    close: async () => {},
  }
  return { bus, published, answer: resolve }
}

t.test('a batch of many senders is acknowledged to each of them', async t => {
  const { bus, published, answer } = slowBus()
  const acks = createAcks({ bus, site: 'main', log: silent })
  for (let i = 0; i < 900; i++) acks.done({ src: `agent-${i}`, boot: 'b1', seq: 7 })
  const flushed = acks.flush()
  t.equal(published.length, 900)
  t.equal(acks.lost, 0)
  // While the broker answers nothing, what is on its way stays bounded.
  for (let i = 0; i < 900; i++) acks.done({ src: `agent-${i}`, boot: 'b1', seq: 8 })
  const again = acks.flush()
  t.equal(published.length, 1000)
  t.equal(acks.lost, 800)
  answer()
  await Promise.all([flushed, again])
  acks.done({ src: 'agent-1', boot: 'b1', seq: 9 })
  await acks.flush()
  const [topic, text = ''] = published.at(-1)?.split(/ (.*)/s) ?? []
  t.equal(topic, 'pollux/main/acks/agent-1')
  const { at, ...ack } = JSON.parse(text)
  t.same(ack, { boot: 'b1', seq: [[9, 9]], refused: [] })
  t.type(at, 'number', 'and the time')
})

t.test('ranges of numbers in any order, some of them twice', async t => {
  t.same(rangesOf([7, 3, 1, 2, 3]), [
    [1, 3],
    [7, 7],
  ])
  t.same(rangesOf([]), [])
})
