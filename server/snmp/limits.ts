// What a session learned about its agent: how much it can be asked at once, and how large its tables
// and its answers are. Kept while the session lives, and longer as its tuning.

import { tunedTablesMax } from '../model/device.ts'
import { datagramBytesMax } from './message.ts'
import type { Pace } from './pace.ts'
import { Repetitions } from './repetitions.ts'
import type { SessionOptions, SessionTuning } from './session.ts'
import { Trust } from './trust.ts'

/** OIDs in one GET where no profile says less: about 1,000 octets of request. */
const oidsPerRequestMax = 40
/** Columns in one request. */
const columnsPerRequestMax = 40
/** Rows asked for in one GETBULK of a walk where no profile says less. */
const repetitionsMax = 50
/** An answer of this size fits into any frame on its way; the first ones are asked for so. */
export const messageBytesUsual = 1472
/** The least that every agent must be able to send (RFC 3417, section 3.2). */
export const messageBytesMin = 484
/** An agent that could not answer larger is asked again after this long, ms. */
export const enlargeAfterMs = 3_600_000

export interface TableLimits {
  /** Rows asked for in one request at the last read. */
  repetitions: number
  /** Rows at the last read: the last request asks for no more than there is. */
  rows: number
}

export interface Limits {
  /** The clock of all that is learned: monotonic, ms. */
  readonly now: () => number
  /** OIDs in one GET or GETNEXT. */
  oidsPerRequest: number
  /**
   * OID → the time until which it is not asked again. In v1 a missing object fails the whole
   * GET (RFC 1157, section 4.1.2), so asking for it each time costs a round trip each time.
   */
  absent: Map<string, number>
  /** False in v1, and where a profile says that the agent cannot do GETBULK. */
  readonly bulkAllowed: boolean
  /** Whether the agent does GETBULK; and for a table (by its first column) that it failed on. */
  readonly bulk: Trust
  readonly bulkOfTables: Map<string, Trust>
  /** A bound on the rows of one request of a walk. */
  readonly repetitions: Repetitions
  columnsPerRequest: number
  /** Octets of answer that are asked for. */
  messageBytes: number
  /** The largest that came. */
  messageBytesProven: number
  /** The largest that may be asked for, and when that was learned. */
  messageBytesMax: number
  messageBytesAt: number
  /** A request for so much was lost, and one for less answered: once is chance. 0: none was. */
  messageBytesLost: number
  /** By the table's first column. */
  tables: Map<string, TableLimits>
}

/** @param now the clock; another one for tests */
export function initialLimits(
  { credentials, quirks, tuning, pinned }: SessionOptions,
  now: () => number = () => performance.now(),
): Limits {
  const asked = (quirk: number | undefined, most: number, learned: number | undefined) =>
    Math.max(1, Math.min(quirk ?? most, most, learned ?? most))
  return {
    now,
    oidsPerRequest: asked(quirks?.maxOidsPerGet, oidsPerRequestMax, tuning?.oidsPerGet),
    absent: new Map(),
    bulkAllowed: credentials.version !== '1' && quirks?.bulk !== false,
    bulk: new Trust(tuning?.bulk === false ? now() : null),
    bulkOfTables: new Map(),
    repetitions: new Repetitions(
      asked(quirks?.maxRepetitions, pinned?.repetitions ?? repetitionsMax, undefined),
      now,
    ),
    columnsPerRequest: asked(
      quirks?.maxOidsPerGet,
      columnsPerRequestMax,
      tuning?.columnsPerRequest,
    ),
    messageBytes: Math.max(
      messageBytesMin,
      Math.min(tuning?.messageBytes ?? messageBytesUsual, datagramBytesMax),
    ),
    // The size that everyone begins with says nothing.
    messageBytesProven: tuning && tuning.messageBytes > messageBytesUsual ? tuning.messageBytes : 0,
    messageBytesMax: datagramBytesMax,
    messageBytesAt: 0,
    messageBytesLost: 0,
    tables: new Map(
      Object.entries(tuning?.tables ?? {}).map(([key, table]) => [key, { ...table }]),
    ),
  }
}

export function rememberTable(limits: Limits, first: string, table: TableLimits): void {
  if (limits.tables.size >= tunedTablesMax && !limits.tables.has(first)) limits.tables.clear()
  limits.tables.set(first, table)
}

/** @param first the table's first column */
export function mayBulk({ bulkAllowed, bulk, bulkOfTables, now }: Limits, first: string): boolean {
  const at = now()
  return bulkAllowed && bulk.mayTry(at) && (bulkOfTables.get(first)?.mayTry(at) ?? true)
}

/** GETBULK failed on rows that GETNEXT gave. */
export function bulkFailed({ bulk, bulkOfTables, now }: Limits, first: string): void {
  const ofTable = bulkOfTables.get(first) ?? new Trust()
  if (bulkOfTables.size >= tunedTablesMax) bulkOfTables.clear()
  bulkOfTables.set(first, ofTable)
  ofTable.failed(now())
  bulk.failed(now())
}

/** A whole table came by GETBULK. */
export function bulkWorked({ bulk, bulkOfTables }: Limits, first: string): void {
  bulk.worked()
  if (bulkOfTables.size > 0) bulkOfTables.delete(first)
}

/** A full answer came at the present size: perhaps the agent gives more. */
export function enlarge(limits: Limits): void {
  if (limits.now() - limits.messageBytesAt > enlargeAfterMs)
    limits.messageBytesMax = datagramBytesMax
  limits.messageBytes = Math.min(limits.messageBytes * 2, limits.messageBytesMax)
}

/** The agent, or the way to it, gives no more than this. */
export function restrict(limits: Limits, bytes: number): void {
  limits.messageBytes = Math.max(messageBytesMin, Math.min(limits.messageBytes, Math.floor(bytes)))
  limits.messageBytesMax = limits.messageBytes
  limits.messageBytesAt = limits.now()
}

export function tuningOf(limits: Limits, pace: Pace, inFlight: number): SessionTuning {
  return {
    srttMs: pace.srttMs,
    rttvarMs: pace.rttvarMs,
    timeoutMs: pace.waitMs,
    inFlight,
    // No more than what came: the next session takes it for proven.
    messageBytes: Math.min(
      limits.messageBytes,
      Math.max(messageBytesUsual, limits.messageBytesProven),
    ),
    bulk: limits.bulkAllowed && !limits.bulk.isLost,
    oidsPerGet: limits.oidsPerRequest,
    columnsPerRequest: limits.columnsPerRequest,
    tables: Object.fromEntries(limits.tables),
  }
}
