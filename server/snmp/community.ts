// Security of v1 and v2c: a community in clear text (RFC 3584, RFC 1157).

import { BerReader, TAG } from './ber.ts'
import { wrapPdu } from './message.ts'
import type { Security, Verdict } from './security.ts'
import type { SnmpCredentials } from './session.ts'

const MALFORMED: Verdict = { kind: 'refused', why: 'malformed' }
const WEAK: Verdict = { kind: 'refused', why: 'weak' }

export function communitySecurity(
  credentials: Extract<SnmpCredentials, { version: '1' | '2c' }>,
): Security {
  const version = credentials.version === '1' ? 0 : 1
  const community = Buffer.from(credentials.community)
  const reader = new BerReader()
  const plain: Extract<Verdict, { kind: 'pdu' }> = {
    kind: 'pdu',
    bytes: community,
    at: 0,
    end: 0,
  }

  const isOurs = (bytes: Uint8Array, at: number, end: number): boolean => {
    if (end - at !== community.length) return false
    for (let i = 0; i < community.length; i++) if (bytes[at + i] !== community[i]) return false
    return true
  }

  return {
    version,
    overhead: 9 + community.length,
    encode: pdu => wrapPdu(version, community, pdu),
    decode(message) {
      reader.reset(message, 0, message.length)
      if (!reader.nextIs(TAG.sequence)) return MALFORMED
      reader.enter()
      const found = reader.integer()
      if (!reader.nextIs(TAG.octets)) return MALFORMED
      if (found !== version || !isOurs(message, reader.valueAt, reader.valueEnd)) return WEAK
      plain.bytes = message
      plain.at = reader.at
      plain.end = reader.end
      return plain
    },
  }
}
