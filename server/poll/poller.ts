// Polls the devices of this node: takes the targets, keeps the schedule, hands reads to the threads
// and gives on what comes: collections, gaps and receipts. It neither publishes nor stores.

import { availableParallelism } from 'node:os'
import { type Target, UNKNOWN_GROUP } from '../collectors/collector.ts'
import type { Poller, PollerOptions } from './contract.ts'
import type { PooledDevice } from './device.ts'
import { createIntake } from './intake.ts'
import { createLateness } from './lateness.ts'
import { POOL_LIMITS } from './limits.ts'
import { createOutlet } from './outlet.ts'
import { type Polled, rememberGroups, silenceOf } from './polled.ts'
import { createPool } from './pool.ts'
import type { CollectedMessage, LoadedMessage, ToldMessage } from './protocol.ts'
import { createReloads } from './reloads.ts'
import { createSchedule, type ScheduledRead } from './schedule.ts'
import { urgency } from './slot.ts'
import { deadlineMsOf } from './targets.ts'
import { createWatches } from './watches.ts'

/** Reads that fall due within so long start together: waking up costs more than starting one. */
const tickMs = 20
/** The timer fires at least this often, so that a step of the clock is noticed. */
const sleepMsMax = 1000
/** A difference between wall clock and monotonic clock that counts as a step. */
const clockStepMs = 1000
/** How long a device is left alone whose reads end threads. */
const quarantineMs = 10 * 60_000
const drainMs = 1000
const closeMsMax = 2500

export function createPoller(options: PollerOptions): Poller {
  const { log } = options
  const polled = new Map<string, Polled>()
  const schedule = createSchedule()
  const lateness = createLateness()
  const reads = { good: 0, failed: 0, nothing: 0, lost: 0, probed: 0 }
  const pool = createPool({
    workerUrl: options.workerUrl ?? new URL('./worker.ts', import.meta.url),
    catalogue: options.catalogue,
    networks: options.networks,
    snmpTransport: options.snmpTransport ?? 'dgram',
    limits: {
      threadsMin: options.threadsMin ?? 1,
      threadsMax: Math.max(options.threadsMin ?? 1, options.threadsMax ?? availableParallelism()),
      ...POOL_LIMITS,
      ...options.limits,
    },
    log,
    events: { started, loaded, collected, told, lost },
  })
  const outlet = createOutlet(options)
  // One that is silent is probed as before: asking it more often brings nothing.
  const watches = createWatches(id => {
    if (!polled.get(id)?.silence) pollNow(id)
  })
  const takeIn = createIntake({ polled, schedule, pool, outlet, pollNow, log })
  const reloads = createReloads({ targets: options.targets, apply, log })
  let state: 'new' | 'running' | 'closed' = 'new'
  let timer: NodeJS.Timeout | undefined
  let tickedAt = Number.NEGATIVE_INFINITY
  let clockOffset = Date.now() - performance.now()
  let closing: Promise<void> | null = null

  // ── reads ─────────────────────────────────────────────────────────────────────────────────────

  const dispatch = (read: ScheduledRead, head: boolean) => {
    const device = polled.get(read.id)
    if (!device) return
    const deadline = deadlineMsOf(device.everyMs, device.target.identity !== null)
    if (pool.read(device, read, deadline, head)) return
    schedule.finished(device.id, Date.now(), 'lost')
    if (!read.probe) outlet.gap(device, read.at, 'poller-down', 'no poll thread could be had')
  }

  /** The slowest of what is due first. */
  const bySlowness = (a: ScheduledRead, b: ScheduledRead) => startOf(a) - startOf(b)
  const startOf = ({ id, at }: ScheduledRead) => urgency(at, polled.get(id))

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
    tickedAt = performance.now()
    checkClock(now)
    const due = schedule.take(now)
    for (const { id, at } of due.overruns) {
      const device = polled.get(id)
      if (device) outlet.gap(device, at, 'overrun', 'the read before this one was not done in time')
    }
    for (const { id, at } of due.silent) {
      const device = polled.get(id)
      if (device?.silence) outlet.gap(device, at, device.silence.reason, device.silence.error)
    }
    for (const read of due.reads.sort(bySlowness)) dispatch(read, false)
    arm()
  }

  function arm(): void {
    clearTimeout(timer)
    if (state !== 'running') return
    const wakeAt = schedule.wakeAt() ?? Number.POSITIVE_INFINITY
    // Counted from the last tick, as a wait that began anew with each read's end might never end.
    const restMs = tickedAt + tickMs - performance.now()
    const waitMs = Math.max(0, restMs, wakeAt - Date.now())
    timer = setTimeout(tick, Math.min(sleepMsMax, waitMs))
  }

  // ── what the threads say ──────────────────────────────────────────────────────────────────────

  function started({ id }: PooledDevice, read: ScheduledRead): void {
    if (!read.grid) return
    const lateMs = Math.max(0, Date.now() - read.at)
    lateness.add(lateMs)
    const device = polled.get(id)
    if (device) device.lateMs = lateMs
  }

  function loaded({ id }: PooledDevice, { error }: LoadedMessage): void {
    const device = polled.get(id)
    if (!device) return
    if (error !== null) {
      outlet.failed(device, error)
    } else if (device.announce) {
      device.announce = false
      const nextPollAt = schedule.nextAt(id)
      outlet.receipt(device, { stage: 'loaded', ...(nextPollAt === null ? {} : { nextPollAt }) })
    }
  }

  function collected({ id }: PooledDevice, message: CollectedMessage): void {
    const device = polled.get(id)
    if (!device) return
    device.silence = silenceOf(message)
    device.cost = message.cost
    reads[device.silence && message.bodies.length === 0 ? 'probed' : message.outcome]++
    for (const { group, channel, body } of message.bodies)
      outlet.collection(device, group, channel, body)
    if (message.tuning) outlet.tuning(device, message.tuning)
    const known = message.groups.filter(group => group !== UNKNOWN_GROUP)
    rememberGroups(device, known)
    if (message.identity) {
      device.target.identity = message.identity
      outlet.receipt(device, { stage: 'identified', identity: message.identity })
    }
    outlet.outcome(device, message)
    schedule.finished(id, Date.now(), device.silence ? 'silent' : message.outcome)
    arm()
  }

  function told({ id }: PooledDevice, { bodies, readSoon }: ToldMessage): void {
    const device = polled.get(id)
    if (!device) return
    for (const { group, channel, body } of bodies) outlet.collection(device, group, channel, body)
    if (readSoon) pollNow(id)
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
      outlet.failed(device, error)
      outlet.gap(device, now, 'decode', error)
    } else {
      schedule.again(id, now)
    }
    arm()
  }

  // ── targets ───────────────────────────────────────────────────────────────────────────────────

  function apply(targets: readonly Target[]): void {
    takeIn(targets)
    arm()
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
      const targets = await reloads.first()
      if (state !== 'running') return
      pool.start(targets?.length ?? 0)
      if (targets) apply(targets)
      reloads.repeat(targets !== null)
    },
    reload: reloads.reload,
    setCatalogue: catalogue => pool.setCatalogue(catalogue),
    pollNow,
    watch(id, everyMs, forMs) {
      const device = polled.get(id)
      return device !== undefined && device.everyMs > everyMs && watches.watch(id, everyMs, forMs)
    },
    device(id) {
      const device = polled.get(id)
      if (!device) return null
      const { lateMs, readMs, silence, thread, cost } = device
      const { requests, retries } = cost ?? { requests: null, retries: null }
      return { lateMs, readMs, silence, thread, requests, retries, nextAt: schedule.nextAt(id) }
    },
    stats: () => ({
      devices: polled.size,
      threads: pool.stats(),
      lateness: lateness.summary(),
      reads: { ...reads },
      schedule: { ...schedule.counters },
      pool: { ...pool.counters },
      snmpDrops: { ...pool.snmpDrops },
    }),
    close() {
      if (closing) return closing
      state = 'closed'
      clearTimeout(timer)
      reloads.stop()
      watches.close()
      closing = pool.close(drainMs, closeMsMax)
      return closing
    },
  }
}
