// Goal: of devices that share one address, a message stands at the one that it names (community, context,
// agent-addr, host of a line); where it names none, at each of them, and says that nobody knows which.

import { createSocket } from 'node:dgram'
import t from 'tap'
import { until } from '../parts/find.ts'
import { BY, snmpSender, startReceiving } from './kit.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

const ADDRESS = '127.0.0.31'
const V3 = ['-v3', '-l', 'authNoPriv', '-u', 'ops', '-a', 'SHA', '-A', 'a long authentication key']
const V1_AGENT = '10.9.8.7'

const v2c = (community: string) => ({ version: '2c', community })
const v3 = (context: string) => ({
  ...{ version: '3', user: 'ops', level: 'authNoPriv', context },
  auth: { protocol: 'sha', key: 'a long authentication key' },
})

t.test('devices behind one address', async t => {
  const { program, ports, events, session, url } = await startReceiving(t)
  const send = await snmpSender(t)
  const add = (id: string, credentials: object, name = id) =>
    program.devices.create(
      {
        ...{ id, name, kind: 'snmp', address: ADDRESS, port: 9, credentials },
        every: '1h',
      },
      BY,
      'api',
    )
  await add('twin-a', v2c('both'))
  await add('twin-b', v2c('both'), V1_AGENT)
  await add('alone', v2c('own'))
  await add('red', v3('red'))
  await add('blue', v3('blue'))
  const to = `udp:127.0.0.1:${ports.trap}`
  const trap = (security: string[], oid: string) =>
    send('snmptrap', [...security, `--clientaddr=${ADDRESS}`, to, '1', oid])
  const at = async (device: string, text: string) =>
    (await events(`device=${device}&kind=trap`)).filter(one => one.text.includes(text))
  const soon = (device: string, text: string) =>
    until(async () => (await at(device, text))[0] ?? null, `${text} at ${device}`)
  // The receivers hear of all devices at once.
  await until(async () => {
    await trap([...V3, '-n', 'blue', '-e', '0x8000000001020304'], '1.3.6.1.4.1.99999.0.1')
    return (await at('blue', '99999.0.1')).length > 0
  }, 'the receivers to know them')

  t.test('a community or a context names the device', async t => {
    await trap(['-v2c', '-c', 'own'], '1.3.6.1.4.1.99999.0.2')
    t.notMatch((await soon('alone', '99999.0.2')).text, 'one of')
    await trap([...V3, '-n', 'red', '-e', '0x8000000001020304'], '1.3.6.1.4.1.99999.0.3')
    t.notMatch((await soon('red', '99999.0.3')).text, 'one of')
    await trap(['-v2c', '-c', 'both'], '1.3.6.1.4.1.99999.0.4')
    await soon('twin-a', '99999.0.4')
    for (const [device, text] of [
      ['blue', '0.3'],
      ['red', '0.1'],
      ['twin-a', '0.2'],
      ['alone', '0.4'],
    ] as const) {
      t.same(await at(device, `99999.${text}`), [], `${text} is none of ${device}`)
    }
  })

  t.test('where it names none it stands at each, and says so', async t => {
    for (const device of ['twin-a', 'twin-b']) {
      t.match(await soon(device, '99999.0.4'), {
        text: 'SNMP notification 1.3.6.1.4.1.99999.0.4 (of one of 2 devices with this address)',
        fields: { one_of: '2', oid: '1.3.6.1.4.1.99999.0.4' },
      })
    }
    await trap([...V3, '-n', 'green', '-e', '0x8000000001020304'], '1.3.6.1.4.1.99999.0.5')
    for (const device of ['red', 'blue']) {
      t.match((await soon(device, '99999.0.5')).fields, { one_of: '2' })
    }
  })

  t.test('agent-addr of v1', async t => {
    await send('snmptrap', [
      ...['-v1', '-c', 'both', `--clientaddr=${ADDRESS}`, to],
      ...['1.3.6.1.4.1.99999', V1_AGENT, '6', '17', '55'],
    ])
    t.notMatch((await soon('twin-b', '99999.0.17')).text, 'one of')
    t.same(await at('twin-a', '99999.0.17'), [])
  })

  t.test('lines of syslog: by their host, else at each', async t => {
    const socket = createSocket('udp4')
    t.teardown(() => void socket.close())
    const line = (host: string, text: string) =>
      new Promise<void>((resolve, reject) => {
        const bytes = Buffer.from(`<13>1 - ${host} app - - - ${text}`)
        const done = (error: Error | null) => (error ? reject(error) : resolve())
        socket.send(bytes, ports.syslog, '127.0.0.1', done)
      })
    for (const id of ['host-a', 'host-b']) {
      const config = { id, name: id, kind: 'snmp', address: '127.0.0.1', port: 9 }
      await program.devices.create({ ...config, credentials: v2c('x'), every: '1h' }, BY, 'api')
    }
    const lines = async (device: string, text: string) =>
      (await events(`device=${device}&kind=syslog`)).filter(one => one.text.includes(text))
    await until(async () => {
      await line('-', 'nobody named')
      return (await lines('host-b', 'nobody named')).length > 0
    }, 'the receivers to know both')
    const [shared] = await until(async () => {
      const found = await lines('host-a', 'nobody named')
      return found.some(({ fields }) => fields?.one_of === '2') ? found : null
    }, 'the line at the other one')
    t.match(shared?.text, 'nobody named')
    await line('host-b.example.net', 'said by b')
    await until(async () => (await lines('host-b', 'said by b')).length > 0, 'its line')
    t.same(await lines('host-a', 'said by b'), [])
  })

  t.test('a device of its own is no longer one of several', async t => {
    const answer = await fetch(`${url}/api/v1/devices/twin-b`, {
      method: 'DELETE',
      headers: { cookie: session.cookie, origin: url, 'x-csrf-token': session.csrf },
    })
    t.ok(answer.ok, `${answer.status}`)
    await until(async () => {
      await trap(['-v2c', '-c', 'both'], '1.3.6.1.4.1.99999.0.6')
      return (await at('twin-a', '99999.0.6')).some(({ text }) => !text.includes('one of'))
    }, 'a trap that is of twin-a alone')
  })
})
