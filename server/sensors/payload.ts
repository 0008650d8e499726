// A payload as the things that it tells of, by its format: one JSON document, one plain value, lines
// of CSV, or points of Telegraf and InfluxDB. Bounded, and it never throws.

import { isUtf8 } from 'node:buffer'
import type { MESSAGE_FORMATS } from '../model/profile.ts'
import { parseJson } from '../validate.ts'
import { parseLines } from './influx.ts'

/** Bytes of one message; a larger one is not looked at. */
export const payloadBytesMax = 256 * 1024
/** Lines or points of one message. */
export const itemsMax = 5000

export type Format = (typeof MESSAGE_FORMATS)[number]

/** A message whose payload is read at most once for each format. */
export class Payload {
  readonly bytes: Uint8Array
  readonly #read = new Map<string, unknown[] | null>()

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** What it tells of; null: it is not of this format. */
  items(format: Format, separator: string): readonly unknown[] | null {
    const key = `${format} ${separator}`
    const known = this.#read.get(key)
    if (known !== undefined) return known
    const items = isUtf8(this.bytes) ? READERS[format](textOf(this.bytes), separator) : null
    this.#read.set(key, items)
    return items
  }
}

const READERS: Record<Format, (text: string, separator: string) => unknown[] | null> = {
  json: text => {
    const document = parseJson(text)
    return typeof document === 'object' && document !== null ? [document] : null
  },
  text: text => [plain(text.trim())],
  csv: (text, separator) => {
    const lines = text.split('\n').filter(line => line.trim() !== '')
    if (lines.length === 0 || lines.length > itemsMax) return null
    // Places are counted from 1, as people count columns.
    return lines.map(line => ['', ...line.split(separator).map(part => part.trim())])
  },
  influx: text => parseLines(text, itemsMax),
  telegraf: text =>
    /^\s*[[{]/.test(text) ? metricsOf(parseJson(text)) : parseLines(text, itemsMax),
}

/** A JSON string (as Home Assistant publishes attributes) is what it says; all else is as it stands. */
function plain(text: string): string {
  const read = text.startsWith('"') ? parseJson(text) : undefined
  return typeof read === 'string' ? read : text
}

/** Telegraf's JSON: one metric, a list, or a batch. */
function metricsOf(document: unknown): unknown[] | null {
  const isBatch =
    typeof document === 'object' && document !== null && Object.hasOwn(document, 'metrics')
  const listed: unknown = isBatch ? Object(document).metrics : document
  const metrics: unknown[] = Array.isArray(listed) ? listed : [listed]
  const isMetric = (metric: unknown) =>
    typeof metric === 'object' && metric !== null && Object.hasOwn(metric, 'fields')
  return metrics.length <= itemsMax && metrics.every(isMetric) ? metrics : null
}

function textOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8')
}
