// Goal: what another store does not take holds up nothing: 5xx and 429 are tried again, 4xx is dropped
// and counted, one bad value takes no others with it, a slow or dead store costs a bounded queue; and no
// password or token is told.

import t from 'tap'
import { createDelivery, type DeliveryOptions } from '../../server/export/delivery.ts'
import { influxTo, remoteWriteTo } from '../../server/export/destination.ts'
import { createLog } from '../../server/log.ts'
import { freePort, until } from '../parts/find.ts'
import { collectionAt, isBalanced, pointsOf, startReceiver } from './receiver.ts'

const log = createLog('silent')

function deliveryTo(url: string, options: Partial<DeliveryOptions> = {}) {
  const destination = influxTo(url, 'grep-me-token')
  return createDelivery({ destination, pointsOf, log, gatherMs: 1, retryMs: 1, ...options })
}

t.test('5xx and 429 are tried again, and nothing is lost', async t => {
  const answers: (number | [number, Record<string, string>])[] = [
    500,
    [503, { 'retry-after': '0' }],
    429,
  ]
  const { url, received } = await startReceiver(t, () => answers.shift() ?? 204)
  const delivery = deliveryTo(url)
  delivery.offer('a', collectionAt(7))
  await until(() => delivery.stats().sent === 1, 'the value')
  t.equal(received.length, 4)
  t.same([...new Set(received.map(({ body }) => body))], ['pollux_g,device=a m=7 7\n'])
  t.match(received[0], { url: '/write?db=x&precision=ms', authorization: 'Token grep-me-token' })
  t.match(delivery.stats(), { failures: 3, error: null, waiting: 0, dropped: 0, refused: 0 })
  await delivery.close()
})

t.test('4xx is dropped and counted', async t => {
  for (const status of [401, 404, 302]) {
    const { url, received } = await startReceiver(t, () => [status, { location: '/elsewhere' }])
    const delivery = deliveryTo(url)
    delivery.offer('a', collectionAt(1))
    delivery.offer('a', collectionAt(2))
    await until(() => delivery.stats().refused === 2, `${status}`)
    t.equal(received.length, 1, 'not tried again, and no redirect is followed')
    t.match(delivery.stats(), { failures: 1, error: `${status} said ${status}`, waiting: 0 })
    t.ok(isBalanced(delivery))
    await delivery.close()
  }
})

t.test('one bad value takes no others with it', async t => {
  const taken: string[] = []
  const { url } = await startReceiver(t, ({ body }) => {
    if (/ m=5 /.test(body)) return 400
    taken.push(...body.split('\n').filter(line => line !== ''))
    return 204
  })
  const delivery = deliveryTo(url, { gatherMs: 50 })
  for (let at = 0; at < 9; at++) delivery.offer('a', collectionAt(at))
  await until(() => delivery.stats().waiting === 0, 'all')
  t.match(delivery.stats(), { taken: 9, sent: 8, refused: 1, error: null })
  t.same(
    taken,
    [0, 1, 2, 3, 4, 6, 7, 8].map(at => `pollux_g,device=a m=${at} ${at}`),
    'in their order',
  )
  await delivery.close()
})

t.test('a store that does not answer costs a bounded queue', async t => {
  const held = Promise.withResolvers<number>()
  const { url, received } = await startReceiver(t, () => held.promise)
  const delivery = deliveryTo(url, { waitingMax: 10 })
  delivery.offer('a', collectionAt(0))
  await until(() => received.length === 1, 'the first request')
  for (let at = 1; at <= 100; at++) delivery.offer('a', collectionAt(at))
  t.match(delivery.stats(), { taken: 101, waiting: 10, dropped: 91 })
  t.ok(isBalanced(delivery))
  held.resolve(204)
  await until(() => delivery.stats().waiting === 0, 'what waited')
  t.match(received[1]?.body, /^pollux_g,device=a m=92 92\n/, 'the oldest were dropped')
  t.match(delivery.stats(), { sent: 10, dropped: 91 })
  await delivery.close()
})

t.test('a store that is away; the end of the program', async t => {
  const delivery = deliveryTo(`http://user:grep-me@127.0.0.1:${await freePort()}/write`)
  delivery.offer('a', collectionAt(1))
  await until(() => delivery.stats().failures > 2, 'some tries')
  t.match(delivery.stats().error, /ECONNREFUSED/)
  t.notMatch(delivery.stats().error, /grep-me/)
  t.equal(delivery.stats().waiting, 1)
  await delivery.close()
  t.match(delivery.stats(), { waiting: 0, dropped: 1 })
  delivery.offer('a', collectionAt(2))
  t.equal(delivery.stats().taken, 1, 'nothing is taken after the end')

  const { url, received } = await startReceiver(t, () => 204)
  const last = deliveryTo(url, { gatherMs: 1_000_000 })
  last.offer('a', collectionAt(1))
  await last.close()
  t.equal(last.stats().sent, 1, 'what waited is sent at the end')
  t.equal(received.length, 1)
})

t.test('who asks', async t => {
  const { url, received } = await startReceiver(t, () => 204)
  const withUser = url.replace('//', '//us%40er:pass%3Aword@')
  const basic = `Basic ${Buffer.from('us@er:pass:word').toString('base64')}`
  const signal = new AbortController().signal
  await remoteWriteTo(withUser, null).send([], signal)
  await remoteWriteTo(url, 'abc').send([], signal)
  await influxTo(url, null).send([], signal)
  await influxTo(url.replace('//', '//a%zz:b@'), null).send([], signal)
  t.same(
    received.map(({ authorization }) => authorization),
    [basic, 'Bearer abc', undefined, `Basic ${Buffer.from('a%zz:b').toString('base64')}`],
  )
})

t.test('names that cannot be read, and values without one', async t => {
  const { url } = await startReceiver(t, () => 204)
  let fails = 1
  const delivery = deliveryTo(url, {
    pointsOf: async (device, collection) => {
      if (fails-- > 0) throw new Error('the database is away')
      return collection.at === 2 ? [] : pointsOf(device, collection)
    },
  })
  delivery.offer('a', collectionAt(1))
  await until(() => delivery.stats().dropped === 1, 'the first')
  delivery.offer('a', collectionAt(2))
  delivery.offer('a', collectionAt(3))
  await until(() => delivery.stats().waiting === 0, 'the others')
  t.match(delivery.stats(), { sent: 1, unnamed: 1, dropped: 1, refused: 0 })
  await delivery.close()
})

t.test('a new device whose profiles are not known yet: in its order', async t => {
  const { url, received } = await startReceiver(t, () => 204)
  let isKnown = false
  const delivery = deliveryTo(url, {
    pointsOf: async (device, collection) =>
      device === 'a' && !isKnown ? null : pointsOf(device, collection),
  })
  delivery.offer('a', collectionAt(1))
  delivery.offer('b', collectionAt(2))
  await until(() => delivery.stats().sent === 1, 'the other device')
  delivery.offer('a', collectionAt(3))
  isKnown = true
  await until(() => delivery.stats().waiting === 0, 'the new one')
  const bodies = received.map(({ body }) => body).join('')
  t.match(bodies, /^pollux_g,device=b .*\npollux_g,device=a m=1 1\npollux_g,device=a m=3 3\n$/)
  t.ok(isBalanced(delivery))

  isKnown = false
  delivery.offer('a', collectionAt(4))
  await delivery.close()
  t.match(delivery.stats(), { sent: 3, unnamed: 1, waiting: 0 }, 'never known')
})
