// One SNMP request after the other over npm net-snmp, with everything that it gets wrong kept away:
// the rest of this folder asks an Engine, and another codec can stand in its place.

import { AppError, messageOf } from '../model/errors.ts'
import { type CreateSocket, createGuard } from './guard.ts'
import { codeOf, isVerdict, type NativeSession, openNative, send, verdictOf } from './native.ts'
import {
  aborted,
  authError,
  closedError,
  decodeError,
  timeoutError,
  unreachableError,
} from './problems.ts'
import type { SessionCounters, SessionOptions, VarBind } from './session.ts'
import { createTurns } from './turns.ts'
import { decodeValue } from './values.ts'

/** Requests waiting for their turn in one session; one is on the way at a time. */
const waitingMax = 64

/** One request of RFC 3416, section 4.2. */
export type Question =
  | { type: 'get' | 'next'; oids: readonly string[] }
  | { type: 'bulk'; oids: readonly string[]; repetitions: number }

/** `status` is the PDU's error-status; `blamed` the OID that its error-index names. */
export type Answer =
  | { status: 0; varbinds: VarBind[] }
  | { status: number; varbinds: null; blamed: string | null; text: string }

export interface Engine {
  /** Rejects with AppError as the session's contract says; an error-status is an answer. */
  ask(question: Question, signal?: AbortSignal): Promise<Answer>
  readonly counters: SessionCounters
  close(): void
}

/** net-snmp's ResponseInvalidCode: EAuthFailure, ENotInTimeWindow. */
const AUTH_FAILURE = 5
const OUTSIDE_TIME_WINDOW = 14
/** Its words for the two reports that a new discovery cures: the device's engine was restarted. */
const RESYNC_TEXT = /Not In Time Window|Unknown Engine ID/

/** An engine for one device; its UDP socket is opened at the first question. */
export function createEngine(options: SessionOptions, createSocket: CreateSocket): Engine {
  const counters = { requests: 0, retries: 0, timeouts: 0, varbinds: 0, dropped: 0 }
  let failCurrent: ((error: Error) => void) | null = null
  let native: NativeSession | null = null
  let closed = false

  const guard = createGuard({
    session: options,
    counters,
    createSocket,
    onFault: error => failCurrent?.(unreachableError(options, error)),
  })
  const turns = createTurns(
    waitingMax,
    () =>
      new AppError('E_SNMP_ERROR', `${waitingMax} requests wait for ${options.address} already`),
    aborted,
  )

  const forget = () => {
    const old = native
    native = null
    old?.cancelRequests(new Error('the session was left'))
  }

  const decode = (oid: string, type: number | undefined, value: unknown, bad: boolean): VarBind => {
    const decoded = bad ? null : decodeValue(type, value)
    if (decoded === null) counters.dropped++
    return { oid, value: decoded ?? { type: 'none' } }
  }

  /** One question, once: settles exactly once, whatever net-snmp does afterwards. */
  const attempt = (question: Question, signal?: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      let settled = false
      const settle = (act: () => void) => {
        if (settled) return
        settled = true
        failCurrent = null
        signal?.removeEventListener('abort', onAbort)
        guard.end()
        act()
      }
      const fail = (error: Error) => {
        settle(() => reject(error))
        forget()
      }
      const onAbort = () => fail(aborted(signal))
      failCurrent = fail
      guard.begin()
      signal?.addEventListener('abort', onAbort, { once: true })
      counters.requests++
      try {
        native ??= openNative(options, guard.dgramModule)
        send(native, question, (error, varbinds) => {
          if (settled) return
          if (isVerdict(error)) return settle(() => resolve(verdictOf(error, question.oids)))
          if (error) return settle(() => reject(error))
          const decoded = varbinds.map((varbind, i) =>
            decode(varbind.oid, varbind.type, varbind.value, guard.unreadable.has(i)),
          )
          counters.varbinds += decoded.length
          settle(() => resolve({ status: 0, varbinds: decoded }))
        })
      } catch (error) {
        fail(new AppError('E_SNMP_ERROR', `the request could not be made: ${messageOf(error)}`))
      }
    })

  const explain = (error: unknown): Error => {
    if (error instanceof AppError) return error
    const wasTimeout = error instanceof Error && error.name === 'RequestTimedOutError'
    if (wasTimeout) {
      counters.timeouts++
      guard.connect()
    }
    // After a timeout or a report, net-snmp's view of a v3 engine may be the fault: discover again.
    if (!wasTimeout || options.credentials.version === '3') forget()
    if (wasTimeout) return timeoutError(options, guard.evidence)
    if (codeOf(error) === AUTH_FAILURE || needsResync(error)) {
      return authError(options, messageOf(error))
    }
    return decodeError(options, `the answer is not as asked for: ${messageOf(error)}`)
  }

  const run = async (question: Question, signal?: AbortSignal): Promise<Answer> => {
    try {
      return await attempt(question, signal).catch(error => {
        if (!needsResync(error) || closed) throw error
        forget()
        return attempt(question, signal)
      })
    } catch (error) {
      throw explain(error)
    }
  }

  return {
    counters,
    ask(question, signal) {
      if (closed) return Promise.reject(closedError(options))
      return turns.take(() => run(question, signal), signal)
    },
    close() {
      if (closed) return
      closed = true
      turns.refuseAll(closedError(options))
      failCurrent?.(closedError(options))
      forget()
      guard.close()
    },
  }
}

function needsResync(error: unknown): boolean {
  return (
    codeOf(error) === OUTSIDE_TIME_WINDOW ||
    (codeOf(error) === AUTH_FAILURE && RESYNC_TEXT.test(messageOf(error)))
  )
}
