// One record of the spool as bytes, and how records are found again in a file that was cut, flipped
// or overwritten. Pure: files are spool.ts' work.

import { crc32 } from 'node:zlib'

/**
 * Starts each record. 0xFF never occurs in UTF-8, so no JSON payload or topic can hold it; a binary
 * payload that does is told apart by the checksum.
 */
const MARK = Buffer.from([0xff, 0x50, 0x58, 0x01])
/** Mark, length of the body, CRC-32 of length and body: 4 bytes each, big-endian. */
const HEAD_BYTES = 12
/** Flags 1, length of boot 1, length of topic 2, seq 6, time 6. */
const BODY_HEAD_BYTES = 16
const FLAG_RETAIN = 1
/** Largest record, bytes; row names are up to 8 MB. */
export const recordBytesMax = 9 * 1024 * 1024
/** The smallest record that there can be, bytes. */
export const RECORD_BYTES_MIN = HEAD_BYTES + BODY_HEAD_BYTES

export interface SpoolRecord {
  /** Under which it was numbered. */
  boot: string
  seq: number
  /** Unix ms when it was spooled. */
  at: number
  retain: boolean
  topic: string
  payload: Buffer
}

/** What is encoded: the payload need not be a Buffer yet. */
export type NewRecord = Omit<SpoolRecord, 'payload'> & { payload: Uint8Array }

/** The payload is copied to the end of what it gives. @param allocate gives memory of so many bytes */
export function encodeRecord(
  record: NewRecord,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const boot = Buffer.from(record.boot, 'latin1')
  const topic = Buffer.from(record.topic, 'utf8')
  const bodyBytes = BODY_HEAD_BYTES + boot.length + topic.length + record.payload.length
  const buffer = allocate(HEAD_BYTES + bodyBytes)
  MARK.copy(buffer, 0)
  buffer.writeUInt32BE(bodyBytes, 4)
  let at = HEAD_BYTES
  at = buffer.writeUInt8(record.retain ? FLAG_RETAIN : 0, at)
  at = buffer.writeUInt8(boot.length, at)
  at = buffer.writeUInt16BE(topic.length, at)
  at = buffer.writeUIntBE(record.seq, at, 6)
  at = buffer.writeUIntBE(record.at, at, 6)
  at += boot.copy(buffer, at)
  at += topic.copy(buffer, at)
  buffer.set(record.payload, at)
  buffer.writeUInt32BE(checksum(buffer, 0, bodyBytes), 8)
  return buffer
}

/** The record at this offset and its length in bytes; null where there is no intact one. */
export function decodeRecord(
  buffer: Buffer,
  offset: number,
): { record: SpoolRecord; bytes: number } | null {
  if (buffer.length - offset < RECORD_BYTES_MIN) return null
  if (buffer.compare(MARK, 0, MARK.length, offset, offset + MARK.length) !== 0) return null
  const bodyBytes = buffer.readUInt32BE(offset + 4)
  const bytes = HEAD_BYTES + bodyBytes
  if (bodyBytes < BODY_HEAD_BYTES || bytes > buffer.length - offset) return null
  if (buffer.readUInt32BE(offset + 8) !== checksum(buffer, offset, bodyBytes)) return null
  const body = offset + HEAD_BYTES
  const bootEnd = body + BODY_HEAD_BYTES + buffer.readUInt8(body + 1)
  const topicEnd = bootEnd + buffer.readUInt16BE(body + 2)
  if (topicEnd > offset + bytes) return null
  const record: SpoolRecord = {
    boot: buffer.toString('latin1', body + BODY_HEAD_BYTES, bootEnd),
    seq: buffer.readUIntBE(body + 4, 6),
    at: buffer.readUIntBE(body + 10, 6),
    retain: (buffer.readUInt8(body) & FLAG_RETAIN) !== 0,
    topic: buffer.toString('utf8', bootEnd, topicEnd),
    payload: buffer.subarray(topicEnd, offset + bytes),
  }
  return { record, bytes }
}

export type Found =
  | { offset: number; bytes: number; record: SpoolRecord }
  /** Bytes that are no record: a torn tail, flipped bits, zeros, garbage. */
  | { offset: number; bytes: number; record: null }

/** Everything in a file, in order; whatever is broken, the intact records around it are found. */
export function* scanRecords(buffer: Buffer): Generator<Found> {
  let offset = 0
  while (offset < buffer.length) {
    const decoded = decodeRecord(buffer, offset)
    if (decoded) {
      yield { offset, ...decoded }
      offset += decoded.bytes
      continue
    }
    const next = nextIntact(buffer, offset + 1)
    yield { offset, bytes: next - offset, record: null }
    offset = next
  }
}

function nextIntact(buffer: Buffer, from: number): number {
  for (let at = buffer.indexOf(MARK, from); at !== -1; at = buffer.indexOf(MARK, at + 1)) {
    if (decodeRecord(buffer, at)) return at
  }
  return buffer.length
}

function checksum(buffer: Buffer, offset: number, bodyBytes: number): number {
  const length = buffer.subarray(offset + 4, offset + 8)
  const body = buffer.subarray(offset + HEAD_BYTES, offset + HEAD_BYTES + bodyBytes)
  return crc32(body, crc32(length))
}
