// The bounded spool on disk: append-only files of checksummed records, synced at most 500 ms apart,
// oldest dropped first and counted. It sends nothing: sender.ts takes records from it in order and
// says which need no more care. Longer than most files, because one serial worker owns the disk.

import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { createRangeSet, type RangeSet } from './ranges.ts'
import { encodeRecord, recordBytesMax, type SpoolRecord } from './record.ts'
import { recoverSegments, segmentName } from './recover.ts'
import {
  addRecord,
  createSegment,
  indexFrom,
  readWaiting,
  type Segment,
  settleRange,
} from './segment.ts'
import { createTail, type TailEntry } from './tail.ts'

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
/** Written records are synced so long after the first of them at the latest, ms. */
const syncDelayMs = 400
const writeBytesMax = 1024 * 1024
const checkpointEveryMs = 1000
const ageCheckEveryMs = 60_000
/** Wait after a write that failed, ms; doubles up to the second. */
const retryMsMin = 500
const retryMsMax = 10_000

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
  append(record: Omit<SpoolRecord, 'boot' | 'at'>): void
  /** The next waiting records in order, each once: at most so many, so many bytes (but at least one). */
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

  let nextId = recovered.nextId
  let current: { segment: Segment; handle: FileHandle } | null = null
  let firstUnsyncedAt: number | null = null
  let diskError: string | null = null
  let retryMs = retryMsMin
  let retryAt = 0
  let checkpointDirty = false
  let checkpointAt = 0
  let lastAgeCheck = Number.NEGATIVE_INFINITY
  let lastSeq = 0
  // Where `take` goes on: first through the files of former boots, then by number.
  let oldId = 0
  let oldIndex = 0
  let nextSeq = 1
  let timer: NodeJS.Timeout | null = null
  let timerDue = 0
  let steps = 0
  let working: Promise<void> = Promise.resolve()
  let closing: Promise<void> | null = null

  function markSettled(of: string, numbers: readonly number[]): void {
    const set = settled.get(of)
    for (const seq of numbers) set?.add(seq)
    counts.waiting -= numbers.length
    if (numbers.length > 0) checkpointDirty = true
  }

  // ---- the worker: everything that touches files runs in here, one step after another

  function schedule(ms: number): void {
    if (closing) return
    const due = performance.now() + ms
    if (timer && timerDue <= due) return
    if (timer) clearTimeout(timer)
    timerDue = due
    timer = setTimeout(() => {
      timer = null
      // A step under way sees by itself what is left to do.
      if (steps === 0) void work(false)
    }, ms)
    if (ms >= ageCheckEveryMs) timer.unref()
  }

  function work(sync: boolean): Promise<void> {
    steps++
    working = working
      .then(() => step(sync))
      .catch(error => log.error({ dir, err: messageOf(error) }, 'the spool failed'))
      .finally(() => {
        steps--
        scheduleNext()
      })
    return working
  }

  function scheduleNext(): void {
    if (tail.hasUnwritten()) schedule(Math.max(writeDelayMs, retryAt - performance.now()))
    if (firstUnsyncedAt !== null) schedule(syncDelayMs / 4)
    if (checkpointDirty) schedule(checkpointEveryMs)
    schedule(ageCheckEveryMs)
  }

  async function step(sync: boolean): Promise<void> {
    if (sync || performance.now() >= retryAt) {
      try {
        await writeTail()
        await syncIfDue(sync)
        if (current && current.segment.bytes >= segmentBytes) await seal()
        diskWorks()
      } catch (error) {
        await diskFailed(error)
      }
    }
    dropBeyondBounds()
    await removeSettled()
    await checkpointIfDue(sync)
  }

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
    addRecord(segment, seq, segment.bytes, entry.bytes.length, own.has(seq))
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
      if (segment?.waiting === 0 && segment !== current?.segment) removeFromList(i)
    }
    for (const segment of doomed.splice(0)) {
      if (segment === current?.segment) {
        await current.handle.close().catch(() => undefined)
        current = null
        firstUnsyncedAt = null
      }
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

  // ---- taking

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
    for (const seq of read.lost) giveUpLost(segment, seq)
    return { ...read, records: read.records.filter(({ seq }) => isWaiting(segment.boot, seq)) }
  }

  function giveUpLost(segment: Segment, seq: number): void {
    const numbers = settleRange(segment, seq, seq)
    markSettled(segment.boot, numbers)
    counts.lost += numbers.length
    if (numbers.length > 0) log.error({ file: segment.path, seq }, 'a spooled record is broken')
  }

  async function takeOwn(countMax: number, size: number): Promise<SpoolRecord[]> {
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

  // ---- what others call

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
    if (numbers.length > 0) schedule(checkpointEveryMs)
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
    if (timer) clearTimeout(timer)
    await work(true)
    if (tail.hasUnwritten()) log.error({ dir, err: diskError }, 'records could not be spooled')
    const last = current
    current = null
    await last?.handle.close().catch(() => undefined)
    await removeSettled()
  }

  schedule(writeDelayMs)

  return {
    get stats() {
      return {
        ...counts,
        recovered: recoveredCount,
        bytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
        files: segments.length,
        memoryBytes: tail.bytes,
        diskError,
      }
    },
    append({ seq, retain, topic, payload }) {
      lastSeq = seq
      counts.waiting++
      const record = { boot, seq, at: Date.now(), retain, topic, payload }
      const bytes = encodeRecord(record)
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
      schedule(writeDelayMs)
    },
    async take(countMax, size) {
      const old = await takeOld(countMax, size)
      return old.length > 0 ? old : takeOwn(countMax, size)
    },
    isWaiting,
    settle,
    drop(of, seq) {
      counts.dropped += settle(of, seq, seq)
    },
    flush: () => work(true),
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

/** Numbers of boots that no file holds any more need not be remembered. */
function forgetBoots(
  settled: Map<string, RangeSet>,
  segments: readonly Segment[],
  keep?: string,
): void {
  const alive = new Set(segments.map(segment => segment.boot))
  for (const boot of settled.keys()) if (boot !== keep && !alive.has(boot)) settled.delete(boot)
}

/** The index no longer knows what was written from this number on. */
function forgetFrom(segment: Segment, seq: number): void {
  const from = indexFrom(segment, seq)
  segment.bytes = segment.offsets[from] ?? segment.bytes
  for (let i = from; i < segment.seqs.length; i++) if (segment.settled[i] === 0) segment.waiting--
  for (const list of [segment.seqs, segment.offsets, segment.lengths, segment.settled]) {
    list.length = from
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

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
