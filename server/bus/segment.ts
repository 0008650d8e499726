// What is known in memory of one file of the spool: where each record lies and whether it still
// waits. It reads records back, but writes nothing.

import { open } from 'node:fs/promises'
import { decodeRecord, type SpoolRecord } from './record.ts'

/** Bytes read at once, where records lie side by side. */
const readBytesMax = 1024 * 1024

/** A file holds records of one boot alone, in the order of their numbers. */
export interface Segment {
  id: number
  path: string
  boot: string
  bytes: number
  seqs: number[]
  offsets: number[]
  lengths: number[]
  /** 1 where the record needs no more care. */
  settled: (0 | 1)[]
  waiting: number
  /** When its newest record was spooled, on the monotonic clock of this process, ms. */
  newestMs: number
}

export function createSegment(id: number, path: string, boot: string): Segment {
  return {
    id,
    path,
    boot,
    bytes: 0,
    seqs: [],
    offsets: [],
    lengths: [],
    settled: [],
    waiting: 0,
    newestMs: 0,
  }
}

export function addRecord(
  segment: Segment,
  seq: number,
  offset: number,
  length: number,
  settled: boolean,
): void {
  segment.seqs.push(seq)
  segment.offsets.push(offset)
  segment.lengths.push(length)
  segment.settled.push(settled ? 1 : 0)
  if (!settled) segment.waiting++
}

/** Index of the first record whose number is this or above. */
export function indexFrom(segment: Segment, seq: number): number {
  const { seqs } = segment
  let low = 0
  let high = seqs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((seqs[middle] ?? 0) < seq) low = middle + 1
    else high = middle
  }
  return low
}

/** Marks what waits of an inclusive range of numbers; gives those numbers. */
export function settleRange(segment: Segment, from: number, to: number): number[] {
  const found: number[] = []
  for (let i = indexFrom(segment, from); i < segment.seqs.length; i++) {
    const seq = segment.seqs[i]
    if (seq === undefined || seq > to) break
    if (segment.settled[i] === 1) continue
    segment.settled[i] = 1
    segment.waiting--
    found.push(seq)
  }
  return found
}

/** What a read gave: intact records, and the numbers of those that the disk no longer gives. */
export interface SegmentRead {
  records: SpoolRecord[]
  lost: number[]
  /** Index of the first record that was not looked at. */
  next: number
  /** Number of the last record that was looked at; 0 where none was. */
  through: number
}

/**
 * Waiting records from an index on, at most so many and so many bytes (but at least one).
 * @throws what the file system throws
 */
export async function readWaiting(
  segment: Segment,
  from: number,
  countMax: number,
  bytesMax: number,
): Promise<SegmentRead> {
  const result: SegmentRead = { records: [], lost: [], next: from, through: 0 }
  const wanted: number[] = []
  let bytes = 0
  for (; result.next < segment.seqs.length && wanted.length < countMax; result.next++) {
    if (segment.settled[result.next] === 1) continue
    const length = segment.lengths[result.next] ?? 0
    if (wanted.length > 0 && bytes + length > bytesMax) break
    bytes += length
    wanted.push(result.next)
  }
  result.through = segment.seqs[result.next - 1] ?? 0
  if (wanted.length === 0) return result
  const handle = await open(segment.path, 'r')
  try {
    for (const run of runsOf(segment, wanted)) await readRun(handle, segment, run, result)
  } finally {
    await handle.close()
  }
  return result
}

/** Wanted records grouped so that one read fetches neighbours together. */
function runsOf(segment: Segment, wanted: readonly number[]): number[][] {
  const runs: number[][] = []
  let end = -1
  let bytes = 0
  for (const i of wanted) {
    const [offset, length] = placeOf(segment, i)
    const run = runs.at(-1)
    if (run && offset === end && bytes + length <= readBytesMax) {
      run.push(i)
      bytes += length
    } else {
      runs.push([i])
      bytes = length
    }
    end = offset + length
  }
  return runs
}

async function readRun(
  handle: Awaited<ReturnType<typeof open>>,
  segment: Segment,
  run: readonly number[],
  result: SegmentRead,
): Promise<void> {
  const [start] = placeOf(segment, run[0] ?? 0)
  const [lastOffset, lastLength] = placeOf(segment, run.at(-1) ?? 0)
  const buffer = Buffer.alloc(lastOffset + lastLength - start)
  await handle.read(buffer, 0, buffer.length, start)
  for (const i of run) {
    const seq = segment.seqs[i] ?? 0
    const decoded = decodeRecord(buffer, (segment.offsets[i] ?? 0) - start)
    if (decoded?.record.seq === seq && decoded.record.boot === segment.boot) {
      result.records.push(decoded.record)
    } else {
      result.lost.push(seq)
    }
  }
}

function placeOf(segment: Segment, i: number): [number, number] {
  return [segment.offsets[i] ?? 0, segment.lengths[i] ?? 0]
}

/** The index no longer knows what was written from this number on. */
export function forgetFrom(segment: Segment, seq: number): void {
  const from = indexFrom(segment, seq)
  segment.bytes = segment.offsets[from] ?? segment.bytes
  for (let i = from; i < segment.seqs.length; i++) if (segment.settled[i] === 0) segment.waiting--
  for (const list of [segment.seqs, segment.offsets, segment.lengths, segment.settled]) {
    list.length = from
  }
}
