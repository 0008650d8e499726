// The seam of SNMP: what the rest of Pollux may ask of a device. Everything is bounded, and nothing
// outside this folder knows a PDU. Behind it is our own engine for v1, v2c and v3 (open.ts).

import type { AuthProtocol, PrivProtocol, SnmpTuning } from '../model/device.ts'
import type { RawValue } from '../model/raw.ts'
import type { RawTable } from '../model/rawtable.ts'

/** How a session is opened: credentials are opened secrets, the address is already resolved. */
export interface SessionOptions {
  address: string
  port: number
  credentials: SnmpCredentials
  timeoutMs: number
  retries: number
  /** Quirks of the device's profiles; the strictest of all profiles in use. */
  quirks?: Quirks
  /** What an earlier session with this device learned. */
  tuning?: SessionTuning
  /** Values that an admin fixed: they are not learned. */
  pinned?: { repetitions?: number; inFlight?: number; timeoutMs?: number }
}

/** What a session learned about its device; shown on its page and kept over restarts. */
export type SessionTuning = SnmpTuning

export type SnmpCredentials =
  | { version: '1' | '2c'; community: string }
  | {
      version: '3'
      user: string
      level: 'noAuthNoPriv' | 'authNoPriv' | 'authPriv'
      auth?: { protocol: AuthProtocol; key: string }
      priv?: { protocol: PrivProtocol; key: string }
      context?: string
    }

export interface Quirks {
  bulk?: boolean
  maxRepetitions?: number
  maxOidsPerGet?: number
  allowNonIncreasing?: boolean
}

export interface VarBind {
  oid: string
  value: RawValue
}

/** One column of a table: the column's OID and its instances in the device's order. */
export interface ColumnWalk {
  column: string
  /** Index (the sub-identifiers after the column, dotted) → value. */
  values: Map<string, RawValue>
  /** Why the walk ended early (`error`: the agent's error-status); null: it came to the column's end. */
  stopped: 'rows-max' | 'not-increasing' | 'error' | null
}

/** One table as it was read. */
export interface TableRead {
  table: RawTable
  /** By column of the table: why its walk ended early; null: it came to the column's end. */
  stopped: readonly ColumnWalk['stopped'][]
}

export interface SessionCounters {
  requests: number
  retries: number
  timeouts: number
  varbinds: number
  /** Answers that were dropped: wrong source, wrong id, malformed. */
  dropped: number
}

/**
 * All calls reject with AppError, codes E_SNMP_TIMEOUT (passing), E_SNMP_UNREACHABLE (passing),
 * E_SNMP_AUTH, E_SNMP_DECODE, E_SNMP_ERROR (the agent's error-status), E_ABORTED (the signal).
 */
export interface SnmpSession {
  /** Scalars, in the order asked, any number of them (split into requests that fit). */
  get(oids: readonly string[], signal?: AbortSignal): Promise<VarBind[]>
  /** The object after each OID (one GETNEXT each, batched): does anything live at or below it? */
  getNext(oids: readonly string[], signal?: AbortSignal): Promise<VarBind[]>
  /** Columns of one table, row-wise, each at most `rowsMax` rows, ended by an increasing check. */
  walk(columns: readonly string[], rowsMax: number, signal?: AbortSignal): Promise<ColumnWalk[]>
  /** As `walk`, without an object per value: the way of every poll. */
  readTable(columns: readonly string[], rowsMax: number, signal?: AbortSignal): Promise<TableRead>
  readonly counters: Readonly<SessionCounters>
  /** Null where nothing is learned (a recording). */
  readonly tuning: Readonly<SessionTuning> | null
  /** How many requests may be on the way at once; an admin's number stands. */
  readonly inFlight: number
  allow(inFlight: number): void
  /** May be called twice; pending calls reject. */
  close(): void
}
