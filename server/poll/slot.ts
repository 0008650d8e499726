// One poll thread with its devices, the queue of reads before it and its measured load. Which
// devices it gets, and what becomes of them when it dies, is the pool's business.

import type { Job, PooledDevice } from './device.ts'
import type { ScheduledRead } from './schedule.ts'
import type { PollThread } from './thread.ts'

/** Suspects up to this number are read one at a time, more of them a few at a time. */
const suspectsAloneMax = 8
/** What a read is taken to cost before it was measured, busy ms; and the weight of a new measure. */
const unmeasuredMs = 3
const costSmoothing = 0.3
/** A read costs about this much beside its bytes, in bytes. */
const readOverheadBytes = 1000
/** Weight of the newest read in the smoothed time that reads take. */
const readSmoothing = 0.3

/** `probation`: it reads suspects, one by one; `draining`: it is being emptied. */
export type SlotRole = 'working' | 'probation' | 'draining'

export interface Slot {
  readonly thread: PollThread
  role: SlotRole
  readonly devices: Map<string, PooledDevice>
  queue: PooledDevice[]
  /** Probes that wait: they never stand before a read. */
  probes: PooledDevice[]
  readonly reading: Set<PooledDevice>
  /** Of those: probes of silent devices. They have bounds of their own, as they only wait. */
  probing: number
  /** Reads that ended since the last heartbeat, with their weights: they share its busy time. */
  readonly finished: Map<PooledDevice, number>
  load: number
}

export interface ThreadStats {
  id: number
  devices: number
  /** Utilisation, 0 to 1. */
  busy: number
  reading: number
  queue: number
  /** Heap and buffers. */
  heapMb: number
  state: SlotRole
  abandoned: number
}

export function statsOf({ thread, role, devices, queue, probes, reading }: Slot): ThreadStats {
  return {
    id: thread.id,
    devices: devices.size,
    busy: thread.utilisation,
    reading: reading.size,
    queue: queue.length + probes.length,
    heapMb: thread.heapMb,
    state: role,
    abandoned: thread.abandoned,
  }
}

export function createSlot(thread: PollThread, role: SlotRole): Slot {
  return {
    thread,
    role,
    devices: new Map(),
    queue: [],
    probes: [],
    reading: new Set(),
    probing: 0,
    finished: new Map(),
    load: 0,
  }
}

const loadOf = (device: PooledDevice) => (device.costMs ?? unmeasuredMs) / device.everyMs

/** `epoch` names this assignment, among all that ever were. */
export function enter(slot: Slot, device: PooledDevice, epoch: number): void {
  device.epoch = epoch
  device.thread = slot.thread.id
  device.job = null
  slot.devices.set(device.id, device)
  device.load = loadOf(device)
  slot.load += device.load
  slot.thread.post({ do: 'assign', devices: [{ epoch, target: device.target }] })
}

export function leave(slot: Slot, device: PooledDevice): void {
  endReading(slot, device)
  device.thread = null
  device.job = null
  slot.devices.delete(device.id)
  slot.finished.delete(device)
  slot.queue = slot.queue.filter(other => other !== device)
  slot.probes = slot.probes.filter(other => other !== device)
  slot.load -= device.load
  slot.thread.post({ do: 'drop', devices: [{ id: device.id, epoch: device.epoch }] })
}

/** Devices that are neither being read nor wait for it. */
export function idleDevices(slot: Slot): PooledDevice[] {
  return [...slot.devices.values()].filter(device => device.job === null)
}

export function hasSuspects(slot: Slot): boolean {
  for (const device of slot.devices.values()) if (device.deaths > 0) return true
  return false
}

export function toHead(slot: Slot, device: PooledDevice): void {
  if (!device.job || device.job.started || device.job.read.probe) return
  device.job.head = true
  slot.queue = [device, ...slot.queue.filter(other => other !== device)]
}

/**
 * Puts a read in the queue. Slow devices start early among what is due, by as much as they are slow:
 * a slow one that starts last is what overruns its interval. So much, and no more: who waits longer
 * than the others are slow is next, and nobody starves.
 */
export function enqueue(
  { queue, probes }: Pick<Slot, 'queue' | 'probes'>,
  device: PooledDevice,
  job: Job,
): void {
  device.job = job
  if (job.read.probe) {
    probes.push(device)
    return
  }
  if (job.head) {
    queue.unshift(device)
    return
  }
  let place = queue.length
  while (place > 0 && startsBefore(device, queue[place - 1])) place--
  queue.splice(place, 0, device)
}

/** What a device is ordered by: its slot, less the time that its reads take. */
export const urgency = (at: number, device: PooledDevice | undefined) => at - (device?.readMs ?? 0)

function startsBefore(device: PooledDevice, other: PooledDevice | undefined): boolean {
  if (!other?.job || other.job.head || !device.job) return false
  return urgency(device.job.read.at, device) < urgency(other.job.read.at, other)
}

/** Hands reads to the thread, as many as may be under way at once. */
export function startReads(
  slot: Slot,
  { readsMax, probesMax }: { readsMax: number; probesMax: number },
  started: (device: PooledDevice, read: ScheduledRead) => void,
): void {
  if (slot.queue.length === 0 && slot.probes.length === 0) return
  const alone = slot.role === 'probation' ? probationWidth(slot) : Number.POSITIVE_INFINITY
  const mayStart = (busy: number, max: number) => busy < max && slot.reading.size < alone
  while (mayStart(slot.reading.size - slot.probing, readsMax)) {
    const device = slot.queue.shift()
    if (!device?.job) break
    startRead(slot, device, device.job, started)
  }
  while (mayStart(slot.probing, probesMax)) {
    const device = slot.probes.shift()
    if (!device?.job) break
    slot.probing++
    startRead(slot, device, device.job, started)
  }
}

function startRead(
  slot: Slot,
  device: PooledDevice,
  job: Job,
  started: (device: PooledDevice, read: ScheduledRead) => void,
): void {
  const { id, epoch } = device
  const { read, deadlineMs } = job
  job.started = true
  slot.reading.add(device)
  slot.thread.post({ do: 'poll', id, epoch, at: read.at, deadlineMs, probe: read.probe })
  started(device, read)
}

function endReading(slot: Slot, device: PooledDevice): void {
  if (slot.reading.delete(device) && device.job?.read.probe) slot.probing--
}

/** How long a read that went well took. */
export function learnReadMs(device: PooledDevice, tookMs: number): void {
  const { readMs } = device
  device.readMs = readMs === null ? tookMs : readMs + readSmoothing * (tookMs - readMs)
}

function probationWidth(slot: Slot): number {
  const suspects = [...slot.devices.values()].filter(device => device.deaths > 0)
  const alone = suspects.length <= suspectsAloneMax || suspects.some(device => device.deaths > 1)
  return alone ? 1 : suspectsAloneMax
}

export function readEnded(slot: Slot, device: PooledDevice, bytes: number): void {
  endReading(slot, device)
  device.job = null
  slot.finished.set(device, bytes + readOverheadBytes)
}

/**
 * A thread's busy time is shared among the reads that ended in it by their bytes: reads interleave
 * in one event loop, so that a single one's CPU time cannot be measured.
 */
export function shareBusyTime(slot: Slot, activeMs: number): void {
  let total = 0
  for (const weight of slot.finished.values()) total += weight
  for (const [device, weight] of slot.finished) {
    const before = device.load
    const measured = (activeMs * weight) / total
    device.costMs =
      device.costMs === null ? measured : device.costMs + costSmoothing * (measured - device.costMs)
    device.load = loadOf(device)
    slot.load += device.load - before
  }
  slot.finished.clear()
}
