// Polls the devices of this node: reads the targets, keeps the schedule, hands reads to the threads
// and gives on what comes: collections, gaps and receipts. It neither publishes nor stores.

import { availableParallelism } from 'node:os'
import { type FailedBody, type Target, UNKNOWN_GROUP } from '../collectors/collector.ts'
import type { Logger } from '../log.ts'
import type { Receipt } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { createLateness, type Lateness } from './lateness.ts'
import {
  createPool,
  POOL_LIMITS,
  type PoolCounters,
  type PooledDevice,
  type PoolLimits,
  type ThreadStats,
} from './pool.ts'
import type { CollectedMessage, LoadedMessage } from './protocol.ts'
import { createSchedule, type ScheduleCounters, type ScheduledRead } from './schedule.ts'
import { changeBetween, deadlineMsOf, everyMsOf, type Fingerprint, fingerprint } from './targets.ts'

/** The targets are read again this often, for a change whose message was lost. */
const refreshMs = 60_000
const retryMs = 5000
const targetsMsMax = 30_000
/** The timer fires at least this often, so that a step of the clock is noticed. */
const sleepMsMax = 1000
/** A difference between wall clock and monotonic clock that counts as a step. */
const clockStepMs = 1000
/** How long a device is left alone whose reads end threads. */
const quarantineMs = 10 * 60_000
/** Groups of one device that gaps are reported for. */
const groupsMax = 512
const drainMs = 1000
const closeMsMax = 2500

export interface PollerOptions {
  node: string
  /** Enabled devices of the kinds that collectors poll, with opened secrets. May reject. */
  targets: () => Promise<Target[]>
  catalogue: Catalogue
  /** Networks that may be polled beside the private ones. */
  networks: readonly string[]
  onCollection(
    topicParts: { device: string; group: string; channel: 'samples' | 'rows' },
    body: Uint8Array,
  ): void
  onReceipt(device: string, receipt: Receipt): void
  log: Logger
  threadsMin?: number
  /** Default: the number of cores. */
  threadsMax?: number
  /** Another module for the threads; for tests. */
  workerUrl?: URL
  /** Other limits of the pool; for tests. */
  limits?: Partial<PoolLimits>
}

export interface PollerStats {
  devices: number
  threads: ThreadStats[]
  /** From a slot of the grid to the moment its read was handed to a thread, over the last reads. */
  lateness: Lateness
  reads: { good: number; failed: number; nothing: number; lost: number }
  schedule: ScheduleCounters
  pool: PoolCounters
}

export interface Poller {
  /** Never rejects for targets that cannot be read yet: that is logged and tried again. */
  start(): Promise<void>
  /** Reads the targets again; what changed is in force when it resolves. @throws what `targets` throws */
  reload(): Promise<void>
  setCatalogue(catalogue: Catalogue): void
  /** Puts the device at the head of its thread's queue; false for a device that is not polled here. */
  pollNow(device: string): boolean
  stats(): PollerStats
  /** Within 3 s: reads under way may end in 1 s, what they give is still given on. */
  close(): Promise<void>
}

interface Polled extends PooledDevice {
  print: Fingerprint
  /** Groups of the last two reads that told any; what both have is read at every slot. */
  groups: [string[], string[]]
  /** The receipt `loaded` is due. */
  announce: boolean
  /** The receipt `first-good` was given since the last change. */
  good: boolean
  /** The error of the last receipt `failed` since then: the same one is not repeated. */
  told: string | null
}

export function createPoller(options: PollerOptions): Poller {
  const { node, log } = options
  const polled = new Map<string, Polled>()
  const schedule = createSchedule()
  const lateness = createLateness()
  const reads = { good: 0, failed: 0, nothing: 0, lost: 0 }
  const pool = createPool({
    workerUrl: options.workerUrl ?? new URL('./worker.ts', import.meta.url),
    catalogue: options.catalogue,
    networks: options.networks,
    limits: {
      threadsMin: options.threadsMin ?? 1,
      threadsMax: Math.max(options.threadsMin ?? 1, options.threadsMax ?? availableParallelism()),
      ...POOL_LIMITS,
      ...options.limits,
    },
    log,
    events: { started, loaded, collected, lost },
  })
  let state: 'new' | 'running' | 'closed' = 'new'
  let timer: NodeJS.Timeout | undefined
  let refresher: NodeJS.Timeout | undefined
  let clockOffset = Date.now() - performance.now()
  let reloading: Promise<void> | null = null
  let reloadAfter: Promise<void> | null = null
  let closing: Promise<void> | null = null

  // ── what is given on ──────────────────────────────────────────────────────────────────────────

  const receipt = (device: Polled, rest: Pick<Receipt, 'stage'> & Partial<Receipt>) => {
    const { version } = device.target
    const thread = device.thread === null ? {} : { thread: device.thread }
    try {
      options.onReceipt(device.id, { at: Date.now(), version, node, ...thread, ...rest })
    } catch (error) {
      log.error({ device: device.id, error: messageOf(error) }, 'a receipt could not be given on')
    }
  }

  const failedReceipt = (device: Polled, error: string) => {
    if (device.told === error) return
    device.told = error
    receipt(device, { stage: 'failed', error: error.slice(0, 1024) })
  }

  const give = (device: Polled, group: string, channel: 'samples' | 'rows', body: Uint8Array) => {
    try {
      options.onCollection({ device: device.id, group, channel }, body)
    } catch (error) {
      const told = { device: device.id, group, error: messageOf(error) }
      log.error(told, 'a collection could not be given on')
    }
  }

  /** The gap of a slot without a read, for the groups that a slot usually reads. */
  const giveGap = (device: Polled, at: number, reason: GapReason, error: string) => {
    const body: FailedBody = { at, took: 0, ok: false, reason, error }
    const bytes = Buffer.from(JSON.stringify(body))
    const [last, before] = device.groups
    const both = last.filter(group => before.includes(group))
    for (const group of both.length > 0 ? both : last) give(device, group, 'samples', bytes)
  }

  // ── reads ─────────────────────────────────────────────────────────────────────────────────────

  const dispatch = (read: ScheduledRead, head: boolean) => {
    const device = polled.get(read.id)
    if (!device) return
    const deadline = deadlineMsOf(device.everyMs, device.target.identity !== null)
    if (pool.read(device, read, deadline, head)) return
    schedule.finished(device.id, Date.now(), 'nothing')
    giveGap(device, read.at, 'poller-down', 'no poll thread could be had')
  }

  const checkClock = (now: number) => {
    const offset = now - performance.now()
    const step = offset - clockOffset
    clockOffset = offset
    if (Math.abs(step) < clockStepMs) return
    log.warn({ stepMs: Math.round(step) }, 'the clock was set: the schedule moves with it')
    schedule.clockStepped(now, step)
  }

  const tick = () => {
    const now = Date.now()
    checkClock(now)
    const due = schedule.take(now)
    for (const { id, at } of due.overruns) {
      const device = polled.get(id)
      if (device) giveGap(device, at, 'overrun', 'the read before this one was not done in time')
    }
    for (const read of due.reads) dispatch(read, false)
    arm()
  }

  function arm(): void {
    clearTimeout(timer)
    if (state !== 'running') return
    const wakeAt = schedule.wakeAt() ?? Number.POSITIVE_INFINITY
    timer = setTimeout(tick, Math.min(sleepMsMax, Math.max(0, wakeAt - Date.now())))
  }

  // ── what the threads say ──────────────────────────────────────────────────────────────────────

  function started(_device: PooledDevice, read: ScheduledRead): void {
    if (read.grid) lateness.add(Date.now() - read.at)
  }

  function loaded({ id }: PooledDevice, { error }: LoadedMessage): void {
    const device = polled.get(id)
    if (!device) return
    if (error !== null) {
      failedReceipt(device, error)
    } else if (device.announce) {
      device.announce = false
      const nextPollAt = schedule.nextAt(id)
      receipt(device, { stage: 'loaded', ...(nextPollAt === null ? {} : { nextPollAt }) })
    }
  }

  function collected({ id }: PooledDevice, message: CollectedMessage): void {
    const device = polled.get(id)
    if (!device) return
    reads[message.outcome]++
    for (const { group, channel, body } of message.bodies) give(device, group, channel, body)
    const groups = message.groups.filter(group => group !== UNKNOWN_GROUP).slice(0, groupsMax)
    if (groups.length > 0) device.groups = [groups, device.groups[0]]
    if (message.identity) {
      device.target.identity = message.identity
      receipt(device, { stage: 'identified', identity: message.identity })
    }
    if (message.outcome === 'good') {
      device.told = null
      if (!device.good) receipt(device, { stage: 'first-good' })
      device.good = true
    } else if (message.outcome === 'failed') {
      failedReceipt(device, message.error ?? message.reason ?? 'the read gave nothing')
    }
    schedule.finished(id, Date.now(), message.outcome)
    arm()
  }

  function lost({ id }: PooledDevice, guilty: boolean): void {
    const device = polled.get(id)
    if (!device) return
    const now = Date.now()
    device.announce = true
    if (device.deaths > 0) reads.lost++
    if (guilty) {
      const minutes = quarantineMs / 60_000
      const error = `reading this device ended its poll thread ${device.deaths} times in a row: it is left alone for ${minutes} minutes`
      schedule.hold(id, now + quarantineMs)
      log.error({ device: id, deaths: device.deaths }, 'device quarantined')
      failedReceipt(device, error)
      giveGap(device, now, 'decode', error)
    } else {
      schedule.again(id, now)
    }
    arm()
  }

  // ── targets ───────────────────────────────────────────────────────────────────────────────────

  const put = (target: Target, print: Fingerprint, everyMs: number, before: Polled | undefined) => {
    const { id } = target.config
    const device: Polled = before ?? {
      id,
      target,
      everyMs,
      epoch: 0,
      thread: null,
      job: null,
      deaths: 0,
      costMs: null,
      load: 0,
      print,
      groups: [[], []],
      announce: true,
      good: false,
      told: null,
    }
    Object.assign(device, { target, print, everyMs, announce: true, good: false, told: null })
    polled.set(id, device)
    schedule.add(id, everyMs, Date.now())
    pool.assign(device)
  }

  /** Only what people read of it changed: its reader goes on, and reads at once for the receipt. */
  const describe = (device: Polled, target: Target, print: Fingerprint) => {
    const { identity } = device.target
    // Assigned again only when its thread dies, and then with the new document.
    Object.assign(device, { target: { ...target, identity }, print, good: false, told: null })
    const nextPollAt = Date.now()
    receipt(device, { stage: 'loaded', nextPollAt })
    pollNow(device.id)
  }

  const applyOne = (target: Target) => {
    const before = polled.get(target.config.id)
    const print = fingerprint(target)
    const change = before ? changeBetween(before.print, print) : 'identity'
    if (change === 'same') return
    if (before && change === 'described') return describe(before, target, print)
    // Who answered before says nothing of another address; a device new here keeps what was known.
    const identity = !before
      ? target.identity
      : change === 'reading'
        ? before.target.identity
        : null
    if (before && change === 'identity') before.groups = [[], []]
    put({ ...target, identity }, print, everyMsOf(target), before)
  }

  const take = (device: Polled, paused: boolean) => {
    pool.drop(device)
    schedule.remove(device.id)
    polled.delete(device.id)
    if (paused) giveGap(device, Date.now(), 'paused', 'polling was paused')
    receipt(device, { stage: 'removed' })
  }

  const apply = (targets: readonly Target[]) => {
    const wanted = new Map(targets.map(target => [target.config.id, target]))
    for (const device of [...polled.values()]) {
      const target = wanted.get(device.id)
      if (!target?.config.enabled) take(device, target !== undefined)
    }
    for (const target of wanted.values()) {
      if (!target.config.enabled) continue
      try {
        applyOne(target)
      } catch (error) {
        const told = { device: target.config.id, error: messageOf(error) }
        log.error(told, 'a device config could not be taken')
      }
    }
    arm()
  }

  const readTargets = async (): Promise<Target[]> => {
    let limit: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      const error = new AppError(
        'E_TARGETS_TIMEOUT',
        'the device configs could not be read in time',
        {
          passing: true,
        },
      )
      limit = setTimeout(() => reject(error), targetsMsMax)
    })
    try {
      return await Promise.race([options.targets(), late])
    } finally {
      clearTimeout(limit)
    }
  }

  const reloadOnce = async () => {
    const targets = await readTargets()
    if (state === 'running') apply(targets)
  }

  /** One at a time; who asks while one runs gets one that begins after it. */
  const reload = (): Promise<void> => {
    if (!reloading) {
      reloading = reloadOnce().finally(() => {
        reloading = null
      })
      return reloading
    }
    reloadAfter ??= reloading
      .catch(() => {})
      .then(() => {
        reloadAfter = null
        return reload()
      })
    return reloadAfter
  }

  const refreshIn = (ms: number) => {
    clearTimeout(refresher)
    if (state === 'running') refresher = setTimeout(refresh, ms)
  }

  async function refresh(): Promise<void> {
    try {
      await reload()
      refreshIn(refreshMs)
    } catch (error) {
      log.error({ error: messageOf(error) }, 'device configs could not be read: trying again')
      refreshIn(retryMs)
    }
  }

  function pollNow(id: string): boolean {
    const device = polled.get(id)
    const read = schedule.pollNow(id, Date.now())
    if (!device || read === null) return false
    if (read === 'running') pool.toHead(device)
    else dispatch(read, true)
    arm()
    return true
  }

  return {
    async start() {
      if (state !== 'new') return
      state = 'running'
      const targets = await readTargets().catch((error: unknown) => {
        log.error({ error: messageOf(error) }, 'device configs could not be read: trying again')
        return null
      })
      if (state !== 'running') return
      pool.start(targets?.length ?? 0)
      if (targets) apply(targets)
      refreshIn(targets ? refreshMs : retryMs)
    },
    reload,
    setCatalogue: catalogue => pool.setCatalogue(catalogue),
    pollNow,
    stats: () => ({
      devices: polled.size,
      threads: pool.stats(),
      lateness: lateness.summary(),
      reads: { ...reads },
      schedule: { ...schedule.counters },
      pool: { ...pool.counters },
    }),
    close() {
      if (closing) return closing
      state = 'closed'
      clearTimeout(timer)
      clearTimeout(refresher)
      closing = pool.close(drainMs, closeMsMax)
      return closing
    },
  }
}
