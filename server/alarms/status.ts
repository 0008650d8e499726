// Judge in its first form: hears every collection, keeps the state of each device, publishes it when
// it changes, and marks in the store where nothing came. One process at a time runs it.

import { setTimeout as delay } from 'node:timers/promises'
import type { Bus, BusMessage } from '../bus/contract.ts'
import { parseDeviceTopic, samplesFilter, statusFilter } from '../bus/topics.ts'
import type { Logger } from '../log.ts'
import type { Accept, AcceptedCollection, DeviceLookup, KnownDevice } from '../model/accepted.ts'
import { isBeside } from '../model/beside.ts'
import { DeviceStatus } from '../model/collection.ts'
import type { SampleStore } from '../store/contract.ts'
import { checker, parseJson } from '../validate.ts'
import { checkedEvent } from './checked.ts'
import type { StatusJudge } from './contract.ts'
import type { StateHistory } from './history.ts'
import { type Judged, nextStatus, type StatusEvent, settleMs, unjudged } from './machine.ts'
import { type DeviceGroups, heard, isNews, lateMarks, postpone } from './marks.ts'
import { createOutlet } from './outlet.ts'
import type { EventTeller } from './teller.ts'

const eventOf = (
  device: KnownDevice,
  collection: AcceptedCollection,
  error: string | null,
  now: number,
): StatusEvent => {
  const times = { at: collection.at, now }
  if (collection.failed !== null)
    return { type: 'failed', ...times, reason: collection.failed, error }
  return device.kind === 'check' ? checkedEvent(collection, now) : { type: 'good', ...times }
}

/** Collections older than this are refused where the caller says nothing else. */
const defaultRetentionMs = 400 * 86_400_000
/** The one timer: devices that wait to be judged at each turn, all of them at every fourth. */
const sweepMs = settleMs
const fullSweepTurns = 4
const closeMsMax = 1000
/** After our own connection is back, senders come back within their back-off and empty their spools. */
const hearingGraceMs = 30_000

const checkStatus = checker(DeviceStatus, { firstOnly: true })

export interface StatusJudgeOptions {
  bus: Bus
  site: string
  devices: DeviceLookup
  accept: Accept
  /** Without it no gap marks are written. */
  store?: { samples: Pick<SampleStore, 'write'> }
  /** Makes events of what is heard. */
  teller?: EventTeller
  /** Keeps the states for availability. */
  history?: StateHistory
  log: Logger
  retentionMs?: number
  now?: () => number
}

interface Watched {
  uid: number
  judged: Judged
  groups: DeviceGroups
  /** A collection was judged in this run: what the broker retains is older. */
  isJudged: boolean
}

export function createStatusJudge(options: StatusJudgeOptions): StatusJudge {
  const { bus, site, devices, accept, teller, history, log, now = Date.now } = options
  const retentionMs = options.retentionMs ?? defaultRetentionMs
  const outlet = createOutlet({ bus, site, store: options.store?.samples ?? null, log })
  /** Bounded by the devices that there are. */
  const watched = new Map<string, Watched>()
  const pending = new Set<string>()
  const counts = { judged: 0, late: 0, refused: 0 }
  const stops: (() => Promise<void>)[] = []
  let timer: NodeJS.Timeout | undefined
  let turns = 0
  /** Nothing can be heard while the broker is away: silence then says nothing of the devices. */
  let isDeaf = false
  let closed: Promise<void> | null = null

  const watch = (device: KnownDevice): Watched => {
    const known = watched.get(device.id)
    if (known?.uid === device.uid) return known
    const judged = unjudged(now())
    const created = { uid: device.uid, judged, groups: new Map(), isJudged: false }
    watched.set(device.id, created)
    // The state of a former device of this id is not this one's.
    if (known) outlet.status(device.id, judged.status)
    return created
  }
  const apply = (device: KnownDevice, one: Watched, event: StatusEvent) => {
    const before = one.judged.status
    one.judged = nextStatus(one.judged, event, device)
    if (one.judged.pending) pending.add(device.id)
    else pending.delete(device.id)
    remember(device, one, event, one.judged.status !== before)
    if (one.judged.status === before) return
    outlet.status(device.id, one.judged.status)
    teller?.status(device, before, one.judged.status)
    const { state, reason } = one.judged.status
    if (state !== before.state) log.info({ device: device.id, state, reason }, 'device state')
  }
  /** A state that the broker retained is not believed before something was heard. */
  const remember = (
    { uid }: KnownDevice,
    { judged: { status, pending: waits } }: Watched,
    event: StatusEvent,
    isNew: boolean,
  ) => {
    if (waits !== null) return
    if (isNew || status.state === 'paused') history?.seen(uid, status.state, status.since)
    else if (event.type !== 'tick') history?.seen(uid, status.state, event.at)
  }
  const onSamples = ({ topic, payload }: BusMessage) => {
    if (closed) return
    const at = now()
    const accepted = accept({ topic, payload }, { site, now: at, retentionMs, devices })
    if (accepted.refused !== null) {
      counts.refused++
      if (accepted.refused !== 'device-clock' || !accepted.device) return
      const { device } = accepted
      const failure = { reason: 'device-clock', error: null } as const
      apply(device, watch(device), { type: 'failed', at, now: at, ...failure })
      return
    }
    const { device, collection, part, error } = accepted
    const one = watch(device)
    teller?.collection(device, part ? { ...collection, part: part[0] } : collection)
    const beside = isBeside(device.kind, collection.group)
    if (!isNews(one.groups, collection)) {
      counts.late++
      return
    }
    counts.judged++
    one.isJudged = true
    const end = heard(one.groups, device, collection, at)
    if (end) outlet.marks([end])
    if (!beside) apply(device, one, eventOf(device, collection, error, at))
    if (outlet.waiting > 0) void outlet.flush()
  }
  /** What an earlier run knew; our own statuses come back here too. */
  const onStatus = ({ topic, payload, retained }: BusMessage) => {
    const device = devices.get(parseDeviceTopic(topic)?.device ?? '')
    if (closed || !retained || !device) return
    const checked = checkStatus(parseJson(payload))
    if (!checked.ok) return
    const one = watch(device)
    const { status } = one.judged
    if (!one.isJudged && status.state !== 'paused') {
      one.judged = { ...one.judged, status: checked.value }
    } else if (checked.value.state === status.state && checked.value.since < status.since) {
      one.judged = { ...one.judged, status: { ...status, since: checked.value.since } }
      outlet.status(device.id, one.judged.status)
    }
  }
  const sweepAll = (at: number) => {
    const gone = new Set(watched.keys())
    for (const device of devices.all()) {
      gone.delete(device.id)
      const one = watch(device)
      apply(device, one, { type: 'tick', now: at })
      outlet.marks(lateMarks(one.groups, device, one.judged.status, at))
    }
    for (const id of gone) {
      const one = watched.get(id)
      if (one) history?.forget(one.uid)
      watched.delete(id)
      pending.delete(id)
      teller?.forget(id)
      outlet.status(id, null)
    }
  }
  const hearAgain = (at: number) => {
    for (const one of watched.values()) {
      one.judged = { ...one.judged, heardAt: Math.max(one.judged.heardAt, at) }
      postpone(one.groups, at)
    }
  }
  const sweep = () => {
    const at = now()
    history?.tick(bus.connected)
    if (!bus.connected) {
      isDeaf = true
      return
    }
    if (isDeaf) hearAgain(at + hearingGraceMs)
    isDeaf = false
    for (const id of [...pending]) {
      const device = devices.get(id)
      if (device) apply(device, watch(device), { type: 'tick', now: at })
      else pending.delete(id)
    }
    turns++
    if (turns % fullSweepTurns === 0) sweepAll(at)
    void outlet.flush()
  }
  const close = async () => {
    clearInterval(timer)
    const ending = Promise.allSettled([
      ...stops.splice(0).map(stop => stop()),
      outlet.flush(),
      history?.close(),
    ])
    await Promise.race([ending, delay(closeMsMax, undefined, { ref: false })])
  }

  return {
    async start() {
      if (closed || timer) return
      timer = setInterval(sweep, sweepMs)
      stops.push(await bus.subscribe(statusFilter(site), onStatus))
      stops.push(await bus.subscribe(samplesFilter(site), onSamples))
    },
    status: id => watched.get(id)?.judged.status ?? null,
    stats: () => ({
      devices: watched.size,
      ...counts,
      waiting: outlet.waiting,
      marksDropped: outlet.marksDropped,
    }),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
