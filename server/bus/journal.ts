// Writes the tail of the spool to files: gathered, synced at most 500 ms apart, written again to the
// next file where the disk failed. Its methods are called one after another, never side by side.

import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import { segmentName } from './recover.ts'
import { addRecord, createSegment, forgetFrom, type Segment } from './segment.ts'
import type { Tail, TailEntry } from './tail.ts'

/** Written records are synced so long after the first of them at the latest, ms. */
export const syncDelayMs = 400
const writeBytesMax = 1024 * 1024
/** Wait after a write that failed, ms; doubles up to the second. */
const retryMsMin = 500
const retryMsMax = 10_000

export interface JournalOptions {
  dir: string
  boot: string
  log: Logger
  tail: Tail
  /** The files of the spool, oldest first; new ones are added at its end. */
  segments: Segment[]
  nextId: number
  /** A file is closed once it has so many bytes. */
  segmentBytes: number
  /** Settled or dropped before it was written. */
  isSettled(seq: number): boolean
}

export interface Journal {
  /** Why the disk does not take records now. */
  readonly error: string | null
  /** Monotonic ms before which a disk that failed is left alone. */
  readonly retryAt: number
  readonly hasUnsynced: boolean
  /** Is this the file that is being written? */
  writes(segment: Segment): boolean
  /** Writes what waits, and syncs it when it is time, or at once with `force`. Never rejects. */
  write(force: boolean): Promise<void>
  /** Closes the file that is being written, whatever it holds. */
  letGo(): Promise<void>
}

export function createJournal(options: JournalOptions): Journal {
  const { dir, boot, log, tail, segments, segmentBytes } = options
  let nextId = options.nextId
  let current: { segment: Segment; handle: FileHandle } | null = null
  let firstUnsyncedAt: number | null = null
  let diskError: string | null = null
  let retryMs = retryMsMin
  let retryAt = 0

  async function writeTail(): Promise<void> {
    for (let batch = tail.unwritten(writeBytesMax); batch.length > 0; ) {
      current ??= await openSegment()
      const { segment, handle } = current
      const buffer = Buffer.concat(batch.map(entry => entry.bytes))
      await writeAll(handle, buffer, segment.bytes)
      for (const entry of batch) index(segment, entry)
      firstUnsyncedAt ??= performance.now()
      if (segment.bytes >= segmentBytes) await seal()
      else await syncIfDue(false)
      batch = tail.unwritten(writeBytesMax)
    }
  }

  /** A record that was settled or dropped while it was being written is in the file all the same. */
  function index(segment: Segment, entry: TailEntry): void {
    const { seq } = entry.record
    addRecord(segment, seq, segment.bytes, entry.bytes.length, options.isSettled(seq))
    segment.bytes += entry.bytes.length
    segment.newestMs = performance.now()
    tail.wrote(entry)
  }

  async function syncIfDue(force: boolean): Promise<void> {
    if (firstUnsyncedAt === null || !current) return
    if (!force && performance.now() - firstUnsyncedAt < syncDelayMs / 2) return
    const entries = tail.unsynced()
    await current.handle.datasync()
    tail.synced(entries)
    firstUnsyncedAt = tail.unsynced().length > 0 ? performance.now() : null
  }

  async function openSegment(): Promise<{ segment: Segment; handle: FileHandle }> {
    const id = nextId++
    const file = path.join(dir, segmentName(id))
    const handle = await open(file, 'wx', 0o600)
    const segment = createSegment(id, file, boot)
    segments.push(segment)
    await syncDir(dir)
    return { segment, handle }
  }

  async function seal(): Promise<void> {
    await syncIfDue(true)
    const sealed = current
    current = null
    await sealed?.handle.close()
  }

  /** The file is given up; what it holds unsynced is written again, to the next one. */
  async function diskFailed(error: unknown): Promise<void> {
    const text = messageOf(error)
    if (diskError === null) log.error({ dir, err: text }, 'the spool cannot write: kept in memory')
    diskError = text
    retryAt = performance.now() + retryMs
    retryMs = Math.min(retryMsMax, retryMs * 2)
    const broken = current
    current = null
    firstUnsyncedAt = null
    if (broken) {
      const first = tail.unsynced()[0]
      if (first) forgetFrom(broken.segment, first.record.seq)
      // Both are attempts: recovery copes with whatever is left in the file.
      await broken.handle.truncate(broken.segment.bytes).catch(() => undefined)
      await broken.handle.close().catch(() => undefined)
    }
    tail.rewrite()
  }

  function diskWorks(): void {
    if (diskError !== null) log.info({ dir }, 'the spool writes again')
    diskError = null
    retryMs = retryMsMin
    retryAt = 0
  }

  return {
    get error() {
      return diskError
    },
    get retryAt() {
      return retryAt
    },
    get hasUnsynced() {
      return firstUnsyncedAt !== null
    },
    writes: segment => segment === current?.segment,
    async write(force) {
      try {
        await writeTail()
        await syncIfDue(force)
        if (current && current.segment.bytes >= segmentBytes) await seal()
        diskWorks()
      } catch (error) {
        await diskFailed(error)
      }
    },
    async letGo() {
      const last = current
      current = null
      firstUnsyncedAt = null
      await last?.handle.close().catch(() => undefined)
    },
  }
}

async function writeAll(handle: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesWritten } = await handle.write(buffer, done, buffer.length - done, position + done)
    done += bytesWritten
  }
}

/** So that the file itself, not only its bytes, survives a power cut. */
async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
