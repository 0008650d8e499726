// The bounded spool on disk: append-only files of checksummed records, synced at most 500 ms apart,
// oldest dropped first and counted. It sends nothing: sender.ts takes records from it in order and
// says which need no more care. Here are the counts, the bounds and the one worker that owns the disk:
// one closure over all of them, and so past 300 lines.

import { mkdir, unlink } from 'node:fs/promises'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { forgetBoots, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { createCursor } from './cursor.ts'
import { createJournal, syncDelayMs } from './journal.ts'
import { createNewestCursor } from './newest-cursor.ts'
import { createRangeSet, type RangeSet } from './ranges.ts'
import { encodeRecord, type NewRecord, recordBytesMax, type SpoolRecord } from './record.ts'
import { recoverSegments } from './recover.ts'
import { indexFrom, type Segment, settleRange } from './segment.ts'
import { createSlab } from './slab.ts'
import { createTail } from './tail.ts'
import { createWorker } from './worker.ts'

/** Bytes on disk; beyond, the oldest file goes. */
const spoolBytesMax = 512 * 1024 * 1024
/** Age of a file's newest record; beyond, the file goes, ms. */
const spoolAgeMsMax = 7 * 86_400_000
const segmentBytesMax = 4 * 1024 * 1024
/** Files; a crash loop makes small ones. */
const segmentsMax = 4096
/** Bytes that are not on disk yet, or that the disk does not take. */
const memoryBytesMax = 32 * 1024 * 1024
/** Records are gathered so long before they are written, ms. */
const writeDelayMs = 20
const checkpointEveryMs = 1000
const ageCheckEveryMs = 60_000

export type SpoolOrder = 'oldest' | 'newest'

export interface SpoolLimits {
  bytesMax?: number
  ageMsMax?: number
  segmentBytes?: number
  memoryBytesMax?: number
}

export interface SpoolStats {
  /** Records that still need care. */
  waiting: number
  /** Records lost to a bound, since the start. */
  dropped: number
  /** Records that a damaged disk or file lost, found at the start or since. */
  lost: number
  /** Records that waited when the spool was opened. */
  recovered: number
  bytes: number
  files: number
  /** Bytes held in memory alone. */
  memoryBytes: number
  /** Why the disk does not take records now. */
  diskError: string | null
}

export interface Spool {
  readonly stats: Readonly<SpoolStats>
  /** Takes a record of this boot; numbers ascend. Never waits. */
  append(record: Omit<NewRecord, 'boot' | 'at'>): void
  /** The next waiting records in the spool's order, each once: at most so many, so many bytes (but at least one). */
  take(countMax: number, bytesMax: number): Promise<SpoolRecord[]>
  isWaiting(boot: string, seq: number): boolean
  /** Says that an inclusive range needs no more care; gives how many of it waited. */
  settle(boot: string, from: number, to: number): number
  /** Gives one record up and counts it as dropped. */
  drop(boot: string, seq: number): void
  /** Resolves when all that was appended before is synced, or the disk refused it. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** @throws AppError E_SPOOL when the folder cannot be used at all */
export async function openSpool(options: {
  dir: string
  boot: string
  log: Logger
  limits?: SpoolLimits
  /** Which records `take` gives first; default: the oldest. */
  order?: SpoolOrder
}): Promise<Spool> {
  const { dir, boot, log } = options
  const bytesMax = options.limits?.bytesMax ?? spoolBytesMax
  const ageMsMax = options.limits?.ageMsMax ?? spoolAgeMsMax
  const segmentBytes = Math.min(
    options.limits?.segmentBytes ?? segmentBytesMax,
    Math.ceil(bytesMax / 4),
  )
  const settled = await readSettled(dir)
  const recovered = await recoverSegments(dir, settled, log)
  const segments: Segment[] = recovered.segments
  forgetBoots(settled, segments)
  const own = createRangeSet()
  settled.set(boot, own)
  const tail = createTail(options.limits?.memoryBytesMax ?? memoryBytesMax)
  const recoveredCount = segments.reduce((sum, segment) => sum + segment.waiting, 0)
  const counts = { waiting: recoveredCount, dropped: 0, lost: recovered.lost }

  const journal = createJournal({
    dir,
    boot,
    log,
    tail,
    segments,
    nextId: recovered.nextId,
    segmentBytes,
    isSettled: own.has,
  })
  const cursorOf = options.order === 'newest' ? createNewestCursor : createCursor
  const cursor = cursorOf({ boot, segments, tail, isWaiting, lost: giveUpLost })
  const slab = createSlab()
  let checkpointDirty = false
  let checkpointAt = 0
  let lastAgeCheck = Number.NEGATIVE_INFINITY
  let lastSeq = 0
  let closing: Promise<void> | null = null

  function markSettled(of: string, numbers: readonly number[]): void {
    const set = settled.get(of)
    for (const seq of numbers) set?.add(seq)
    counts.waiting -= numbers.length
    if (numbers.length > 0) checkpointDirty = true
  }

  // ---- the worker: everything that touches files runs in here, one step after another

  const worker = createWorker({
    step,
    plan: scheduleNext,
    restMs: ageCheckEveryMs,
    failed: error => log.error({ dir, err: messageOf(error) }, 'the spool failed'),
  })

  function scheduleNext(): void {
    const retryMs = journal.retryAt - performance.now()
    if (tail.hasUnwritten()) worker.within(Math.max(writeDelayMs, retryMs))
    if (journal.hasUnsynced) worker.within(syncDelayMs / 4)
    if (checkpointDirty) worker.within(checkpointEveryMs)
    worker.within(ageCheckEveryMs)
  }

  async function step(sync: boolean): Promise<void> {
    if (sync || performance.now() >= journal.retryAt) await journal.write(sync)
    dropBeyondBounds()
    await removeSettled()
    await checkpointIfDue(sync)
  }

  function dropBeyondBounds(): void {
    const bytes = () => segments.reduce((sum, segment) => sum + segment.bytes, 0)
    const now = performance.now()
    while (segments.length > 1 && (bytes() > bytesMax || segments.length > segmentsMax)) {
      dropSegment(segments[0])
      removeFromList(0)
    }
    if (now - lastAgeCheck < Math.min(ageCheckEveryMs, ageMsMax)) return
    lastAgeCheck = now
    for (const segment of segments) if (now - segment.newestMs > ageMsMax) dropSegment(segment)
  }

  function dropSegment(segment: Segment | undefined): void {
    if (!segment) return
    const numbers = settleRange(segment, 0, Number.MAX_SAFE_INTEGER)
    markSettled(segment.boot, numbers)
    counts.dropped += numbers.length
    if (numbers.length > 0) {
      log.error({ dir, records: numbers.length }, 'the spool is full: its oldest records are gone')
    }
  }

  const doomed: Segment[] = []

  function removeFromList(i: number): void {
    doomed.push(...segments.splice(i, 1))
  }

  async function removeSettled(): Promise<void> {
    for (let i = segments.length - 1; i >= 0; i--) {
      const segment = segments[i]
      if (segment?.waiting === 0 && !journal.writes(segment)) removeFromList(i)
    }
    for (const segment of doomed.splice(0)) {
      if (journal.writes(segment)) await journal.letGo()
      await unlink(segment.path).catch(() => undefined)
    }
  }

  async function checkpointIfDue(force: boolean): Promise<void> {
    if (!checkpointDirty || (!force && performance.now() - checkpointAt < checkpointEveryMs)) return
    checkpointDirty = false
    checkpointAt = performance.now()
    forgetBoots(settled, segments, boot)
    // What is lost here is sent again, and that is harmless.
    await writeCheckpoint(dir, settled).catch(error =>
      log.debug({ dir, err: messageOf(error) }, 'the checkpoint of the spool was not written'),
    )
  }

  // ---- what others call

  function giveUpLost(segment: Segment, seq: number): void {
    const numbers = settleRange(segment, seq, seq)
    markSettled(segment.boot, numbers)
    counts.lost += numbers.length
    if (numbers.length > 0) log.error({ file: segment.path, seq }, 'a spooled record is broken')
  }

  function isWaiting(of: string, seq: number): boolean {
    const entry = of === boot ? tail.get(seq) : undefined
    if (entry) return !entry.settled
    return segments.some(segment => {
      if (segment.boot !== of) return false
      const i = indexFrom(segment, seq)
      return segment.seqs[i] === seq && segment.settled[i] === 0
    })
  }

  function settle(of: string, from: number, to: number): number {
    const numbers: number[] = of === boot ? settleTail(from, to) : []
    for (const segment of segments) {
      if (segment.boot === of) numbers.push(...settleRange(segment, from, to))
    }
    markSettled(of, numbers)
    if (numbers.length > 0) worker.within(checkpointEveryMs)
    return numbers.length
  }

  /** What is written already is in its segment too, and counted there. */
  function settleTail(from: number, to: number): number[] {
    const numbers: number[] = []
    const first = Math.max(from, tail.firstSeq ?? lastSeq + 1)
    for (let seq = first; seq <= Math.min(to, lastSeq); seq++) {
      const entry = tail.get(seq)
      if (!entry || entry.settled) continue
      entry.settled = true
      if (!entry.written) numbers.push(seq)
    }
    return numbers
  }

  async function shutDown(): Promise<void> {
    await worker.last()
    if (tail.hasUnwritten()) log.error({ dir, err: journal.error }, 'records could not be spooled')
    await journal.letGo()
    await removeSettled()
  }

  worker.within(writeDelayMs)

  return {
    get stats() {
      return {
        ...counts,
        recovered: recoveredCount,
        bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
        files: segments.length,
        memoryBytes: tail.bytes,
        diskError: journal.error,
      }
    },
    append({ seq, retain, topic, payload }) {
      lastSeq = seq
      counts.waiting++
      const given = { boot, seq, at: Date.now(), retain, topic, payload }
      const bytes = encodeRecord(given, slab)
      const record = { ...given, payload: bytes.subarray(bytes.length - payload.length) }
      if (closing || bytes.length > recordBytesMax) {
        markSettled(boot, [seq])
        counts.dropped++
        log.error({ topic, bytes: bytes.length }, 'a record cannot be spooled')
        return
      }
      const gone = tail.push({ record, bytes, written: false, settled: false })
      for (const entry of gone) entry.settled = true
      markSettled(
        boot,
        gone.map(entry => entry.record.seq),
      )
      counts.dropped += gone.length
      worker.within(writeDelayMs)
    },
    take: (countMax, size) => cursor.take(countMax, size, lastSeq),
    isWaiting,
    settle,
    drop(of, seq) {
      counts.dropped += settle(of, seq, seq)
    },
    flush: () => worker.now(),
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

async function readSettled(dir: string): Promise<Map<string, RangeSet>> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    return await readCheckpoint(dir)
  } catch (cause) {
    throw new AppError('E_SPOOL', `the spool cannot be kept in ${dir}: ${messageOf(cause)}`, {
      cause,
      hint: 'check that POLLUX_DATA_DIR may be written',
    })
  }
}
