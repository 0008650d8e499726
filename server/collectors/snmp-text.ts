// The octets of an SNMP agent as text.

/** DisplayString is ASCII (RFC 2579); what devices send is UTF-8 or, failing that, Latin-1. */
export function octetsToText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}
