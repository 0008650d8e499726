// Goal: whoever sits between us and a v3 device can make a read fail, but cannot make us believe a
// value, fall below the security level or send without end.
import { createSocket } from 'node:dgram'
import t from 'tap'
import { AppError } from '../../server/model/errors.ts'
import { openSession } from '../../server/snmp/open.ts'
import type { SnmpCredentials } from '../../server/snmp/session.ts'
import type { Teardown } from '../parts/find.ts'
import { elements, integer, octets, oidValue, tlv } from '../parts/hostile-agent.ts'
import { startSnmpd } from '../parts/snmpd.ts'

const SYS_NAME = '1.3.6.1.2.1.1.5.0'
const AUTH = 'authpass123'
const PRIV = 'privpass123'
const OPS: SnmpCredentials = {
  version: '3',
  user: 'ops',
  level: 'authPriv',
  auth: { protocol: 'sha256', key: AUTH },
  priv: { protocol: 'aes', key: PRIV },
}
const agent = await startSnmpd(t, {
  users: [{ name: 'ops', auth: 'SHA-256', authKey: AUTH, priv: 'AES', privKey: PRIV }],
})

type Bend = (answer: Buffer, request: Buffer) => Buffer[]

/** Stands between a session and the agent: passes requests on, and bends what comes back. */
async function startBetween(t: Teardown, bend: Bend) {
  const front = createSocket('udp4')
  const back = createSocket('udp4')
  let client: { address: string; port: number } | null = null
  let request: Buffer = Buffer.alloc(0)
  const between = { port: 0, bend, requests: 0 }
  front.on('message', (bytes, from) => {
    client = from
    request = bytes
    between.requests++
    back.send(bytes, agent.port, agent.address)
  })
  back.on('message', bytes => {
    if (!client) return
    for (const out of between.bend(bytes, request)) front.send(out, client.port, client.address)
  })
  await new Promise<void>(resolve => front.bind(0, '127.0.0.1', resolve))
  between.port = front.address().port
  t.teardown(() => {
    front.close()
    back.close()
  })
  return between
}

interface Forged {
  flags: number
  engineId?: Buffer
  reported?: string
  boots?: number
  time?: number
  authentication?: Buffer
  privacy?: Buffer
  data?: Buffer
  user?: string
  pdu?: number
}

/** msgID and msgFlags. */
function headerOf(message: Buffer): { id: Buffer; flags: number } {
  const [, global] = elements(elements(message)[0]?.body ?? Buffer.alloc(0))
  const [id, , flags] = elements(global?.body ?? Buffer.alloc(0))
  return { id: id?.body ?? Buffer.alloc(0), flags: flags?.body[0] ?? 0 }
}

/** A v3 message about sysName "forged", made without any key. */
function forge(answer: Buffer, request: Buffer, forged: Forged): Buffer {
  const [message] = elements(answer)
  const [, , security] = elements(message?.body ?? Buffer.alloc(0))
  const [usm] = elements(security?.body ?? Buffer.alloc(0))
  const [engine, boots, time] = elements(usm?.body ?? Buffer.alloc(0))
  const name = oidValue(forged.reported ?? SYS_NAME)
  const varbind = tlv(0x30, Buffer.concat([name, octets('forged')]))
  const pdu = tlv(
    forged.pdu ?? 0xa2,
    Buffer.concat([integer(1), integer(0), integer(0), tlv(0x30, varbind)]),
  )
  const engineId = tlv(0x04, forged.engineId ?? engine?.body ?? [])
  const scoped = tlv(0x30, Buffer.concat([engineId, octets(''), pdu]))
  const usmParameters = Buffer.concat([
    engineId,
    forged.boots === undefined ? tlv(0x02, boots?.body ?? []) : integer(forged.boots),
    forged.time === undefined ? tlv(0x02, time?.body ?? []) : integer(forged.time),
    octets(forged.user ?? 'ops'),
    tlv(0x04, forged.authentication ?? []),
    tlv(0x04, forged.privacy ?? []),
  ])
  const header = [
    tlv(0x02, headerOf(request).id),
    integer(65_507),
    tlv(0x04, [forged.flags]),
    integer(3),
  ]
  return tlv(
    0x30,
    Buffer.concat([
      integer(3),
      tlv(0x30, Buffer.concat(header)),
      tlv(0x04, tlv(0x30, usmParameters)),
      forged.data ?? scoped,
    ]),
  )
}

/** The agent's reports about engine and time; only answers are encrypted. */
const isReport = (answer: Buffer) => (headerOf(answer).flags & 3) !== 3

async function ask(
  t: Teardown,
  bend: Bend,
  {
    credentials = OPS,
    timeoutMs = 1500,
  }: { credentials?: SnmpCredentials; timeoutMs?: number } = {},
) {
  const between = await startBetween(t, bend)
  const session = openSession({
    address: '127.0.0.1',
    port: between.port,
    credentials,
    timeoutMs,
    retries: 0,
  })
  t.teardown(() => session.close())
  const read = () =>
    session.get([SYS_NAME]).then(
      ([found]) =>
        found?.value.type === 'octets'
          ? Buffer.from(found.value.value).toString()
          : found?.value.type,
      error => (error instanceof AppError ? error.code : `not ours: ${error}`),
    )
  return { between, session, read, outcome: await read() }
}

t.test('left alone, the value comes through', async t => {
  t.equal((await ask(t, answer => [answer])).outcome, 'pollux-test')
})

t.test('weaker answers before the true one are passed over', async t => {
  const forgeries: Record<string, Forged> = {
    'no security at all': { flags: 0 },
    'authenticated only': { flags: 1, authentication: Buffer.alloc(24) },
    'encrypted, not authenticated': { flags: 2, data: tlv(0x04, Buffer.alloc(64)) },
    'another user': { flags: 3, user: 'root', data: tlv(0x04, Buffer.alloc(64)) },
  }
  for (const [what, forged] of Object.entries(forgeries)) {
    const { outcome, session } = await ask(t, (answer, request) =>
      isReport(answer) ? [answer] : [forge(answer, request, forged), answer],
    )
    t.equal(outcome, 'pollux-test', what)
    t.equal(session.counters.dropped, 1, `${what}: counted`)
  }
})

t.test('weaker answers alone are an error, never a value', async t => {
  for (const flags of [0, 1]) {
    const { outcome, between, read } = await ask(t, (answer, request) =>
      isReport(answer)
        ? [answer]
        : [
            forge(answer, request, {
              flags,
              ...(flags === 1 && { authentication: Buffer.alloc(24) }),
            }),
          ],
    )
    t.equal(outcome, 'E_SNMP_AUTH', `flags ${flags}`)
    between.bend = answer => [answer]
    t.equal(await read(), 'pollux-test', 'and the session recovers')
  }
})

t.test('a full answer without the keys is refused', async t => {
  const { outcome } = await ask(t, (answer, request) =>
    isReport(answer)
      ? [answer]
      : [
          forge(answer, request, {
            flags: 3,
            authentication: Buffer.alloc(24),
            privacy: Buffer.alloc(8),
            data: tlv(0x04, Buffer.alloc(64)),
          }),
        ],
  )
  t.match(outcome, /^E_SNMP_(AUTH|DECODE)$/)
})

t.test('every flipped octet of a true answer is refused', async t => {
  let at = 0
  const { between, session } = await ask(t, answer => [answer], { timeoutMs: 250 })
  between.bend = answer => {
    if (isReport(answer)) return [answer]
    const bent = Buffer.from(answer)
    bent[at] = (bent[at] ?? 0) ^ 0x55
    return [bent]
  }
  for (at = 0; at < 120; at += 7) {
    const outcome = await session.get([SYS_NAME]).then(
      () => 'a value',
      error => (error instanceof AppError ? error.code : `not ours: ${error}`),
    )
    t.match(outcome, /^E_SNMP_(AUTH|DECODE|TIMEOUT)$/, `octet ${at}`)
  }
})

t.test('an agent that only ever sends reports is left after a few', async t => {
  for (const credentials of [OPS, { version: '3', user: 'ops', level: 'noAuthNoPriv' } as const]) {
    const { outcome, between } = await ask(
      t,
      (answer, request) => [forge(answer, request, { flags: 0, boots: 0, time: 0, pdu: 0xa8 })],
      { credentials },
    )
    t.match(outcome, /^E_SNMP_/)
    t.ok(between.requests <= 6, `${between.requests} requests`)
  }
})

t.test('the true answer with another engine, or another digest', async t => {
  const engineId = Buffer.from('8000000001', 'hex')
  const bends: Record<string, Bend> = {
    'another engine': (answer, request) => [
      forge(answer, request, {
        flags: 3,
        engineId,
        authentication: Buffer.alloc(24),
        privacy: Buffer.alloc(8),
        data: tlv(0x04, Buffer.alloc(64)),
      }),
    ],
    'another digest': answer => {
      const [message] = elements(answer)
      const [, , security] = elements(message?.body ?? Buffer.alloc(0))
      const [usm] = elements(security?.body ?? Buffer.alloc(0))
      const digest = elements(usm?.body ?? Buffer.alloc(0))[4]?.body
      const bent = Buffer.from(answer)
      const at = answer.indexOf(digest ?? 'none')
      bent[at + 23] = (bent[at + 23] ?? 0) ^ 1
      return [bent]
    },
  }
  for (const [what, bend] of Object.entries(bends)) {
    const { outcome, session } = await ask(t, (answer, request) =>
      isReport(answer) ? [answer] : bend(answer, request),
    )
    t.equal(outcome, 'E_SNMP_AUTH', what)
    t.equal(session.counters.dropped, 1, `${what}: counted`)
  }
})

t.test('an answer that was heard before is no answer', async t => {
  const { between, session, read } = await ask(t, answer => [answer], { timeoutMs: 400 })
  let heard: Buffer | null = null
  between.bend = answer => {
    if (!isReport(answer)) heard = answer
    return [answer]
  }
  t.equal(await read(), 'pollux-test')
  between.bend = () => (heard ? [heard] : [])
  t.match(await read(), /^E_SNMP_/, 'as it was')
  between.bend = (_answer, request) => {
    if (!heard) return []
    const renamed = Buffer.from(heard)
    const { id } = headerOf(request)
    id.copy(renamed, renamed.indexOf(headerOf(heard).id))
    return [renamed]
  }
  const { dropped } = session.counters
  t.match(await read(), /^E_SNMP_/, 'with the msgID of the new request')
  t.ok(session.counters.dropped > dropped)
  between.bend = answer => [answer]
  t.equal(await read(), 'pollux-test', 'and the session recovers')
})

t.test('a storm of reports leads to a few requests, and is over with it', async t => {
  const reported = '1.3.6.1.6.3.15.1.1.4.0'
  const { between, read } = await ask(t, answer => [answer], { timeoutMs: 600 })
  let spoofed = 0
  between.bend = (answer, request) =>
    Array.from({ length: 200 }, () => {
      const engineId = Buffer.alloc(12, 0x80)
      engineId.writeUInt32BE(++spoofed, 8)
      return forge(answer, request, { flags: 0, pdu: 0xa8, engineId, reported })
    })
  between.requests = 0
  t.match(await read(), /^E_SNMP_/)
  t.ok(between.requests <= 6, `${between.requests} requests`)
  between.bend = answer => [answer]
  t.equal(await read(), 'pollux-test')
})
