// The Basic Encoding Rules as far as SNMP uses them (RFC 3417, section 8): definite lengths, one-octet
// tags. Reading never throws and allocates nothing; what is broken is `false` or NaN.

/** Tags of RFC 2578 and RFC 3416. */
export const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  ip: 0x40,
  counter32: 0x41,
  gauge32: 0x42,
  ticks: 0x43,
  opaque: 0x44,
  nsap: 0x45,
  counter64: 0x46,
  uinteger32: 0x47,
  noSuchObject: 0x80,
  noSuchInstance: 0x81,
  endOfMibView: 0x82,
} as const

/** Octets of a length after the first; nothing in a datagram needs more. */
const lengthOctetsMax = 4
/** A 32-bit integer needs 5 octets where its highest bit is no sign. */
const integerOctetsMax = 5
/** Octets of one sub-identifier: 32 bits by seven. */
const subIdOctetsMax = 5
/** Sub-identifiers of one OID (RFC 3416, section 4.1); the first two are one on the wire. */
const subIdsMax = 128

/** A place in octets that steps from element to element; `end` bounds every step. */
export class BerReader {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the next element begins. */
  at = 0
  end = 0
  /** Of the element last stepped over: its tag and the octets of its value. */
  tag = 0
  valueAt = 0
  valueEnd = 0

  reset(bytes: Uint8Array, at: number, end: number): this {
    this.bytes = bytes
    this.at = at
    this.end = end
    return this
  }

  /** Steps over one element. False: there is none, or it does not end in time. */
  next(): boolean {
    const { bytes, end } = this
    let at = this.at
    if (at + 2 > end) return false
    const tag = bytes[at++] ?? 0
    let length = bytes[at++] ?? 0
    if (length > 0x7f) {
      const count = length & 0x7f
      if (count === 0 || count > lengthOctetsMax || at + count > end) return false
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[at++] ?? 0)
    }
    if (length > end - at) return false
    this.tag = tag
    this.valueAt = at
    this.valueEnd = at + length
    this.at = at + length
    return true
  }

  nextIs(tag: number): boolean {
    return this.next() && this.tag === tag
  }

  /** From here on, reads what is inside the element last stepped over. */
  enter(): void {
    this.at = this.valueAt
    this.end = this.valueEnd
  }

  /** The next element as an INTEGER; NaN where it is none. */
  integer(): number {
    return this.nextIs(TAG.integer) ? readInteger(this.bytes, this.valueAt, this.valueEnd) : NaN
  }

  atEnd(): boolean {
    return this.at === this.end
  }
}

/** Two's complement of 1 to 5 octets, sign kept; else NaN. */
export function readInteger(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end || end - at > integerOctetsMax) return NaN
  let value = ((bytes[at] ?? 0) << 24) >> 24
  for (let i = at + 1; i < end; i++) value = value * 256 + (bytes[i] ?? 0)
  return value
}

/** Dotted text; null for what is no OID: empty, unfinished, too long or beyond 32 bits. */
export function readOid(bytes: Uint8Array, at: number, end: number): string | null {
  const ids = readSubIds(bytes, at, end, subIdsMax - 1)
  if (ids === null) return null
  // The first two share one: 40 × first + second, where only under 0 and 1 the second is below 40.
  const dot = ids.indexOf('.')
  const shared = Number(dot < 0 ? ids : ids.slice(0, dot))
  const first = Math.min(2, Math.floor(shared / 40))
  return `${first}.${shared - first * 40}${dot < 0 ? '' : ids.slice(dot)}`
}

/**
 * Negative, zero or positive: the lexicographic order (RFC 3416, section 4.1) of the encoded OID from
 * `at` to `end` and another one; makes nothing.
 */
export function compareEncoded(
  bytes: Uint8Array,
  at: number,
  end: number,
  other: Uint8Array,
): number {
  const length = end - at
  let begun = 0
  for (let i = 0; i < length && i < other.length; i++) {
    const a = bytes[at + i] ?? 0
    const b = other[i] ?? 0
    if (a !== b) {
      // Of two sub-identifiers the one of more octets is the larger.
      const longer = subIdLength(bytes, at + begun, end) - subIdLength(other, begun, other.length)
      return longer !== 0 ? longer : a - b
    }
    if (a < 0x80) begun = i + 1
  }
  return length - other.length
}

function subIdLength(bytes: Uint8Array, at: number, end: number): number {
  let i = at
  while (i < end && (bytes[i] ?? 0) > 0x7f) i++
  return i - at
}

/** Whether readOid reads these octets; makes nothing. */
export function isReadableOid(bytes: Uint8Array, at: number, end: number): boolean {
  let value = 0
  let octets = 0
  let count = 0
  for (let i = at; i < end; i++) {
    const octet = bytes[i] ?? 0
    value = value * 128 + (octet & 0x7f)
    if (++octets > subIdOctetsMax || value > 0xffff_ffff) return false
    if (octet > 0x7f) continue
    if (++count >= subIdsMax) return false
    value = 0
    octets = 0
  }
  return count > 0 && octets === 0
}

/** Sub-identifiers just as they stand, dotted, as an index below a column; null as readOid. */
export function readSubIds(
  bytes: Uint8Array,
  at: number,
  end: number,
  countMax = subIdsMax,
): string | null {
  let text = ''
  let value = 0
  let octets = 0
  let count = 0
  for (let i = at; i < end; i++) {
    const octet = bytes[i] ?? 0
    value = value * 128 + (octet & 0x7f)
    if (++octets > subIdOctetsMax || value > 0xffff_ffff) return null
    if (octet > 0x7f) continue
    if (++count > countMax) return null
    text = count === 1 ? `${value}` : `${text}.${value}`
    value = 0
    octets = 0
  }
  return count === 0 || octets > 0 ? null : text
}

// Writing

/** One element with its tag and length around these contents. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const one of contents) length += one.length
  const out = Buffer.allocUnsafe(headOctets(length) + length)
  let at = writeHead(out, 0, tag, length)
  for (const one of contents) {
    out.set(one, at)
    at += one.length
  }
  return out
}

/** Octets of a tag and the length that follows it. */
export function headOctets(length: number): number {
  return length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x1_0000 ? 4 : 5
}

/** Writes tag and length, gives where the value begins. */
export function writeHead(out: Uint8Array, at: number, tag: number, length: number): number {
  let to = at
  out[to++] = tag
  if (length < 0x80) {
    out[to++] = length
    return to
  }
  const count = headOctets(length) - 2
  out[to++] = 0x80 | count
  for (let shift = (count - 1) * 8; shift >= 0; shift -= 8) out[to++] = (length >>> shift) & 0xff
  return to
}

/** INTEGER of -2^31 to 2^31-1, in the fewest octets. */
export function integerTlv(value: number): Uint8Array {
  let count = 1
  while (count < 4 && value >> (count * 8 - 1) !== value >> 31) count++
  const out = Buffer.allocUnsafe(2 + count)
  out[0] = TAG.integer
  out[1] = count
  for (let i = 0; i < count; i++) out[2 + i] = (value >> ((count - 1 - i) * 8)) & 0xff
  return out
}

/** The value octets of an OID that isOid (oid.ts) has found good. */
export function encodeOid(oid: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number)
  return encodeSubIds([first * 40 + second, ...rest])
}

/** The octets of an index below a column: `10101`, `4.192.0.2.1`. */
export function encodeIndex(index: string): Uint8Array {
  return encodeSubIds(index.split('.').map(Number))
}

function encodeSubIds(ids: readonly number[]): Uint8Array {
  const octets: number[] = []
  for (const id of ids) {
    for (let power = 4; power > 0; power--) {
      const unit = 128 ** power
      if (id >= unit) octets.push(0x80 | (Math.floor(id / unit) % 128))
    }
    octets.push(id % 128)
  }
  return Uint8Array.from(octets)
}
