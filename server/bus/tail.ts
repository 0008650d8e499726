// The end of the spool that is not safely on disk yet: records in memory, bounded, oldest dropped.

import type { SpoolRecord } from './record.ts'

export interface TailEntry {
  record: SpoolRecord
  /** As it will be written. */
  bytes: Buffer
  /** Written to a file, not synced yet. */
  written: boolean
  /** Needs no more care. */
  settled: boolean
}

export interface Tail {
  readonly bytes: number
  readonly firstSeq: number | null
  /** Gives what had to go to make room: the oldest that are not settled. */
  push(entry: TailEntry): TailEntry[]
  get(seq: number): TailEntry | undefined
  /** Entries to write next, in order. */
  unwritten(bytesMax: number): TailEntry[]
  hasUnwritten(): boolean
  /** What was written is synced: it is forgotten here. */
  synced(entries: readonly TailEntry[]): void
  /** Written, not synced. */
  unsynced(): TailEntry[]
  wrote(entry: TailEntry): void
  /** What was written is not trusted: all of it is to be written again. */
  rewrite(): void
}

/** `bytesMax`: bytes that may be held, whatever the disk does. */
export function createTail(bytesMax: number): Tail {
  // In the order of numbers: a Map keeps the order of insertion.
  const entries = new Map<number, TailEntry>()
  let bytes = 0
  let unwrittenCount = 0

  function remove(seq: number): void {
    const entry = entries.get(seq)
    if (!entry) return
    entries.delete(seq)
    bytes -= entry.bytes.length
    if (!entry.written) unwrittenCount--
  }

  return {
    get bytes() {
      return bytes
    },
    get firstSeq() {
      return entries.keys().next().value ?? null
    },
    push(entry) {
      const gone: TailEntry[] = []
      for (const oldest of entries.values()) {
        if (bytes + entry.bytes.length <= bytesMax) break
        remove(oldest.record.seq)
        if (!oldest.settled && !oldest.written) gone.push(oldest)
      }
      entries.set(entry.record.seq, entry)
      bytes += entry.bytes.length
      unwrittenCount++
      return gone
    },
    get: seq => entries.get(seq),
    unwritten(max) {
      const batch: TailEntry[] = []
      let size = 0
      for (const entry of [...entries.values()]) {
        if (entry.written) continue
        if (entry.settled) {
          remove(entry.record.seq)
          continue
        }
        if (batch.length > 0 && size + entry.bytes.length > max) break
        size += entry.bytes.length
        batch.push(entry)
      }
      return batch
    },
    hasUnwritten: () => unwrittenCount > 0,
    synced(list) {
      for (const entry of list) remove(entry.record.seq)
    },
    unsynced: () => [...entries.values()].filter(entry => entry.written),
    wrote(entry) {
      // It may have been dropped while it was being written.
      if (!entry.written && entries.get(entry.record.seq) === entry) unwrittenCount--
      entry.written = true
    },
    rewrite() {
      for (const entry of entries.values()) {
        if (entry.written) unwrittenCount++
        entry.written = false
      }
    },
  }
}
