// Takes records from the spool newest first, each once, some neighbours at a time: what is now is told
// before what was. First this boot's, then those of former boots. A retained message must not come after
// a newer one of its topic and replace it: then it goes as a plain one.

import type { Cursor, CursorOptions } from './cursor.ts'
import { createRangeSet } from './ranges.ts'
import type { SpoolRecord } from './record.ts'
import { indexFrom, readWaiting, type Segment } from './segment.ts'

/** Topics of retained messages that are remembered; beyond, older messages go as plain ones. */
const topicsMax = 500_000

export function createNewestCursor(options: CursorOptions): Cursor {
  const { boot, segments, tail, isWaiting } = options
  const taken = createRangeSet()
  /** Of each file of a former boot: records up to this index are not taken yet. */
  const left = new Map<number, number>()
  /** Topic → the newest retained message that was taken: its file (own: all files), its number. */
  const newest = new Map<string, [file: number, seq: number]>()

  function takeTail(from: number, to: number, countMax: number, bytesMax: number): SpoolRecord[] {
    const records: SpoolRecord[] = []
    let bytes = 0
    let seq = to
    for (; seq >= from && records.length < countMax; seq--) {
      const entry = tail.get(seq)
      if (!entry || entry.settled) continue
      bytes += entry.bytes.length
      if (records.length > 0 && bytes > bytesMax) break
      records.push(entry.record)
    }
    taken.add(seq + 1, to)
    return records.reverse()
  }

  /** Waiting records before an index, and the index that they begin at. */
  async function takeBefore(
    segment: Segment,
    before: number,
    lowest: number,
    countMax: number,
    bytesMax: number,
  ): Promise<{ records: SpoolRecord[]; begin: number }> {
    let count = 0
    let bytes = 0
    let begin = before
    for (; begin > lowest && count < countMax; begin--) {
      if (segment.settled[begin - 1] === 1) continue
      const length = segment.lengths[begin - 1] ?? 0
      if (count > 0 && bytes + length > bytesMax) break
      bytes += length
      count++
    }
    if (count === 0) return { records: [], begin }
    const { records, lost } = await readWaiting(segment, begin, count, bytesMax).catch(
      (error: unknown) => {
        // A file that somebody removed is lost; anything else may pass.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
        return { records: [], lost: segment.seqs.slice(begin, before) }
      },
    )
    for (const seq of lost) options.lost(segment, seq)
    return { records: records.filter(({ seq }) => isWaiting(segment.boot, seq)), begin }
  }

  async function takeOwn(countMax: number, bytesMax: number, lastSeq: number) {
    for (;;) {
      const gap = taken.lastGap(lastSeq)
      if (!gap) return []
      const [from, to] = gap
      const first = tail.firstSeq
      if (first !== null && to >= first) {
        const records = takeTail(Math.max(from, first), to, countMax, bytesMax)
        if (records.length > 0) return records
        continue
      }
      const segment = segments.findLast(one => one.boot === boot && (one.seqs[0] ?? to + 1) <= to)
      if (!segment) {
        // What lies below was dropped.
        taken.add(from, to)
        continue
      }
      const lowest = indexFrom(segment, from)
      const before = indexFrom(segment, to + 1)
      const { records, begin } = await takeBefore(segment, before, lowest, countMax, bytesMax)
      taken.add(Math.max(from, takenFrom(segment, begin, lowest) ?? from), to)
      if (records.length > 0) return records
    }
  }

  /**
   * The lowest number that needs no other look at this file: where it was read to, with what is in no
   * file. Below the file's first number, the file before it may go on.
   */
  function takenFrom({ seqs }: Segment, begin: number, lowest: number): number | undefined {
    return seqs[begin > lowest ? begin : 0]
  }

  async function takeOld(countMax: number, bytesMax: number) {
    for (;;) {
      const segment = segments.findLast(one => one.boot !== boot && left.get(one.id) !== 0)
      if (!segment) return []
      const before = left.get(segment.id) ?? segment.seqs.length
      const { records, begin } = await takeBefore(segment, before, 0, countMax, bytesMax)
      left.set(segment.id, begin)
      if (records.length > 0) return records.map(record => shown(record, segment.id))
    }
  }

  /** As it is to be published now. */
  function shown(record: SpoolRecord, file: number): SpoolRecord {
    if (!record.retain) return record
    const [newerFile, newerSeq] = newest.get(record.topic) ?? [-1, -1]
    const isOld = newerFile > file || (newerFile === file && newerSeq > record.seq)
    if (isOld) return { ...record, retain: false }
    if (newest.size < topicsMax || newest.has(record.topic)) {
      newest.set(record.topic, [file, record.seq])
    }
    return record
  }

  return {
    async take(countMax, bytesMax, lastSeq) {
      const own = await takeOwn(countMax, bytesMax, lastSeq)
      if (own.length > 0) return own.map(record => shown(record, Number.MAX_SAFE_INTEGER))
      return takeOld(countMax, bytesMax)
    },
  }
}
