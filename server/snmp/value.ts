// One value of a variable binding, from its octets: exact, and copied out of the datagram so that a
// kept value does not keep the datagram's memory.

import type { RawValue } from '../model/raw.ts'
import { readInteger, readOid, TAG } from './ber.ts'

/** A Counter64 has 8 octets, and one more of sign where the highest bit is set. */
const counter64OctetsMax = 9
const NONE: RawValue = { type: 'none' }

/**
 * What cannot be decoded is null: the caller counts it and reports `none`. NULL and the exceptions
 * noSuchObject, noSuchInstance and endOfMibView are `none`. UInteger32 and NsapAddress of RFC 1442
 * are read as their kin.
 */
export function decodeValue(
  bytes: Uint8Array,
  tag: number,
  at: number,
  end: number,
): RawValue | null {
  switch (tag) {
    case TAG.integer:
      return integer(bytes, at, end)
    case TAG.counter32:
      return whole('counter32', bytes, at, end)
    case TAG.gauge32:
    case TAG.uinteger32:
      return whole('gauge32', bytes, at, end)
    case TAG.ticks:
      return whole('ticks', bytes, at, end)
    case TAG.counter64:
      return counter64(bytes, at, end)
    case TAG.octets:
    case TAG.nsap:
      return { type: 'octets', value: copyOf(bytes, at, end) }
    case TAG.opaque:
      return opaque(bytes, at, end)
    case TAG.oid: {
      const value = readOid(bytes, at, end)
      return value === null ? null : { type: 'oid', value }
    }
    case TAG.ip:
      return end - at === 4
        ? { type: 'ip', value: `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}` }
        : null
    case TAG.null:
    case TAG.noSuchObject:
    case TAG.noSuchInstance:
    case TAG.endOfMibView:
      return end === at ? NONE : null
    default:
      return null
  }
}

/** Only 32 bits with a sign: a larger one is no INTEGER of SMIv2 (RFC 2578, section 7.1.1). */
function integer(bytes: Uint8Array, at: number, end: number): RawValue | null {
  const value = readInteger(bytes, at, end)
  return value >= -2_147_483_648 && value <= 2_147_483_647 ? { type: 'integer', value } : null
}

function whole(
  type: 'counter32' | 'gauge32' | 'ticks',
  bytes: Uint8Array,
  at: number,
  end: number,
): RawValue | null {
  const value = readUnsigned32(bytes, at, end)
  return value < 0 ? null : { type, value }
}

/**
 * 1 to 5 octets; -1 where it is no such thing. Agents that write an unsigned number with a sign
 * (ff for 4294967295, and no zero before ff ff ff fe) are read as net-snmp and others read them: the
 * same 32 bits. Five octets must begin with the zero, or with the sign of such a number.
 */
export function readUnsigned32(bytes: Uint8Array, at: number, end: number): number {
  const value = readInteger(bytes, at, end)
  if (value >= -2_147_483_648 && value <= 4_294_967_295) return value >>> 0
  return -1
}

/** 1 to 9 octets, most significant first, never negative; a value beyond 2^64-1 is no Counter64. */
function counter64(bytes: Uint8Array, at: number, end: number): RawValue | null {
  if (!isCounter64(bytes, at, end)) return null
  let value = 0n
  for (let i = at; i < end; i++) value = (value << 8n) | BigInt(bytes[i] ?? 0)
  return { type: 'counter64', value }
}

export function isCounter64(bytes: Uint8Array, at: number, end: number): boolean {
  const octets = end - at
  return (
    octets >= 1 && octets <= counter64OctetsMax && (octets < counter64OctetsMax || bytes[at] === 0)
  )
}

/**
 * Opaque is octets, unless it wraps net-snmp's float (9f 78 04 …) or double (9f 79 08 …), which
 * UCD-SNMP-MIB uses (laLoadFloat) and RFC 6340 later named Float32TC and Float64TC.
 */
function opaque(bytes: Uint8Array, at: number, end: number): RawValue {
  const value = copyOf(bytes, at, end)
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  if (value[0] === 0x9f && value[1] === 0x78 && value[2] === 4 && value.length === 7) {
    return finite(view.getFloat32(3))
  }
  if (value[0] === 0x9f && value[1] === 0x79 && value[2] === 8 && value.length === 11) {
    return finite(view.getFloat64(3))
  }
  return { type: 'opaque', value }
}

/** Of its own length: the slice of a Buffer would be the datagram's memory again. */
function copyOf(bytes: Uint8Array, at: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - at)
  for (let i = at; i < end; i++) copy[i - at] = bytes[i] ?? 0
  return copy
}

function finite(value: number): RawValue {
  return Number.isFinite(value) ? { type: 'number', value } : NONE
}
