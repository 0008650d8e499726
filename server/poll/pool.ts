// The poll threads as one: which device is read where, the queue of reads before each thread, and
// what happens when a thread dies, hangs, is too busy or idle. When to read is schedule.ts; what
// comes of a read is poller.ts. It is long because a thread's death touches all of its state.

import type { Target } from '../collectors/collector.ts'
import type { Logger } from '../log.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createSizer, leastLoaded, mostLoaded, movesBetween, uneven } from './placement.ts'
import type { CollectedMessage, FromThread, LoadedMessage } from './protocol.ts'
import type { ScheduledRead } from './schedule.ts'
import { type PollThread, startThread } from './thread.ts'

export interface PoolLimits {
  threadsMin: number
  threadsMax: number
  /** Reads under way in one thread; more wait in its queue. */
  readsMax: number
  heapMbMax: number
  /** A thread that did not beat for so long hangs; one that just starts has longer. */
  hangMs: number
  startMs: number
  hotMs: number
  coldMs: number
  skewMs: number
  tickMs: number
}

export const POOL_LIMITS: Omit<PoolLimits, 'threadsMin' | 'threadsMax'> = {
  readsMax: 256,
  heapMbMax: 512,
  hangMs: 5000,
  startMs: 30_000,
  hotMs: 5000,
  coldMs: 60_000,
  skewMs: 15_000,
  tickMs: 1000,
}

/** Devices with which one thread is started. */
const devicesPerThread = 1000
/** Suspects up to this number are read one at a time, more of them a few at a time. */
const suspectsAloneMax = 8
/** A thread whose heap is fuller than this part of its bound is replaced before V8 gives up. */
const heapPartMax = 0.9
/** Moves of a tick: at least so many, else one device in a hundred. */
const movesPerTickMin = 4
/** So many deaths a minute are followed by a new thread at once, beyond that ever more slowly. */
const deathsAtOnceMax = 5
const deathsWindowMs = 60_000
const restartDelayMsMax = 30_000
/** What a read is taken to cost before it was measured, busy ms; and the weight of a new measure. */
const unmeasuredMs = 3
const costSmoothing = 0.3
/** A read costs about this much beside its bytes, in bytes. */
const readOverheadBytes = 1000

/** A device as the pool sees it. The pool owns all but `target` and `everyMs`. */
export interface PooledDevice {
  readonly id: string
  target: Target
  everyMs: number
  epoch: number
  thread: number | null
  job: { read: ScheduledRead; deadlineMs: number; started: boolean } | null
  /** Threads that died in a row while it was being read. */
  deaths: number
  /** Measured busy ms of one read. */
  costMs: number | null
  /** What it adds to its thread's load, busy ms per ms. */
  load: number
}

export interface PoolEvents {
  /** A read was handed to a thread. */
  started(device: PooledDevice, read: ScheduledRead): void
  loaded(device: PooledDevice, message: LoadedMessage): void
  collected(device: PooledDevice, message: CollectedMessage): void
  /** Its thread died: its read, where one ran, will give nothing. `guilty`: it alone was being read, again. */
  lost(device: PooledDevice, guilty: boolean): void
}

export interface ThreadStats {
  id: number
  devices: number
  /** Utilisation, 0 to 1. */
  busy: number
  reading: number
  queue: number
  heapMb: number
  /** Whether it reads suspects one by one, or is being emptied. */
  state: 'working' | 'probation' | 'draining'
  abandoned: number
}

export interface PoolCounters {
  died: number
  hung: number
  grown: number
  shrunk: number
  moved: number
  quarantined: number
}

export interface Pool {
  readonly counters: Readonly<PoolCounters>
  /** Starts as many threads as so many devices want. */
  start(devices: number): void
  /** Loads a device (again) in a thread. */
  assign(device: PooledDevice): void
  drop(device: PooledDevice): void
  /** False where no thread can be had just now. `head`: before all that wait. */
  read(device: PooledDevice, read: ScheduledRead, deadlineMs: number, head: boolean): boolean
  /** Moves a read that still waits to the head of its queue. */
  toHead(device: PooledDevice): void
  setCatalogue(catalogue: Catalogue): void
  stats(): ThreadStats[]
  close(drainMs: number, hardMs: number): Promise<void>
}

interface Slot {
  thread: PollThread
  role: ThreadStats['state']
  devices: Map<string, PooledDevice>
  queue: PooledDevice[]
  reading: Set<PooledDevice>
  /** Reads that ended since the last heartbeat, with their weights: they share its busy time. */
  finished: Map<PooledDevice, number>
  load: number
}

export interface PoolOptions {
  workerUrl: URL
  catalogue: Catalogue
  networks: readonly string[]
  limits: PoolLimits
  log: Logger
  events: PoolEvents
}

export function createPool(options: PoolOptions): Pool {
  const { limits, log, events } = options
  const counters: PoolCounters = { died: 0, hung: 0, grown: 0, shrunk: 0, moved: 0, quarantined: 0 }
  const slots = new Map<number, Slot>()
  const size = createSizer({
    min: limits.threadsMin,
    max: limits.threadsMax,
    hotMs: limits.hotMs,
    coldMs: limits.coldMs,
    skewMs: limits.skewMs,
  })
  let sources = options.catalogue.sources
  let lastThread = 0
  let lastEpoch = 0
  let deathTimes: number[] = []
  let noStartBefore = 0
  let balancing = false
  let movesLeft = 0
  let lastTickAt = performance.now()
  let ticker: NodeJS.Timeout | null = null
  let closing = false

  const loadOf = (device: PooledDevice) => (device.costMs ?? unmeasuredMs) / device.everyMs
  const working = () => [...slots.values()].filter(slot => slot.role === 'working')

  const startSlot = (role: Slot['role']): Slot | null => {
    if (closing || performance.now() < noStartBefore) return null
    const id = ++lastThread
    const thread = startThread({
      init: { thread: id, sources, networks: options.networks },
      workerUrl: options.workerUrl,
      heapMbMax: limits.heapMbMax,
      onMessage: message => received(id, message),
      onDead: why => buried(id, why),
    })
    const slot: Slot = {
      thread,
      role,
      devices: new Map(),
      queue: [],
      reading: new Set(),
      finished: new Map(),
      load: 0,
    }
    slots.set(id, slot)
    log.info({ thread: id, role }, 'poll thread started')
    return slot
  }

  /** Suspects go to the probation thread, all others to the least loaded one. */
  const slotFor = (device: PooledDevice): Slot | null => {
    if (device.deaths > 0) {
      const probation = [...slots.values()].find(slot => slot.role === 'probation')
      return probation ?? startSlot('probation')
    }
    const slot = leastLoaded(working())
    return slot ?? startSlot('working')
  }

  const leave = (device: PooledDevice) => {
    const slot = device.thread === null ? undefined : slots.get(device.thread)
    device.thread = null
    if (!slot) return
    slot.devices.delete(device.id)
    slot.reading.delete(device)
    slot.finished.delete(device)
    slot.queue = slot.queue.filter(other => other !== device)
    slot.load -= device.load
    slot.thread.post({ do: 'drop', devices: [{ id: device.id, epoch: device.epoch }] })
    device.job = null
  }

  const place = (device: PooledDevice, slot: Slot) => {
    device.epoch = ++lastEpoch
    device.thread = slot.thread.id
    device.job = null
    slot.devices.set(device.id, device)
    device.load = loadOf(device)
    slot.load += device.load
    const devices = [{ epoch: device.epoch, target: device.target }]
    slot.thread.post({ do: 'assign', devices })
  }

  const widthOf = (slot: Slot) => {
    if (slot.role !== 'probation') return limits.readsMax
    const suspects = [...slot.devices.values()].filter(device => device.deaths > 0)
    const alone = suspects.length <= suspectsAloneMax || suspects.some(device => device.deaths > 1)
    return alone ? 1 : suspectsAloneMax
  }

  const pump = (slot: Slot) => {
    if (slot.queue.length === 0 || closing) return
    const width = widthOf(slot)
    while (slot.reading.size < width) {
      const device = slot.queue.shift()
      if (!device?.job) break
      const { read, deadlineMs } = device.job
      device.job.started = true
      slot.reading.add(device)
      const { id, epoch } = device
      slot.thread.post({ do: 'poll', id, epoch, at: read.at, deadlineMs })
      events.started(device, read)
    }
  }

  /** Where a device of a dead thread goes on. */
  const homeAfterDeath = (device: PooledDevice, replacement: Slot | null) =>
    device.deaths === 0 && replacement ? replacement : slotFor(device)

  /** The devices of a thread that is no more: suspects are told from bystanders, all find a new place. */
  const rehome = (slot: Slot) => {
    // Of several that were being read nobody knows which it was: they are tried one by one.
    const [alone] = slot.reading.size === 1 ? slot.reading : []
    for (const device of slot.reading) device.deaths++
    for (const device of slot.devices.values()) {
      device.thread = null
      device.job = null
    }
    const replacement = slot.role === 'working' ? startSlot('working') : null
    for (const device of slot.devices.values()) {
      const guilty = device === alone && device.deaths > 1
      const home = guilty ? null : homeAfterDeath(device, replacement)
      if (home) place(device, home)
      if (guilty) counters.quarantined++
      events.lost(device, guilty)
    }
  }

  const buried = (id: number, why: string) => {
    const slot = slots.get(id)
    if (!slot) return
    slots.delete(id)
    counters.died++
    const now = performance.now()
    deathTimes = [...deathTimes.filter(time => now - time < deathsWindowMs), now].slice(-20)
    const tooMany = deathTimes.length - deathsAtOnceMax
    const delay = tooMany <= 0 ? 0 : Math.min(restartDelayMsMax, 250 * 2 ** tooMany)
    noStartBefore = now + delay
    const reading = [...slot.reading].slice(0, 20).map(device => device.id)
    log.error({ thread: id, why, reading, devices: slot.devices.size }, 'poll thread died')
    rehome(slot)
  }

  /** A clean read clears a suspect; the probation thread without suspects becomes an ordinary one. */
  const cleared = (device: PooledDevice, slot: Slot) => {
    device.deaths = 0
    if (slot.role !== 'probation') return
    for (const other of slot.devices.values()) if (other.deaths > 0) return
    slot.role = working().length < limits.threadsMax ? 'working' : 'draining'
  }

  const received = (id: number, message: FromThread) => {
    const slot = slots.get(id)
    if (!slot) return
    if (message.is === 'heartbeat') return shareCost(slot, message.activeMs)
    if (message.is === 'log') {
      const { device, error, dropped } = message
      return log[message.level]({ thread: id, device, error, dropped }, message.message)
    }
    if (message.is === 'closed') return
    const device = slot.devices.get(message.id)
    if (!device || device.epoch !== message.epoch) return
    if (message.is === 'loaded') return events.loaded(device, message)
    slot.reading.delete(device)
    device.job = null
    const bytes = message.bodies.reduce((sum, { body }) => sum + body.length, 0)
    slot.finished.set(device, bytes + readOverheadBytes)
    if (device.deaths > 0 || slot.role === 'probation') cleared(device, slot)
    events.collected(device, message)
    // In a thread that is too busy hardly a device is idle but right after its read.
    if (balancing && movesLeft > 0 && device.thread === id && device.job === null) {
      balance(from => (from === slot ? [device] : []))
    }
    pump(slot)
  }

  /**
   * A thread's busy time is shared among the reads that ended in it by their bytes: reads interleave
   * in one event loop, so that a single one's CPU time cannot be measured.
   */
  const shareCost = (slot: Slot, activeMs: number) => {
    let total = 0
    for (const weight of slot.finished.values()) total += weight
    for (const [device, weight] of slot.finished) {
      const before = device.load
      const measured = (activeMs * weight) / total
      device.costMs =
        device.costMs === null
          ? measured
          : device.costMs + costSmoothing * (measured - device.costMs)
      device.load = loadOf(device)
      slot.load += device.load - before
    }
    slot.finished.clear()
  }

  const watch = (now: number) => {
    // Where this loop itself stood still, beats wait unread in the queue: look again next time.
    if (now - lastTickAt > 2 * limits.tickMs + 500) return
    for (const slot of [...slots.values()]) {
      if (slot.thread.heapMb > heapPartMax * limits.heapMbMax) {
        slot.thread.kill()
        buried(slot.thread.id, `its heap grew to ${Math.round(slot.thread.heapMb)} MB`)
        continue
      }
      const silentMs = now - slot.thread.beatAt
      if (silentMs < (slot.thread.ready ? limits.hangMs : limits.startMs)) continue
      counters.hung++
      slot.thread.kill()
      buried(slot.thread.id, `it did not answer for ${Math.round(silentMs)} ms`)
    }
  }

  const move = (device: PooledDevice, to: Slot) => {
    leave(device)
    place(device, to)
    counters.moved++
  }

  const idleOf = (slot: Slot) => [...slot.devices.values()].filter(device => device.job === null)

  const drain = (slot: Slot) => {
    const most = Math.max(movesPerTickMin, Math.ceil(slot.devices.size / 100))
    for (const device of idleOf(slot).slice(0, most)) {
      const to = leastLoaded(working())
      if (to) move(device, to)
    }
    if (slot.devices.size > 0) return
    slots.delete(slot.thread.id)
    counters.shrunk++
    void slot.thread.close(500, 2000)
  }

  /** Moves some of these devices, none of which is being read, from the most to the least loaded. */
  const balance = (idle: (slot: Slot) => PooledDevice[]) => {
    const from = mostLoaded(working())
    const to = leastLoaded(working())
    balancing = from !== undefined && to !== undefined && uneven(from, to)
    if (!from || !to || !balancing) return
    for (const device of movesBetween({ load: from.load, idle: idle(from) }, to, movesLeft)) {
      move(device, to)
      movesLeft--
    }
  }

  const resize = (now: number) => {
    const threads = working()
    if (threads.some(slot => !slot.thread.ready)) return
    const verdict = size(
      threads.map(slot => ({ utilisation: slot.thread.utilisation, load: slot.load })),
      now,
    )
    if (verdict === 'grow' && startSlot('working')) counters.grown++
    if (verdict === 'grow' || verdict === 'rebalance') balancing = true
    if (verdict === 'shrink') {
      const least = leastLoaded(threads)
      if (least) least.role = 'draining'
    }
  }

  const tick = () => {
    const now = performance.now()
    watch(now)
    lastTickAt = now
    while (working().length < limits.threadsMin && startSlot('working')) {}
    resize(now)
    for (const slot of [...slots.values()]) if (slot.role === 'draining') drain(slot)
    const largest = Math.max(0, ...working().map(slot => slot.devices.size))
    movesLeft = Math.max(movesPerTickMin, Math.ceil(largest / 100))
    if (balancing) balance(idleOf)
  }

  return {
    counters,
    start(devices) {
      const wanted = Math.ceil(devices / devicesPerThread)
      const count = Math.min(limits.threadsMax, Math.max(limits.threadsMin, wanted))
      for (let i = 0; i < count; i++) startSlot('working')
      lastTickAt = performance.now()
      ticker = setInterval(tick, limits.tickMs)
    },
    assign(device) {
      const kept = device.thread === null ? undefined : slots.get(device.thread)
      leave(device)
      const slot = kept && kept.role !== 'draining' ? kept : slotFor(device)
      if (slot) place(device, slot)
    },
    drop: leave,
    read(device, read, deadlineMs, head) {
      if (device.thread === null) {
        const slot = slotFor(device)
        if (!slot) return false
        place(device, slot)
      }
      const slot = device.thread === null ? undefined : slots.get(device.thread)
      if (!slot) return false
      device.job = { read, deadlineMs, started: false }
      if (head || device.deaths > 1) slot.queue.unshift(device)
      else slot.queue.push(device)
      pump(slot)
      return true
    },
    toHead(device) {
      const slot = device.thread === null ? undefined : slots.get(device.thread)
      if (!slot || !device.job || device.job.started) return
      slot.queue = [device, ...slot.queue.filter(other => other !== device)]
    },
    setCatalogue(catalogue) {
      sources = catalogue.sources
      for (const slot of slots.values()) slot.thread.post({ do: 'catalogue', sources })
    },
    stats: () =>
      [...slots.values()].map(({ thread, role, devices, queue, reading }) => ({
        id: thread.id,
        devices: devices.size,
        busy: thread.utilisation,
        reading: reading.size,
        queue: queue.length,
        heapMb: thread.heapMb,
        state: role,
        abandoned: thread.abandoned,
      })),
    async close(drainMs, hardMs) {
      closing = true
      if (ticker) clearInterval(ticker)
      await Promise.all([...slots.values()].map(({ thread }) => thread.close(drainMs, hardMs)))
      slots.clear()
    },
  }
}
