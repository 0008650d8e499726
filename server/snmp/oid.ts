// Object identifiers as dotted text: order, belonging, and whether a text is one. No names, no MIBs.

/** Sub-identifiers of one OID (RFC 3416, section 4.1: at most 128). */
const subIdentifiersMax = 128

/** Whether this is an OID that can be written in BER: 0..2, then 0..39 (or any under 2), all 32-bit. */
export function isOid(text: string): boolean {
  if (!/^[0-2](\.(0|[1-9][0-9]{0,9})){1,127}$/.test(text)) return false
  const parts = text.split('.').map(Number)
  const second = parts[1] ?? 0
  return (
    parts.length <= subIdentifiersMax &&
    (second < 40 || parts[0] === 2) &&
    parts.every(part => part <= 4_294_967_295)
  )
}

/** Negative, zero or positive: the lexicographic order of RFC 3416 (section 4.1), without splitting. */
export function compareOids(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    let left = 0
    let right = 0
    for (; i < a.length && a.charCodeAt(i) !== 46; i++) left = left * 10 + a.charCodeAt(i) - 48
    for (; j < b.length && b.charCodeAt(j) !== 46; j++) right = right * 10 + b.charCodeAt(j) - 48
    if (left !== right) return left - right
    i++
    j++
  }
  return (i < a.length ? 1 : 0) - (j < b.length ? 1 : 0)
}

/** What follows `base.` in an OID below it; null when the OID is not below it. */
export function indexUnder(base: string, oid: string): string | null {
  return oid.length > base.length + 1 && oid.startsWith(base) && oid.charCodeAt(base.length) === 46
    ? oid.slice(base.length + 1)
    : null
}
