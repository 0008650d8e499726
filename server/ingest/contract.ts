// What the rest of Pollux may ask of ingest, and who may hear of what it accepted.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { LedgerCounts } from './ledger.ts'
import type { RecentSummary } from './recent.ts'

/** Hears of every accepted collection at once, before it is committed; a resend comes again. */
export interface Consumer {
  /** Must return soon; what it throws is logged and stops nothing. */
  onAccepted(collection: AcceptedCollection): void
}

export interface IngestStats extends LedgerCounts {
  /** Waiting for the store. */
  queued: number
  /** Parts that wait for the others of their collection. */
  partsHeld: number
  /** Collections that were written although parts of them never came. */
  partsIncomplete: number
  acksLost: number
  liveErrors: number
  consumerErrors: number
  /** Null while the store takes what it is given. */
  storeError: string | null
  /** The last minute. */
  recent: RecentSummary
}

export interface Ingest {
  /** Subscribes. @throws AppError what the bus says */
  start(): Promise<void>
  stats(): IngestStats
  /** Writes what it has, acknowledges, and stops, within 3 s. Tolerates a second call, and no start. */
  close(): Promise<void>
}
