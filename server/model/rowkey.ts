// Row keys: the texts of a profile's `key` columns joined by `|`, with `%` and `|` percent-encoded.

/** One part of a key, made safe for joining. */
export function encodeKeyPart(text: string): string {
  return text.replace(/[%|]/g, c => (c === '%' ? '%25' : '%7C'))
}

/** The key of a row whose key columns have these texts. */
export function rowKey(parts: readonly string[]): string {
  return parts.map(encodeKeyPart).join('|')
}

/** The key of the later one of two rows that claim the same key. */
export function disambiguatedRowKey(key: string, index: string): string {
  return `${key}|#${index}`
}
