// Where the receivers listen: settings as they are read, and the next place where the first is taken.

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { readConfig } from '../../server/config.ts'
import { createLog } from '../../server/log.ts'
import { createReceiver } from '../../server/receive/receiver.ts'
import { until } from '../parts/find.ts'

// On a machine with other work everything here takes several times as long.
t.setTimeout(300_000)

t.test('settings', async t => {
  const { trapListen, syslogListen, eventRelays } = readConfig({
    POLLUX_TRAP_LISTEN: '[::1]:1162',
    POLLUX_SYSLOG_LISTEN: 'off',
    POLLUX_EVENT_RELAYS: '192.0.2.0/24 2001:db8::1',
  })
  t.same(trapListen, { host: '::1', port: 1162 })
  t.equal(syslogListen, null)
  t.same(eventRelays, ['192.0.2.0/24', '2001:db8::1'])
  t.equal(readConfig({}).trapListen, 'auto')
  t.throws(() => readConfig({ POLLUX_TRAP_LISTEN: '162' }), { code: 'E_CONFIG' })
  t.throws(() => readConfig({ POLLUX_EVENT_RELAYS: 'relay.example.org' }), { code: 'E_CONFIG' })
})

t.test('a port that is taken is passed over, and said; none at all is said too', async t => {
  const taken = createSocket('udp4')
  taken.bind(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => void taken.close())
  const first = { host: '127.0.0.1', port: taken.address().port }
  const receiver = createReceiver({
    places: { trap: [first, { host: '127.0.0.1', port: 0 }], syslog: [first] },
    relays: [],
    engine: { id: Uint8Array.of(0x80, 0, 0, 0, 5, 1), boots: 1, startedAt: 0 },
    onTold: () => {},
    clocks: [],
    onAside: () => {},
    onClocks: () => {},
    log: createLog('silent'),
  })
  t.teardown(() => receiver.close())
  const trap = await until(() => receiver.listening('trap'), 'the port of traps')
  t.ok(trap.address && trap.address.port !== first.port)
  t.match(trap.problem, /EADDRINUSE/)
  const syslog = await until(() => receiver.listening('syslog'), 'what became of syslog')
  t.equal(syslog.address, null)
  t.match(syslog.problem, /EADDRINUSE/)
})
