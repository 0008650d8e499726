// Reads a spool folder after a start or a crash: every intact record is indexed, whatever is broken
// is counted and stepped over, and nothing found there can stop the start.

import { readdir, readFile, stat, truncate, unlink } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import type { RangeSet } from './ranges.ts'
import { createRangeSet } from './ranges.ts'
import { RECORD_BYTES_MIN, scanRecords } from './record.ts'
import { addRecord, createSegment, type Segment } from './segment.ts'

/** A file above this is not one of ours, bytes. */
const fileBytesMax = 64 * 1024 * 1024

const NAME = /^(\d{10})\.seg$/

export interface Recovered {
  segments: Segment[]
  /** Records that were there once and are broken now. */
  lost: number
  /** Places in files that held no intact record. */
  damaged: number
  nextId: number
}

/** What is known of one boot while its files are read. */
interface BootState {
  last: number
  /** Broken bytes since the last intact record. */
  brokenBytes: number
}

export function segmentName(id: number): string {
  return `${String(id).padStart(10, '0')}.seg`
}

/** `settled` gains the numbers of lost records, so that the next start does not count them again. */
export async function recoverSegments(
  dir: string,
  settled: Map<string, RangeSet>,
  log: Logger,
): Promise<Recovered> {
  const names = (await readdir(dir)).filter(name => NAME.test(name)).sort()
  const result: Recovered = { segments: [], lost: 0, damaged: 0, nextId: 1 }
  const boots = new Map<string, BootState>()
  for (const name of names) {
    const id = Number.parseInt(name, 10)
    result.nextId = id + 1
    const file = path.join(dir, name)
    try {
      await recoverFile(id, file, settled, boots, result)
    } catch (error) {
      result.damaged++
      log.error({ file, err: messageOf(error) }, 'a file of the spool cannot be read')
    }
  }
  // A torn tail holds the start of one record at least; its number is not known.
  for (const state of boots.values()) if (state.brokenBytes > 0) result.lost++
  if (result.damaged > 0) {
    log.warn({ dir, places: result.damaged, lost: result.lost }, 'the spool was damaged')
  }
  return result
}

async function recoverFile(
  id: number,
  file: string,
  settled: Map<string, RangeSet>,
  boots: Map<string, BootState>,
  result: Recovered,
): Promise<void> {
  const { size, mtimeMs } = await stat(file)
  if (size > fileBytesMax) throw new Error(`${size} bytes is more than a segment can have`)
  const buffer = await readFile(file)
  let segment: Segment | null = null
  let newestAt = mtimeMs
  let brokenBytes = 0
  let good = 0
  for (const found of scanRecords(buffer)) {
    if (found.record === null) {
      result.damaged++
      brokenBytes += found.bytes
      continue
    }
    const { boot, seq, at } = found.record
    good = found.offset + found.bytes
    segment ??= createSegment(id, file, boot)
    if (segment.boot !== boot) {
      result.lost++
      continue
    }
    const state = boots.get(boot) ?? { last: 0, brokenBytes: 0 }
    boots.set(boot, state)
    // A record that was written twice, after a failed fsync, counts once.
    if (seq <= state.last) continue
    const set = settled.get(boot) ?? createRangeSet()
    settled.set(boot, set)
    state.brokenBytes += brokenBytes
    brokenBytes = 0
    if (state.brokenBytes > 0) result.lost += markLost(set, state, seq)
    state.last = seq
    state.brokenBytes = 0
    newestAt = at
    addRecord(segment, seq, found.offset, found.bytes, set.has(seq))
  }
  const state = segment && boots.get(segment.boot)
  if (state) state.brokenBytes += brokenBytes
  else if (brokenBytes > 0) result.lost++
  if (!segment || segment.waiting === 0) {
    await unlink(file)
    return
  }
  if (good < buffer.length) await truncate(file, good)
  segment.bytes = good
  segment.newestMs = performance.now() - Math.max(0, Date.now() - newestAt)
  result.segments.push(segment)
}

/** Numbers between two intact records with broken bytes between them, as far as not settled. */
function markLost(set: RangeSet, state: BootState, seq: number): number {
  const from = state.last + 1
  const missing = seq - from - set.countIn(from, seq - 1)
  // Numbers that were never written there must not be counted: broken bytes hold only so many.
  const lost = Math.min(missing, Math.ceil(state.brokenBytes / RECORD_BYTES_MIN))
  if (seq > from) set.add(from, seq - 1)
  return lost
}
