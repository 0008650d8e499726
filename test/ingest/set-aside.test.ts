// What ingest does not take is told with its reason and an example; the good messages pass. And the
// settings page shows it, escaped.

import { connect } from 'node:net'
import t from 'tap'
import { createIngest } from '../../server/ingest/ingest.ts'
import { createMemoryLive } from '../../server/live/memory.ts'
import { createSetAside } from '../../server/model/setaside.ts'
import { embeddedBroker, SITE } from '../parts/broker.ts'
import { freePort, until } from '../parts/find.ts'
import { startTestProgram } from '../web/program.ts'
import { device, good, lookup, silent } from './messages.ts'
import { addDevice, sqlite } from './store.ts'

t.setTimeout(600_000)

t.test('each kind of bad message is set aside with its example, between good ones', async t => {
  const broker = await embeddedBroker(t)
  const bus = broker.connect()
  await until(() => bus.connected, 'the connection')
  const store = await sqlite(t)
  const devices = lookup(device('sw-1', await addDevice(store, 'sw-1')))
  const setAside = createSetAside()
  const live = createMemoryLive()
  const ingest = createIngest({
    ...{ bus, site: SITE, store, live, devices, consumers: [], log: silent, setAside },
  })
  t.teardown(() => ingest.close())
  await ingest.start()
  const topic = `pollux/${SITE}/devices/sw-1/samples/interface`
  const now = Date.now()
  const body = (more: Record<string, unknown>) => JSON.stringify(good({ at: now, ...more }))
  let seq = 0
  const fine = () => bus.publish(topic, body({ seq: ++seq, at: now + seq }))
  const bad: [string, string, string | Buffer][] = [
    ['unknown-device', topic.replace('sw-1', 'sw-9'), body({ src: 'node-9' })],
    ['topic', `${topic}/deeper`.replace('/samples/interface/deeper', '/samples/UPPER'), body({})],
    ['json', topic, '{"v":1, <script>alert(1)</script>'],
    ['json', topic, body({}).replace('1.5', 'NaN')],
    ['json', topic, Buffer.from([0xff, 0xfe, 0x00])],
    ['schema', topic, `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['number', topic, body({}).replace('1.5', '1e309')],
    ['shape', topic, body({ metrics: { __proto__x: [1, 2] } })],
    ['schema', topic, '"just text"'],
    ['shape', topic, body({ metrics: { in: [1] } })],
    ['duplicate-row', topic, body({ rows: ['a', 'a'] })],
    ['device-clock', topic, body({ at: now + 3_600_000 })],
    ['too-old', topic, body({ at: 0 })],
    ['too-large', topic, body({ x: 'y'.repeat(300_000) })],
    ['part', topic, body({ part: [3, 2] })],
  ]
  const wrong: string[] = []
  for (const [i, [reason, where, payload]] of bad.entries()) {
    const before = setAside.list().find(entry => entry.reason === reason)?.count ?? 0
    await fine()
    await bus.publish(where, payload)
    const total = () => Object.values(ingest.stats().refused).reduce((sum, count) => sum + count, 0)
    await until(() => total() > i, `the refusal as ${reason}`)
    const entry = setAside.list().find(one => one.reason === reason)
    if (entry?.count !== before + 1 || entry.topic !== where) {
      wrong.push(`${reason}: ${JSON.stringify(setAside.list()[0])}`)
    }
  }
  t.same(wrong, [])
  await until(() => ingest.stats().stored === bad.length, 'every good message')
  const entry = setAside.list().find(one => one.reason === 'unknown-device')
  t.match(entry, { sender: 'node-9', detail: /no device "sw-9"/, excerpt: /^\{"v":1/ })
})

t.test('the settings page shows it as text, the API as it is', async t => {
  const port = await freePort()
  const { url, signIn } = await startTestProgram(t, {
    env: { POLLUX_MQTT_LISTEN: `127.0.0.1:${port}` },
  })
  const { cookie } = await signIn()
  const page = async () => (await fetch(`${url}/settings`, { headers: { cookie } })).text()
  const api = async () => (await fetch(`${url}/api/v1/ingest`, { headers: { cookie } })).json()
  t.match(await api(), { storeError: null, setAside: [] })
  t.match(await page(), /Set aside[\s\S]{0,60}nothing/)
  const field = (text: string) => [0, text.length, ...Buffer.from(text)]
  const body = [
    ...field('MQTT'),
    4,
    0xc2,
    0,
    0,
    ...field('c'),
    ...field('<b>eve</b>'),
    ...field('x'),
  ]
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => void socket.destroy())
  socket.write(Buffer.from([0x10, body.length, ...body]))
  const html = await until(async () => {
    const text = await page()
    return text.includes('Set aside: sign-in') ? text : null
  }, 'the refused sign-in')
  t.match(html, /&lt;b&gt;eve/)
  t.notMatch(html, /<b>eve/)
  t.match(html, /once, last 20\d\d-/)
  t.match(await api(), {
    ...{ messagesPerSecond: Number, samplesPerSecond: Number, queued: Number, partsHeld: Number },
    ...{ received: Number, stored: Number, duplicate: Number, refused: 0, dropped: Number },
    setAside: [{ reason: 'sign-in', count: 1, at: Number, sender: '<b>eve</b>', detail: /./ }],
  })
})
