// Takes records from the spool in order, each once: first through the files of former boots, then by
// number from the files and the memory of this one. What a file no longer gives is given up.

import type { SpoolRecord } from './record.ts'
import { indexFrom, readWaiting, type Segment } from './segment.ts'
import type { Tail } from './tail.ts'

export interface CursorOptions {
  boot: string
  segments: readonly Segment[]
  tail: Tail
  isWaiting(boot: string, seq: number): boolean
  /** A record that its file no longer gives. */
  lost(segment: Segment, seq: number): void
}

export interface Cursor {
  /** `lastSeq`: the highest number of this boot. @throws what the file system throws */
  take(countMax: number, bytesMax: number, lastSeq: number): Promise<SpoolRecord[]>
}

export function createCursor(options: CursorOptions): Cursor {
  const { boot, segments, tail, isWaiting } = options
  let oldId = 0
  let oldIndex = 0
  let nextSeq = 1

  async function takeOld(countMax: number, size: number): Promise<SpoolRecord[]> {
    for (;;) {
      const segment = segments.find(one => one.id >= oldId && one.boot !== boot)
      if (!segment) return []
      if (segment.id !== oldId) oldIndex = 0
      oldId = segment.id
      const { records, next } = await takeFrom(segment, oldIndex, countMax, size)
      oldIndex = next
      if (next >= segment.seqs.length) {
        oldId = segment.id + 1
        oldIndex = 0
      }
      if (records.length > 0) return records
    }
  }

  async function takeFrom(segment: Segment, from: number, countMax: number, size: number) {
    const read = await readWaiting(segment, from, countMax, size).catch((error: unknown) => {
      // A file that somebody removed is lost; anything else may pass.
      if (!isMissing(error)) throw error
      const all = [...segment.seqs]
      return { records: [], lost: all, next: all.length, through: all.at(-1) ?? 0 }
    })
    for (const seq of read.lost) options.lost(segment, seq)
    return { ...read, records: read.records.filter(({ seq }) => isWaiting(segment.boot, seq)) }
  }

  async function takeOwn(countMax: number, size: number, lastSeq: number): Promise<SpoolRecord[]> {
    while (nextSeq <= lastSeq) {
      const entry = tail.get(nextSeq)
      if (entry) return takeTail(countMax, size)
      const segment = segments.find(
        candidate => candidate.boot === boot && (candidate.seqs.at(-1) ?? 0) >= nextSeq,
      )
      if (!segment) {
        // What lies between was dropped; go on with what memory still has.
        nextSeq = Math.max(nextSeq + 1, tail.firstSeq ?? lastSeq + 1)
        continue
      }
      const from = indexFrom(segment, nextSeq)
      const { records, through } = await takeFrom(segment, from, countMax, size)
      nextSeq = Math.max(nextSeq, through + 1)
      if (records.length > 0) return records
    }
    return []
  }

  function takeTail(countMax: number, size: number): SpoolRecord[] {
    const records: SpoolRecord[] = []
    let bytes = 0
    for (; records.length < countMax; nextSeq++) {
      const entry = tail.get(nextSeq)
      if (!entry) break
      if (entry.settled) continue
      if (records.length > 0 && bytes + entry.bytes.length > size) break
      bytes += entry.bytes.length
      records.push(entry.record)
    }
    return records
  }

  return {
    async take(countMax, bytesMax, lastSeq) {
      const old = await takeOld(countMax, bytesMax)
      return old.length > 0 ? old : takeOwn(countMax, bytesMax, lastSeq)
    },
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
