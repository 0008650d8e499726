// Goal: what an SNMPv3 agent may make us believe of its engine, and what nobody else may. The agent
// is written here, message by message; that real agents understand us, v3.test.ts shows.
import t from 'tap'
import { encodeOid, integerTlv, TAG, tlv } from '../../server/snmp/ber.ts'
import { encodePdu, PDU, setRequestId } from '../../server/snmp/message.ts'
import type { Verdict } from '../../server/snmp/security.ts'
import { createEngine, type Engine, type UsmCredentials } from '../../server/snmp/usm-engine.ts'
import { decodeMessage, encodeMessage, encodeScopedPdu } from '../../server/snmp/usm-message.ts'
import { usmSecurity } from '../../server/snmp/v3.ts'

const OPS: UsmCredentials = {
  version: '3',
  user: 'ops',
  level: 'authPriv',
  auth: { protocol: 'sha256', key: 'authpass123' },
  priv: { protocol: 'aes', key: 'privpass123' },
}
const OURS = Buffer.from('8000000001020304', 'hex')
const OTHERS = Buffer.from('80000000ffffffff', 'hex')
const NOTHING = new Uint8Array(0)
const REPORTS = { time: 2, user: 3, engine: 4, digest: 5 } as const

interface Said {
  boots?: number
  time?: number
  /** 0, 1 or 3, as msgFlags. */
  level?: number
  report?: keyof typeof REPORTS
  user?: string
  context?: string
  contextEngineId?: Uint8Array
  msgId?: number
}

/** A session and an agent; each `say` is one message of the agent for our last request. */
function meet(credentials: UsmCredentials = OPS) {
  let clockMs = 5_000_000
  let id = 0x4000_0000
  const security = usmSecurity(credentials, '192.0.2.1:161', () => clockMs)
  const engines = new Map<string, Engine>()
  const engineOf = (engineId: Uint8Array) => {
    const name = Buffer.from(engineId).toString('hex')
    const engine = engines.get(name) ?? createEngine(engineId, credentials)
    engines.set(name, engine)
    return engine
  }
  const ask = () => {
    const pdu = encodePdu('get', [encodeOid('1.3.6.1.2.1.1.5.0')])
    setRequestId(pdu, ++id)
    const sent = decodeMessage(security.encode(pdu, id))
    if (sent === null) throw new Error('we sent no SNMPv3')
    return sent
  }
  const message = (engineId: Uint8Array, said: Said): Uint8Array => {
    const { boots = 3, time = 1000, level = said.report ? 0 : 3, msgId = id } = said
    const engine = engineOf(engineId)
    const pdu = said.report ? report(REPORTS[said.report]) : response(msgId)
    const scoped = encodeScopedPdu(
      said.contextEngineId ?? engineId,
      Buffer.from(said.context ?? ''),
      pdu,
    )
    const sealed = level & 2 ? engine.privacy?.encrypt(scoped, boots, time) : undefined
    const header = { msgId, flags: level, engineId, boots, time }
    const user = Buffer.from(said.user ?? 'ops')
    return encodeMessage(
      { ...header, user, salt: sealed?.salt ?? NOTHING },
      sealed?.data ?? scoped,
      level & 1 ? engine.auth : null,
    )
  }
  const hear = (bytes: Uint8Array): string => named(security.decode(bytes, id))
  return {
    ask,
    message,
    hear,
    say: (engineId: Uint8Array, said: Said = {}) => hear(message(engineId, said)),
    silence: () => security.silence?.() ?? null,
    wait: (seconds: number) => {
      clockMs += seconds * 1000
    },
  }
}

const named = (verdict: Verdict): string =>
  verdict.kind === 'refused'
    ? verdict.why
    : verdict.kind === 'failed'
      ? verdict.error.message
      : verdict.kind

const varbinds = (oid: string, value: Uint8Array) =>
  tlv(TAG.sequence, tlv(TAG.sequence, tlv(TAG.oid, encodeOid(oid)), value))

const response = (id: number) =>
  tlv(
    PDU.response,
    integerTlv(id),
    integerTlv(0),
    integerTlv(0),
    varbinds('1.3.6.1.2.1.1.5.0', tlv(TAG.octets, Buffer.from('core-sw-1'))),
  )

const report = (number: number) =>
  tlv(
    PDU.report,
    integerTlv(0),
    integerTlv(0),
    integerTlv(0),
    varbinds(`1.3.6.1.6.3.15.1.1.${number}.0`, Uint8Array.of(TAG.counter32, 1, 1)),
  )

/** After discovery and one answer, at boots 3 and time 1000. */
function acquainted(credentials: UsmCredentials = OPS) {
  const met = introduced(credentials)
  met.say(OURS, credentials.level === 'authNoPriv' ? { level: 1 } : {})
  met.ask()
  return met
}

/** After discovery: the first request is on the way. */
function introduced(credentials: UsmCredentials = OPS) {
  const met = meet(credentials)
  met.ask()
  met.say(OURS, { report: 'engine' })
  met.ask()
  met.say(OURS, { report: 'time', level: 1 })
  met.ask()
  return met
}

const where = '192.0.2.1:161'

t.test('first contact: engine, time, answer', async t => {
  const { ask, say } = meet()
  const discovery = ask()
  t.equal(discovery.flags, 4, 'reportable only')
  t.same([discovery.engineId.length, discovery.user.length, discovery.mac.length], [0, 0, 0])
  t.equal(say(OURS, { report: 'engine', boots: 77, time: 77 }), 'resend')
  const probe = ask()
  t.same(probe.engineId, OURS)
  t.equal(probe.flags, 7)
  t.same([probe.boots, probe.time], [0, 0], 'a clock without a digest is not believed')
  t.equal(say(OURS, { report: 'time', level: 1 }), 'resend')
  const request = ask()
  t.same([request.boots, request.time], [3, 1000])
  t.equal(say(OURS), 'pdu')
})

t.test('an agent that does not answer to zeros is asked by the clock that it claims', async t => {
  const { ask, say } = meet()
  ask()
  say(OURS, { report: 'engine', boots: 3, time: 1000 })
  t.equal(ask().boots, 0)
  t.equal(say(OURS, { report: 'time' }), 'weak', 'it may also say so without a digest')
  t.equal(ask().engineId.length, 0, 'the next try discovers again')
  say(OURS, { report: 'engine', boots: 3, time: 1002 })
  const request = ask()
  t.same([request.boots, request.time], [3, 1002])
  t.equal(say(OURS, { time: 1002, level: 0 }), 'weak')
  t.equal(say(OURS, { time: 1002 }), 'pdu', 'and believed when it has the keys')
  t.same([ask().boots, ask().time], [3, 1002])
})

t.test('only what has the user, the engine, the context and the level of the request', async t => {
  const refused: [string, Uint8Array, Said, string][] = [
    ['no security', OURS, { level: 0 }, 'weak'],
    ['authenticated only', OURS, { level: 1 }, 'weak'],
    ['another user', OURS, { user: 'root' }, 'weak'],
    ['another engine', OTHERS, {}, 'weak'],
    ['another context', OURS, { context: 'vrf-2' }, 'weak'],
    ['another context engine', OURS, { contextEngineId: OTHERS }, 'weak'],
    ['another request', OURS, { msgId: 0x4000_9999 }, 'malformed'],
    ['our time, without a digest', OURS, { report: 'time' }, 'weak'],
  ]
  for (const [what, engineId, said, verdict] of refused) {
    const { say, ask } = acquainted()
    t.equal(say(engineId, said), verdict, what)
    t.same([ask().boots, ask().time], [3, 1000], `${what}: the clock is as it was`)
    t.equal(say(OURS), 'pdu', `${what}: the true answer still counts`)
  }
  t.equal(acquainted({ ...OPS, level: 'authNoPriv' }).say(OURS, { level: 1 }), 'pdu')
  t.equal(acquainted({ ...OPS, level: 'authNoPriv' }).say(OURS, { level: 0 }), 'weak')
})

t.test('the time window', async t => {
  const met = acquainted()
  t.equal(met.say(OURS, { time: 1000 }), 'pdu')
  met.wait(400)
  t.equal(met.ask().time, 1400, 'the clock goes on by itself')
  t.equal(met.say(OURS, { time: 1251 }), 'pdu', '149 s behind')
  met.wait(200)
  met.ask()
  t.equal(met.say(OURS, { time: 1251 }), 'stale', '349 s behind')
  t.equal(met.say(OURS, { boots: 2, time: 1600 }), 'stale', 'from before the reboot')
  t.equal(met.say(OURS, { boots: 4, time: 5 }), 'pdu', 'after a reboot')
  t.same([met.ask().boots, met.ask().time], [4, 5])
  t.equal(met.say(OURS, { boots: 3, time: 1700 }), 'stale', 'there is no way back')
  t.equal(met.say(OURS, { boots: 0x7fff_ffff, time: 5 }), 'stale', 'boots at their end')
})

t.test('an agent that was reset: boots and time go back', async t => {
  for (const [what, boots, time] of [
    ['boots', 1, 20],
    ['time alone, boots not kept', 3, 20],
  ] as const) {
    const met = acquainted()
    t.equal(met.say(OURS, { boots, time }), 'stale', `${what}: not by an answer`)
    t.equal(met.say(OURS, { report: 'time', boots, time }), 'weak', 'nor without a digest')
    t.equal(met.say(OURS, { report: 'time', level: 1, boots, time }), 'resend')
    t.same([met.ask().boots, met.ask().time], [boots, time], 'asked by the new clock')
    t.equal(met.say(OURS, { boots, time: time + 1 }), 'pdu', 'which the answer confirms')
    t.same([met.ask().boots, met.ask().time], [boots, time + 1])
  }
})

t.test('a replayed report does not turn the clock back by itself', async t => {
  const met = acquainted()
  t.equal(met.say(OURS, { report: 'time', level: 1, boots: 2, time: 20 }), 'resend')
  met.ask()
  t.equal(met.say(OURS, { report: 'time', level: 1, boots: 3, time: 1001 }), 'resend', 'the agent')
  t.same([met.ask().boots, met.ask().time], [3, 1001])
  t.equal(met.say(OURS, { boots: 2, time: 21 }), 'stale')
  t.equal(met.say(OURS, { boots: 3, time: 1001 }), 'pdu')
})

t.test('a spoofed report resets nothing', async t => {
  const met = acquainted()
  met.say(OURS)
  met.wait(1000)
  met.ask()
  t.equal(met.say(OURS, { report: 'engine' }), 'resend')
  t.equal(met.ask().time, 2000, 'the clock of the engine stays')
  t.equal(met.say(OURS, { time: 1000 }), 'stale', 'so a replay stays one')
  t.equal(met.say(OURS, { report: 'engine' }), 'weak', 'one resend, no more')
  t.equal(met.say(OTHERS, { report: 'engine' }), 'weak')
  met.ask()
  t.equal(met.say(OTHERS, { report: 'engine' }), 'resend', 'another engine')
  t.same(met.ask().engineId, OTHERS, 'is asked')
  t.same(met.ask().engineId, OURS, 'once')
  t.equal(met.say(OURS, { time: 2000 }), 'pdu')
})

t.test('another agent at the address proves that it has the keys', async t => {
  const met = acquainted()
  t.equal(met.say(OTHERS, { report: 'engine' }), 'resend')
  const probe = met.ask()
  t.same([probe.engineId, probe.boots, probe.time], [OTHERS, 0, 0])
  t.equal(met.say(OTHERS, { report: 'time', level: 1, boots: 1, time: 9 }), 'resend')
  const request = met.ask()
  t.same([request.engineId, request.boots, request.time], [OTHERS, 1, 9])
  t.equal(met.say(OTHERS, { boots: 1, time: 9 }), 'pdu')
  t.same(met.ask().engineId, OTHERS, 'and is asked from now on')
  t.equal(met.say(OURS, { boots: 2, time: 1000 }), 'stale', 'the old one is not forgotten')
})

t.test('refusals, each in its words', async t => {
  const { say } = acquainted()
  t.equal(say(OURS, { report: 'user' }), `${where} does not know the user "ops"`)
  t.equal(
    say(OURS, { report: 'digest' }),
    `${where} refused the authentication key of the user "ops"`,
  )
  t.equal(say(OTHERS, { report: 'user' }), 'weak', 'from an engine that was not asked')
})

t.test('silence after a good digest', async t => {
  const met = introduced()
  t.match(met.silence()?.message, /accepted the user "ops" and its authentication key/)
  t.match(met.ask(), { boots: 0, time: 0 }, 'asks for a sign of life')
  t.equal(met.silence(), null, 'no sign: it may be down')
  met.ask()
  t.equal(met.say(OURS, { report: 'time', level: 1, time: 1005 }), 'resend')
  t.equal(met.ask().time, 1005)
  t.equal(met.say(OURS, { time: 1005 }), 'pdu')
  t.equal(met.silence(), null, 'it answers')
})

t.test('the answer of another key is told, and not believed', async t => {
  const met = acquainted({ ...OPS, priv: { protocol: 'aes', key: 'another-key' } })
  const agent = acquainted()
  t.equal(
    met.hear(agent.message(OURS, {})),
    `${where} answered the user "ops" with a text that our key does not decrypt`,
  )
})

t.test('no octet of an answer can be changed', async t => {
  const met = acquainted()
  const answer = met.message(OURS, {})
  for (let at = 0; at < answer.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bent = Uint8Array.from(answer)
      bent[at] = (bent[at] ?? 0) ^ (1 << bit)
      const verdict = met.hear(bent)
      if (!['malformed', 'weak'].includes(verdict)) t.fail(`octet ${at}, bit ${bit}: ${verdict}`)
    }
    const cut = met.hear(answer.subarray(0, at))
    if (cut !== 'malformed') t.fail(`${at} octets: ${cut}`)
  }
  t.equal(met.hear(answer), 'pdu', 'left alone, it is believed')
})
