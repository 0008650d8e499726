// What is left of npm net-snmp: opening its session with our options, calling it, and reading its
// errors. Its own walks, retries of sends and sockets are not used.

import {
  Authentication,
  AuthProtocols,
  createSession,
  createV3Session,
  PrivProtocols,
  SecurityLevel,
  type Session,
  type User,
  type Varbind,
  Version1,
  Version2c,
} from 'net-snmp'
import { AppError } from '../model/errors.ts'
import { giveDes } from './des.ts'
import type { Answer, Question } from './engine.ts'
import type { SessionOptions } from './session.ts'

/** Localized keys that net-snmp may remember in this thread; it never forgets one by itself. */
const rememberedKeysMax = 20_000
/** One in so many openings of a v3 session looks at how many there are. */
const keyCheckOdds = 256

export type NativeSession = Session

/** A net-snmp session on the guard's socket. */
export function openNative(options: SessionOptions, dgramModule: object): NativeSession {
  const { credentials } = options
  const common = {
    port: options.port,
    retries: options.retries,
    timeout: options.timeoutMs,
    dgramModule,
  }
  if (credentials.version !== '3') {
    return createSession(options.address, credentials.community, {
      ...common,
      version: credentials.version === '1' ? Version1 : Version2c,
    })
  }
  boundRememberedKeys()
  const { level, auth, priv } = credentials
  const user: User = { name: credentials.user, level: SecurityLevel[level] }
  if (level !== 'noAuthNoPriv' && auth) {
    user.authProtocol = AuthProtocols[auth.protocol]
    user.authKey = auth.key
  }
  if (level === 'authPriv' && priv) {
    if (priv.protocol === 'des') giveDes()
    if (priv.protocol === 'aes192b' || priv.protocol === 'aes192r') {
      throw new AppError('E_SNMP_AUTH', `${priv.protocol} is not known to net-snmp`)
    }
    user.privProtocol = PrivProtocols[priv.protocol]
    user.privKey = priv.key
  }
  return createV3Session(options.address, user, { ...common, context: credentials.context ?? '' })
}

/** An agent that names a new engine each time makes net-snmp remember a key each time. */
function boundRememberedKeys(): void {
  if (Math.random() * keyCheckOdds >= 1) return
  const cache: unknown = Reflect.get(Authentication, 'authToKeyCache')
  if (typeof cache !== 'object' || cache === null) return
  const keys = Object.keys(cache)
  if (keys.length > rememberedKeysMax) for (const key of keys) Reflect.deleteProperty(cache, key)
}

/** Asks; `done` may be called twice, and later than it should: the caller takes the first call. */
export function send(
  session: NativeSession,
  question: Question,
  done: (error: Error | null, varbinds: Varbind[]) => void,
): void {
  const oids = [...question.oids]
  const flat = (error: Error | null, varbinds?: Varbind[]) => done(error, varbinds ?? [])
  if (question.type === 'bulk') {
    session.getBulk(oids, 0, question.repetitions, (error, columns) =>
      done(error, rowWise(columns ?? [])),
    )
  } else if (question.type === 'get') session.get(oids, flat)
  else session.getNext(oids, flat)
}

/** net-snmp sorts a GETBULK answer by column; this is the order on the wire again. */
function rowWise(columns: readonly (Varbind | Varbind[])[]): Varbind[] {
  const lists = columns.map(column => (Array.isArray(column) ? column : [column]))
  const flat: Varbind[] = []
  for (let row = 0; row < (lists[0]?.length ?? 0); row++) {
    for (const list of lists) {
      const varbind = list[row]
      if (varbind) flat.push(varbind)
    }
  }
  return flat
}

/** net-snmp's form of an error-status. */
interface Verdict extends Error {
  status: number
}

export function isVerdict(error: unknown): error is Verdict {
  return (
    error instanceof Error &&
    error.name === 'RequestFailedError' &&
    'status' in error &&
    typeof error.status === 'number'
  )
}

/** The error-status as an answer; net-snmp leaves the error-index only as an OID in its message. */
export function verdictOf(error: Verdict, asked: readonly string[]): Answer {
  const named = /: ([0-9.]+)$/.exec(error.message)?.[1]
  return {
    status: error.status,
    varbinds: null,
    blamed: named !== undefined && asked.includes(named) ? named : null,
    text: error.message,
  }
}

/** net-snmp's ResponseInvalidCode, where an error has one. */
export function codeOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number'
    ? error.code
    : null
}
