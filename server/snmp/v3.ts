// Security of SNMPv3: the User-based Security Model towards one agent (RFC 3414). It discovers the
// agent's engine, follows its clock, and believes only what was made with the user's keys.
//
// What may change our mind: a report without a digest can be anyone's, so it leads to one message
// to the engine that it names, with zeros for its clock, and changes nothing that is known. Only a
// message that proves to have the user's key on that engine makes it the one we ask. A clock goes
// forward by any authentic message (section 3.2, step 7), backward (agent replaced or reset) only by
// two: a report, and after it the answer to a new request.

import type { Refusal, Security, Verdict } from './security.ts'
import {
  advanced,
  type Clock,
  createEngine,
  type Engine,
  isTimely,
  type Stamp,
  stampAt,
  type UsmCredentials,
  ZEROS,
} from './usm-engine.ts'
import {
  decodeMessage,
  decodeScopedPdu,
  encodeDiscovery,
  encodeMessage,
  encodeScopedPdu,
  FLAG,
  isAuthentic,
  reportedOid,
  type UsmMessage,
} from './usm-message.ts'
import {
  NOT_IN_TIME_WINDOWS,
  reportError,
  silentAfterDigest,
  UNKNOWN_ENGINE_IDS,
  undecryptable,
} from './usm-reports.ts'

/** Engines that answered with the user's keys: a pair of supervisors takes turns, spoofers do not. */
const enginesMax = 4
/** Ids that are remembered as spent: more than one session has on the way for one try each. */
const spentMax = 32
/** Octets around a PDU without names and digest: tags, lengths, numbers, salt, padding. */
const framingBytes = 90
const engineIdBytesUsual = 17
const LEVELS = { noAuthNoPriv: 0, authNoPriv: FLAG.auth, authPriv: FLAG.auth | FLAG.priv } as const
const LEVEL_BITS = FLAG.auth | FLAG.priv
const NO_OCTETS = new Uint8Array(0)
const RESEND: Verdict = { kind: 'resend' }

const refused = (why: Refusal): Verdict => ({ kind: 'refused', why })
const MALFORMED = refused('malformed')
const WEAK = refused('weak')
const STALE = refused('stale')

/**
 * @param where the agent, for errors: `192.0.2.1:161`
 * @param now a clock in ms that never goes back
 */
export function usmSecurity(
  credentials: UsmCredentials,
  where: string,
  now: () => number = () => performance.now(),
): Security {
  const level = LEVELS[credentials.level]
  const user = Buffer.from(credentials.user)
  const contextName = Buffer.from(credentials.context ?? '')

  /** That proved to have the user's key; the one we ask is the first. */
  const engines: Engine[] = []
  /** The engine that a report without a digest named last, and whether it is asked next. */
  let candidate: Engine | null = null
  let asksCandidate = false
  /** The clock that this report named. */
  let claimed: { engine: Engine; stamp: Stamp } | null = null
  /** Ids whose report without a digest is not heeded: one was, or they were sent for a report. */
  const spent: number[] = []
  /** The next message is sent for a report. */
  let resends = false
  /** A clock behind the known one, as an authentic report told it: its answer must confirm it. */
  let earlier: { engine: Engine; clock: Clock } | null = null
  /** An authentic report came, and no answer after it. */
  let awaitsAnswer = false
  /** Asks for the time by zeros, to hear whether the engine still takes our key. */
  let probes = false

  const known = (id: Uint8Array): Engine | null => {
    if (candidate !== null && sameOctets(candidate.id, id)) return candidate
    return engines.find(engine => sameOctets(engine.id, id)) ?? null
  }

  const prefer = (engine: Engine) => {
    if (engines[0] === engine) return
    const at = engines.indexOf(engine)
    if (at > 0) engines.splice(at, 1)
    engines.unshift(engine)
    engines.length = Math.min(engines.length, enginesMax)
  }

  const spend = (id: number) => {
    spent.push(id)
    if (spent.length > spentMax) spent.shift()
  }

  const encode = (pdu: Uint8Array, id: number): Uint8Array => {
    const engine = asksCandidate ? candidate : (engines[0] ?? null)
    asksCandidate = false
    if (resends) spend(id)
    resends = false
    return engine === null ? encodeDiscovery(id) : request(engine, pdu, id)
  }

  const stampFor = (engine: Engine): Stamp => {
    const clock = earlier?.engine === engine ? earlier.clock : engine.clock
    if (clock !== null && !probes) return stampAt(clock, now())
    // Some agents do not answer to zeros. What is claimed is no more than what is asked with.
    if (engine.ignoresZeros && claimed?.engine === engine) return claimed.stamp
    engine.ignoresZeros = true
    return ZEROS
  }

  const request = (engine: Engine, pdu: Uint8Array, id: number): Uint8Array => {
    const { boots, time } = stampFor(engine)
    const plain = encodeScopedPdu(engine.id, contextName, pdu)
    const encrypted = engine.privacy?.encrypt(plain, boots, time)
    return encodeMessage(
      {
        msgId: id,
        flags: level | FLAG.reportable,
        engineId: engine.id,
        boots,
        time,
        user,
        salt: encrypted?.salt ?? NO_OCTETS,
      },
      encrypted?.data ?? plain,
      engine.auth,
    )
  }

  const decode = (datagram: Uint8Array, id: number): Verdict => {
    const message = decodeMessage(datagram)
    if (message === null || message.msgId !== id) return MALFORMED
    const verdict = judge(message, id)
    // What came instead says more than that no answer came.
    if (verdict === WEAK) awaitsAnswer = false
    return verdict
  }

  const judge = (message: UsmMessage, id: number): Verdict => {
    const engine = known(message.engineId)
    if (message.flags & FLAG.auth) return engine === null ? WEAK : authenticated(message, engine)
    return message.flags & FLAG.priv ? MALFORMED : unauthenticated(message, engine, id)
  }

  /** Anyone can have made it. */
  const unauthenticated = (message: UsmMessage, engine: Engine | null, id: number): Verdict => {
    const report = reportIn(message.data)
    if (report === UNKNOWN_ENGINE_IDS) return rediscovered(message, engine, id)
    if (engine === null) return WEAK
    if (report !== null) {
      // Without a digest it is no answer of this engine: RFC 3414, section 3.2, step 7 a.
      const isTime = report === NOT_IN_TIME_WINDOWS && level !== LEVELS.noAuthNoPriv
      return isTime ? WEAK : failed(report)
    }
    if (level !== LEVELS.noAuthNoPriv) return WEAK
    return answered(message, engine, message.data)
  }

  const rediscovered = (message: UsmMessage, engine: Engine | null, id: number): Verdict => {
    const { engineId, boots, time } = message
    if (engineId.length === 0 || spent.includes(id)) return WEAK
    spend(id)
    candidate = engine ?? createEngine(engineId, credentials)
    claimed = { engine: candidate, stamp: { boots, time } }
    asksCandidate = true
    return resend()
  }

  /** It says that it comes from this engine. Digest, then time, then the text (section 3.2). */
  const authenticated = (message: UsmMessage, engine: Engine): Verdict => {
    if (engine.auth === null || !sameOctets(message.user, user)) return WEAK
    if (!isAuthentic(message, engine.auth)) return WEAK
    const isEncrypted = (message.flags & FLAG.priv) !== 0
    if (!isEncrypted && reportIn(message.data) === NOT_IN_TIME_WINDOWS) {
      return timeTold(message, engine)
    }
    if (!follows(message, engine)) return STALE
    if (!isEncrypted) return authentic(message, engine, message.data)
    if (engine.privacy === null) return WEAK
    const { data, salt, boots, time } = message
    const plain = engine.privacy.decrypt(data, salt, boots, time)
    if (plain === null || decodeScopedPdu(plain) === null) {
      return { kind: 'failed', error: undecryptable(where, credentials) }
    }
    return authentic(message, engine, plain)
  }

  const authentic = (message: UsmMessage, engine: Engine, data: Uint8Array): Verdict => {
    const report = reportIn(data)
    if (report !== null) return failed(report)
    return (message.flags & LEVEL_BITS) === level ? answered(message, engine, data) : WEAK
  }

  /** The engine's own report about our time (RFC 3414, section 4, and its reboot). */
  const timeTold = (heard: Stamp, engine: Engine): Verdict => {
    const at = now()
    const clock = advanced(engine.clock, heard, at)
    earlier = null
    if (isTimely(clock, heard, at)) engine.clock = clock
    else earlier = { engine, clock: { boots: heard.boots, time: heard.time, heardAt: at } }
    awaitsAnswer = true
    probes = false
    engine.ignoresZeros = false
    prefer(engine)
    return resend()
  }

  /** Whether it fits the engine's clock, or the earlier one that it confirms. */
  const follows = (heard: Stamp, engine: Engine): boolean => {
    const at = now()
    let clock = advanced(engine.clock, heard, at)
    if (!isTimely(clock, heard, at)) {
      if (earlier?.engine !== engine) return false
      clock = advanced(earlier.clock, heard, at)
      if (!isTimely(clock, heard, at)) return false
    }
    engine.clock = clock
    earlier = null
    probes = false
    prefer(engine)
    return true
  }

  const answered = (message: UsmMessage, engine: Engine, data: Uint8Array): Verdict => {
    const scoped = decodeScopedPdu(data)
    // RFC 3412, section 7.2, step 12: of the same user and context as the request.
    if (
      scoped === null ||
      !sameOctets(message.user, user) ||
      !sameOctets(scoped.contextEngineId, engine.id) ||
      !sameOctets(scoped.contextName, contextName)
    ) {
      return WEAK
    }
    prefer(engine)
    awaitsAnswer = false
    asksCandidate = false
    claimed = null
    return { kind: 'pdu', bytes: data, at: scoped.at, end: scoped.end }
  }

  const resend = (): Verdict => {
    resends = true
    return RESEND
  }

  const failed = (report: string): Verdict => ({
    kind: 'failed',
    error: reportError(where, credentials, report),
  })

  return {
    version: 3,
    get overhead() {
      const [engine] = engines
      const named = 2 * (engine?.id.length ?? engineIdBytesUsual) + user.length + contextName.length
      return framingBytes + named + (engine?.auth?.macBytes ?? 0)
    },
    encode,
    decode,
    silence() {
      const told = awaitsAnswer ? silentAfterDigest(where, credentials) : null
      probes = level !== LEVELS.noAuthNoPriv
      awaitsAnswer = false
      asksCandidate = false
      resends = false
      return told
    },
  }
}

/** The counter that a plain scoped PDU reports, or null where it is no such report. */
function reportIn(data: Uint8Array): string | null {
  const scoped = decodeScopedPdu(data)
  return scoped && reportedOid(data, scoped.at, scoped.end)
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
