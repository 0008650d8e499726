// A strict look at SNMP datagrams before npm net-snmp parses them: it believes lengths, parses past
// the end of lists and throws on integers that it cannot hold. Nothing is decoded here but what is
// needed to tell an answer to our question from anything else.
// Formats: RFC 3416 section 3 (PDUs), RFC 3412 section 6 (v3 header), RFC 3414 section 2.4 (USM).

/** Largest UDP payload over IPv4; longer ones cannot come. */
const datagramBytesMax = 65_507
/** Variable bindings in one datagram: a bound on what a hostile agent makes us parse. */
const varbindsMax = 10_000

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  ip: 0x40,
  gauge: 0x42,
  opaque: 0x44,
  nsap: 0x45,
  counter64: 0x46,
  uinteger: 0x47,
} as const
/** Types whose value is an integer for net-snmp: INTEGER, Counter32, Gauge32, TimeTicks. */
const INTEGERS = new Set<number>([TAG.integer, 0x41, TAG.gauge, 0x43])
/** Types without a value: NULL, noSuchObject, noSuchInstance, endOfMibView. */
const EMPTY = new Set<number>([TAG.null, 0x80, 0x81, 0x82])
/** A 32-bit integer needs 5 octets at most; beyond, it is no such thing. */
const integerBytesMax = 5

export const RESPONSE = 0xa2
export const REPORT = 0xa8

export interface Header {
  /** 0 is v1, 1 is v2c, 3 is v3, as on the wire. */
  version: number
  /** v1, v2c; '' for v3. */
  community: string
  /** The PDU's request-id, for v3 the msgID. */
  id: number
  /** v3: bits 1 authenticated, 2 encrypted; else 0. */
  flags: number
  /** v3: msgUserName. */
  user: string
  /** The PDU's tag; null where it is encrypted. */
  pdu: number | null
  /** Where the PDU begins (its tag) and ends. */
  pduAt: number
  end: number
}

class Malformed extends Error {}

/** A reading position between two offsets; every step is checked against `end`. */
class Cursor {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  peek(): number {
    const tag = this.bytes[this.at]
    if (this.at >= this.end || tag === undefined) throw new Malformed('ended early')
    return tag
  }

  /** Steps into an element: the cursor then stands behind it. */
  take(tag?: number): Cursor {
    const found = this.peek()
    if (tag !== undefined && found !== tag) throw new Malformed(`tag ${found} instead of ${tag}`)
    let at = this.at + 1
    if (at >= this.end) throw new Malformed('ended in a length')
    let length = this.bytes[at++] ?? 0
    if (length & 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 4 || at + count > this.end) throw new Malformed('a bad length')
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (this.bytes[at++] ?? 0)
    }
    if (at + length > this.end) throw new Malformed('a length beyond the end')
    this.at = at + length
    return new Cursor(this.bytes, at, at + length)
  }

  get length(): number {
    return this.end - this.at
  }

  integer(): number {
    const inner = this.take(TAG.integer)
    if (inner.length < 1 || inner.length > integerBytesMax) throw new Malformed('a bad integer')
    let value = ((inner.bytes[inner.at] ?? 0) << 24) >> 24
    for (let i = inner.at + 1; i < inner.end; i++) value = value * 256 + (inner.bytes[i] ?? 0)
    return value
  }

  text(): string {
    const inner = this.take(TAG.octets)
    return Buffer.from(
      inner.bytes.buffer,
      inner.bytes.byteOffset + inner.at,
      inner.length,
    ).toString()
  }

  done(): void {
    if (this.at !== this.end) throw new Malformed('more than its length says')
  }
}

/** The header of a message, or null when it is not SNMP. `end` leaves out what follows the message. */
export function readHeader(bytes: Uint8Array): Header | null {
  if (bytes.length > datagramBytesMax) return null
  try {
    const message = new Cursor(bytes, 0, bytes.length).take(TAG.sequence)
    const version = message.integer()
    if (version === 3) return readV3(message)
    if (version !== 0 && version !== 1) return null
    const community = message.text()
    const pduAt = message.at
    const pdu = message.peek()
    const id = message.take().integer()
    message.done()
    return { version, community, id, flags: 0, user: '', pdu, pduAt, end: message.end }
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

function readV3(message: Cursor): Header {
  const global = message.take(TAG.sequence)
  const id = global.integer()
  global.integer()
  const flagBytes = global.take(TAG.octets)
  if (flagBytes.length !== 1) throw new Malformed('bad flags')
  const flags = flagBytes.peek()
  const security = message.take(TAG.octets).take(TAG.sequence)
  security.take(TAG.octets)
  security.integer()
  security.integer()
  const user = security.text()
  security.take(TAG.octets)
  security.take(TAG.octets)
  const common = { version: 3, community: '', id, flags, user, end: message.end }
  if (flags & 2) {
    message.take(TAG.octets)
    message.done()
    return { ...common, pdu: null, pduAt: message.end }
  }
  const scoped = message.take(TAG.sequence)
  message.done()
  scoped.take(TAG.octets)
  scoped.take(TAG.octets)
  const pduAt = scoped.at
  const pdu = scoped.peek()
  scoped.take()
  scoped.done()
  return { ...common, pdu, pduAt }
}

/**
 * Checks a plain PDU to its last octet. With `mend`, values that net-snmp would throw on are
 * re-tagged in place as Opaque, so that one bad value does not cost the other values of the answer.
 * @returns the places of the values that cannot be read, or null when the PDU is malformed
 */
export function checkPdu(bytes: Uint8Array, header: Header, mend: boolean): Set<number> | null {
  try {
    const pdu = new Cursor(bytes, header.pduAt, header.end).take()
    pdu.integer()
    pdu.integer()
    pdu.integer()
    const list = pdu.take(TAG.sequence)
    pdu.done()
    const bad = new Set<number>()
    for (let i = 0; list.at < list.end; i++) {
      if (i >= varbindsMax) throw new Malformed('too many variable bindings')
      const varbind = list.take(TAG.sequence)
      const name = varbind.take(TAG.oid)
      if (!isWholeOid(name)) throw new Malformed('a bad name')
      const tagAt = varbind.at
      const tag = varbind.peek()
      const value = varbind.take()
      varbind.done()
      if (isReadable(tag, value)) continue
      if (!mend) throw new Malformed('a value that cannot be read')
      bytes[tagAt] = retag(tag, value)
      if (bytes[tagAt] === TAG.opaque) bad.add(i)
    }
    return bad
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** UInteger32 and NsapAddress of RFC 1442 are read as their kin; what else cannot be read, as Opaque. */
function retag(tag: number, value: Cursor): number {
  if (tag === TAG.nsap) return TAG.octets
  return tag === TAG.uinteger && isInteger(value) ? TAG.gauge : TAG.opaque
}

function isInteger(value: Cursor): boolean {
  return value.length >= 1 && value.length <= integerBytesMax
}

/** Sub-identifiers of at most 5 octets, the last one finished. */
function isWholeOid(value: Cursor): boolean {
  if (value.length < 1) return false
  let run = 0
  for (let i = value.at; i < value.end; i++) {
    run++
    if (run > 5) return false
    if (((value.bytes[i] ?? 0) & 0x80) === 0) run = 0
  }
  return run === 0
}

/** Whether net-snmp reads a value of this type and length, and reads it right. */
function isReadable(tag: number, value: Cursor): boolean {
  if (INTEGERS.has(tag)) return isInteger(value)
  if (EMPTY.has(tag)) return value.length === 0
  if (tag === TAG.oid) return isWholeOid(value)
  if (tag === TAG.ip) return value.length === 4
  return tag === TAG.octets || tag === TAG.opaque || tag === TAG.counter64
}
