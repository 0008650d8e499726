// Recordings of devices in the .snmprec form of snmpsim: lines `OID|TAG|VALUE`, where the tag is the
// BER type's number, with x for hex and e for escapes. Reads them as a device would answer; the
// session over them is recording-session.ts.

import { ObjectType } from 'net-snmp'
import type { RawValue } from '../model/raw.ts'
import { compareOids, isOid } from './oid.ts'
import { decodeValue } from './value.ts'

/** Instances kept of one recording; the largest known one has 60,000. */
const instancesMax = 2_000_000
/** Malformed lines that are named, of those that are counted. */
const malformedNamedMax = 20

export interface Recording {
  /** In increasing order, each once. */
  readonly oids: readonly string[]
  /** By place in `oids`. */
  readonly values: readonly RawValue[]
  readonly skipped: Skipped
}

/** Lines that say nothing a device could send. */
export interface Skipped {
  malformed: number
  /** The first of them. */
  examples: { line: number; reason: string }[]
  /** Lines whose OID came again later: the later one counts, as in snmpsim's index. */
  repeated: number
  /** Lines beyond the bound. */
  cut: number
}

/**
 * Reads a recording. Lines that are no `OID|TAG|VALUE`, or whose value does not fit their tag, are
 * left out and counted; files out of order are sorted; of an OID given twice the later line counts.
 */
export function parseRecording(bytes: Uint8Array): Recording {
  const skipped: Skipped = { malformed: 0, examples: [], repeated: 0, cut: 0 }
  const found = new Map<string, RawValue>()
  let line = 0
  for (const text of linesOf(bytes)) {
    line++
    if (text === '' || text.startsWith('#')) continue
    const read = parseLine(text)
    if ('reason' in read) {
      skipped.malformed++
      if (skipped.examples.length < malformedNamedMax) {
        skipped.examples.push({ line, reason: read.reason })
      }
    } else if (found.has(read.oid)) {
      skipped.repeated++
      found.set(read.oid, read.value)
    } else if (found.size >= instancesMax) skipped.cut++
    else found.set(read.oid, read.value)
  }
  return { ...sorted(found), skipped }
}

/** One line at a time, each byte a character: values may hold any bytes. */
function* linesOf(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < buffer.length; ) {
    const end = buffer.indexOf(10, at)
    const stop = end < 0 ? buffer.length : end
    yield buffer.toString('latin1', at, stop).replace(/\r+$/, '')
    at = stop + 1
  }
}

function sorted(found: ReadonlyMap<string, RawValue>): Pick<Recording, 'oids' | 'values'> {
  const entries = [...found]
  const isSorted = entries.every(
    ([oid], i) => i === 0 || compareOids(entries[i - 1]?.[0] ?? '', oid) < 0,
  )
  if (!isSorted) entries.sort(([a], [b]) => compareOids(a, b))
  return { oids: entries.map(([oid]) => oid), values: entries.map(([, value]) => value) }
}

function parseLine(text: string): { oid: string; value: RawValue } | { reason: string } {
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  if (first < 0 || second < 0) return { reason: 'not three fields' }
  const oid = plainOid(text.slice(0, first))
  if (oid === null || !isOid(oid)) return { reason: 'not an OID' }
  const tag = text.slice(first + 1, second)
  const value = taggedValue(tag, text.slice(second + 1))
  return value === null
    ? { reason: `the value does not fit tag ${tag.slice(0, 20)}` }
    : { oid, value }
}

/** Dotted numbers without leading dots and zeros; null: something else. */
function plainOid(text: string): string | null {
  const dotted = text.trim().replace(/^\.+|\.+$/g, '')
  if (!/^[0-9]+(\.[0-9]+)*$/.test(dotted)) return null
  return dotted.replace(/(^|\.)0+(?=[0-9])/g, '$1')
}

/** A tag's value as a device would send it; null: it could send no such thing. */
function taggedValue(tag: string, text: string): RawValue | null {
  switch (Number.parseInt(tag, 10)) {
    case ObjectType.Integer:
      return wrapped(text, n => ({ type: 'integer', value: Number(BigInt.asIntN(32, n)) }))
    case ObjectType.Counter32:
      return wrapped(text, n => ({ type: 'counter32', value: Number(BigInt.asUintN(32, n)) }))
    case ObjectType.Gauge32:
      return wrapped(text, n => ({ type: 'gauge32', value: Number(BigInt.asUintN(32, n)) }))
    case ObjectType.TimeTicks:
      return wrapped(text, n => ({ type: 'ticks', value: Number(BigInt.asUintN(32, n)) }))
    case ObjectType.Counter64:
      return wrapped(text, n => ({ type: 'counter64', value: BigInt.asUintN(64, n) }))
    case ObjectType.OctetString: {
      const value = octets(tag, text)
      return value && { type: 'octets', value }
    }
    case ObjectType.Null:
      return { type: 'none' }
    case ObjectType.OID:
      return oidValue(text)
    case ObjectType.IpAddress:
      return ipValue(tag, text)
    case ObjectType.Opaque:
      return opaqueValue(tag, text)
    default:
      return null
  }
}

/**
 * Numbers out of their type's range are in recordings whose capture mistook the sign: what a device
 * sent has the same low bits.
 */
function wrapped(text: string, make: (n: bigint) => RawValue): RawValue | null {
  const digits = text.trim()
  return /^[-+]?[0-9]{1,20}$/.test(digits) ? make(BigInt(digits.replace('+', ''))) : null
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', 0: '\0' }

function octets(tag: string, text: string): Uint8Array | null {
  if (tag.includes('x')) {
    const hex = text.replace(/\s+/g, '')
    const isHex = hex.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(hex)
    return isHex ? Uint8Array.from(Buffer.from(hex, 'hex')) : null
  }
  if (!tag.includes('e')) return Uint8Array.from(Buffer.from(text, 'latin1'))
  const plain = text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S])/g, (_, code: string) =>
    code.length === 3
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : (ESCAPES[code] ?? code),
  )
  return Uint8Array.from(Buffer.from(plain, 'latin1'))
}

/** An empty one is 0.0, as agents send it. */
function oidValue(text: string): RawValue | null {
  if (/^[\s.]*$/.test(text)) return { type: 'oid', value: '0.0' }
  const oid = plainOid(text)
  if (oid === null) return null
  return { type: 'oid', value: oid.includes('.') ? oid : `${oid}.0` }
}

function ipValue(tag: string, text: string): RawValue | null {
  const bytes = tag.includes('x') ? octets(tag, text) : dottedBytes(text)
  return bytes?.length === 4 ? { type: 'ip', value: bytes.join('.') } : null
}

function dottedBytes(text: string): Uint8Array | null {
  const parts = text.trim().split('.')
  const fits = parts.every(part => /^[0-9]{1,3}$/.test(part) && Number(part) <= 255)
  return fits ? Uint8Array.from(parts, Number) : null
}

function opaqueValue(tag: string, text: string): RawValue | null {
  const float = /^Float: ([-+0-9.eE]+)$/.exec(text)
  if (float) {
    const value = Math.fround(Number(float[1]))
    return Number.isFinite(value) ? { type: 'number', value } : null
  }
  const bytes = octets(tag, text)
  return bytes && decodeValue(bytes, ObjectType.Opaque, 0, bytes.length)
}
