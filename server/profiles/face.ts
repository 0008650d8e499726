// What profiles give to the layers above, as types: a plan (what to read), an evaluator (raw values
// to metrics) and a page (what to draw). The implementations are plan.ts, evaluator.ts and page.ts.

import type { RowsMessage } from '../model/collection.ts'
import type { Reading } from '../model/raw.ts'
import type { EncodedCollection } from './encoded.ts'
import type { PlanDefinition } from './plan.ts'

/** The groups of a set of profiles, compiled. Pure data and closures; shared by devices of one set. */
export interface Plan {
  profiles: readonly string[]
  groups: readonly PlanGroup[]
  quirks: {
    bulk?: boolean
    maxRepetitions?: number
    maxOidsPerGet?: number
    allowNonIncreasing?: boolean
    timeoutMs?: number
    retries?: number
  }
  /** The compiled groups: for this folder alone. */
  definition: PlanDefinition
}

export interface PlanGroup {
  id: string
  profile: string
  table: boolean
  /** null: the device's own interval. */
  everyMs: number | null
  rowsMax: number
}

/** What to read now for one group: OIDs (scalars with instance, tables columns) or paths. */
export interface FetchRequest {
  group: string
  table: boolean
  sources: string[]
  rowsMax: number
}

export interface Evaluated {
  collections: { group: string; body: EncodedCollection }[]
  /** Only groups whose rows, names or labels changed since the last call. */
  rows: { group: string; body: Omit<RowsMessage, 'v' | 'src' | 'boot' | 'seq'> }[]
}

/** Per device: remembers rates, slow columns, served fallbacks and row keys between reads. */
export interface Evaluator {
  readonly plan: Plan
  /** Rows beyond a table's `maxRows`, and rows whose index does not fit the profile. */
  readonly counters: { readonly rowsCut: number; readonly rowsSkipped: number }
  /** The device has restarted: everything is due at the next read, the names of rows included. */
  expectRestart(): void
  /** What is due at this scheduled time (Unix ms) for a device polled every `everyMs`. */
  due(at: number, everyMs: number): FetchRequest[]
  /** Metrics of what was read. `tookMs` goes into each collection. */
  evaluate(reading: Reading, tookMs: number): Evaluated
}

/** The device page, drawn from profiles alone: sections in fixed order → groups → charts. */
export interface PageSection {
  id: string
  title: string
  groups: PageGroup[]
}

export interface PageGroup {
  id: string
  title: string
  description: string
  table: boolean
  /** Metrics in the profile's order: the columns of the group's table. */
  metrics: PageMetric[]
  charts: PageChart[]
  /** Group id whose table shows this group's metrics too (same index). */
  augments: string | null
  /** How many rows are drawn with charts of their own. */
  everyMs: number | null
}

export interface PageMetric {
  id: string
  title: string
  unit: string
  kind: 'gauge' | 'rate' | 'total' | 'state' | 'flags' | 'text'
  role: string | null
  decimals: number | null
  description: string
  /**
   * Stored number (of flags: the bit's number) → what people see. Empty without states. The value
   * null stands for every number that has no state of its own.
   */
  states: {
    value: number | null
    name: string
    severity: 'info' | 'warning' | 'critical' | null
    color: 'ok' | 'off' | 'unknown' | null
  }[]
}

export interface PageChart {
  id: string
  title: string
  type: 'line' | 'area' | 'stacked' | 'bars' | 'status' | 'gauge' | 'value' | 'table'
  per: 'row' | 'group'
  metrics: string[]
  mirror: string[]
  ceiling: string | null
  min: number | null
  max: number | null
  top: number
  average: boolean
  order: number
  headline: boolean
}
