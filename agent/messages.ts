// What was measured as the bodies of MQTT messages (server/model/collection.ts), which the sender
// numbers. Pure; a value that is missing always carries its reason.

import type { FailedCollection, GoodCollection, RowsMessage } from '../server/model/collection.ts'
import type { GapReason } from '../server/model/gap.ts'
import { rowKey } from '../server/model/rowkey.ts'
import { AGENT_GROUPS, type AgentGroup, type GroupId, type Measured } from './fields.ts'

type Body<T> = Omit<T, 'v' | 'src' | 'boot' | 'seq'>

/** Characters of a key or label: a mount path may be longer. */
const textMax = 512
/** Characters of an error. */
const errorMax = 1024

export interface Moment {
  /** Unix ms. */
  at: number
  /** ms that the measurement took. */
  took: number
}

/** A row of any table, as messages need it. */
export interface AnyRow {
  labels: Readonly<Record<string, string | undefined>>
  values: Readonly<Record<string, Measured>>
}

/** What one group gave: rows of a table, or scalars by metric. */
export type Found = readonly AnyRow[] | Readonly<Record<string, Measured>>

export function isTable(found: Found): found is readonly AnyRow[] {
  return Array.isArray(found)
}

export function scalarsBody(
  values: Readonly<Record<string, Measured>>,
  moment: Moment,
): Body<GoodCollection> {
  const metrics: GoodCollection['metrics'] = {}
  const gaps: NonNullable<GoodCollection['gaps']> = {}
  for (const [metric, measured] of Object.entries(values)) {
    metrics[metric] = sentValue(measured)
    const gap = gapOf(measured)
    if (gap) gaps[metric] = gap
  }
  return { ...moment, ok: true, metrics, ...(Object.keys(gaps).length > 0 && { gaps }) }
}

export function tableBody(
  group: GroupId,
  rows: readonly AnyRow[],
  moment: Moment,
): Body<GoodCollection> {
  const metrics: GoodCollection['metrics'] = {}
  const gaps: NonNullable<GoodCollection['gaps']> = {}
  for (const metric of Object.keys(AGENT_GROUPS[group].metrics)) {
    const column = rows.map(row => row.values[metric] ?? 'no-such-object')
    metrics[metric] = column.map(sentValue)
    if (column.some(measured => gapOf(measured))) gaps[metric] = column.map(gapOf)
  }
  return {
    ...moment,
    ok: true,
    rows: rows.map(row => keyOf(group, row)),
    metrics,
    ...(Object.keys(gaps).length > 0 && { gaps }),
  }
}

export function failedBody(
  reason: GapReason,
  error: string,
  moment: Moment,
): Body<FailedCollection> {
  return { ...moment, ok: false, reason, error: error.slice(0, errorMax) }
}

/** Names, labels and units of a table's rows. */
export function rowsBody(group: GroupId, rows: readonly AnyRow[], at: number): Body<RowsMessage> {
  const { metrics }: AgentGroup = AGENT_GROUPS[group]
  return {
    at,
    units: Object.fromEntries(Object.entries(metrics).map(([id, { unit }]) => [id, unit])),
    rows: rows.map(row => {
      const name = nameOf(group, row)
      const labels = Object.entries(row.labels).map(([id, text = '']) => [
        id,
        text.slice(0, textMax),
      ])
      return { key: rowKey([name]), index: name, name, labels: Object.fromEntries(labels) }
    }),
  }
}

/** The group's first label names the row, and is its identity: mount, disk, interface. */
function nameOf(group: GroupId, row: AnyRow): string {
  const { labels = {} }: AgentGroup = AGENT_GROUPS[group]
  const first = Object.keys(labels)[0] ?? ''
  return (row.labels[first] ?? '').slice(0, textMax)
}

function keyOf(group: GroupId, row: AnyRow): string {
  return rowKey([nameOf(group, row)])
}

function sentValue(measured: Measured): number | string | null {
  if (typeof measured === 'object') return measured.text.slice(0, textMax)
  return typeof measured === 'number' && Number.isFinite(measured) ? measured : null
}

function gapOf(measured: Measured): GapReason | null {
  if (typeof measured === 'string') return measured
  if (typeof measured === 'object') return null
  return Number.isFinite(measured) ? null : 'decode'
}
