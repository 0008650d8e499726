// The newest values of one group as they lie in Redis and go over its channels. Checked on the way
// in, because whatever else writes to that Redis is not us. Pure.
//
//   'P1' (format) · stamp (12 characters) · CRC32 of the rest (8 hex digits) · JSON
//
// JSON, because the engine writes and reads it faster than we could anything else, and what the client
// library is given as one string it sends as one.

import { crc32 } from 'node:zlib'
import Type from 'typebox'
import type { AcceptedCollection } from '../model/accepted.ts'
import { GapReasonSchema, Value } from '../model/collection.ts'
import type { GapReason } from '../model/gap.ts'
import { checker, parseJson } from '../validate.ts'
import { applyCollection, type Column, emptyGroup, type GroupColumns } from './columns.ts'

/** Characters of one blob; larger ones are neither written nor read. */
export const blobCharsMax = 4 * 1024 * 1024

/** Ours, and its format: raise the number with every change. */
export const FORMAT = 'P1'
const WRITER_CHARS = 6
const COUNT_CHARS = 6
/** By its first characters a writer knows its own blob again. */
export const STAMP_CHARS = FORMAT.length + WRITER_CHARS + COUNT_CHARS
const CRC_CHARS = 8
const BODY_AT = STAMP_CHARS + CRC_CHARS

const Body = Type.Object({
  uid: Type.Integer(),
  group: Type.String(),
  at: Type.Integer(),
  failed: Type.Union([Type.Object({ at: Type.Integer(), reason: GapReasonSchema }), Type.Null()]),
  /** Columns with the same rows and times. */
  sections: Type.Array(
    Type.Object({
      at: Type.Integer(),
      ats: Type.Union([Type.Array(Type.Integer()), Type.Null()]),
      rows: Type.Union([Type.Array(Type.String()), Type.Null()]),
      columns: Type.Array(
        Type.Tuple([
          Type.String(),
          Type.Array(Value),
          Type.Union([Type.Array(Type.Union([GapReasonSchema, Type.Null()])), Type.Null()]),
        ]),
      ),
    }),
  ),
  part: Type.Optional(Type.Integer()),
  some: Type.Optional(Type.Literal(true)),
})
const checkBody = checker(Body, { firstOnly: true })

interface Section {
  at: number
  ats: readonly number[] | null
  rows: readonly string[] | null
  columns: [string, readonly Value[], readonly (GapReason | null)[] | null][]
}

export interface Blob {
  deviceUid: number
  group: string
  columns: GroupColumns
  part?: number
  some?: true
}

/** Stamps of one writer, each of them new. @param writer 6 characters */
export function createStamps(writer: string): () => string {
  let count = 0
  return () => {
    count = (count + 1) % 36 ** COUNT_CHARS
    return FORMAT + writer + count.toString(36).padStart(COUNT_CHARS, '0')
  }
}

/** Null where it is larger than a blob may be. */
export function encodeBlob(blob: Blob, stamp: string): string | null {
  const { deviceUid: uid, group, columns, part, some } = blob
  const { at, failed } = columns
  const sections = sectionsOf(columns)
  const body = JSON.stringify({ uid, group, at, failed, sections, part, some })
  if (body.length > blobCharsMax - BODY_AT) return null
  return stamp + checksum(body) + body
}

const checksum = (body: string) => crc32(body).toString(16).padStart(CRC_CHARS, '0')

/** Null for what is no blob of ours, of another format, or damaged. */
export function decodeBlob(text: string): Blob | null {
  if (text.length > blobCharsMax || !text.startsWith(FORMAT)) return null
  const body = text.slice(BODY_AT)
  if (checksum(body) !== text.slice(STAMP_CHARS, BODY_AT)) return null
  const checked = checkBody(parseJson(body))
  if (!checked.ok) return null
  const { uid: deviceUid, group, at, failed, sections, part, some } = checked.value
  if (!sections.every(isWhole)) return null
  const columns = new Map(sections.flatMap(columnsOf))
  const extra = { ...(part !== undefined && { part }), ...(some && { some }) }
  return { deviceUid, group, columns: { at, columns, failed }, ...extra }
}

function isWhole({ ats, rows, columns }: Section): boolean {
  const length = rows?.length ?? 1
  const fits = (array: readonly unknown[] | null) => array === null || array.length === length
  return fits(ats) && columns.every(([, values, gaps]) => fits(values) && fits(gaps))
}

function columnsOf({ at, ats, rows, columns }: Section): [string, Column][] {
  const shared = { at, rows, ...(ats && { ats }) }
  return columns.map(([metric, values, gaps]) => [metric, { ...shared, values, gaps }])
}

/** A single collection, as a group that holds nothing else. */
export function blobOf(collection: AcceptedCollection): Blob {
  const { deviceUid, group, part, some } = collection
  const columns = emptyGroup()
  applyCollection(columns, collection)
  const extra = { ...(part !== undefined && { part }), ...(some && { some }) }
  return { deviceUid, group, columns, ...extra }
}

/** The collection that `blobOf` was given. */
export function collectionOf({ deviceUid, group, columns, part, some }: Blob): AcceptedCollection {
  const metrics = new Map<string, Value[]>()
  const gaps = new Map<string, (GapReason | null)[]>()
  let rows: string[] | null = null
  for (const [metric, column] of columns.columns) {
    rows = column.rows && [...column.rows]
    metrics.set(metric, [...column.values])
    if (column.gaps) gaps.set(metric, [...column.gaps])
  }
  const failed = metrics.size === 0 ? (columns.failed?.reason ?? null) : null
  const extra = { ...(part !== undefined && { part }), ...(some && { some }) }
  return { deviceUid, group, at: columns.at, rows, metrics, gaps, failed, ...extra }
}

function sectionsOf({ columns }: GroupColumns): Section[] {
  const sections: Section[] = []
  for (const [metric, column] of columns) {
    const { at, rows, ats = null, values, gaps } = column
    const known = sections.find(
      other => other.at === at && same(other.rows, rows) && same(other.ats, ats),
    )
    const section = known ?? { at, rows, ats, columns: [] }
    if (!known) sections.push(section)
    section.columns.push([metric, values, gaps])
  }
  return sections
}

function same<T>(a: readonly T[] | null, b: readonly T[] | null): boolean {
  if (a === b) return true
  return a !== null && a.length === b?.length && a.every((item, i) => item === b[i])
}
