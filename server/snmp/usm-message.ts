// SNMPv3 messages on the wire: header, USM parameters and scoped PDU (RFC 3412, section 6; RFC 3414,
// section 2.4). Pure: it knows octets and keys, nothing of devices.

import { timingSafeEqual } from 'node:crypto'
import { BerReader, integerTlv, readOid, TAG, tlv } from './ber.ts'
import { datagramBytesMax, encodePdu, PDU, setRequestId } from './message.ts'
import type { AuthKey } from './usm-keys.ts'

/** msgUserName: RFC 3414, section 2.4. */
const userBytesMax = 32
/** snmpEngineID: RFC 3411, section 5 says 5 to 32; some agents have less. */
const engineIdBytesMax = 32
const contextBytesMax = 255
const integerMax = 0x7fff_ffff

export const FLAG = { auth: 1, priv: 2, reportable: 4 } as const

const VERSION = integerTlv(3)
const MODEL = integerTlv(3)
const MESSAGE_MAX = integerTlv(datagramBytesMax)

/** What stands before the scoped PDU. */
export interface UsmHeader {
  msgId: number
  flags: number
  engineId: Uint8Array
  boots: number
  time: number
  user: Uint8Array
  salt: Uint8Array
}

/** A message as it came; arrays are views of its octets. */
export interface UsmMessage extends UsmHeader {
  mac: Uint8Array
  /** msgData: a plain scoped PDU with its tag, or the octets inside encryptedPDU. */
  data: Uint8Array
  /** The message without what may follow it in the datagram. */
  whole: Uint8Array
}

export interface ScopedPdu {
  contextEngineId: Uint8Array
  contextName: Uint8Array
  /** Where the PDU begins (its tag) and ends. */
  at: number
  end: number
}

export function encodeScopedPdu(
  contextEngineId: Uint8Array,
  contextName: Uint8Array,
  pdu: Uint8Array,
): Uint8Array {
  return tlv(TAG.sequence, tlv(TAG.octets, contextEngineId), tlv(TAG.octets, contextName), pdu)
}

/**
 * A whole message, signed where there is a key.
 * @param data the scoped PDU, where `flags` say so encrypted
 */
export function encodeMessage(
  header: UsmHeader,
  data: Uint8Array,
  key: AuthKey | null,
): Uint8Array {
  const msgData = header.flags & FLAG.priv ? tlv(TAG.octets, data) : data
  const salt = tlv(TAG.octets, header.salt)
  const message = tlv(
    TAG.sequence,
    VERSION,
    tlv(
      TAG.sequence,
      integerTlv(header.msgId),
      MESSAGE_MAX,
      Uint8Array.of(TAG.octets, 1, header.flags),
      MODEL,
    ),
    tlv(
      TAG.octets,
      tlv(
        TAG.sequence,
        tlv(TAG.octets, header.engineId),
        integerTlv(header.boots),
        integerTlv(header.time),
        tlv(TAG.octets, header.user),
        tlv(TAG.octets, new Uint8Array(key?.macBytes ?? 0)),
        salt,
      ),
    ),
    msgData,
  )
  if (key === null) return message
  const { hmac, macBytes } = key
  const macAt = message.length - msgData.length - salt.length - macBytes
  message.set(hmac.digest(message, macAt, macBytes).subarray(0, macBytes), macAt)
  return message
}

const NO_OCTETS = new Uint8Array(0)
const DISCOVERY: Omit<UsmHeader, 'msgId'> = {
  flags: FLAG.reportable,
  engineId: NO_OCTETS,
  boots: 0,
  time: 0,
  user: NO_OCTETS,
  salt: NO_OCTETS,
}
const discoveryPdu = encodePdu('get', [])

/** Asks an agent for its engine: no user, no object (RFC 3414, section 4). A report names it. */
export function encodeDiscovery(msgId: number): Uint8Array {
  setRequestId(discoveryPdu, msgId)
  const scopedPdu = encodeScopedPdu(NO_OCTETS, NO_OCTETS, discoveryPdu)
  return encodeMessage({ ...DISCOVERY, msgId }, scopedPdu, null)
}

const reader = new BerReader()

/** An INTEGER (0..2147483647), else NaN. */
function unsigned(): number {
  const value = reader.integer()
  return value >= 0 && value <= integerMax ? value : NaN
}

function octets(bytesMax: number): Uint8Array | null {
  if (!reader.nextIs(TAG.octets) || reader.valueEnd - reader.valueAt > bytesMax) return null
  return reader.bytes.subarray(reader.valueAt, reader.valueEnd)
}

/** Null where it is no SNMPv3 message with USM. */
export function decodeMessage(datagram: Uint8Array): UsmMessage | null {
  reader.reset(datagram, 0, datagram.length)
  if (!reader.nextIs(TAG.sequence)) return null
  const whole = datagram.subarray(0, reader.at)
  reader.enter()
  if (reader.integer() !== 3 || !reader.nextIs(TAG.sequence)) return null
  const securityAt = reader.at
  const global = readGlobal()
  reader.reset(datagram, securityAt, whole.length)
  if (global === null || !reader.nextIs(TAG.octets)) return null
  const dataAt = reader.at
  const security = readSecurity()
  reader.reset(datagram, dataAt, whole.length)
  const isEncrypted = (global.flags & FLAG.priv) !== 0
  const hasData = reader.nextIs(isEncrypted ? TAG.octets : TAG.sequence) && reader.atEnd()
  if (security === null || !hasData) return null
  const data = datagram.subarray(isEncrypted ? reader.valueAt : dataAt, whole.length)
  return { ...global, ...security, data, whole }
}

function readGlobal(): Pick<UsmMessage, 'msgId' | 'flags'> | null {
  reader.enter()
  const msgId = unsigned()
  const sizeMax = unsigned()
  const flags = octets(1)?.[0]
  const model = reader.integer()
  const isUsm = model === 3 && reader.atEnd() && !Number.isNaN(msgId + sizeMax)
  return isUsm && flags !== undefined ? { msgId, flags } : null
}

function readSecurity(): Omit<UsmMessage, 'msgId' | 'flags' | 'data' | 'whole'> | null {
  reader.enter()
  if (!reader.nextIs(TAG.sequence) || !reader.atEnd()) return null
  reader.enter()
  const engineId = octets(engineIdBytesMax)
  const boots = unsigned()
  const time = unsigned()
  const user = octets(userBytesMax)
  const mac = octets(datagramBytesMax)
  const salt = octets(datagramBytesMax)
  if (engineId === null || user === null || mac === null || salt === null) return null
  if (Number.isNaN(boots + time) || !reader.atEnd()) return null
  return { engineId, boots, time, user, mac, salt }
}

/** Null where it is no scoped PDU, as after the wrong key. DES leaves padding behind it. */
export function decodeScopedPdu(bytes: Uint8Array): ScopedPdu | null {
  reader.reset(bytes, 0, bytes.length)
  if (!reader.nextIs(TAG.sequence)) return null
  reader.enter()
  const contextEngineId = octets(engineIdBytesMax)
  const contextName = octets(contextBytesMax)
  const { at } = reader
  if (contextEngineId === null || contextName === null || !reader.next() || !reader.atEnd()) {
    return null
  }
  return { contextEngineId, contextName, at, end: reader.at }
}

/**
 * Whether the message was made with this key: the digest is over the message with zeros in its place
 * (RFC 3414, section 6.3.2). The comparison takes the same time for all.
 */
export function isAuthentic({ whole, mac }: UsmMessage, { hmac, macBytes }: AuthKey): boolean {
  if (mac.length !== macBytes) return false
  const made = hmac.digest(whole, mac.byteOffset - whole.byteOffset, macBytes)
  return timingSafeEqual(made.subarray(0, macBytes), mac)
}

/** The counter that a Report names, by its OID; null where it is no Report. */
export function reportedOid(bytes: Uint8Array, at: number, end: number): string | null {
  reader.reset(bytes, at, end)
  if (!reader.nextIs(PDU.report)) return null
  reader.enter()
  for (let i = 0; i < 3; i++) if (Number.isNaN(reader.integer())) return null
  for (let depth = 0; depth < 2; depth++) {
    if (!reader.nextIs(TAG.sequence)) return null
    reader.enter()
  }
  return reader.nextIs(TAG.oid) ? readOid(bytes, reader.valueAt, reader.valueEnd) : null
}
