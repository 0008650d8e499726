// What a profile is once compiled: its groups with every name resolved to a slot, every expression a
// closure. For this folder's own use; the layers above see face.ts.

import type { Inventory } from '../model/neighbour.ts'
import type {
  AlarmDoc,
  ChartDoc,
  Fact,
  MatchDoc,
  METRIC_KINDS,
  MessageDoc,
  Role,
  Section,
} from '../model/profile.ts'
import type { RawValue } from '../model/raw.ts'
import type { RetentionClass } from '../model/retention.ts'
import type { Cells } from './cells.ts'
import type { Expression } from './expression.ts'
import type { PageMetric } from './face.ts'
import type { CompiledNotification } from './notification.ts'

/** What a raw value is after `as`, `match`, `invalid` and `map`; counters stay exact. */
export type Decoded = number | bigint | string | boolean | null

/** The columns of one group during one evaluation, and the row that an expression is about. */
export interface Frame {
  row: number
  /** By slot. */
  columns: Cells[]
}

export type RowExpression = Expression<Frame>

export type Source =
  | { kind: 'read'; sources: readonly string[] }
  | { kind: 'first'; entries: readonly Field[] }
  | {
      kind: 'lookup'
      table: string
      column: string
      by: string | null
      key: readonly RowExpression[] | null
    }
  | { kind: 'value'; expression: RowExpression }
  /** Index parts, `index` and `row_number`: filled in before anything else. */
  | { kind: 'given' }

/** A column, a metric or an entry of `first`. */
export interface Field {
  source: Source
  /** `as`, `match`, `invalid`, `map`; null: no value, undefined: not understood. */
  decode: (raw: RawValue) => Decoded | undefined
  /** True where `decode` has nothing to do for a value that is computed already. */
  plain: boolean
  /** What `decode` divides whole numbers by; null: it does more than that. */
  divisor: number | null
  /** `scale` and `offset`; `range` is asked apart, so that its gap has its own reason. */
  scale: number
  offset: number
  range: readonly [number, number] | null
  /** Pass over 0 where a later entry is not 0. */
  zeroIsLast: boolean
  everyMs: number | null
}

export interface Slot extends Field {
  name: string
  rate: { max: number | RowExpression | null; resetOn: string | null } | null
  /** A metric's own condition. */
  where: RowExpression | null
  metric: Metric | null
  /** Names of this group's fields that it needs, and fields of other groups. */
  needs: readonly string[]
  lookups: readonly { table: string; column: string; by: string | null }[]
}

export interface Metric {
  id: string
  title: string
  description: string
  unit: string
  kind: (typeof METRIC_KINDS)[number]
  role: Role | null
  decimals: number | null
  states: PageMetric['states']
  /** Text-valued states → their number; null: the states' own numbers are used. */
  stateNumbers: ReadonlyMap<string, number> | null
  alarm: AlarmDoc | false | null
  chart: boolean
  /** False: stored for alarm rules alone. */
  shown: boolean
}

export type IndexType =
  | { kind: 'int' | 'ip' | 'ip6' | 'inet' | 'mac' }
  | { kind: 'string' | 'oid'; implied: boolean }
  | { kind: 'bytes'; length: number }

export interface IndexPart {
  name: string
  type: IndexType
}

/** A candidate for a row's name: texts and columns in turn. */
export type NameCandidate = readonly (string | { column: string })[]

export interface Group {
  id: string
  /** The profile that it came with. */
  profile: string
  source: CompiledProfile['source']
  table: boolean
  title: string
  description: string
  section: Section
  order: number
  hidden: boolean
  everyMs: number | null
  /** For how long its samples are kept; null: nothing is said of it. */
  retention: RetentionClass | null
  refreshOn: readonly string[]
  replaces: readonly string[]
  replacedBy: readonly string[]
  /** Of source mqtt: the messages that it is made of. */
  messages: readonly MessageDoc[]
  index: readonly IndexPart[]
  /** Index parts, `index`, `row_number`, columns, metrics: a field's slot is its place here. */
  slots: readonly Slot[]
  slotOf: ReadonlyMap<string, number>
  /** Empty: the index is the key. */
  key: readonly string[]
  name: readonly NameCandidate[]
  subtitle: string | null
  labels: readonly string[]
  where: RowExpression | null
  augments: string | null
  rowsMax: number
  /** Its rows are neighbours or addresses; null: it has series. */
  inventory: Inventory | null
  charts: Readonly<Record<string, ChartDoc>>
}

export type FactSource =
  | { kind: 'text'; text: string }
  | { kind: 'field'; slot: Slot }
  | {
      kind: 'table'
      table: string
      column: string
      where: string | null
      match: ((text: string) => RegExpExecArray | null) | null
    }

export interface MatchRule {
  doc: MatchDoc
  sysDescr: ((text: string) => RegExpExecArray | null) | null
  not: { sysDescr: ((text: string) => RegExpExecArray | null) | null } | null
}

export interface CompiledProfile {
  source: 'snmp' | 'docker' | 'agent' | 'mqtt' | 'check'
  priority: number
  match: readonly MatchRule[]
  /** Every profile that it extends, parents of parents too. */
  ancestors: ReadonlySet<string>
  groups: ReadonlyMap<string, Group>
  /** Groups that its own file writes of. */
  ownGroups: ReadonlySet<string>
  facts: ReadonlyMap<Fact, readonly FactSource[]>
  notifications: readonly CompiledNotification[]
  quirks: {
    bulk?: boolean
    maxRepetitions?: number
    maxOidsPerGet?: number
    allowNonIncreasing?: boolean
    timeoutMs?: number
    retries?: number
  }
}
