// The User-based Security Model on the receiving side (RFC 3414, section 3.2): for traps the sender's
// engine is the authoritative one, for informs ours. A message below the level of its device, of
// another user, without its key or outside of the time window is refused.
//
// Not npm net-snmp's receiver: that has no time window, so that a recorded trap is believed for ever,
// decrypts before it authenticates, and spends a hash over a mebibyte on each engine that is named.

import { encodeOid, integerTlv, TAG, tlv } from './ber.ts'
import { PDU, readPduHead } from './message.ts'
import { answerInform, type Notification, readNotification } from './notification.ts'
import type { SnmpCredentials } from './session.ts'
import { advanced, type Clock, createEngine, type Engine, isTimely } from './usm-engine.ts'
import { type AuthKey, authKey } from './usm-keys.ts'
import {
  decodeMessage,
  decodeScopedPdu,
  encodeMessage,
  encodeScopedPdu,
  FLAG,
  isAuthentic,
  type UsmMessage,
} from './usm-message.ts'
import { NOT_IN_TIME_WINDOWS, UNKNOWN_ENGINE_IDS } from './usm-reports.ts'

type UsmCredentials = Extract<SnmpCredentials, { version: '3' }>

/** Engines of one user whose keys and clocks are kept; only authentic messages make one known. */
const enginesMax = 4
const timeWindowSeconds = 150
const LEVELS = { noAuthNoPriv: 0, authNoPriv: FLAG.auth, authPriv: FLAG.auth | FLAG.priv } as const
const LEVEL_BITS = FLAG.auth | FLAG.priv

/** Our own engine: its boots go up with each start, its time runs from there. */
export interface OwnEngine {
  readonly id: Uint8Array
  readonly boots: number
  /** Seconds since the start. */
  time(): number
}

/** A user of one device, with what was learned of the engines that it sends from. */
export interface NotificationUser {
  readonly credentials: UsmCredentials
  readonly engines: Engine[]
  /** Clocks of before the start, by the engine's id in hexadecimal. */
  readonly kept: ReadonlyMap<string, Clock>
  /** Its keys on our engine, for informs; null until one comes. */
  own: Engine | null
}

export type UsmVerdict =
  | {
      kind: 'notification'
      user: NotificationUser
      notification: Notification
      /** contextName: which of several devices behind one engine it is of. */
      context: Uint8Array
      answer: Uint8Array | null
    }
  /** To be sent back; nothing was told. */
  | { kind: 'report'; answer: Uint8Array }
  | { kind: 'refused'; why: 'malformed' | 'user' | 'level' | 'digest' | 'time' | 'privacy' }

type Refused = Extract<UsmVerdict, { kind: 'refused' }>
const refused = (why: Refused['why']): Refused => ({ kind: 'refused', why })

export function notificationUser(
  credentials: UsmCredentials,
  kept: NotificationUser['kept'] = new Map(),
): NotificationUser {
  return { credentials, engines: [], kept, own: null }
}

/**
 * @param users of the devices that this sender may be
 * @param now a clock in ms that never goes back
 */
export function receiveUsm(
  datagram: Uint8Array,
  users: readonly NotificationUser[],
  own: OwnEngine,
  now: number,
): UsmVerdict {
  const message = decodeMessage(datagram)
  if (message === null) return refused('malformed')
  const isOurs = same(message.engineId, own.id)
  const isReportable = (message.flags & FLAG.reportable) !== 0
  // Discovery (section 4): an inform's sender asks for our engine, and has nothing to prove yet.
  if (!isOurs && isReportable && (message.flags & LEVEL_BITS) === 0) {
    return { kind: 'report', answer: report(message, own, UNKNOWN_ENGINE_IDS, null) }
  }
  let why: Refused = refused('user')
  for (const user of users) {
    if (!same(message.user, Buffer.from(user.credentials.user))) continue
    // Without the keys of its level nothing could be checked, so nothing is believed.
    if (!hasKeys(user.credentials)) continue
    const verdict = isOurs ? informOf(message, user, own) : trapOf(message, user, now)
    if (verdict.kind !== 'refused') return verdict
    why = verdict
  }
  return why
}

function hasKeys({ level, auth, priv }: UsmCredentials): boolean {
  if (level === 'noAuthNoPriv') return true
  return auth !== undefined && (level === 'authNoPriv' || priv !== undefined)
}

function trapOf(message: UsmMessage, user: NotificationUser, now: number): UsmVerdict {
  const { credentials, engines, kept } = user
  const known = engines.find(({ id }) => same(id, message.engineId))
  if ((message.flags & LEVEL_BITS) !== LEVELS[credentials.level]) return refused('level')
  // Of an engine that nobody knows, the one key that the digest needs: the others may cost a hash
  // over a mebibyte, and anyone can name an engine.
  const auth = known ? known.auth : authOf(credentials, message.engineId)
  if (auth !== null && !isAuthentic(message, auth)) return refused('digest')
  const engine = known ?? createEngine(message.engineId, credentials)
  if (!known) {
    engine.clock = kept.get(Buffer.from(message.engineId).toString('hex')) ?? null
    engines.unshift(engine)
    engines.length = Math.min(engines.length, enginesMax)
  }
  if (auth !== null) {
    const clock = advanced(engine.clock, message, now)
    if (!isTimely(clock, message, now)) return refused('time')
    engine.clock = clock
  }
  const opened = open(message, engine)
  if ('kind' in opened) return opened
  // A trap has nobody to answer to, and an inform must be sent to our engine.
  if (opened.notification.isInform) return refused('malformed')
  const { notification, context } = opened
  return { kind: 'notification', user, notification, context, answer: null }
}

function authOf({ level, auth }: UsmCredentials, engineId: Uint8Array): AuthKey | null {
  return level !== 'noAuthNoPriv' && auth ? authKey(auth.protocol, auth.key, engineId) : null
}

function informOf(message: UsmMessage, user: NotificationUser, own: OwnEngine): UsmVerdict {
  const { credentials } = user
  user.own ??= createEngine(own.id, credentials)
  const engine = user.own
  const level = message.flags & LEVEL_BITS
  if (engine.auth !== null) {
    if (!(level & FLAG.auth)) return refused('level')
    if (!isAuthentic(message, engine.auth)) return refused('digest')
    const isNow =
      message.boots === own.boots && Math.abs(message.time - own.time()) <= timeWindowSeconds
    if (!isNow) return { kind: 'report', answer: report(message, own, NOT_IN_TIME_WINDOWS, engine) }
  }
  if (level !== LEVELS[credentials.level]) return refused('level')
  const opened = open(message, engine)
  if ('kind' in opened) return opened
  const { notification, context, scoped, pduAt } = opened
  if (!notification.isInform) return refused('malformed')
  return {
    kind: 'notification',
    user,
    notification,
    context,
    answer: answer(message, own, engine, answerInform(scoped, pduAt)),
  }
}

interface Opened {
  notification: Notification
  context: Uint8Array
  /** The plain scoped PDU, and where in it the PDU begins. */
  scoped: Uint8Array
  pduAt: number
}

function open(message: UsmMessage, engine: Engine): Opened | Refused {
  const { data, salt, boots, time, flags } = message
  const plain =
    flags & FLAG.priv ? (engine.privacy?.decrypt(data, salt, boots, time) ?? null) : data
  const scoped = plain && decodeScopedPdu(plain)
  if (!plain || !scoped) return refused('privacy')
  const notification = readNotification(plain, scoped.at, scoped.end, 3)
  if (!notification) return refused('malformed')
  const { contextName: context, at: pduAt, end } = scoped
  // DES leaves padding behind the text.
  return { notification, context, scoped: plain.subarray(0, end), pduAt }
}

function answer(
  { msgId, flags, user }: UsmMessage,
  own: OwnEngine,
  engine: Engine,
  scoped: Uint8Array,
): Uint8Array {
  const [boots, time] = [own.boots, own.time()]
  const encrypted = flags & FLAG.priv ? engine.privacy?.encrypt(scoped, boots, time) : undefined
  const salt = encrypted?.salt ?? new Uint8Array(0)
  const header = { msgId, flags: flags & LEVEL_BITS, engineId: own.id, boots, time, user, salt }
  return encodeMessage(header, encrypted?.data ?? scoped, engine.auth)
}

/** A Report (section 3.2) names a counter; what it says of our clock is signed where there is a key. */
function report(
  { msgId, user, data, flags }: UsmMessage,
  own: OwnEngine,
  counter: string,
  engine: Engine | null,
): Uint8Array {
  const scopedIn = flags & FLAG.priv ? null : decodeScopedPdu(data)
  const pdu = tlv(
    PDU.report,
    integerTlv(scopedIn ? requestIdOf(data, scopedIn.at) : 0),
    integerTlv(0),
    integerTlv(0),
    tlv(
      TAG.sequence,
      tlv(TAG.sequence, tlv(TAG.oid, encodeOid(counter)), tlv(0x41, Uint8Array.of(1))),
    ),
  )
  const scoped = encodeScopedPdu(own.id, new Uint8Array(0), pdu)
  return encodeMessage(
    {
      ...{ msgId, user, engineId: own.id, boots: own.boots, time: own.time() },
      flags: engine?.auth ? FLAG.auth : 0,
      salt: new Uint8Array(0),
    },
    scoped,
    engine?.auth ?? null,
  )
}

/** The request-id of a PDU that nothing is known of yet; 0 where it has none. */
function requestIdOf(bytes: Uint8Array, at: number): number {
  const head = { type: 0, id: 0, status: 0, index: 0, listAt: 0, listEnd: 0 }
  return readPduHead(bytes, at, bytes.length, head) ? head.id : 0
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}
