// Texts that come from devices, made safe to store and to show: an agent may send anything in them.

/** Letters kept of any one text that names a device. */
export const deviceTextMax = 512

// C0 and C1 controls, bidirectional and invisible formatting, and U+FFFE/U+FFFF.
const UNSAFE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]+/gu

/** One line without control or direction characters, at most `max` UTF-16 units. */
export function cleanText(text: string, max: number = deviceTextMax): string {
  const line = text.toWellFormed().replace(UNSAFE, ' ').replace(/\s+/g, ' ').trim()
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`
}

/** DisplayString is ASCII (RFC 2579); what devices send is UTF-8 or, failing that, Latin-1. */
export function octetsToText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return Buffer.from(bytes).toString('latin1')
  }
}
