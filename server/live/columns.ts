// The newest values of one group: each metric is a column that the newest collection with that
// metric replaces, so a slow column keeps its older values with their own time. Pure.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import type { LatestSample } from './contract.ts'

/** Rows of a column whose rows come one by one; beyond, those that are silent longest go. */
const rowsMax = 50_000

export interface Column {
  at: number
  /** By row, where rows come at times of their own. */
  ats?: readonly number[]
  rows: readonly string[] | null
  values: readonly Value[]
  gaps: readonly (GapReason | null)[] | null
}

/** Columns share the arrays of the collections that they came from. */
export interface GroupColumns {
  /** Time of the newest collection. */
  at: number
  columns: Map<string, Column>
  failed: { at: number; reason: GapReason } | null
}

export function emptyGroup(): GroupColumns {
  return { at: Number.NEGATIVE_INFINITY, columns: new Map(), failed: null }
}

/**
 * Takes a collection in. A collection of the same time as the newest may bring other metrics.
 * @returns false where it brought nothing new: it is older than the newest, or here already
 */
export function applyCollection(group: GroupColumns, collection: AcceptedCollection): boolean {
  const { at, rows, metrics, gaps, failed, part, some } = collection
  if (at < group.at) return false
  let isNew = at > group.at
  group.at = at
  if (failed !== null) {
    if (!isNew) return false
    group.failed = { at, reason: failed }
    return true
  }
  for (const [metric, values] of metrics) {
    const known = group.columns.get(metric)
    const came = { at, rows, values, gaps: gaps.get(metric) ?? null }
    const column = some ? heard(known, came) : taken(known, came, part !== undefined)
    if (!column) continue
    group.columns.set(metric, column)
    isNew = true
  }
  return isNew
}

/** Null where the column brings nothing new. */
function taken(known: Column | undefined, came: Column, isPart: boolean): Column | null {
  if (!known || known.at < came.at) return came
  return isPart && known.at === came.at ? joinColumns(known, came) : null
}

/** Rows that come one by one. */
function heard(known: Column | undefined, came: Column): Column {
  const timed = came.rows ? { ...came, ats: came.rows.map(() => came.at) } : came
  return known ? laidOver(known, timed) : timed
}

/** Rows that came, beside those that are as they were: of each row the newer value stays. */
function laidOver(known: Column, came: Column): Column {
  if (came.rows === null || known.rows === null) return came
  const times = new Map(known.rows.map((row, i) => [row, known.ats?.[i] ?? known.at]))
  const timeOf = (i: number) => came.ats?.[i] ?? came.at
  const taken = came.rows.flatMap((row, i) => (timeOf(i) >= (times.get(row) ?? 0) ? [i] : []))
  const fresh = new Set(taken.map(i => came.rows?.[i]))
  const kept = known.rows.flatMap((row, i) => (fresh.has(row) ? [] : [i]))
  const of = (column: Column, places: readonly number[]) => ({
    rows: places.map(i => column.rows?.[i] ?? ''),
    values: places.map(i => column.values[i] ?? null),
    gaps: places.map(i => column.gaps?.[i] ?? null),
    ats: places.map(i => column.ats?.[i] ?? column.at),
  })
  const before = of(known, kept)
  const now = of(came, taken)
  const newest = <T>(a: T[], b: T[]) => [...a, ...b].slice(-rowsMax)
  return {
    at: Math.max(known.at, came.at),
    rows: newest(before.rows, now.rows),
    values: newest(before.values, now.values),
    gaps: newest(before.gaps, now.gaps),
    ats: newest(before.ats, now.ats),
  }
}

/** A column of one part and that of another part of the same read; null where nothing is new. */
function joinColumns(known: Column, came: Column): Column | null {
  if (known.rows === null || came.rows === null) return null
  const here = new Set(known.rows)
  const fresh = came.rows.flatMap((row, i) => (here.has(row) ? [] : [i]))
  if (fresh.length === 0) return null
  const gapsOf = (column: Column, i: number) => column.gaps?.[i] ?? null
  return {
    at: known.at,
    rows: [...known.rows, ...fresh.map(i => came.rows?.[i] ?? '')],
    values: [...known.values, ...fresh.map(i => came.values[i] ?? null)],
    gaps: [...known.values.map((_, i) => gapsOf(known, i)), ...fresh.map(i => gapsOf(came, i))],
  }
}

/** Takes over what another copy of the same group has newer. */
export function mergeGroup(into: GroupColumns, from: GroupColumns): void {
  into.at = Math.max(into.at, from.at)
  for (const [metric, column] of from.columns) {
    const known = into.columns.get(metric)
    if (known?.ats && column.ats) into.columns.set(metric, laidOver(known, column))
    else if (!known || known.at < column.at) into.columns.set(metric, column)
    else if (known.at === column.at) into.columns.set(metric, joinColumns(known, column) ?? known)
  }
  if (from.failed && (!into.failed || into.failed.at < from.failed.at)) into.failed = from.failed
}

/** One sample for each row of each column; after a failed read all of them are gaps of its time. */
export function samplesOf(name: string, { columns, failed }: GroupColumns): LatestSample[] {
  const samples: LatestSample[] = []
  for (const [metric, column] of columns) {
    const { rows, values, gaps } = column
    for (const [i, value] of values.entries()) {
      const row = rows?.[i] ?? null
      const at = column.ats?.[i] ?? column.at
      const lost = failed && failed.at > at ? failed : null
      samples.push(
        lost
          ? { group: name, metric, row, value: null, gap: lost.reason, at: lost.at }
          : { group: name, metric, row, value, gap: gaps?.[i] ?? null, at },
      )
    }
  }
  return samples
}

/** Values held, for the bounds. */
export function valuesIn({ columns }: GroupColumns): number {
  let count = 0
  for (const column of columns.values()) count += column.values.length
  return count
}
