// SNMPv3 on the receiving side: what a spoofer or a recorder may try, and what our engine answers.

import t from 'tap'
import { encodeOid, integerTlv, TAG, tlv } from '../../server/snmp/ber.ts'
import { NOTIFICATION_PDU } from '../../server/snmp/notification.ts'
import { notificationUser, type OwnEngine, receiveUsm } from '../../server/snmp/notification-usm.ts'
import { createEngine, type UsmCredentials } from '../../server/snmp/usm-engine.ts'
import {
  decodeMessage,
  decodeScopedPdu,
  encodeDiscovery,
  encodeMessage,
  encodeScopedPdu,
  FLAG,
  reportedOid,
} from '../../server/snmp/usm-message.ts'

const CREDENTIALS: UsmCredentials = {
  ...{ version: '3', user: 'ops', level: 'authPriv' },
  auth: { protocol: 'sha256', key: 'a long authentication key' },
  priv: { protocol: 'aes256r', key: 'a long privacy key' },
}
const own: OwnEngine = { id: Uint8Array.of(0x80, 0, 0, 0, 5, 9, 9), boots: 7, time: () => 1000 }
const THEIRS = Uint8Array.of(0x80, 0, 0, 0, 5, 1, 1)
const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3'

const pdu = (type: number) =>
  tlv(
    type,
    ...[integerTlv(77), integerTlv(0), integerTlv(0)],
    tlv(
      TAG.sequence,
      tlv(
        TAG.sequence,
        tlv(TAG.oid, encodeOid('1.3.6.1.2.1.1.3.0')),
        tlv(TAG.ticks, Uint8Array.of(1)),
      ),
      tlv(
        TAG.sequence,
        tlv(TAG.oid, encodeOid('1.3.6.1.6.3.1.1.4.1.0')),
        tlv(TAG.oid, encodeOid(LINK_DOWN)),
      ),
    ),
  )

interface Made {
  engineId?: Uint8Array
  boots?: number
  time?: number
  credentials?: UsmCredentials
  flags?: number
  type?: number
}

function made(options: Made = {}): Uint8Array {
  const { engineId = THEIRS, boots = 1, time = 500, credentials = CREDENTIALS } = options
  const { flags = FLAG.auth | FLAG.priv, type = NOTIFICATION_PDU.trap2 } = options
  const engine = createEngine(engineId, credentials)
  const scoped = encodeScopedPdu(engineId, new Uint8Array(0), pdu(type))
  const isPrivate = (flags & FLAG.priv) !== 0
  const sealed = isPrivate ? engine.privacy?.encrypt(scoped, boots, time) : undefined
  const header = { msgId: 5, flags, engineId, boots, time, user: Buffer.from(credentials.user) }
  return encodeMessage(
    { ...header, salt: sealed?.salt ?? new Uint8Array(0) },
    sealed?.data ?? scoped,
    flags & FLAG.auth ? engine.auth : null,
  )
}

t.test('a trap with the keys of its user is taken; every bit of it counts', async t => {
  const user = notificationUser(CREDENTIALS)
  const good = made()
  t.match(receiveUsm(good, [user], own, 0), {
    kind: 'notification',
    notification: { oid: LINK_DOWN, isInform: false },
    answer: null,
  })
  for (let at = 0; at < good.length; at++) {
    const wrong = Uint8Array.from(good)
    wrong[at] = (wrong[at] ?? 0) ^ 0x01
    const verdict = receiveUsm(wrong, [notificationUser(CREDENTIALS)], own, 0)
    t.not(verdict.kind, 'notification', `octet ${at}`)
  }
})

t.test('lower levels, other users and other keys are refused', async t => {
  const user = notificationUser(CREDENTIALS)
  const why = (message: Uint8Array) => {
    const verdict = receiveUsm(message, [user], own, 0)
    return verdict.kind === 'refused' ? verdict.why : verdict.kind
  }
  t.equal(why(made({ flags: 0 })), 'level')
  t.equal(why(made({ flags: FLAG.auth })), 'level')
  t.equal(why(made({ credentials: { ...CREDENTIALS, user: 'other' } })), 'user')
  const auth = { protocol: 'sha256', key: 'not the key at all' } as const
  t.equal(why(made({ credentials: { ...CREDENTIALS, auth } })), 'digest')
  const priv = { protocol: 'aes256r', key: 'not the key at all' } as const
  t.equal(why(made({ credentials: { ...CREDENTIALS, priv } })), 'privacy')
  t.equal(why(Uint8Array.of(0x30, 0)), 'malformed')
  // Nobody without the key makes an engine known; the one with the wrong privacy key has the other.
  t.equal(user.engines.length, 1)
})

t.test(
  'what was recorded is refused when it is old, and after a restart of the device',
  async t => {
    const user = notificationUser(CREDENTIALS)
    const old = made({ time: 500 })
    t.equal(receiveUsm(old, [user], own, 0).kind, 'notification')
    t.equal(receiveUsm(old, [user], own, 140_000).kind, 'notification')
    t.match(receiveUsm(old, [user], own, 152_000), { kind: 'refused', why: 'time' })
    t.equal(receiveUsm(made({ boots: 2, time: 0 }), [user], own, 152_000).kind, 'notification')
    t.match(receiveUsm(made({ time: 600 }), [user], own, 153_000), { kind: 'refused', why: 'time' })
  },
)

t.test('a level whose keys are not there believes nothing', async t => {
  const bare = { version: '3', user: 'ops', level: 'authNoPriv' } as const
  const message = made({ credentials: { ...bare, level: 'noAuthNoPriv' }, flags: 0 })
  // The flags say that it is signed; there is no key to say otherwise.
  const signed = Uint8Array.from(message)
  const at = signed.findIndex(
    (octet, i) => octet === TAG.octets && signed[i + 1] === 1 && signed[i + 2] === 0,
  )
  signed[at + 2] = FLAG.auth
  t.match(decodeMessage(signed), { flags: FLAG.auth })
  t.match(receiveUsm(signed, [notificationUser(bare)], own, 0), { kind: 'refused', why: 'user' })
  const half = { ...CREDENTIALS }
  delete half.priv
  t.match(receiveUsm(made(), [notificationUser(half)], own, 0), { kind: 'refused', why: 'user' })
})

t.test('many engines of a spoofer leave nothing behind', async t => {
  const user = notificationUser(CREDENTIALS)
  for (let i = 0; i < 500; i++) {
    const engineId = Uint8Array.of(0x80, 0, 0, 0, 5, i >> 8, i & 255)
    const forged = made({
      engineId,
      flags: FLAG.auth | FLAG.priv,
      credentials: {
        ...CREDENTIALS,
        auth: { protocol: 'md5', key: 'what he thinks' },
        priv: { protocol: 'aes', key: 'what he thinks' },
      },
    })
    t.equal(receiveUsm(forged, [user], own, 0).kind, 'refused')
  }
  t.equal(user.engines.length, 0)
})

t.test(
  'informs: our engine is told, its time is held against the message, and it is answered',
  async t => {
    const user = notificationUser(CREDENTIALS)
    const reportOf = (message: Uint8Array) => {
      const verdict = receiveUsm(message, [user], own, 0)
      const answer = verdict.kind === 'report' ? decodeMessage(verdict.answer) : null
      const scoped = answer && decodeScopedPdu(answer.data)
      return answer && scoped && { ...answer, oid: reportedOid(answer.data, scoped.at, scoped.end) }
    }
    const discovered = reportOf(encodeDiscovery(3))
    t.match(discovered, { oid: '1.3.6.1.6.3.15.1.1.4.0', boots: 7, time: 1000, msgId: 3, flags: 0 })
    t.same([...(discovered?.engineId ?? [])], [...own.id])
    const inform = { engineId: own.id, type: NOTIFICATION_PDU.inform, boots: 7 }
    t.match(reportOf(made({ ...inform, time: 800 })), {
      oid: '1.3.6.1.6.3.15.1.1.2.0',
      flags: FLAG.auth,
    })
    t.match(reportOf(made({ ...inform, boots: 6, time: 1000 })), { oid: '1.3.6.1.6.3.15.1.1.2.0' })
    const verdict = receiveUsm(made({ ...inform, time: 1000 }), [user], own, 0)
    t.match(verdict, { kind: 'notification', notification: { isInform: true, requestId: 77 } })
    const answer =
      verdict.kind === 'notification' && verdict.answer ? decodeMessage(verdict.answer) : null
    const { data, salt, boots, time, flags = 0 } = answer ?? {}
    t.equal(flags, FLAG.auth | FLAG.priv)
    const engine = createEngine(own.id, CREDENTIALS)
    const plain = data && salt && engine.privacy?.decrypt(data, salt, boots ?? 0, time ?? 0)
    const scoped = plain && decodeScopedPdu(plain)
    t.equal(plain && scoped && plain[scoped.at], NOTIFICATION_PDU.response)
    // A plain inform to our engine, and a trap that says it is of our engine.
    t.match(receiveUsm(made({ ...inform, flags: 0 }), [user], own, 0), { why: 'level' })
    t.match(
      receiveUsm(made({ ...inform, type: NOTIFICATION_PDU.trap2, time: 1000 }), [user], own, 0),
      { why: 'malformed' },
    )
  },
)
