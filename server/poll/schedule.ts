// When each device is read: a fixed grid per device, spread by a hash of its id, kept in a due heap.
// A device that went silent is not read any more but probed beside its grid, until it answers.
// Pure: the caller hands in the time and does the reading.

import { backOffIntervals, hashId, slotAtOrAfter } from './grid.ts'
import { createHeap, type HeapEntry } from './heap.ts'

/** First reads a second when many devices start together; one alone starts at once. */
export const startsPerSecondMax = 200
/** A silent device is probed once an interval, at least this often, a tenth more or less. */
export const probeMsMax = 60_000
const probeJitter = 0.1
/** A rate needs two reads: after the first good one the second comes this soon. */
const secondReadMs = 5000

export interface ScheduledRead {
  id: string
  /** Unix ms: the slot of the grid, or the moment for a read beside the grid. */
  at: number
  grid: boolean
  /** Only a look whether it answers again; a full read follows where it does. */
  probe: boolean
}

/** Slots that passed without a read: the last of them, and how many. */
export interface MissedSlots {
  id: string
  at: number
  slots: number
}

/** `silent`: nothing answered, or nothing that knows us; `lost`: the read did not take place. */
export type ReadOutcome = 'good' | 'failed' | 'nothing' | 'silent' | 'lost'

export interface ScheduleCounters {
  /** Slots that passed while the read before still ran, or while the process stood still. */
  overruns: number
  /** Slots left out on purpose for devices that fail. */
  backedOff: number
  /** Slots of silent devices: each is a gap with the reason of the silence. */
  silent: number
  /** Probes of silent devices. */
  probes: number
}

export interface Due {
  reads: ScheduledRead[]
  overruns: MissedSlots[]
  /** Slots of devices that are silent. */
  silent: MissedSlots[]
}

export interface Schedule {
  readonly size: number
  readonly counters: Readonly<ScheduleCounters>
  /** A new device, or one whose config changed: read at once (spread when many come), back-off forgotten. */
  add(id: string, everyMs: number, now: number): void
  remove(id: string): void
  /** As `add` for a device whose reader was lost with its state: read, or probed, again soon. */
  again(id: string, now: number): void
  /** No read before then, but by `pollNow` or `add`. */
  hold(id: string, until: number): void
  /** Everything due; what it gives counts as running until `finished`. */
  take(now: number): Due
  /** A full read for the head of the queue; 'running' where one is under way, null for an unknown id. */
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
  /** The next read, and whether that is a slot of the grid. */
  readAt: number
  onGrid: boolean
  /** The next probe of a silent device; null: it is not silent. */
  probeAt: number | null
  running: { grid: boolean; probe: boolean } | null
  /** A full read was asked for while a probe ran. */
  wantsFull: boolean
  failures: number
  /** A second read is still to come soon after the first good one. */
  wantsSecond: boolean
}

/** Slots this close after a read beside the grid are left to that read: a rate over less says little. */
const closeMs = (everyMs: number) => Math.min(everyMs, secondReadMs) / 2

/** @param random for the jitter of the back-off; from 0 to below 1 */
export function createSchedule(random: () => number = Math.random): Schedule {
  const entries = new Map<string, Entry>()
  const heap = createHeap<Entry>()
  const counters: ScheduleCounters = { overruns: 0, backedOff: 0, silent: 0, probes: 0 }
  let lastStart = Number.NEGATIVE_INFINITY

  const gridAfter = (entry: Entry, time: number) => slotAtOrAfter(time, entry.phase, entry.everyMs)

  const due = (entry: Entry, at: number, onGrid: boolean) => {
    entry.readAt = at
    entry.onGrid = onGrid
    wake(entry)
  }

  const wake = (entry: Entry) =>
    heap.update(entry, Math.min(entry.readAt, entry.probeAt ?? Number.POSITIVE_INFINITY))

  const probeAfter = (entry: Entry, now: number) => {
    const part = 1 - probeJitter + 2 * probeJitter * random()
    entry.probeAt = now + Math.min(entry.everyMs, probeMsMax) * part
    wake(entry)
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

  const start = (entry: Entry, at: number, read: { grid: boolean; probe: boolean }, all: Due) => {
    entry.running = read
    all.reads.push({ id: entry.id, at, ...read })
  }

  const takeProbe = (entry: Entry, now: number, all: Due) => {
    probeAfter(entry, now)
    if (entry.running) return
    counters.probes++
    start(entry, now, { grid: false, probe: true }, all)
  }

  const takeExtra = (entry: Entry, now: number, all: Due) => {
    dueAfterExtra(entry, now)
    if (!entry.running) start(entry, now, { grid: false, probe: false }, all)
  }

  /** A slot gives a read; an overrun where the read before still runs; a gap of a silent device. */
  const takeSlot = (entry: Entry, now: number, all: Due) => {
    const { id, everyMs, running } = entry
    const passed = Math.floor((now - entry.readAt) / everyMs)
    const at = entry.readAt + passed * everyMs
    due(entry, at + everyMs, true)
    // A slot that falls into a full read beside the grid is answered by that read.
    if (running && !running.grid && !running.probe) return
    if (entry.probeAt !== null) {
      counters.silent += passed + 1
      all.silent.push({ id, at, slots: passed + 1 })
      return
    }
    const lost = running ? passed + 1 : passed
    if (lost > 0) {
      counters.overruns += lost
      all.overruns.push({ id, at: running ? at : at - everyMs, slots: lost })
    }
    if (!running) start(entry, at, { grid: true, probe: false }, all)
  }

  const takeOne = (entry: Entry, now: number, all: Due) => {
    if (entry.probeAt !== null && entry.probeAt <= now) takeProbe(entry, now, all)
    else if (entry.onGrid) takeSlot(entry, now, all)
    else takeExtra(entry, now, all)
  }

  const afterGood = (entry: Entry, now: number) => {
    entry.failures = 0
    if (!entry.wantsSecond) return
    entry.wantsSecond = false
    const soon = Math.min(entry.everyMs, secondReadMs)
    if (entry.readAt > now + 1.5 * soon) due(entry, now + soon, false)
  }

  const afterFailed = (entry: Entry) => {
    entry.failures++
    if (!entry.onGrid) return
    const skipped = backOffIntervals(entry.failures, entry.everyMs, random()) - 1
    if (skipped === 0) return
    counters.backedOff += skipped
    due(entry, entry.readAt + skipped * entry.everyMs, true)
  }

  /** Its slots go on as gaps; probes begin, or go on as they are. */
  const afterSilent = (entry: Entry, now: number) => {
    entry.failures = 0
    if (entry.probeAt === null) probeAfter(entry, now)
    if (entry.wantsFull) due(entry, now, false)
    entry.wantsFull = false
  }

  const answered = (entry: Entry, now: number) => {
    entry.wantsFull = false
    if (entry.probeAt === null) return
    entry.probeAt = null
    dueAfterExtra(entry, now)
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
        readAt: now,
        onGrid: false,
        probeAt: null,
        running: null,
        wantsFull: false,
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
      if (entry.probeAt === null) startSoon(entry, now)
      else probeAfter(entry, now)
    },
    hold(id, until) {
      const entry = entries.get(id)
      if (!entry) return
      entry.running = null
      entry.probeAt = null
      due(entry, gridAfter(entry, until), true)
    },
    take(now) {
      const all: Due = { reads: [], overruns: [], silent: [] }
      for (let entry = heap.peek(); entry && entry.dueAt <= now; entry = heap.peek()) {
        takeOne(entry, now, all)
      }
      return all
    },
    pollNow(id, now) {
      const entry = entries.get(id)
      if (!entry) return null
      entry.failures = 0
      if (entry.running?.probe) entry.wantsFull = true
      if (entry.running) return 'running'
      entry.running = { grid: false, probe: false }
      dueAfterExtra(entry, now)
      return { id, at: now, grid: false, probe: false }
    },
    finished(id, now, outcome) {
      const entry = entries.get(id)
      if (!entry?.running) return
      entry.running = null
      if (outcome === 'lost') return
      if (outcome === 'silent') return afterSilent(entry, now)
      answered(entry, now)
      if (outcome === 'good') afterGood(entry, now)
      else if (outcome === 'failed') afterFailed(entry)
    },
    nextAt: id => entries.get(id)?.dueAt ?? null,
    wakeAt: () => heap.peek()?.dueAt ?? null,
    clockStepped(now, stepMs) {
      lastStart = Number.NEGATIVE_INFINITY
      for (const entry of entries.values()) {
        if (entry.probeAt !== null) entry.probeAt += stepMs
        const wait = entry.readAt - (now - stepMs)
        if (!entry.onGrid) due(entry, now + Math.max(0, wait), false)
        else due(entry, gridAfter(entry, now + Math.max(0, wait - entry.everyMs)), true)
      }
    },
  }
}
