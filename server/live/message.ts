// A collection as it lies in Redis and goes over its channels: JSON, checked on the way in, because
// whatever else writes to that Redis is not us.

import Type from 'typebox'
import type { AcceptedCollection } from '../model/accepted.ts'
import { GapReasonSchema, Value } from '../model/collection.ts'
import { checker, parseJson } from '../validate.ts'

const Column = Type.Tuple([
  Type.String(),
  Type.Array(Value),
  Type.Union([Type.Array(Type.Union([GapReasonSchema, Type.Null()])), Type.Null()]),
])

const Message = Type.Object({
  uid: Type.Integer(),
  group: Type.String(),
  at: Type.Integer(),
  rows: Type.Union([Type.Array(Type.String()), Type.Null()]),
  columns: Type.Array(Column),
  failed: Type.Union([GapReasonSchema, Type.Null()]),
  part: Type.Optional(Type.Integer()),
  some: Type.Optional(Type.Literal(true)),
})

const check = checker(Message, { firstOnly: true })

export function encodeCollection(collection: AcceptedCollection): string {
  const { deviceUid: uid, group, at, rows, metrics, gaps, failed, part, some } = collection
  const columns = [...metrics].map(([name, values]) => [name, values, gaps.get(name) ?? null])
  return JSON.stringify({ uid, group, at, rows, columns, failed, part, some })
}

/** Null for what is no collection of ours. */
export function decodeCollection(text: string): AcceptedCollection | null {
  const checked = check(parseJson(text))
  if (!checked.ok) return null
  const { uid: deviceUid, group, at, rows, columns, failed, part, some } = checked.value
  const length = rows?.length ?? 1
  if (columns.some(([, values, reasons]) => !fits(values, reasons, length))) return null
  return {
    ...{ deviceUid, group, at, rows, failed, ...(part === undefined ? {} : { part }) },
    ...(some && { some }),
    metrics: new Map(columns.map(([name, values]) => [name, values])),
    gaps: new Map(columns.flatMap(([name, , reasons]) => (reasons ? [[name, reasons]] : []))),
  }
}

function fits(values: unknown[], reasons: unknown[] | null, length: number): boolean {
  return values.length === length && (reasons === null || reasons.length === length)
}
