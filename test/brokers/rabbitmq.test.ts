// Goal: RabbitMQ as the core broker. What a sender has is stored, once, with a restart of the broker in
// between; its users keep to their topics; and what docs/brokers.md says of its limits is so.

import t from 'tap'
import { connectBus, type MqttBus } from '../../server/bus/client.ts'
import { createSender } from '../../server/bus/sender.ts'
import {
  ackTopic,
  rowsFilter,
  rowsTopic,
  samplesFilter,
  sampleTopic,
} from '../../server/bus/topics.ts'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { device, lookup, SITE, silent } from '../ingest/messages.ts'
import { addDevice, sqlite } from '../ingest/store.ts'
import { silentLog } from '../parts/broker.ts'
import { type Teardown, tempDir, until } from '../parts/find.ts'
import { type RabbitMq, type RabbitUser, startRabbitMq } from '../parts/rabbitmq.ts'

const stepMs = 10

const POLLUX = {
  ...{ username: 'pollux', password: 'the whole site' },
  ...{ write: '^pollux\\.', read: '^pollux\\.' },
}
const AGENT = {
  ...{ username: 'sw-1', password: 'its own topics' },
  write: '^pollux\\.main\\.devices\\.sw-1\\.((samples|rows)\\.[^.]+|events)$',
  read: '^pollux\\.main\\.acks\\.sw-1$',
}
const POLLER = {
  ...{ username: 'poller', password: 'every device' },
  write: '^pollux\\.main\\.devices\\.[^.]+\\.((samples|rows)\\.[^.]+|events)$',
  read: '^pollux\\.main\\.acks\\.[^.]+$',
}

t.setTimeout(600_000)

function join(t: Teardown, { port }: RabbitMq, user: Pick<RabbitUser, 'username' | 'password'>) {
  const { username, password } = user
  const bus = connectBus({
    ...{ url: `mqtt://127.0.0.1:${port}`, username, password, log: silentLog },
    clientId: `${username}-${Math.random().toString(36).slice(2)}`,
    backoff: { msMin: 50, msMax: 500 },
  })
  t.teardown(() => bus.close())
  return bus
}

const connected = (...all: MqttBus[]) =>
  until(() => all.every(bus => bus.connected), 'everybody to be connected')

t.test('RabbitMQ', async t => {
  const rabbit = await startRabbitMq(t, [POLLUX, POLLER, AGENT])

  await t.test('users keep to their topics; nobody else is let in', async t => {
    const bus = join(t, rabbit, POLLUX)
    const [agent, forger, eavesdropper] = [
      join(t, rabbit, AGENT),
      join(t, rabbit, AGENT),
      join(t, rabbit, AGENT),
    ]
    const stranger = join(t, rabbit, { ...AGENT, password: 'guessed' })
    const nobody = connectBus({
      ...{ url: `mqtt://127.0.0.1:${rabbit.port}`, clientId: 'x', log: silentLog },
      backoff: { msMin: 50, msMax: 500 },
    })
    t.teardown(() => nobody.close())
    await connected(bus, agent, forger, eavesdropper)
    await until(() => stranger.isRefused && nobody.isRefused, 'a guess and no user to be refused')
    const got: string[] = []
    await bus.subscribe('pollux/#', ({ topic, payload }) => void got.push(`${topic} ${payload}`))
    const forged = [sampleTopic(SITE, 'sw-2', 'g'), ackTopic(SITE, 'sw-1'), 'other/topic']
    for (const topic of forged) {
      await connected(forger)
      await t.rejects(forger.publish(topic, 'forged'), topic)
    }
    let heard = 0
    await eavesdropper.subscribe(samplesFilter(SITE), () => void heard++)
    const own = sampleTopic(SITE, 'sw-1', 'g')
    await agent.publish(own, 'own')
    await until(() => got.length > 0, 'its own message')
    t.same(got, [`${own} own`])
    t.equal(heard, 0)
  })

  await t.test('every sample is stored once, with a restart in between', async t => {
    const store = await sqlite(t)
    const uid = await addDevice(store, 'sw-1')
    const bus = join(t, rabbit, POLLUX)
    const node = join(t, rabbit, POLLER)
    await connected(bus, node)
    const devices = lookup(device('sw-1', uid))
    const live = createMemoryLive()
    const ingest = createIngest({
      bus,
      site: SITE,
      store,
      live,
      devices,
      consumers: [],
      log: silent,
    })
    t.teardown(() => ingest.close())
    await ingest.start()
    const sender = await createSender({
      ...{ bus: node, site: SITE, dir: await tempDir(t), log: silentLog },
      resend: { msMin: 2000, msMax: 4000 },
    })
    t.teardown(() => sender.close())

    const begin = Math.floor(Date.now() / 1000) * 1000 - 3_600_000
    const row = { key: 'a', index: '1', name: 'Gi1/0/1', labels: {} }
    const names = { at: begin, units: {}, rows: [row] }
    const rows = rowsTopic(SITE, 'sw-1', 'g')
    sender.send(rows, Buffer.from(JSON.stringify(names)), { retain: true })
    let sent = 0
    const timer = setInterval(() => {
      const n = sent++
      const body = { at: begin + n * 100, ok: true, rows: ['a'], metrics: { n: [n] } }
      sender.send(sampleTopic(SITE, 'sw-1', 'g'), Buffer.from(JSON.stringify(body)))
    }, stepMs)
    t.teardown(() => clearInterval(timer))
    await until(() => sender.ledger.stored > 100, 'samples before the restart')
    await rabbit.stop('SIGTERM')
    await until(() => !bus.connected && !node.connected, 'both to lose the broker')
    const before = sender.ledger.stored
    await rabbit.start()
    await until(() => sender.ledger.stored > before + 100, 'samples after the restart')
    clearInterval(timer)
    await until(() => sender.ledger.waiting === 0, 'every acknowledgement', 90_000)

    const query = { deviceUid: uid, group: 'g', metrics: ['n'], rows: ['a'] }
    const [series] = await store.samples.read({ ...query, from: begin, to: begin + sent * 100 })
    t.same(
      series?.points.map(point => point.value),
      Array.from({ length: sent }, (_, n) => n),
      'every sample, once, in order',
    )
    t.match(await store.samples.rows(uid, 'g'), [row])
    const { received, stored, duplicate, refused } = ingest.stats()
    t.same(
      Object.values(refused).filter(count => count > 0),
      [],
    )
    t.match(sender.ledger, { stored: sent + 1, refused: 0, dropped: 0 })
    t.comment(`${sent} samples sent; ${received} came, ${stored} stored, ${duplicate} came twice`)
  })

  await t.test(
    'what was retained outlived the restart, and is had by its exact topic alone',
    async t => {
      const [wild, exact] = [join(t, rabbit, POLLUX), join(t, rabbit, POLLUX)]
      await connected(wild, exact)
      const topic = rowsTopic(SITE, 'sw-1', 'g')
      const heard: string[] = []
      const retained: string[] = []
      await wild.subscribe(rowsFilter(SITE), ({ payload }) => void heard.push(`${payload}`))
      await exact.subscribe(topic, message => {
        if (message.retained) retained.push(`${message.payload}`)
      })
      await until(() => retained.length > 0, 'the retained row names')
      t.match(retained, [/Gi1\/0\/1/])
      await exact.publish(rowsTopic(SITE, 'sw-2', 'g'), 'later')
      await until(() => heard.length > 0, 'a message of the filter')
      t.same(heard, ['later'])
    },
  )

  await t.test('a device id with a dot is not heard: the dot is a slash to RabbitMQ', async t => {
    const bus = join(t, rabbit, POLLUX)
    await connected(bus)
    const heard: string[] = []
    await bus.subscribe(samplesFilter(SITE), ({ topic }) => void heard.push(topic))
    for (const id of ['sw.1', 'sw-1']) await bus.publish(sampleTopic(SITE, id, 'g'), 'x')
    await until(() => heard.length > 0, 'the one without a dot')
    t.same(heard, [sampleTopic(SITE, 'sw-1', 'g')])
  })
})
