// Traps and informs on the wire (RFC 1157, section 4.1.6; RFC 3416, sections 4.2.6 and 4.2.7) as one
// thing: a notification. Traps of v1 get their name as RFC 3584, section 3.1 says. Pure.

import { BerReader, readInteger, readOid, TAG } from './ber.ts'
import { datagramBytesMax, readVarBinds } from './message.ts'
import type { VarBind } from './session.ts'

export const NOTIFICATION_PDU = { trap1: 0xa4, response: 0xa2, inform: 0xa6, trap2: 0xa7 } as const

const SYS_UPTIME = '1.3.6.1.2.1.1.3.0'
const TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0'
/** Who it was at first, as a proxy that makes v2 of v1 says it (RFC 3584, section 3.1). */
const TRAP_ADDRESS = '1.3.6.1.6.3.18.1.3.0'
/** coldStart is .1; of v1's generic-trap the numbers are one below. */
const GENERIC_TRAPS = '1.3.6.1.6.3.1.1.5'
const enterpriseSpecific = 6

export interface Notification {
  /** snmpTrapOID.0. */
  oid: string
  isInform: boolean
  /** Of an inform; 0 for a trap. */
  requestId: number
  /** The device that it is about, where another one sent it: agent-addr, snmpTrapAddress.0. */
  agentAddress: string | null
  /** Without sysUpTime.0 and snmpTrapOID.0. */
  varbinds: VarBind[]
}

export interface CommunityMessage {
  version: 0 | 1
  community: Uint8Array
  /** Where the PDU begins (its tag) and ends; the message ends there too. */
  at: number
  end: number
}

const reader = new BerReader()

/** The version of an SNMP message: 0, 1 or 3; NaN where it is none. */
export function versionOf(datagram: Uint8Array): number {
  if (datagram.length > datagramBytesMax) return NaN
  reader.reset(datagram, 0, datagram.length)
  if (!reader.nextIs(TAG.sequence)) return NaN
  reader.enter()
  return reader.integer()
}

/** A message of v1 or v2c; null where it is none. */
export function readCommunityMessage(datagram: Uint8Array): CommunityMessage | null {
  const version = versionOf(datagram)
  if ((version !== 0 && version !== 1) || !reader.nextIs(TAG.octets)) return null
  const community = datagram.subarray(reader.valueAt, reader.valueEnd)
  const { at } = reader
  return reader.next() && reader.atEnd() ? { version, community, at, end: reader.at } : null
}

/** Null where it is another PDU or broken. */
export function readNotification(
  bytes: Uint8Array,
  at: number,
  end: number,
  version: 0 | 1 | 3,
): Notification | null {
  reader.reset(bytes, at, end)
  if (!reader.next() || !reader.atEnd()) return null
  const { tag } = reader
  reader.enter()
  if (version === 0) return tag === NOTIFICATION_PDU.trap1 ? readTrap1(bytes) : null
  const isInform = tag === NOTIFICATION_PDU.inform
  return isInform || tag === NOTIFICATION_PDU.trap2 ? readTrap2(bytes, isInform) : null
}

function readTrap1(bytes: Uint8Array): Notification | null {
  if (!reader.nextIs(TAG.oid)) return null
  const enterprise = readOid(bytes, reader.valueAt, reader.valueEnd)
  if (!reader.nextIs(TAG.ip) || reader.valueEnd - reader.valueAt !== 4) return null
  const agentAddress = bytes.subarray(reader.valueAt, reader.valueEnd).join('.')
  const generic = reader.integer()
  const specific = reader.integer()
  if (enterprise === null || !reader.nextIs(TAG.ticks)) return null
  if (Number.isNaN(readInteger(bytes, reader.valueAt, reader.valueEnd))) return null
  const list = readList(bytes)
  if (list === null || !(generic >= 0 && generic <= enterpriseSpecific) || !(specific >= 0)) {
    return null
  }
  const isGeneric = generic < enterpriseSpecific
  return {
    oid: isGeneric ? `${GENERIC_TRAPS}.${generic + 1}` : `${enterprise}.0.${specific}`,
    isInform: false,
    requestId: 0,
    agentAddress: agentAddress === '0.0.0.0' ? null : agentAddress,
    varbinds: list,
  }
}

function readTrap2(bytes: Uint8Array, isInform: boolean): Notification | null {
  const requestId = reader.integer()
  if (Number.isNaN(requestId + reader.integer() + reader.integer())) return null
  const list = readList(bytes)
  const [uptime, trap, ...varbinds] = list ?? []
  // RFC 3416, section 4.2.6: these two come first, in this order.
  if (uptime?.oid !== SYS_UPTIME || uptime.value.type !== 'ticks') return null
  if (trap?.oid !== TRAP_OID || trap.value.type !== 'oid') return null
  const address = varbinds.find(({ oid }) => oid === TRAP_ADDRESS)?.value
  return {
    oid: trap.value.value,
    isInform,
    requestId,
    agentAddress: address?.type === 'ip' && address.value !== '0.0.0.0' ? address.value : null,
    varbinds,
  }
}

function readList(bytes: Uint8Array): VarBind[] | null {
  if (!reader.nextIs(TAG.sequence) || !reader.atEnd()) return null
  return readVarBinds(bytes, reader.valueAt, reader.valueEnd)?.varbinds ?? null
}

/** The Response to an inform: the same PDU under another tag (RFC 3416, section 4.2.7). */
export function answerInform(message: Uint8Array, pduAt: number): Uint8Array {
  const answer = Uint8Array.from(message)
  answer[pduAt] = NOTIFICATION_PDU.response
  return answer
}
