// The role judge for alarms: one process at a time, by a lease in the database, runs the engine over all
// samples and writes what it decides. A transition is a row before it is a message; while the database
// is away transitions wait in memory, in their order.

import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../bus/contract.ts'
import { parseDeviceTopic, statusFilter } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { AcceptedCollection, DeviceLookup, KnownDevice } from '../model/accepted.ts'
import type { NewTransition, Transition } from '../model/alarm.ts'
import { DeviceStatus } from '../model/collection.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { JUDGE } from '../store/alarms.ts'
import type { Lease, SeenLease, Store } from '../store/contract.ts'
import { checker, parseJson } from '../validate.ts'
import type { Announcer } from './announce.ts'
import { createEngine } from './engine.ts'
import type { Engine, EngineOptions, EngineStats } from './engine-contract.ts'
import { pendingOf, pendingText } from './pending.ts'

/** Transitions that wait for the database; beyond, all is read anew once it is back. */
const queueDefaultMax = 20_000
const batchMax = 500
const tickMs = 1000
/** The lease is looked after this often; its holder is gone when nothing moved for so long, ms. */
const beatMs = 5000
const goneMs = 20_000
const closeMsMax = 1500
/** Up to which transition events were told and MQTT was served. */
const TOLD = 'alarms.told'
const pageOfTold = 500
/** What holds and waits for its time, kept for the next start. */
const PENDING = 'alarms.pending'
const keepEveryMs = 30_000

const checkStatus = checker(DeviceStatus, { firstOnly: true })

export interface JudgeOptions extends Omit<EngineOptions, 'emit'> {
  bus: Bus
  site: string
  store: Pick<Store, 'alarms' | 'leases' | 'settings'>
  devices: DeviceLookup
  announcer: Announcer
  /** This process, for as long as its data folder lives. */
  holder: string
  log: Logger
  tickMs?: number
  queueMax?: number
}

export interface JudgeStats extends EngineStats {
  /** This process holds the lease. */
  isJudge: boolean
  /** Transitions that wait for the database, and those that were left out as too many waited. */
  queued: number
  dropped: number
  stored: number
  /** When it last looked after the lease, by the monotonic clock, ms. */
  lookedAt: number
}

export interface AlarmJudge {
  /** Every accepted collection, in the order in which they come. */
  collection(device: KnownDevice, collection: AcceptedCollection): void
  start(): Promise<void>
  /** Rules, configs or profiles changed. */
  renew(): void
  /** Called after transitions were committed. */
  onStored(listener: (transitions: readonly Transition[]) => void): void
  /** What this process holds as judge; null: another one is. */
  lease(): Lease | null
  readonly engine: Pick<Engine, 'watched' | 'statusOf' | 'derived'>
  stats(): JudgeStats
  close(): Promise<void>
}

export function createAlarmJudge(options: JudgeOptions): AlarmJudge {
  const {
    bus,
    site,
    store,
    devices,
    announcer,
    holder,
    log,
    mono = () => performance.now(),
  } = options
  const queueMax = options.queueMax ?? queueDefaultMax
  let queue: NewTransition[] = []
  let isTorn = false
  let lease: Lease | null = null
  /** The lease of somebody else, and since when it has been so. */
  let seen: { lease: SeenLease; mono: number } | null = null
  let lookedAt = Number.NEGATIVE_INFINITY
  let batch = batchMax
  const kept = { text: '', mono: Number.NEGATIVE_INFINITY }
  let running: Promise<void> | null = null
  let timer: NodeJS.Timeout | undefined
  let stop: (() => Promise<void>) | null = null
  let closed: Promise<void> | null = null
  const counts = { dropped: 0, stored: 0 }
  const statuses = new Map<string, DeviceStatus>()
  const listeners: ((transitions: readonly Transition[]) => void)[] = []

  const engine = createEngine({
    ...options,
    emit(transition) {
      if (queue.length < queueMax) queue.push(transition)
      else {
        counts.dropped++
        isTorn = true
      }
    },
  })

  const told = async (transitions: readonly Transition[]) => {
    const last = transitions.at(-1)
    if (!last) return
    announcer.announce(transitions)
    for (const listener of listeners) listener(transitions)
    await store.settings.put(TOLD, String(last.id))
  }
  /** What an earlier judge wrote and could not tell any more; of an event told twice one is kept. */
  const tellRest = async () => {
    const known = Number((await store.settings.get(TOLD)) ?? Number.NaN)
    let from = Number.isInteger(known) ? known : await store.alarms.newest()
    for (;;) {
      const rest = await store.alarms.after(from, pageOfTold)
      await told(rest)
      if (rest.length < pageOfTold) return
      from = rest.at(-1)?.id ?? from
    }
  }
  const begin = async (mine: Lease) => {
    const open = await store.alarms.open()
    const pending = pendingOf(await store.settings.get(PENDING))
    await tellRest()
    queue = []
    isTorn = false
    engine.clear()
    engine.load(open, pending, id => devices.get(id))
    lease = mine
    for (const [id, status] of statuses) {
      const device = devices.get(id)
      if (device) engine.status(device, status)
    }
    await announcer.correct(open)
    log.info({ open: open.length }, 'this process judges alarms')
  }
  const lose = () => {
    log.warn({ left: queue.length }, 'another process judges alarms now')
    lease = null
    seen = null
    queue = []
    engine.clear()
  }
  const look = async () => {
    lookedAt = mono()
    if (lease) {
      if (!(await store.leases.beat(lease))) lose()
      return
    }
    const now = await store.leases.look(JUDGE)
    const isSame =
      seen?.lease.beat === now?.beat && seen?.lease.epoch === now?.epoch && now !== null
    if (!isSame) seen = now && { lease: now, mono: mono() }
    const isFree = now === null || now.holder === '' || now.holder === holder
    if (!isFree && (!seen || mono() - seen.mono < goneMs)) return
    const mine = await store.leases.take(JUDGE, holder, now)
    if (mine) await begin(mine)
  }
  const write = async () => {
    while (lease && queue.length > 0 && !closed) {
      const some = queue.slice(0, batch)
      const stored = await store.alarms.write(lease, some).catch(error => notWritten(error, some))
      if (!stored) continue
      queue = queue.slice(some.length)
      counts.stored += stored.length
      batch = batchMax
      await told(stored)
    }
    // Too many waited: what is stored is taken up, and the next samples say the rest.
    if (lease && isTorn && queue.length === 0) await begin(lease)
  }
  /** What does not pass by itself must not stop the others: it is left out, alone. */
  const notWritten = (error: unknown, some: readonly NewTransition[]): null => {
    if (error instanceof AppError && error.code === 'E_LEASE_LOST') {
      lose()
      return null
    }
    if (error instanceof AppError && error.passing) throw error
    if (some.length > 1) {
      batch = 1
      return null
    }
    queue = queue.slice(1)
    counts.dropped++
    log.error({ error: messageOf(error), alarm: some[0]?.alarm.id }, 'a transition was not stored')
    return null
  }
  const keepPending = async () => {
    kept.mono = mono()
    const text = pendingText(engine.pending())
    if (text !== kept.text) await store.settings.put(PENDING, text)
    kept.text = text
  }
  const turn = async () => {
    try {
      if (mono() - lookedAt >= beatMs) await look()
      await write()
      await announcer.flush()
      if (lease && mono() - kept.mono >= keepEveryMs) await keepPending()
    } catch (error) {
      log.debug({ error: messageOf(error), queued: queue.length }, 'alarms wait for the database')
    }
  }
  const tick = () => {
    if (lease) engine.tick(bus.connected)
    running ??= turn().finally(() => {
      running = null
    })
  }
  const onStatus = (id: string, payload: Buffer) => {
    const device = devices.get(id)
    if (payload.length === 0 || !device) {
      statuses.delete(id)
      if (lease) engine.forget(id, 'device-gone')
      return
    }
    const checked = checkStatus(parseJson(payload))
    if (!checked.ok) return
    statuses.set(id, checked.value)
    if (lease) engine.status(device, checked.value)
  }
  const close = async () => {
    clearInterval(timer)
    const end = async () => {
      await running
      await stop?.()
      if (lease && queue.length > 0)
        await store.alarms.write(lease, queue.slice(0, batchMax)).then(told)
      if (lease) await keepPending()
      if (lease) await store.leases.release(lease)
    }
    const ending = end().catch(error => log.warn({ error: messageOf(error) }, 'judge ended late'))
    await Promise.race([ending, delay(closeMsMax, undefined, { ref: false })])
  }

  return {
    collection(device, collection) {
      if (lease && !closed) engine.collection(device, collection)
    },
    async start() {
      stop = await bus.subscribe(statusFilter(site), ({ topic, payload }) => {
        const id = parseDeviceTopic(topic)?.device
        if (id !== undefined && !closed) onStatus(id, payload)
      })
      await turn()
      timer = setInterval(tick, options.tickMs ?? tickMs)
    },
    renew: () => engine.renew(),
    onStored: listener => void listeners.push(listener),
    lease: () => lease,
    engine,
    stats: () => ({
      ...{ ...engine.stats(), ...counts, isJudge: lease !== null, queued: queue.length },
      lookedAt,
    }),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
