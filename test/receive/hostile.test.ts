// What nobody should send: broken BER, garbage, endless lines, half-open streams, lies about who sent.
// The thread of the receivers is the real one; it must go on, and count.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { createLog } from '../../server/log.ts'
import { connectionsPerAddressMax } from '../../server/receive/listen.ts'
import type { AsideCount, Sender, Told } from '../../server/receive/protocol.ts'
import { createReceiver } from '../../server/receive/receiver.ts'
import { encodeOid, integerTlv, TAG, tlv } from '../../server/snmp/ber.ts'
import { NOTIFICATION_PDU } from '../../server/snmp/notification.ts'
import { type Teardown, until } from '../parts/find.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

const COMMUNITY = 'word'
const senderOf = (device: string, address: string): Sender => ({
  ...{ device, addresses: [address], names: [device] },
  credentials: { version: '2c', community: COMMUNITY },
})

async function startReceiver(t: Teardown, relays: string[] = []) {
  const told: Told[] = []
  const aside = new Map<string, AsideCount>()
  const place = { host: '127.0.0.1', port: 0 }
  const receiver = createReceiver({
    places: { trap: [place], syslog: [place] },
    relays,
    engine: { id: Uint8Array.of(0x80, 0, 0, 0, 5, 1, 2, 3), boots: 1, startedAt: 0 },
    clocks: [],
    onClocks: () => {},
    onTold: one => void told.push(one),
    onAside: one =>
      void aside.set(one.reason, {
        ...one,
        count: one.count + (aside.get(one.reason)?.count ?? 0),
      }),
    log: createLog('silent'),
  })
  t.teardown(() => receiver.close())
  receiver.senders([senderOf('near', '127.0.0.1'), senderOf('far', '192.0.2.9')])
  const port = (protocol: 'trap' | 'syslog') =>
    until(() => receiver.listening(protocol)?.address?.port, `the port of ${protocol}`)
  const ports = { trap: await port('trap'), syslog: await port('syslog') }
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => void socket.close())
  const send = (to: 'trap' | 'syslog', bytes: Uint8Array | string) =>
    new Promise<void>((resolve, reject) =>
      socket.send(bytes, ports[to], '127.0.0.1', error => (error ? reject(error) : resolve())),
    )
  const stream = async (): Promise<Socket> => {
    const open = connect(ports.syslog, '127.0.0.1')
    await once(open, 'connect')
    open.on('error', () => {})
    t.teardown(() => void open.destroy())
    return open
  }
  const text = (part: string) =>
    until(() => told.find(({ event }) => event.text.includes(part)), `"${part}"`)
  return { receiver, told, aside, ports, send, stream, text, socket }
}

const oidTlv = (oid: string) => tlv(TAG.oid, encodeOid(oid))
const pair = (oid: string, value: Uint8Array) => tlv(TAG.sequence, oidTlv(oid), value)
const trap = (oid: string, more: Uint8Array[] = [], community = COMMUNITY) =>
  tlv(
    TAG.sequence,
    integerTlv(1),
    tlv(TAG.octets, Buffer.from(community)),
    tlv(
      NOTIFICATION_PDU.trap2,
      ...[integerTlv(1), integerTlv(0), integerTlv(0)],
      tlv(
        TAG.sequence,
        pair('1.3.6.1.2.1.1.3.0', tlv(TAG.ticks, Uint8Array.of(1))),
        pair('1.3.6.1.6.3.1.1.4.1.0', oidTlv(oid)),
        ...more,
      ),
    ),
  )

t.test('each octet of a trap made wrong, and each length cut', async t => {
  const { receiver, aside, told, send, text } = await startReceiver(t)
  const good = trap('1.3.6.1.4.1.99999.0.1', [
    pair('1.3.6.1.4.1.99999.1.1.0', tlv(TAG.octets, Buffer.from('abc'))),
  ])
  let sent = 0
  const each = async (bytes: Uint8Array) => {
    await send('trap', bytes)
    // So that the socket's buffer does not overflow: nothing may be lost here.
    if (++sent % 50 === 0) {
      await until(() => receiver.stats().received.trap === sent, `${sent} to be received`)
    }
  }
  for (let length = 1; length < good.length; length++) await each(good.subarray(0, length))
  for (let at = 0; at < good.length; at++) {
    for (const octet of [0x00, 0x7f, 0x80, 0xff]) {
      const wrong = Uint8Array.from(good)
      wrong[at] = octet
      await each(wrong)
    }
  }
  await each(trap('1.3.6.1.4.1.99999.0.2'))
  await text('1.3.6.1.4.1.99999.0.2')
  const stats = await until(() => {
    const now = receiver.stats()
    return now.received.trap === sent ? now : null
  }, 'all to be received')
  t.ok((aside.get('trap-format')?.count ?? 0) > 100)
  t.ok((aside.get('trap-credentials')?.count ?? 0) > 5)
  t.equal(stats.offered + stats.setAside + stats.discovery, sent)
  t.ok(told.every(({ event }) => event.kind === 'trap'))
})

t.test('garbage to the port of traps, and a version that asks for nothing', async t => {
  const { aside, send, text } = await startReceiver(t)
  for (const bytes of ['', 'GET / HTTP/1.1\r\n\r\n', '\u0000'.repeat(60_000), '<13>syslog']) {
    await send('trap', bytes)
  }
  // A request is no notification, and gets no answer.
  const request = Uint8Array.from(trap('1.3.6.1.4.1.99999.0.1'))
  request[request.indexOf(NOTIFICATION_PDU.trap2)] = 0xa0
  await send('trap', request)
  await send('trap', trap('1.3.6.1.4.1.99999.0.3'))
  await text('1.3.6.1.4.1.99999.0.3')
  t.equal(aside.get('trap-format')?.count, 5)
})

t.test('values are made harmless, and bounded', async t => {
  const { send, text } = await startReceiver(t)
  const octets = (bytes: Uint8Array) => tlv(TAG.octets, bytes)
  const hostile = '\u001b[31mred\u202etxt.exe <img src=x onerror=alert(1)>\nnext'
  const many = Array.from({ length: 200 }, (_, i) =>
    pair(`1.3.6.1.4.1.99999.2.${i}`, octets(Buffer.alloc(200, 120))),
  )
  await send(
    'trap',
    trap('1.3.6.1.4.1.99999.0.4', [
      pair('1.3.6.1.4.1.99999.1.1', octets(Buffer.from(hostile))),
      pair('1.3.6.1.4.1.99999.1.2', octets(Uint8Array.of(0, 17, 34, 255, 254))),
      // snmpTrapCommunity, as a proxy adds it.
      pair('1.3.6.1.6.3.18.1.4.0', octets(Buffer.from('hidden-word'))),
      ...many,
    ]),
  )
  const { event } = await text('99999.0.4')
  const { fields = {} } = event
  t.equal(fields['1.3.6.1.4.1.99999.1.1'], 'red txt.exe <img src=x onerror=alert(1)> next')
  t.equal(fields['1.3.6.1.4.1.99999.1.2'], '00:11:22:ff:fe')
  t.notMatch(JSON.stringify(event), 'hidden-word')
  t.ok(Buffer.byteLength(JSON.stringify(fields)) < 5000)
})

t.test('only what a relay sends may name another device', async t => {
  const lying = await startReceiver(t)
  const proxied = trap('1.3.6.1.4.1.99999.0.5', [
    pair('1.3.6.1.6.3.18.1.3.0', tlv(TAG.ip, Uint8Array.of(192, 0, 2, 9))),
  ])
  const line = '<13>1 - far app - - - said far away'
  await lying.send('trap', proxied)
  await lying.send('syslog', line)
  t.equal((await lying.text('99999.0.5')).device, 'near')
  t.equal((await lying.text('said far away')).device, 'near')

  const relayed = await startReceiver(t, ['127.0.0.0/8'])
  await relayed.send('trap', proxied)
  await relayed.send('syslog', line)
  t.equal((await relayed.text('99999.0.5')).device, 'far')
  t.equal((await relayed.text('said far away')).device, 'far')
  await relayed.send('syslog', '<13>1 - FAR.example.org app - - - by its long name')
  t.equal((await relayed.text('by its long name')).device, 'far')
})

t.test('lines of syslog: binary, ANSI, bidi, no priority, a long one', async t => {
  const { receiver, send, text } = await startReceiver(t)
  await send(
    'syslog',
    Buffer.concat([Buffer.from('<11>x: bin '), Buffer.from([0, 1, 0xff, 0xc3, 0x28])]),
  )
  t.match((await text('bin')).event, { text: /^x: bin \ufffd\ufffd\($/, severity: 'warning' })
  await send('syslog', '<9>x: \u001b[2J\u001b]0;title\u0007 \u202eevil\u202c \u0007end')
  t.match((await text('evil')).event, { text: 'x: evil end', severity: 'critical' })
  await send('syslog', 'neither one form nor the other')
  t.match((await text('neither')).event, {
    severity: 'info',
    fields: { facility: 'user', level: 'notice' },
  })
  await send('syslog', '<999>a priority beyond')
  t.match((await text('<999>a priority')).event, { fields: { level: 'notice' } })
  await send('syslog', `<13>long: ${'y'.repeat(60_000)}`)
  t.ok((await text('long: y')).event.text.length <= 1024)
  await until(() => receiver.stats().cut > 50_000, 'what was left out to be counted')
  await send('syslog', '')
  await send('syslog', '<13>1 - - - - - [a b="unfinished')
  t.ok(await text('unfinished'))
})

t.test('streams: one line of a megabyte, a count that lies, octets one by one', async t => {
  const { receiver, aside, stream, text } = await startReceiver(t)
  const long = await stream()
  long.write(`<13>mega: ${'z'.repeat(1_000_000)}\n<13>after: the long line\n`)
  await text('after: the long line')
  t.equal(receiver.stats().received.syslog, 2)
  t.ok(receiver.stats().cut > 990_000)

  const slow = await stream()
  slow.setNoDelay(true)
  for (const octet of '19 <13>slow: one by one<13>then: a line\n') {
    await new Promise(resolve => slow.write(octet, resolve))
  }
  t.ok(await text('slow: one by o'))
  t.ok(await text('then: a line'))

  const liar = await stream()
  liar.write('99999999999999999999 <13>x')
  await once(liar, 'close')
  await until(() => aside.has('syslog-stream'), 'the count to be refused')

  // A line begins with digits and is no count; the last one has no end.
  const plain = await stream()
  plain.end('2026-11-23 a stamp\n\r\n<13>tail: without an end')
  t.ok(await text('2026-11-23 a stamp'))
  t.ok(await text('tail: without an end'))
})

t.test('half-open streams take no more than their share', async t => {
  const { receiver, stream, text } = await startReceiver(t)
  const open = await Promise.all(Array.from({ length: connectionsPerAddressMax }, stream))
  for (const one of open) one.write('1000 <13>half')
  const one = await stream()
  await once(one, 'close')
  const [first] = open
  first?.destroy()
  await until(async () => {
    const again = await stream()
    const isOpen = await new Promise(resolve => {
      again.once('close', () => resolve(false))
      again.write('<13>again: there is room\n', () => resolve(true))
    })
    return isOpen && receiver.stats().received.syslog > 0
  }, 'room for another')
  t.ok(await text('again: there is room'))
})
