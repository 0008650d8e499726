// The poll threads as one: which device is read where, and what happens when a thread dies, hangs,
// is full, too busy or idle. When to read is schedule.ts; what comes of a read is poller.ts. At 300 lines:
// its handlers share one set of slots and would only pass it around.

import type { SnmpTransport } from '../config.ts'
import type { Logger } from '../log.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { addDrops, type Drops, noDrops } from '../snmp/drops.ts'
import { createBalancer } from './balance.ts'
import type { PooledDevice } from './device.ts'
import type { PoolLimits } from './limits.ts'
import { leastLoaded } from './placement.ts'
import type { CollectedMessage, FromThread, LoadedMessage, ToldMessage } from './protocol.ts'
import { createRestarts } from './restarts.ts'
import type { ScheduledRead } from './schedule.ts'
import {
  createSlot,
  enqueue,
  enter,
  hasSuspects,
  learnReadMs,
  leave,
  readEnded,
  type Slot,
  type SlotRole,
  shareBusyTime,
  startReads,
  statsOf,
  type ThreadStats,
  toHead,
} from './slot.ts'
import { createStuckThreads } from './stuck.ts'
import { startThread } from './thread.ts'
import { createUpkeep } from './upkeep.ts'

/** Devices with which one thread is started. */
const devicesPerThread = 1000
/** What an emptied thread has to end, ms. */
const retireDrainMs = 500
const retireMsMax = 2000
/** What threads that are ended the hard way at the close have before they count as stuck, ms. */
const endMsMax = 400

export interface PoolEvents {
  /** A read was handed to a thread. */
  started(device: PooledDevice, read: ScheduledRead): void
  loaded(device: PooledDevice, message: LoadedMessage): void
  collected(device: PooledDevice, message: CollectedMessage): void
  told(device: PooledDevice, message: ToldMessage): void
  /** Its thread died: its read, where one ran, will give nothing. `guilty`: it alone was being read, again. */
  lost(device: PooledDevice, guilty: boolean): void
}

export interface PoolCounters {
  died: number
  /** Of those: did not answer; held too much memory. */
  hung: number
  full: number
  /** Threads that were told to end and have not: now, not since the start. */
  stuck: number
  grown: number
  shrunk: number
  moved: number
  quarantined: number
}

export interface Pool {
  readonly counters: Readonly<PoolCounters>
  /** SNMP datagrams that all threads dropped, those that are no more too. */
  readonly snmpDrops: Readonly<Drops>
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
  /** Reads may end within `drainMs`; after `hardMs` threads are ended the hard way. */
  close(drainMs: number, hardMs: number): Promise<void>
}

export interface PoolOptions {
  workerUrl: URL
  catalogue: Catalogue
  networks: readonly string[]
  snmpTransport: SnmpTransport
  limits: PoolLimits
  log: Logger
  events: PoolEvents
}

export function createPool(options: PoolOptions): Pool {
  const { limits, log, events } = options
  const counts = { died: 0, hung: 0, full: 0, grown: 0, shrunk: 0, moved: 0, quarantined: 0 }
  const snmpDrops = noDrops()
  const slots = new Map<number, Slot>()
  const restarts = createRestarts()
  const stuck = createStuckThreads({ stuckMs: limits.stuckMs, log })
  const balancer = createBalancer({ working, move })
  let sources = options.catalogue.sources
  let lastThread = 0
  let lastEpoch = 0
  let closing = false

  function working(): Slot[] {
    return [...slots.values()].filter(slot => slot.role === 'working')
  }

  const slotOf = (device: PooledDevice): Slot | undefined =>
    device.thread === null ? undefined : slots.get(device.thread)

  // ── threads ───────────────────────────────────────────────────────────────────────────────────

  const startSlot = (role: SlotRole): Slot | null => {
    if (closing || !restarts.mayStart(performance.now())) return null
    if (role === 'probation' && stuck.tooMany) return null
    const id = ++lastThread
    const thread = startThread({
      init: {
        thread: id,
        sources,
        networks: options.networks,
        snmpTransport: options.snmpTransport,
      },
      workerUrl: options.workerUrl,
      heapMbMax: limits.heapMbMax,
      onMessage: message => received(id, message),
      onDead: why => buried(id, why),
      onFull: heapMb => {
        counts.full++
        replace(id, `it held ${Math.round(heapMb)} MB`)
      },
    })
    const slot = createSlot(thread, role)
    slots.set(id, slot)
    log.info({ thread: id, role }, 'poll thread started')
    return slot
  }

  const replace = (id: number, why: string) => {
    const slot = slots.get(id)
    if (!slot) return
    stuck.end(slot.thread)
    buried(id, why)
  }

  const buried = (id: number, why: string) => {
    const slot = slots.get(id)
    if (!slot) return
    slots.delete(id)
    counts.died++
    restarts.died(performance.now())
    const reading = [...slot.reading].slice(0, 20).map(device => device.id)
    log.error({ thread: id, why, reading, devices: slot.devices.size }, 'poll thread died')
    rehome(slot)
  }

  const endSoon = async ({ thread }: Slot, drainMs: number, hardMs: number) => {
    await thread.close(drainMs, hardMs)
    stuck.end(thread)
  }

  const upkeep = createUpkeep({
    limits,
    slots,
    working,
    balancer,
    startSlot,
    hangs({ thread }, silentMs) {
      counts.hung++
      replace(thread.id, `it did not answer for ${Math.round(silentMs)} ms`)
    },
    grown: () => void counts.grown++,
    emptied(slot) {
      slots.delete(slot.thread.id)
      counts.shrunk++
      void endSoon(slot, retireDrainMs, retireMsMax)
    },
  })

  // ── devices ───────────────────────────────────────────────────────────────────────────────────

  /** Suspects go to the probation thread, all others to the least loaded one. */
  const slotFor = (device: PooledDevice): Slot | null => {
    if (device.deaths > 0) {
      const probation = [...slots.values()].find(slot => slot.role === 'probation')
      return probation ?? startSlot('probation')
    }
    return leastLoaded(working()) ?? startSlot('working')
  }

  const place = (device: PooledDevice, slot: Slot) => enter(slot, device, ++lastEpoch)

  const drop = (device: PooledDevice) => {
    const slot = slotOf(device)
    if (slot) leave(slot, device)
    device.thread = null
  }

  function move(device: PooledDevice, to: Slot): void {
    drop(device)
    place(device, to)
    counts.moved++
  }

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
      if (guilty) counts.quarantined++
      else settle(device, replacement)
      events.lost(device, guilty)
    }
  }

  /** A device of a dead thread: where nothing can be had now, its next read looks again. */
  const settle = (device: PooledDevice, replacement: Slot | null) => {
    const home = device.deaths === 0 && replacement ? replacement : slotFor(device)
    if (home) place(device, home)
  }

  /** A clean read clears a suspect; the probation thread without suspects becomes an ordinary one. */
  const cleared = (device: PooledDevice, slot: Slot) => {
    device.deaths = 0
    if (slot.role !== 'probation' || hasSuspects(slot)) return
    slot.role = working().length < limits.threadsMax ? 'working' : 'draining'
  }

  // ── reads ─────────────────────────────────────────────────────────────────────────────────────

  const pump = (slot: Slot) => {
    if (!closing) startReads(slot, limits, events.started)
  }

  const collected = (slot: Slot, device: PooledDevice, message: CollectedMessage) => {
    readEnded(
      slot,
      device,
      message.bodies.reduce((sum, { body }) => sum + body.length, 0),
    )
    if (message.outcome === 'good') learnReadMs(device, message.tookMs)
    if (device.deaths > 0 || slot.role === 'probation') cleared(device, slot)
    events.collected(device, message)
    if (slotOf(device) === slot) balancer.afterRead(slot, device)
    pump(slot)
  }

  const received = (id: number, message: FromThread) => {
    const slot = slots.get(id)
    if (!slot || message.is === 'closed') return
    if (message.is === 'heartbeat') {
      addDrops(snmpDrops, message.snmpDrops)
      return shareBusyTime(slot, message.activeMs)
    }
    if (message.is === 'log') {
      const { device, error, dropped } = message
      return log[message.level]({ thread: id, device, error, dropped }, message.message)
    }
    const device = slot.devices.get(message.id)
    if (!device || device.epoch !== message.epoch) return
    if (message.is === 'loaded') events.loaded(device, message)
    else if (message.is === 'told') events.told(device, message)
    else collected(slot, device, message)
  }

  return {
    get counters() {
      return { ...counts, stuck: stuck.count }
    },
    snmpDrops,
    start(devices) {
      const wanted = Math.ceil(devices / devicesPerThread)
      const count = Math.min(limits.threadsMax, Math.max(limits.threadsMin, wanted))
      for (let i = 0; i < count; i++) startSlot('working')
      upkeep.start()
    },
    assign(device) {
      const kept = slotOf(device)
      drop(device)
      const slot = kept && kept.role !== 'draining' ? kept : slotFor(device)
      if (slot) place(device, slot)
    },
    drop,
    read(device, read, deadlineMs, head) {
      const slot = slotOf(device) ?? slotFor(device)
      if (!slot) return false
      if (slotOf(device) !== slot) place(device, slot)
      enqueue(slot, device, {
        read,
        deadlineMs,
        started: false,
        head: head || device.deaths > 1,
      })
      pump(slot)
      return true
    },
    toHead(device) {
      const slot = slotOf(device)
      if (slot) toHead(slot, device)
    },
    setCatalogue(catalogue) {
      sources = catalogue.sources
      for (const slot of slots.values()) slot.thread.post({ do: 'catalogue', sources })
    },
    stats: () => [...slots.values()].map(statsOf),
    async close(drainMs, hardMs) {
      closing = true
      upkeep.stop()
      await Promise.all([...slots.values()].map(slot => endSoon(slot, drainMs, hardMs)))
      slots.clear()
      await stuck.close(endMsMax)
    },
  }
}
