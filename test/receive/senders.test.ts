// Traps, informs and syslog from real senders, as events on the page: the whole program, started once.

import t from 'tap'
import { until } from '../parts/find.ts'
import { BY, logger, snmpSender, startReceiving } from './kit.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

const AUTH = 'a long authentication key'
const PRIV = 'a long privacy key'
const ENGINE = '0x80000000010203040506'
const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3'

const snmp = (id: string, credentials: object) => ({
  ...{ id, name: id, kind: 'snmp', address: `127.0.0.${ADDRESS[id]}`, port: 9, credentials },
  every: '1h',
})
const ADDRESS: Record<string, number> = { sw2c: 21, sw3: 23, box: 24 }
const V3 = {
  version: '3',
  user: 'ops',
  level: 'authPriv',
  auth: { protocol: 'sha256', key: AUTH },
  priv: { protocol: 'aes', key: PRIV },
}
const V3_ARGS = [
  '-v3',
  '-l',
  'authPriv',
  '-u',
  'ops',
  '-a',
  'SHA-256',
  '-A',
  AUTH,
  '-x',
  'AES',
  '-X',
  PRIV,
]

t.test('what real senders send becomes events', async t => {
  const { program, ports, events, settings, page } = await startReceiving(t)
  const send = await snmpSender(t)
  await program.devices.create(snmp('sw2c', { version: '2c', community: 'hidden-word' }), BY, 'api')
  await program.devices.create(snmp('sw3', V3), BY, 'api')
  const to = `udp:127.0.0.1:${ports.trap}`
  const from = (id: string) => [`--clientaddr=127.0.0.${ADDRESS[id]}`]
  const eventOf = (query: string, what: string) =>
    until(async () => (await events(query))[0] ?? null, what)

  /** Until the receivers have heard of the device. */
  const greet = async (id: string, security: string[]) => {
    await until(async () => {
      await send('snmptrap', [...security, ...from(id), to, '1', '1.3.6.1.4.1.8072.4.0.1'])
      return (await events(`device=${id}&kind=trap`)).length > 0
    }, `the receivers to know ${id}`)
  }
  await greet('sw2c', ['-v2c', '-c', 'hidden-word'])
  await greet('sw3', [...V3_ARGS, '-e', '0x80000000010203040507'])

  t.test('a trap of v2c, with words of its profile', async t => {
    await send('snmptrap', [
      ...['-v2c', '-c', 'hidden-word', ...from('sw2c'), to, '100', LINK_DOWN],
      ...['1.3.6.1.2.1.2.2.1.1.7', 'i', '7', '1.3.6.1.2.1.31.1.1.1.1.7', 's', 'Gi1/0/7'],
    ])
    const event = await eventOf('device=sw2c&kind=trap&q=link', 'linkDown')
    t.match(event, {
      ...{ kind: 'trap', severity: 'warning', name: 'linkDown' },
      text: 'Link down: interface Gi1/0/7',
      fields: { oid: LINK_DOWN, name: 'Gi1/0/7', if_index: '7' },
    })
    t.match(await page('/events?kind=trap'), 'Link down: interface Gi1/0/7')
  })

  t.test('a trap of v1 gets the name that v2 has for it', async t => {
    await send('snmptrap', [
      ...['-v1', '-c', 'hidden-word', ...from('sw2c'), to],
      ...['1.3.6.1.4.1.8072.3.2.10', '127.0.0.21', '4', '0', '55'],
    ])
    const event = await eventOf('device=sw2c&q=credentials', 'authenticationFailure')
    t.equal(event.name, 'authenticationFailure')
    await send('snmptrap', [
      ...['-v1', '-c', 'hidden-word', ...from('sw2c'), to],
      ...['1.3.6.1.4.1.99999', '127.0.0.21', '6', '17', '55'],
    ])
    const own = await eventOf('device=sw2c&q=99999', 'an enterprise trap')
    t.match(own, { name: 'notification', text: 'SNMP notification 1.3.6.1.4.1.99999.0.17' })
  })

  t.test('informs of v2c and v3 are answered, and told once', async t => {
    // Without an answer snmpinform ends with an error.
    await send('snmpinform', [
      ...['-v2c', '-c', 'hidden-word', ...from('sw2c'), to, '1', '1.3.6.1.6.3.1.1.5.1'],
    ])
    t.match(await eventOf('device=sw2c&q=cold', 'the inform of v2c'), {
      name: 'coldStart',
      fields: { inform: 'yes' },
    })
    await send('snmpinform', [...V3_ARGS, ...from('sw3'), to, '1', '1.3.6.1.6.3.1.1.5.2'])
    t.match(await eventOf('device=sw3&q=warm', 'the inform of v3'), { name: 'warmStart' })
  })

  t.test('a trap of v3 is believed with its keys alone', async t => {
    const trap = [...from('sw3'), '-e', ENGINE, to, '1', LINK_DOWN]
    await send('snmptrap', [...V3_ARGS, ...trap])
    await eventOf('device=sw3&q=link', 'the trap of v3')
    const before = (await events('device=sw3&kind=trap&q=link')).length
    const wrong = V3_ARGS.map(arg => (arg === AUTH ? 'another long key' : arg))
    await send('snmptrap', [...wrong, ...trap])
    await send('snmptrap', ['-v3', '-l', 'noAuthNoPriv', '-u', 'ops', ...trap])
    await send('snmptrap', [...V3_ARGS.slice(0, 2), 'authNoPriv', ...V3_ARGS.slice(3, 9), ...trap])
    await send('snmptrap', ['-v2c', '-c', 'hidden-word', ...from('sw3'), to, '1', LINK_DOWN])
    const text = await until(async () => {
      const shown = await settings()
      return shown.includes('Set aside: trap-credentials 4 times') ? shown : null
    }, 'four traps to be set aside')
    t.match(text, /trap-credentials 4 times, last [^;]*; from 127\.0\.0\.23|from 127\.0\.0\.23/)
    t.equal((await events('device=sw3&kind=trap&q=link')).length, before)
  })

  t.test('unknown senders and wrong communities are set aside, and show no community', async t => {
    await send('snmptrap', ['-v2c', '-c', 'guess-word', ...from('sw2c'), to, '1', LINK_DOWN])
    await send('snmptrap', [
      ...['-v2c', '-c', 'hidden-word', '--clientaddr=127.0.0.99', to, '1', LINK_DOWN],
    ])
    const text = await until(async () => {
      const shown = await settings()
      const isThere =
        shown.includes('trap-credentials 5 times') && shown.includes('Set aside: trap-sender')
      return isThere ? shown : null
    }, 'both to be set aside')
    t.match(text, '127.0.0.99')
    t.notMatch(text, /(guess|hidden)-word/)
  })

  t.test('syslog by UDP and TCP, of both forms', async t => {
    const log = snmp('box', { version: '2c', community: 'x' })
    await program.devices.create({ ...log, address: '127.0.0.1' }, BY, 'api')
    const where = ['-n', '127.0.0.1', '-P', String(ports.syslog), '-t', 'pollux-test']
    await until(async () => {
      await logger([...where, '--udp', '--rfc3164', 'hello'])
      return (await events('device=box&kind=syslog')).length > 0
    }, 'the receivers to know box')
    const sends = [
      ['--udp', '--rfc3164', 'local0.err', 'old form by datagram'],
      ['--udp', '--rfc5424', 'daemon.warning', 'new form by datagram'],
      ['--tcp', '--rfc3164', 'local0.crit', 'old form by stream'],
      ['--tcp', '--rfc5424', 'local0.info', 'new form by stream'],
      ['--tcp', '--octet-count', 'local0.info', 'counted octets'],
    ]
    for (const [way = '', form = '', priority = '', text = ''] of sends) {
      await logger([...where, way, form, '-p', priority, text])
    }
    for (const [, , priority, text = ''] of sends) {
      const event = await eventOf(`device=box&q=${encodeURIComponent(text)}`, text)
      t.match(event, { kind: 'syslog', name: 'pollux-test', text: `pollux-test: ${text}` })
      t.equal(`${event.fields?.facility}.${event.fields?.level}`, priority)
    }
    t.equal((await events('device=box&kind=syslog&severity=critical')).length, 1)
    await logger([
      ...[...where, '--udp', '--rfc5424', '--msgid', 'LOGIN', '--sd-id', 'who@99999'],
      ...['--sd-param', 'user="ann"', 'signed in'],
    ])
    const event = await eventOf('device=box&q=signed', 'structured data')
    t.match(event.fields, { message: 'LOGIN', 'who@99999.user': 'ann' })
  })
})
