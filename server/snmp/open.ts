// Opens a session with one device: the seam of session.ts, put together from the exchange that all
// sessions of a thread share, reading.ts (scalars), tables.ts and walk.ts (tables), with what was
// learned about the agent kept between calls.

import { AppError } from '../model/errors.ts'
import { communitySecurity } from './community.ts'
import { type Drops, dropsSince, noDrops } from './drops.ts'
import { createEngine } from './engine.ts'
import { createExchange, type Exchange } from './exchange.ts'
import { initialLimits, tuningOf } from './limits.ts'
import { Pace } from './pace.ts'
import { peerOf } from './peer.ts'
import { readScalars } from './reading.ts'
import type { SessionOptions, SnmpSession } from './session.ts'
import { createTables } from './tables.ts'
import type { OpenTransport } from './transport.ts'
import { openUdp } from './udp.ts'
import { usmSecurity } from './v3.ts'
import { walkColumns } from './walk.ts'

/** Requests of one session on the way at once, before anything else was learned. */
const inFlightUsual = 1

let transportOfThread: OpenTransport = openUdp
let exchangeOfThread: Exchange | null = null
const dropsTaken = noDrops()

/** The transport of all sessions of this thread; to be called before the first is opened. */
export function useTransport(transport: OpenTransport): void {
  transportOfThread = transport
}

/** What all sessions of this thread share; opened when it is first asked for. */
export function threadExchange(): Exchange {
  exchangeOfThread ??= createExchange(transportOfThread)
  return exchangeOfThread
}

/** What the exchange of this thread dropped since the last call. */
export function takeDrops(): Drops {
  return exchangeOfThread ? dropsSince(dropsTaken, exchangeOfThread.counters) : noDrops()
}

/**
 * A session with one device; nothing is sent before the first call.
 * @param now the clock of what is learned, monotonic, ms; for tests
 * @throws AppError E_SNMP_AUTH for v3 credentials that lack what their level needs
 */
export function openSession(
  options: SessionOptions,
  exchange: Exchange = threadExchange(),
  now?: () => number,
): SnmpSession {
  checkCredentials(options)
  const { credentials, pinned, tuning } = options
  const limits = initialLimits(options, now)
  const peer = peerOf(options.address, options.port, exchange.socketsPerFamily)
  const timeoutMs = pinned?.timeoutMs ?? options.timeoutMs
  const inFlight = pinned?.inFlight ?? tuning?.inFlight ?? inFlightUsual
  const pace = new Pace(
    timeoutMs,
    pinned?.timeoutMs !== undefined,
    tuning?.srttMs ?? null,
    tuning?.rttvarMs ?? null,
  )
  const engine = createEngine(
    {
      options: { ...options, timeoutMs },
      peer,
      presence: exchange.presenceOf(peer),
      security:
        credentials.version === '3'
          ? usmSecurity(credentials, `${options.address}:${options.port}`)
          : communitySecurity(credentials),
      pace,
      counters: { requests: 0, retries: 0, timeouts: 0, varbinds: 0, dropped: 0 },
      evidence: { malformed: 0, weak: 0, otherSource: null },
    },
    exchange,
    inFlight,
  )
  const tables = createTables(engine, options, limits)
  return {
    get: (oids, signal) => readScalars(engine, options, limits, 'get', oids, signal),
    getNext: (oids, signal) => readScalars(engine, options, limits, 'next', oids, signal),
    walk: (columns, rowsMax, signal) =>
      walkColumns(engine, options, limits, columns, rowsMax, signal),
    readTable: (columns, rowsMax, signal) => tables.read(columns, rowsMax, signal),
    counters: engine.counters,
    get tuning() {
      return tuningOf(limits, pace, engine.inFlight)
    },
    get inFlight() {
      return engine.inFlight
    },
    allow(most) {
      if (pinned?.inFlight === undefined) engine.inFlight = most
    },
    close: () => engine.close(),
  }
}

function checkCredentials({ credentials }: SessionOptions): void {
  if (credentials.version !== '3') return
  const { level, auth, priv } = credentials
  const lacks =
    level !== 'noAuthNoPriv' && !auth ? 'auth' : level === 'authPriv' && !priv ? 'priv' : null
  if (lacks === null) return
  throw new AppError('E_SNMP_AUTH', `level ${level} needs ${lacks}`, {
    hint: `give a protocol and a key under credentials.${lacks}, or choose a lower level`,
  })
}
