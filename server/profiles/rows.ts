// Rows of a table: what their index says, what they are called, and which key each one keeps. Pure.

import { disambiguatedRowKey, rowKey } from '../model/rowkey.ts'
import { ipText } from './decode.ts'
import type { Group, IndexPart, NameCandidate } from './definition.ts'
import type { Scalar } from './operators.ts'

/** Characters of a key, a name or a label (as the rows message allows). */
const textMax = 512

/**
 * The typed parts of a row's index (RFC 2578, 7.7); null: it does not fit. Sources without OIDs use
 * any text: one part takes it whole, several are separated by `|`.
 */
export function parseIndex(
  parts: readonly IndexPart[],
  index: string,
  snmp: boolean,
): Scalar[] | null {
  if (parts.length === 0) return []
  if (!snmp) {
    const texts = parts.length === 1 ? [index] : index.split('|')
    return texts.length === parts.length ? texts : null
  }
  const ids = index.split('.').map(Number)
  const values: Scalar[] = []
  let at = 0
  for (const { type } of parts) {
    const { start, length } = extent(type, ids, at)
    if (!(length >= 0) || start + length > ids.length) return null
    const value = partValue(type, ids.slice(start, start + length))
    if (value === null) return null
    values.push(value)
    at = start + length
  }
  return at === ids.length ? values : null
}

/** Where a part lies: implied ones take the rest, others of no fixed length say it first. */
function extent(
  type: IndexPart['type'],
  ids: readonly number[],
  at: number,
): { start: number; length: number } {
  const isOpen = type.kind === 'string' || type.kind === 'oid'
  if (isOpen && type.implied) return { start: at, length: ids.length - at }
  if (isOpen || type.kind === 'inet') return { start: at + 1, length: ids[at] ?? Number.NaN }
  return { start: at, length: fixedLength(type) }
}

function fixedLength(type: IndexPart['type']): number {
  if (type.kind === 'bytes') return type.length
  return { int: 1, ip: 4, ip6: 16, inet: 0, mac: 6, string: 0, oid: 0 }[type.kind]
}

function partValue(type: IndexPart['type'], ids: readonly number[]): Scalar {
  if (type.kind === 'int') return ids[0] ?? null
  if (type.kind === 'oid') return ids.join('.')
  if (ids.some(id => !(id >= 0 && id <= 255))) return null
  const bytes = Uint8Array.from(ids)
  switch (type.kind) {
    case 'string':
      return Buffer.from(bytes).toString('utf8')
    case 'bytes':
      return Buffer.from(bytes).toString('hex')
    case 'mac':
      return ids.map(id => id.toString(16).padStart(2, '0')).join(':')
    default: {
      // InetAddress with a zone index (RFC 4001) has 4 bytes more.
      const plain = bytes.length === 8 || bytes.length === 20 ? bytes.subarray(0, -4) : bytes
      return plain.length === 4 || plain.length === 16 ? ipText(plain) : null
    }
  }
}

/** Dotted numbers by value, anything else as text. */
export function compareIndexes(a: string, b: string): number {
  const left = a.split('.')
  const right = b.split('.')
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [l = '', r = ''] = [left[i], right[i]]
    const difference = Number(l) - Number(r)
    if (Number.isNaN(difference)) {
      if (l !== r) return l < r ? -1 : 1
    } else if (difference !== 0) return difference
  }
  return left.length - right.length
}

/**
 * Keys by row. Of two rows that claim one key, the one whose index had it before keeps it (else the
 * first), and the other gets its index added.
 * @param texts key column texts by row; a row without any falls back to its index
 * @param owners key → index, as it was after the last read
 */
export function assignKeys(
  indexes: readonly string[],
  texts: readonly (readonly string[])[],
  owners: ReadonlyMap<string, string>,
): string[] {
  const claims = new Map<string, number[]>()
  const keys = indexes.map((index, row) => {
    const parts = texts[row] ?? []
    const key = parts.some(part => part !== '') ? rowKey(parts) : index
    const cut = key.slice(0, textMax - 80).toWellFormed()
    const claimed = claims.get(cut)
    if (claimed) claimed.push(row)
    else claims.set(cut, [row])
    return cut
  })
  for (const [key, rows] of claims) {
    if (rows.length === 1) continue
    const keeper = rows.find(row => owners.get(key) === indexes[row]) ?? rows[0]
    for (const row of rows) {
      if (row !== keeper) keys[row] = disambiguatedRowKey(key, indexes[row] ?? '').slice(0, textMax)
    }
  }
  return keys
}

/** Control, format and bidirectional characters do not belong in what pages and logs show. */
const PRINTABLE = /^[ -~]*$/
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu

/** A device's text, safe to show: one line, no control or bidi characters, cut. */
export function cleanText(text: string, lengthMax = textMax): string {
  if (PRINTABLE.test(text) && text.length <= lengthMax) return text.trim()
  return text.replace(UNSEEN, ' ').trim().slice(0, lengthMax).toWellFormed()
}

/** A value as a label, a name or a part of a key; none is ''. */
export function textOf(value: Scalar | undefined): string {
  return value === null || value === undefined ? '' : cleanText(String(value))
}

/** The first candidate whose columns are all there; else `#index`. */
export function nameOf(
  candidates: readonly NameCandidate[],
  cell: (column: string) => Scalar,
  index: string,
): string {
  for (const candidate of candidates) {
    let name = ''
    let whole = candidate.length > 0
    for (const part of candidate) {
      const text = typeof part === 'string' ? part : textOf(cell(part.column))
      if (typeof part !== 'string' && text === '') whole = false
      name += text
    }
    if (whole) return cleanText(name)
  }
  return `#${index}`
}

/** A row as people see it. */
export function rowInfo(
  group: Group,
  index: string,
  key: string,
  cell: (column: string) => Scalar,
): { key: string; index: string; name: string; subtitle?: string; labels: Record<string, string> } {
  const labels: Record<string, string> = {}
  for (const label of group.labels) {
    const text = textOf(cell(label))
    if (text !== '') labels[label] = text
  }
  const subtitle = group.subtitle === null ? '' : textOf(cell(group.subtitle))
  const name = nameOf(group.name, cell, index)
  return {
    key,
    index: index.slice(0, textMax),
    name,
    ...(subtitle === '' ? {} : { subtitle }),
    labels,
  }
}
