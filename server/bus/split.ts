// Cuts a large collection into parts that each fit a message. Pure; how a part is sent is not its work.

import { COLLECTION_BYTES_MAX, type GoodCollection } from '../model/collection.ts'

/** A collection without what the sender adds. */
export type CollectionBody = Omit<GoodCollection, 'v' | 'src' | 'boot' | 'seq'>

/** Room for what the sender adds: version, src, boot, seq and the part's own numbers. */
const headBytes = 256

type Columns<T> = Record<string, T | T[]>

/**
 * Parts `[1, n]` to `[n, n]`, each at most `bytesMax` of JSON as far as single rows allow, with the
 * rows in their order; a collection that fits, or has no rows, comes back alone and unchanged.
 */
export function splitCollection(
  body: CollectionBody,
  bytesMax: number = COLLECTION_BYTES_MAX,
): CollectionBody[] {
  const { rows } = body
  if (!rows || rows.length < 2 || bytesOf(body) + headBytes <= bytesMax) return [body]
  const cuts = cutsOf(body, rows, bytesMax - headBytes)
  if (cuts.length === 1) return [body]
  return cuts.map(([from, to], i) => ({
    ...body,
    part: [i + 1, cuts.length],
    rows: rows.slice(from, to),
    metrics: slice(body.metrics, from, to),
    ...(body.gaps ? { gaps: withoutEmpty(slice(body.gaps, from, to)) } : {}),
  }))
}

/** Row ranges `[from, to)`, filled one row after another. */
function cutsOf(body: CollectionBody, rows: string[], bytesMax: number): [number, number][] {
  const empty = { ...body, rows: [], metrics: slice(body.metrics, 0, 0) }
  const fixed = bytesOf(body.gaps ? { ...empty, gaps: slice(body.gaps, 0, 0) } : empty)
  const columns = [...Object.values(body.metrics), ...Object.values(body.gaps ?? {})].filter(
    column => Array.isArray(column),
  )
  const cuts: [number, number][] = []
  let from = 0
  let size = fixed
  for (const [i, row] of rows.entries()) {
    let cost = bytesOf(row) + 1
    for (const column of columns) cost += bytesOf(column[i] ?? null) + 1
    if (size + cost > bytesMax && i > from) {
      cuts.push([from, i])
      from = i
      size = fixed
    }
    size += cost
  }
  cuts.push([from, rows.length])
  return cuts
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function slice<T>(columns: Columns<T>, from: number, to: number): Columns<T> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [
      name,
      Array.isArray(column) ? column.slice(from, to) : column,
    ]),
  )
}

/** A part whose rows all have a value needs no gaps. */
function withoutEmpty<T>(columns: Columns<T>): Columns<T> {
  return Object.fromEntries(
    Object.entries(columns).filter(
      ([, column]) => !Array.isArray(column) || column.some(gap => gap !== null),
    ),
  )
}
