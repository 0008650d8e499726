// SNMP messages and PDUs on the wire (RFC 3416, section 3; RFC 1157 for v1): requests are written
// once and sent often, answers are read strictly. Reading never throws; what protects a message is
// the business of a Security.

import type { RawValue } from '../model/raw.ts'
import { BerReader, headOctets, integerTlv, readOid, TAG, tlv, writeHead } from './ber.ts'
import type { VarBind } from './session.ts'
import { decodeValue } from './value.ts'

/** Largest UDP payload over IPv4; longer ones cannot come. */
export const datagramBytesMax = 65_507
/** Variable bindings in one answer: a bound on what a hostile agent makes us read. */
const varbindsMax = 10_000

export const PDU = { get: 0xa0, next: 0xa1, response: 0xa2, bulk: 0xa5, report: 0xa8 } as const

/** Where the request-id of a PDU with a length below 128 lies; it is always written in 4 octets. */
const requestIdAt = 4
const NULL_VALUE = Uint8Array.of(TAG.null, 0)
const NONE: RawValue = { type: 'none' }

// Requests

/**
 * A PDU to send: its request-id is set later (setRequestId), as often as it is sent.
 * @param oids the value octets of each name (encodeOid)
 * @param bulk for GETBULK: non-repeaters and max-repetitions
 */
export function encodePdu(
  type: 'get' | 'next' | 'bulk',
  oids: readonly Uint8Array[],
  bulk: { nonRepeaters: number; repetitions: number } = { nonRepeaters: 0, repetitions: 0 },
): Uint8Array {
  const list = tlv(
    TAG.sequence,
    ...oids.map(oid => tlv(TAG.sequence, tlv(TAG.oid, oid), NULL_VALUE)),
  )
  return tlv(
    PDU[type],
    Uint8Array.of(TAG.integer, 4, 0, 0, 0, 0),
    integerTlv(bulk.nonRepeaters),
    integerTlv(bulk.repetitions),
    list,
  )
}

/** @param id of 31 bits, the highest two 01, so that it has 4 octets for everyone */
export function setRequestId(pdu: Uint8Array, id: number): void {
  const length = pdu[1] ?? 0
  const at = length < 0x80 ? requestIdAt : requestIdAt + (length & 0x7f)
  pdu[at] = id >>> 24
  pdu[at + 1] = id >>> 16
  pdu[at + 2] = id >>> 8
  pdu[at + 3] = id
}

/** A message of v1 and v2c: what stands before the PDU is always the same. */
export function wrapPdu(version: 0 | 1, community: Uint8Array, pdu: Uint8Array): Uint8Array {
  const inner = 3 + headOctets(community.length) + community.length + pdu.length
  const out = Buffer.allocUnsafe(headOctets(inner) + inner)
  let at = writeHead(out, 0, TAG.sequence, inner)
  out[at++] = TAG.integer
  out[at++] = 1
  out[at++] = version
  at = writeHead(out, at, TAG.octets, community.length)
  out.set(community, at)
  out.set(pdu, at + community.length)
  return out
}

// Answers

const reader = new BerReader()

/**
 * The number by which a message names its request: the PDU's request-id, for v3 the msgID; NaN where
 * it is no SNMP. Octets behind the message are left out of account.
 */
export function messageId(bytes: Uint8Array): number {
  if (bytes.length > datagramBytesMax) return NaN
  reader.reset(bytes, 0, bytes.length)
  if (!reader.nextIs(TAG.sequence)) return NaN
  reader.enter()
  const version = reader.integer()
  if (version === 3) {
    if (!reader.nextIs(TAG.sequence)) return NaN
  } else if (version === 0 || version === 1) {
    if (!reader.nextIs(TAG.octets) || !reader.next() || !reader.atEnd()) return NaN
  } else return NaN
  reader.enter()
  return reader.integer()
}

/** The head of a PDU that came. */
export interface PduHead {
  type: number
  id: number
  status: number
  /** 1 is the first variable binding; 0 none. */
  index: number
  /** The variable bindings, inside their SEQUENCE. */
  listAt: number
  listEnd: number
}

/** Fills `head` from the octets of a PDU, which must end where they end. False: malformed. */
export function readPduHead(bytes: Uint8Array, at: number, end: number, head: PduHead): boolean {
  reader.reset(bytes, at, end)
  if (!reader.next() || !reader.atEnd()) return false
  head.type = reader.tag
  reader.enter()
  head.id = reader.integer()
  head.status = reader.integer()
  head.index = reader.integer()
  if (Number.isNaN(head.id) || Number.isNaN(head.status) || Number.isNaN(head.index)) return false
  if (!reader.nextIs(TAG.sequence) || !reader.atEnd()) return false
  head.listAt = reader.valueAt
  head.listEnd = reader.valueEnd
  return true
}

export interface VarBindsRead {
  varbinds: VarBind[]
  /** Values that could not be read, and are `none`. */
  unreadable: number
}

/** All variable bindings; null where the list is malformed, or a name is none. */
export function readVarBinds(bytes: Uint8Array, at: number, end: number): VarBindsRead | null {
  const varbinds: VarBind[] = []
  let unreadable = 0
  for (let next = at; next < end; ) {
    reader.reset(bytes, next, end)
    if (varbinds.length >= varbindsMax || !reader.nextIs(TAG.sequence)) return null
    next = reader.at
    reader.enter()
    if (!reader.nextIs(TAG.oid)) return null
    const oid = readOid(bytes, reader.valueAt, reader.valueEnd)
    if (oid === null || !reader.next() || !reader.atEnd()) return null
    const value = decodeValue(bytes, reader.tag, reader.valueAt, reader.valueEnd)
    if (value === null) unreadable++
    varbinds.push({ oid, value: value ?? NONE })
  }
  return { varbinds, unreadable }
}
