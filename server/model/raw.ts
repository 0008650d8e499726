// A value exactly as a device sent it, before any profile decoded it.

import type { RawTable } from './rawtable.ts'

/**
 * 64-bit counters are bigint, all other numbers number; octets are the raw bytes; an OID or an IP
 * address is its dotted text. `number` and `text` come from sources that speak JSON (Docker, the
 * agent). `none` is noSuchObject, noSuchInstance, endOfMibView, NULL or an absent field.
 */
export type RawValue =
  | { type: 'integer' | 'gauge32' | 'ticks' | 'counter32'; value: number }
  | { type: 'counter64'; value: bigint }
  | { type: 'octets' | 'opaque'; value: Uint8Array }
  | { type: 'oid' | 'ip'; value: string }
  | { type: 'number'; value: number }
  | { type: 'text'; value: string }
  | { type: 'none' }

/** What one read of a device gave, by group, before evaluation. */
export interface Reading {
  /** Unix ms at which the answer came. */
  at: number
  /** Monotonic ms of the same moment: rates are computed from this. */
  monotonicMs: number
  /** sysUpTime in hundredths of a second, where the source has one: it going back is a restart. */
  upTicks: number | null
  groups: Map<string, GroupReading>
}

export interface GroupReading {
  /** A source that was not read is no column. Scalars have one row, of index ''. */
  table: RawTable
  /** Set where only a part came: what is missing has this reason. */
  partial: boolean
}
