// From raw values to numbers and texts: the steps `as`, `match`, `invalid` and `map` of a field.
// Pure; scale, offset and range come after, in compute.ts, because a rate stands between.

import { isIP } from 'node:net'
import type { Decoding, FieldDoc } from '../model/profile.ts'
import type { RawValue } from '../model/raw.ts'
import type { Decoded } from './definition.ts'
import { firstNumber } from './operators.ts'
import { compileRegex } from './regex.ts'

/** Characters of a text value that are kept; a DisplayString has at most 255. */
export const TEXT_LENGTH_MAX = 1024
/** Bits of a BITS value that fit exactly into a number. */
const bitsMax = 53

type Steps = Pick<FieldDoc, 'as' | 'match' | 'invalid' | 'map'>

/**
 * The decoder of a field. It gives null where the device says that there is no value, undefined where
 * the answer cannot be understood, and never throws.
 * @throws RegexError when compiled with a bad `match`
 */
export function compileDecoder(steps: Steps): (raw: RawValue) => Decoded | undefined {
  const as = steps.as ?? 'auto'
  const find = steps.match === undefined ? null : compileRegex(steps.match)
  const invalid = steps.invalid?.length ? new Set(steps.invalid.map(String)) : null
  const map = steps.map ? new Map(Object.entries(steps.map).filter(([key]) => key !== '//')) : null
  const otherwise = map?.get('*')
  // A pattern looks at the text, so the number is taken from what it found.
  const read = find ? DECODERS[TEXTUAL.has(as) ? as : 'text'] : DECODERS[as]
  return raw => {
    if (raw.type === 'none') return null
    let value = read(raw)
    if (value === null) return undefined
    if (find) value = found(find, value, as)
    if (value === null || invalid?.has(String(value))) return null
    if (!map) return value
    return map.get(String(value)) ?? otherwise ?? value
  }
}

/** What the decoder of these steps divides whole numbers by; null: it does more with them. */
export function divisorOf(steps: Steps): number | null {
  if (steps.match !== undefined || steps.invalid?.length || steps.map) return null
  const as = steps.as ?? 'auto'
  if (as === 'ticks') return 100
  return WHOLE.has(as) ? 1 : null
}

/** Decodings that leave whole numbers as they are. */
const WHOLE: ReadonlySet<Decoding> = new Set(['auto', 'number', 'bits', 'intBE', 'intLE'])

const TEXTUAL: ReadonlySet<Decoding> = new Set(['text', 'hex', 'mac', 'ip', 'oid'])

function found(
  find: (text: string) => RegExpExecArray | null,
  value: Decoded,
  as: Decoding,
): Decoded {
  const match = find(String(value))
  if (!match) return null
  const text = match[1] ?? match[0]
  if (TEXTUAL.has(as)) return text
  if (as === 'auto') return digitsOf(text) ?? text
  return DECODERS[as]({ type: 'text', value: text })
}

const DECODERS: Record<Decoding, (raw: RawValue) => Decoded> = {
  auto: raw => {
    if (raw.type === 'opaque') return opaque(raw.value) ?? textOf(raw)
    if (raw.type === 'none') return null
    if (typeof raw.value !== 'object') return finite(raw.value)
    const text = textOf(raw)
    return text === null ? null : (digitsOf(text) ?? text)
  },
  number: raw => numberOf(raw) ?? firstNumber(textOf(raw)),
  int32: raw => int32(raw, value => value | 0),
  uint32: raw => int32(raw, value => value >>> 0),
  text: textOf,
  hex: raw => {
    const bytes = bytesOf(raw)
    return bytes ? Buffer.from(bytes).toString('hex') : null
  },
  mac: macOf,
  ip: ipOf,
  oid: raw => {
    const text = textOf(raw)?.replace(/^\./, '')
    return text !== undefined && /^\d+(\.\d+)*$/.test(text) ? text : null
  },
  ticks: raw => {
    const value = numberOf(raw)
    return value === null ? null : Number(value) / 100
  },
  datetime: raw => (raw.type === 'octets' ? dateAndTime(raw.value) : null),
  bits: raw => {
    if (raw.type === 'octets' || raw.type === 'opaque') return bits(raw.value)
    return numberOf(raw)
  },
  float: floatOf,
  intBE: raw => wholeBytes(raw, true),
  intLE: raw => wholeBytes(raw, false),
}

function finite(value: number | bigint | string): Decoded {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

/** A whole text of digits as a number; beyond 2^53 exactly. */
function digitsOf(text: string): number | bigint | null {
  const digits = text.trim()
  if (!/^-?\d{1,20}(\.\d{1,20})?$/.test(digits)) return null
  const value = Number(digits)
  return Number.isSafeInteger(value) || digits.includes('.') ? value : BigInt(digits)
}

/** A number, or octets that are nothing but its digits. */
function numberOf(raw: RawValue): number | bigint | null {
  switch (raw.type) {
    case 'none':
    case 'oid':
    case 'ip':
      return null
    case 'octets':
    case 'text':
      return digitsOf(textOf(raw) ?? '')
    case 'opaque':
      return opaque(raw.value)
    case 'number':
      return Number.isFinite(raw.value) ? raw.value : null
    default:
      return raw.value
  }
}

function int32(raw: RawValue, cast: (value: number) => number): number | null {
  const value = numberOf(raw)
  return value === null ? null : cast(Number(BigInt.asUintN(32, BigInt(Math.trunc(Number(value))))))
}

function bytesOf(raw: RawValue): Uint8Array | null {
  if (raw.type === 'octets' || raw.type === 'opaque') return raw.value
  return raw.type === 'text' ? Buffer.from(raw.value) : null
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

function textOf(raw: RawValue): string | null {
  if (raw.type === 'none') return null
  if (raw.type !== 'octets' && raw.type !== 'opaque') {
    return String(raw.value).trimEnd().slice(0, TEXT_LENGTH_MAX)
  }
  const bytes =
    raw.value.length > TEXT_LENGTH_MAX ? raw.value.subarray(0, TEXT_LENGTH_MAX) : raw.value
  return utf8OrLatin1(bytes).replace(/[\0\s]+$/, '')
}

function utf8OrLatin1(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    // RFC 854's NVT ASCII is what the MIBs ask for; what is no UTF-8 is Latin-1 at old devices.
    return Buffer.from(bytes).toString('latin1')
  }
}

/** Six bytes, or a text such as 0:1b:21:3:4:5, 001b.2103.0405, 00-1B-21-03-04-05. */
function macOf(raw: RawValue): string | null {
  const bytes = bytesOf(raw)
  if (!bytes) return null
  if (bytes.length === 6 && raw.type !== 'text') return macText([...bytes])
  const text = utf8OrLatin1(bytes)
    .replace(/[\0\s]+$/, '')
    .trim()
  const parts = text.split(/[:\- ]/)
  if (parts.length === 6 && parts.every(part => /^[0-9a-f]{1,2}$/i.test(part))) {
    return macText(parts.map(part => Number.parseInt(part, 16)))
  }
  const digits = text.replaceAll('.', '').replace(/^0x/i, '')
  return /^[0-9a-f]{12}$/i.test(digits) ? macText([...Buffer.from(digits, 'hex')]) : null
}

function macText(bytes: readonly number[]): string {
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

function ipOf(raw: RawValue): string | null {
  if (raw.type === 'ip') return raw.value
  if (raw.type === 'octets' && (raw.value.length === 4 || raw.value.length === 16)) {
    return ipText(raw.value)
  }
  const text = textOf(raw)?.trim() ?? ''
  return isIP(text) ? text : null
}

/** Dotted text of 4 bytes, shortened colon text of 16 (RFC 5952). */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const words: string[] = []
  for (let i = 0; i < 16; i += 2)
    words.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16))
  return new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
}

/** DateAndTime (RFC 2579): 8 bytes, or 11 with the offset from UTC. Unix seconds. */
function dateAndTime(bytes: Uint8Array): number | null {
  if (bytes.length !== 8 && bytes.length !== 11) return null
  const [high = 0, low = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, tenth = 0] = bytes
  const valid = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 && minute <= 59
  if (!valid || second > 60) return null
  const local = Date.UTC(high * 256 + low, month - 1, day, hour, minute, second, tenth * 100)
  if (bytes.length === 8) return local / 1000
  const offset = ((bytes[9] ?? 0) * 60 + (bytes[10] ?? 0)) * 60
  return local / 1000 - (bytes[8] === 0x2d ? -offset : offset)
}

/** Set bits as a number: bit 0 is the first byte's highest (RFC 2578, BITS) and has weight 1. */
function bits(bytes: Uint8Array): number {
  let value = 0
  for (let bit = 0; bit < Math.min(bytes.length * 8, bitsMax); bit++) {
    if ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) value += 2 ** bit
  }
  return value
}

/** net-snmp's numbers inside Opaque: 9f78 float, 9f79 double, 9f76 and 9f7a 64-bit. */
function opaque(bytes: Uint8Array): number | bigint | null {
  const [head, tag, length = 0] = bytes
  if (head !== 0x9f || bytes.length !== length + 3) return null
  const body = bytes.subarray(3)
  if (tag === 0x78 || tag === 0x79) return ieee(body)
  if (tag !== 0x76 && tag !== 0x7a && tag !== 0x7b) return null
  const value = bigOf(body, true)
  return value !== null && tag === 0x7a ? BigInt.asIntN(Math.max(8, length * 8), value) : value
}

function floatOf(raw: RawValue): number | null {
  if (raw.type !== 'octets' && raw.type !== 'opaque') {
    const value = numberOf(raw)
    return value === null ? null : Number(value)
  }
  const inner = raw.type === 'opaque' ? opaque(raw.value) : null
  return inner === null ? ieee(raw.value) : Number(inner)
}

function ieee(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const value =
    bytes.length === 4 ? view.getFloat32(0) : bytes.length === 8 ? view.getFloat64(0) : null
  if (value === null || !Number.isFinite(value)) return null
  // A 32-bit float has about 7 digits: 23.8 shall not become 23.799999237060547.
  return bytes.length === 4 ? Number(value.toPrecision(7)) : value
}

function wholeBytes(raw: RawValue, bigEndian: boolean): number | bigint | null {
  if (raw.type !== 'octets' && raw.type !== 'opaque') return numberOf(raw)
  const value = bigOf(raw.value, bigEndian)
  if (value === null) return null
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** Up to 8 bytes as an unsigned whole number. */
function bigOf(bytes: Uint8Array, bigEndian: boolean): bigint | null {
  if (bytes.length === 0 || bytes.length > 8) return null
  const ordered = bigEndian ? bytes : [...bytes].reverse()
  let value = 0n
  for (const byte of ordered) value = (value << 8n) | BigInt(byte)
  return value
}
