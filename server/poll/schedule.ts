// When each device is read: a fixed grid per device, spread by a hash of its id, kept in a due heap.
// Pure: the caller hands in the time and does the reading.

import { createHeap, type HeapEntry } from './heap.ts'

/** First reads a second when many devices start together; one alone starts at once. */
export const startsPerSecondMax = 200
/** Failed reads in a row before a device is read less often. */
const failuresBeforeBackOff = 3
const backOffIntervalsMax = 8
export const backOffMsMax = 5 * 60_000
/** A rate needs two reads: after the first good one the second comes this soon. */
const secondReadMs = 5000

export interface ScheduledRead {
  id: string
  /** Unix ms: the slot of the grid, or the moment for a read beside the grid. */
  at: number
  grid: boolean
}

/** Slots that passed without a read: the last of them, and how many. */
export interface Overrun {
  id: string
  at: number
  slots: number
}

export type ReadOutcome = 'good' | 'failed' | 'nothing'

export interface ScheduleCounters {
  /** Slots that passed while the read before still ran, or while the process stood still. */
  overruns: number
  /** Slots left out on purpose for devices that fail. */
  backedOff: number
}

export interface Schedule {
  readonly size: number
  readonly counters: Readonly<ScheduleCounters>
  /** A new device, or one whose config changed: read at once (spread when many come), back-off forgotten. */
  add(id: string, everyMs: number, now: number): void
  remove(id: string): void
  /** As `add` for a device whose reader was lost with its state: it is read again soon. */
  again(id: string, now: number): void
  /** No read before then, but by `pollNow` or `add`. */
  hold(id: string, until: number): void
  /** Everything due; what it gives counts as running until `finished`. */
  take(now: number): { reads: ScheduledRead[]; overruns: Overrun[] }
  /** A read for the head of the queue; 'running' where one is under way, null for an unknown id. */
  pollNow(id: string, now: number): ScheduledRead | 'running' | null
  finished(id: string, now: number, outcome: ReadOutcome): void
  /** Unix ms of a device's next read; null for an unknown id. */
  nextAt(id: string): number | null
  /** Unix ms at which `take` next gives something; null when empty. */
  wakeAt(): number | null
  /** The wall clock was set by `stepMs`: waits stay as long as they were, on the grid of the new time. */
  clockStepped(now: number, stepMs: number): void
}

interface Entry extends HeapEntry {
  id: string
  everyMs: number
  phase: number
  /** Whether `dueAt` is a slot of the grid. */
  dueOnGrid: boolean
  running: { grid: boolean } | null
  failures: number
  /** A second read is still to come soon after the first good one. */
  wantsSecond: boolean
}

/** 32-bit FNV-1a with murmur3's finalizer, so that ids that differ by one digit lie far apart. */
export function hashId(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The first slot `phase + k × every` at or after `time`. */
export function slotAtOrAfter(time: number, phase: number, everyMs: number): number {
  return phase + Math.ceil((time - phase) / everyMs) * everyMs
}

/**
 * Intervals to the next read after this many failures in a row: 1, then 2, 4, at most 8, never
 * beyond 5 min. The jitter (up to a quarter) is in whole slots, so that reads stay on the grid.
 * @param random from 0 to below 1
 */
export function backOffIntervals(failures: number, everyMs: number, random: number): number {
  if (failures < failuresBeforeBackOff) return 1
  const doubled = 2 ** Math.min(failures - failuresBeforeBackOff + 1, 10)
  const allowed = Math.max(1, Math.floor(backOffMsMax / everyMs))
  const most = Math.min(doubled, backOffIntervalsMax, allowed)
  return most - Math.floor(random * (Math.floor(most / 4) + 1))
}

/** Slots this close after a read beside the grid are left to that read: a rate over less says little. */
const closeMs = (everyMs: number) => Math.min(everyMs, secondReadMs) / 2

/** @param random for the jitter of the back-off; from 0 to below 1 */
export function createSchedule(random: () => number = Math.random): Schedule {
  const entries = new Map<string, Entry>()
  const heap = createHeap<Entry>()
  const counters: ScheduleCounters = { overruns: 0, backedOff: 0 }
  let lastStart = Number.NEGATIVE_INFINITY

  const gridAfter = (entry: Entry, time: number) => slotAtOrAfter(time, entry.phase, entry.everyMs)

  const due = (entry: Entry, at: number, onGrid: boolean) => {
    entry.dueOnGrid = onGrid
    heap.update(entry, at)
  }

  /** Next on the grid, but not so soon that it would follow a read of now. */
  const dueAfterExtra = (entry: Entry, now: number) =>
    due(entry, gridAfter(entry, now + closeMs(entry.everyMs)), true)

  const startSoon = (entry: Entry, now: number) => {
    // Beyond a step of the clock backwards the last start says nothing.
    if (lastStart > now + 600_000) lastStart = Number.NEGATIVE_INFINITY
    const start = Math.max(now, Math.ceil(lastStart + 1000 / startsPerSecondMax))
    const slot = gridAfter(entry, now)
    entry.wantsSecond = true
    entry.failures = 0
    if (slot <= start) return due(entry, slot, true)
    lastStart = start
    due(entry, start, false)
  }

  /** What one due entry gives: a read, or an overrun where the read before still runs. */
  const takeOne = (entry: Entry, now: number, reads: ScheduledRead[], overruns: Overrun[]) => {
    const { id, everyMs } = entry
    if (!entry.dueOnGrid) {
      dueAfterExtra(entry, now)
      if (entry.running) return
      entry.running = { grid: false }
      reads.push({ id, at: now, grid: false })
      return
    }
    const passed = Math.floor((now - entry.dueAt) / everyMs)
    const at = entry.dueAt + passed * everyMs
    due(entry, at + everyMs, true)
    const lost = entry.running ? passed + 1 : passed
    // A slot that falls into a read beside the grid is answered by that read.
    if (entry.running && !entry.running.grid) return
    if (lost > 0) {
      counters.overruns += lost
      overruns.push({ id, at: entry.running ? at : at - everyMs, slots: lost })
    }
    if (entry.running) return
    entry.running = { grid: true }
    reads.push({ id, at, grid: true })
  }

  const afterGood = (entry: Entry, now: number) => {
    entry.failures = 0
    if (!entry.wantsSecond) return
    entry.wantsSecond = false
    const soon = Math.min(entry.everyMs, secondReadMs)
    if (entry.dueAt > now + 1.5 * soon) due(entry, now + soon, false)
  }

  const afterFailed = (entry: Entry) => {
    entry.failures++
    if (!entry.dueOnGrid) return
    const skipped = backOffIntervals(entry.failures, entry.everyMs, random()) - 1
    if (skipped === 0) return
    counters.backedOff += skipped
    due(entry, entry.dueAt + skipped * entry.everyMs, true)
  }

  return {
    get size() {
      return entries.size
    },
    counters,
    add(id, everyMs, now) {
      const known = entries.get(id)
      if (known) heap.remove(known)
      const phase = hashId(id) % everyMs
      const entry: Entry = {
        id,
        everyMs,
        phase,
        dueAt: now,
        heapIndex: -1,
        dueOnGrid: false,
        running: null,
        failures: 0,
        wantsSecond: true,
      }
      entries.set(id, entry)
      startSoon(entry, now)
    },
    remove(id) {
      const entry = entries.get(id)
      if (entry) heap.remove(entry)
      entries.delete(id)
    },
    again(id, now) {
      const entry = entries.get(id)
      if (!entry) return
      entry.running = null
      startSoon(entry, now)
    },
    hold(id, until) {
      const entry = entries.get(id)
      if (!entry) return
      entry.running = null
      due(entry, gridAfter(entry, until), true)
    },
    take(now) {
      const reads: ScheduledRead[] = []
      const overruns: Overrun[] = []
      for (let entry = heap.peek(); entry && entry.dueAt <= now; entry = heap.peek()) {
        takeOne(entry, now, reads, overruns)
      }
      return { reads, overruns }
    },
    pollNow(id, now) {
      const entry = entries.get(id)
      if (!entry) return null
      entry.failures = 0
      if (entry.running) return 'running'
      entry.running = { grid: false }
      dueAfterExtra(entry, now)
      return { id, at: now, grid: false }
    },
    finished(id, now, outcome) {
      const entry = entries.get(id)
      if (!entry?.running) return
      entry.running = null
      if (outcome === 'good') afterGood(entry, now)
      else if (outcome === 'failed') afterFailed(entry)
    },
    nextAt: id => entries.get(id)?.dueAt ?? null,
    wakeAt: () => heap.peek()?.dueAt ?? null,
    clockStepped(now, stepMs) {
      lastStart = Number.NEGATIVE_INFINITY
      for (const entry of entries.values()) {
        const wait = entry.dueAt - (now - stepMs)
        if (!entry.dueOnGrid) due(entry, now + Math.max(0, wait), false)
        else due(entry, gridAfter(entry, now + Math.max(0, wait - entry.everyMs)), true)
      }
    },
  }
}
