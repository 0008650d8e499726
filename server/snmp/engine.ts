// Questions to one device and their answers, as the reads of scalars and of tables ask them.

import { AppError } from '../model/errors.ts'
import { encodeOid } from './ber.ts'
import { type Client, type Exchange, type Reply, SnmpRequest } from './exchange.ts'
import { Lane } from './lane.ts'
import { encodePdu, type PduHead, readVarBinds } from './message.ts'
import { aborted, closedError } from './problems.ts'
import type { SessionCounters, VarBind } from './session.ts'

/** Requests waiting for their turn in one session. */
const waitingMax = 64
/** GET requests that are kept encoded in one thread: most devices are asked for the same. */
const encodedGetsMax = 2000

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

/** An engine that takes requests as they are on the wire, too. */
export interface WireEngine extends Engine {
  readonly client: Client
  /** Requests of this session on the way at once; may be changed at any time. */
  inFlight: number
  /**
   * Puts a request in the session's order; its reply hears all that becomes of it.
   * @throws AppError where the session is closed or too many wait
   */
  put(request: SnmpRequest): void
  /** The reply hears nothing more. */
  take(request: SnmpRequest): void
}

/** RFC 3416, section 3. */
const STATUS_TEXTS = [
  'noError',
  'tooBig',
  'noSuchName',
  'badValue',
  'readOnly',
  'genErr',
  'noAccess',
  'wrongType',
  'wrongLength',
  'wrongEncoding',
  'wrongValue',
  'noCreation',
  'inconsistentValue',
  'resourceUnavailable',
  'commitFailed',
  'undoFailed',
  'authorizationError',
  'notWritable',
  'inconsistentName',
]

export function statusText(status: number): string {
  return STATUS_TEXTS[status] ?? `error-status ${status}`
}

const encodedGets = new Map<string, Uint8Array>()

function encodeQuestion(question: Question): Uint8Array {
  const { type, oids } = question
  if (type === 'bulk') {
    const { repetitions } = question
    return encodePdu(type, oids.map(encodeOid), { nonRepeaters: 0, repetitions })
  }
  if (type === 'next') return encodePdu(type, oids.map(encodeOid))
  const key = oids.join(' ')
  const known = encodedGets.get(key)
  if (known) return known
  if (encodedGets.size >= encodedGetsMax) encodedGets.clear()
  const pdu = encodePdu(type, oids.map(encodeOid))
  encodedGets.set(key, pdu)
  return pdu
}

/** @param inFlight requests of this session on the way at once */
export function createEngine(
  session: Omit<Client, 'ended'>,
  exchange: Exchange,
  inFlight: number,
): WireEngine {
  const { counters, options } = session
  const lane = new Lane(exchange, inFlight, waitingMax)
  let closed = false

  const client: Client = {
    ...session,
    ended: request => lane.ended(request),
  }

  const put = (request: SnmpRequest) => {
    if (closed) throw closedError(options)
    if (!lane.add(request)) {
      const text = `${waitingMax} requests wait for ${options.address} already`
      throw new AppError('E_SNMP_ERROR', text)
    }
  }

  const take = (request: SnmpRequest) => lane.remove(request)

  const ask = (question: Question, signal?: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal))
      const onAbort = () => {
        take(request)
        reject(aborted(signal))
      }
      const reply: Reply = {
        answered(bytes, head) {
          const answer = readAnswer(question, bytes, head, counters)
          if (answer !== null) resolve(answer)
          return answer !== null
        },
        failed: reject,
        ended: () => signal?.removeEventListener('abort', onAbort),
      }
      const request = new SnmpRequest(client, encodeQuestion(question), reply)
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        put(request)
      } catch (error) {
        reply.ended()
        reject(error)
      }
    })

  return {
    client,
    counters,
    get inFlight() {
      return lane.inFlight
    },
    set inFlight(most) {
      lane.inFlight = most
    },
    put,
    take,
    ask,
    close() {
      if (closed) return
      closed = true
      // The waiting first, or each that ends would start one of them.
      for (const request of lane.all().reverse()) {
        take(request)
        request.reply.failed(closedError(options))
        request.reply.ended()
      }
    },
  }
}

/** Null: it is malformed. */
function readAnswer(
  question: Question,
  bytes: Uint8Array,
  { status, index, listAt, listEnd }: PduHead,
  counters: SessionCounters,
): Answer | null {
  const read = readVarBinds(bytes, listAt, listEnd)
  if (read === null) return null
  if (status !== 0) {
    const blamed = question.oids[index - 1] ?? null
    return { status, varbinds: null, blamed, text: statusText(status) }
  }
  counters.dropped += read.unreadable
  counters.varbinds += read.varbinds.length
  return { status: 0, varbinds: read.varbinds }
}
