// Values as npm net-snmp gives them, turned into RawValue: exact, and copied out of the datagram so
// that a kept value does not keep the datagram's memory.

import { ObjectType } from 'net-snmp'
import type { RawValue } from '../model/raw.ts'

/** A Counter64 has 8 octets, and one more of sign where the highest bit is set. */
const counter64BytesMax = 9
const COUNTER64_MAX = 2n ** 64n - 1n

/** What cannot be decoded is `null`: the caller counts it and reports `none`. */
export function decodeValue(type: number | undefined, value: unknown): RawValue | null {
  switch (type) {
    case ObjectType.Integer:
      return ranged('integer', value, -2_147_483_648, 2_147_483_647)
    case ObjectType.Counter32:
      return ranged('counter32', value, 0, 4_294_967_295)
    case ObjectType.Gauge32:
      return ranged('gauge32', value, 0, 4_294_967_295)
    case ObjectType.TimeTicks:
      return ranged('ticks', value, 0, 4_294_967_295)
    case ObjectType.Counter64:
      return value instanceof Uint8Array ? counter64(value) : null
    case ObjectType.OctetString:
      return value instanceof Uint8Array ? { type: 'octets', value: Uint8Array.from(value) } : null
    case ObjectType.Opaque:
      return value instanceof Uint8Array ? opaque(value) : null
    case ObjectType.OID:
      return typeof value === 'string' ? { type: 'oid', value } : null
    case ObjectType.IpAddress:
      return typeof value === 'string' ? { type: 'ip', value } : null
    case ObjectType.Null:
    case ObjectType.NoSuchObject:
    case ObjectType.NoSuchInstance:
    case ObjectType.EndOfMibView:
      return { type: 'none' }
    default:
      return null
  }
}

function ranged(
  type: 'integer' | 'gauge32' | 'ticks' | 'counter32',
  value: unknown,
  min: number,
  max: number,
): RawValue | null {
  return typeof value === 'number' && value >= min && value <= max ? { type, value } : null
}

/** 1 to 9 octets, most significant first; a value beyond 2^64-1 is no Counter64. */
function counter64(bytes: Uint8Array): RawValue | null {
  if (bytes.length === 0 || bytes.length > counter64BytesMax) return null
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value > COUNTER64_MAX ? null : { type: 'counter64', value }
}

/**
 * Opaque is octets, unless it wraps net-snmp's float (9f 78 04 …) or double (9f 79 08 …), which
 * UCD-SNMP-MIB uses (laLoadFloat) and RFC 6340 later named Float32TC and Float64TC.
 */
function opaque(bytes: Uint8Array): RawValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] === 0x9f && bytes[1] === 0x78 && bytes[2] === 4 && bytes.length === 7) {
    return finite(view.getFloat32(3))
  }
  if (bytes[0] === 0x9f && bytes[1] === 0x79 && bytes[2] === 8 && bytes.length === 11) {
    return finite(view.getFloat64(3))
  }
  return { type: 'opaque', value: Uint8Array.from(bytes) }
}

function finite(value: number): RawValue {
  return Number.isFinite(value) ? { type: 'number', value } : { type: 'none' }
}
