// A collection's rows × metrics: columns of one length, finite numbers, a reason for each null, and
// parts put together again. Pure; knows no topic and no clock.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { GoodCollection, Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import { Refusal } from './refusal.ts'

/** Rows × metrics of one collection, and the series that a device may have. */
export const valuesMax = 50_000

const METRIC = /^[a-z][a-z0-9_]{0,47}$/

/**
 * The columns of a collection that has passed the schema.
 * @throws Refusal schema, shape, number, duplicate-row, too-many
 */
export function columnsOf(
  good: GoodCollection,
): Pick<AcceptedCollection, 'rows' | 'metrics' | 'gaps'> {
  const rows = good.rows ?? null
  if (rows) uniqueRows(rows)
  const names = Object.keys(good.metrics)
  const length = rows ? rows.length : 1
  if (names.length * length > valuesMax) {
    throw new Refusal('too-many', `${names.length * length} values, at most ${valuesMax}`)
  }
  const metrics = new Map<string, Value[]>()
  const gaps = new Map<string, (GapReason | null)[]>()
  const givenGaps = new Map(Object.entries(good.gaps ?? {}))
  for (const name of givenGaps.keys()) {
    if (!Object.hasOwn(good.metrics, name)) {
      throw new Refusal('shape', `gaps.${name.slice(0, 48)} has no metric`)
    }
  }
  for (const [name, given] of Object.entries(good.metrics)) {
    if (!METRIC.test(name)) throw new Refusal('schema', `"${name.slice(0, 48)}" is no metric name`)
    const values = column<Value>(given, length, rows !== null, `metrics.${name}`)
    const givenGap = givenGaps.get(name)
    const reasons =
      givenGap === undefined
        ? null
        : column<GapReason | null>(givenGap, length, rows !== null, `gaps.${name}`)
    metrics.set(name, values)
    const missing = reasonsOf(values, reasons, name)
    if (missing) gaps.set(name, missing)
  }
  return { rows, metrics, gaps }
}

/**
 * Half a surrogate pair (JSON can write one) has no UTF-8: two such keys would be stored as one.
 * @throws Refusal duplicate-row, schema
 */
export function uniqueRows(keys: readonly string[]): void {
  const seen = new Set<string>()
  for (const key of keys) {
    if (!key.isWellFormed()) throw new Refusal('schema', 'a row whose name is no Unicode text')
    if (seen.has(key)) throw new Refusal('duplicate-row', `row "${key.slice(0, 100)}" twice`)
    seen.add(key)
  }
}

function column<T>(given: T | T[], length: number, table: boolean, path: string): T[] {
  if (!Array.isArray(given)) {
    if (table) throw new Refusal('shape', `${path} must have a value for each row`)
    return [given]
  }
  if (given.length !== length) {
    throw new Refusal('shape', `${path} has ${given.length} values for ${length} rows`)
  }
  return given
}

/** The hot loop of ingest: every value passes here. A reason for each null, `partial` where the sender gave none; null where nothing is missing. */
function reasonsOf(
  values: readonly Value[],
  given: readonly (GapReason | null)[] | null,
  name: string,
): (GapReason | null)[] | null {
  let missing: (GapReason | null)[] | null = null
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === null) {
      missing ??= new Array<GapReason | null>(values.length).fill(null)
      missing[i] = given?.[i] ?? 'partial'
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new Refusal('number', `metrics.${name} has a number that is not finite`)
    }
  }
  return missing
}

/**
 * Parts of one collection as one: rows in the order of the parts; a metric that a part left out is
 * missing there with the reason `partial`.
 * @throws Refusal duplicate-row, too-many, part
 */
export function joinParts(parts: readonly AcceptedCollection[]): AcceptedCollection {
  const [first, ...others] = parts
  if (!first) throw new Refusal('part', 'no parts')
  if (others.length === 0) return first
  const rows: string[] = []
  for (const part of parts) {
    if (part.rows === null) throw new Refusal('part', 'parts without rows')
    rows.push(...part.rows)
  }
  uniqueRows(rows)
  const names = new Set(parts.flatMap(part => [...part.metrics.keys()]))
  if (names.size * rows.length > valuesMax) {
    throw new Refusal('too-many', `${names.size * rows.length} values, at most ${valuesMax}`)
  }
  const metrics = new Map<string, Value[]>()
  const gaps = new Map<string, (GapReason | null)[]>()
  for (const name of names) {
    const values: Value[] = []
    const reasons: (GapReason | null)[] = []
    for (const part of parts) {
      const length = part.rows?.length ?? 0
      const given = part.metrics.get(name)
      values.push(...(given ?? new Array<Value>(length).fill(null)))
      const missing = given ? part.gaps.get(name) : new Array<GapReason>(length).fill('partial')
      reasons.push(...(missing ?? new Array<null>(length).fill(null)))
    }
    metrics.set(name, values)
    if (reasons.some(reason => reason !== null)) gaps.set(name, reasons)
  }
  return { ...first, rows, metrics, gaps }
}
