// Judges every accepted sample in memory: compiled rules by device, group and metric, and one small
// machine for each series that is not calm. Nothing is kept for series without rules. It sends and
// writes nothing: what happens goes to `emit`. Past 300 lines: it is the one place where samples, time
// and what is known of parents and maintenance come together.

import type { AcceptedCollection, KnownDevice } from '../model/accepted.ts'
import type { Alarm, AlarmState, TransitionReason } from '../model/alarm.ts'
import { DEVICE_STATES, type DeviceStatus, type Value } from '../model/collection.ts'
import type { Severity } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import { alarmAfter } from './alarm-after.ts'
import { verdictOf } from './conditions.ts'
import { watchDevices } from './devices-watched.ts'
import type { Engine, EngineOptions } from './engine-contract.ts'
import { SampleFrame } from './frame.ts'
import { CALM, flapWindowMs, type Hold, type Machine, next } from './next.ts'
import type { Pending } from './pending.ts'
import { DEVICE_METRIC } from './rulebook.ts'
import { hear, hearFailure, silentRows } from './silence.ts'
import type { Verdict } from './verdict.ts'
import {
  heldMs,
  type Instance,
  isBad,
  type Known,
  rowsPerRuleMax,
  type Watched,
} from './watched.ts'

/** Open alarms of one rule: beyond, the rule is wrong, not the devices. */
export const openPerRuleMax = 1000
/** Groups and parts of one device whose newest time is known. */
const groupsPerDeviceMax = 1024
/** Whole reads without a row after which it is gone: a lost answer is no removed card. */
const rowMissesMax = 3
/** A rule about silence tells of a row that is gone for so long, ms: that may be just what it is for. */
const silentRowMs = 24 * 3_600_000
/** Samples further apart than so many intervals say nothing of the time between. */
const stepIntervals = 3
/** How long an alarm about silence waits for news of the parents, beyond their interval, ms. */
const settleGraceMs = 10_000
const settleMsMax = 180_000
/** Our clock and the monotonic one apart by so much: somebody set the clock, ms. */
const clockJumpMs = 30_000
/** Rows that are gone are looked for at most this often where a rule is full, ms. */
const sweepMs = 60_000
/** Devices whose rules are compiled anew in one turn. */
const renewPerTick = 200

export function createEngine(options: EngineOptions): Engine {
  const { emit, now = Date.now, mono = () => performance.now() } = options
  const statuses = new Map<string, DeviceStatus>()
  /** Instances that time alone can change. */
  const waiting = new Set<Instance>()
  const openByRule = new Map<string, number>()
  const stale = new Set<string>()
  const frame = new SampleFrame()
  const counts = { judged: 0, late: 0, overflowed: 0 }
  let clockOffset = now() - mono()
  let isDeaf = false

  const close = (instance: Instance, reason: TransitionReason) => {
    waiting.delete(instance)
    if (instance.alarm) tell(instance, reason, now(), 'clear', instance.alarm.severity)
  }
  const { devices, knownOf, place, endWatched, end, ...book } = watchDevices(options, mono, close)

  const holdOf = (instance: Instance, at: number): Hold | null => {
    const { known, one } = instance.watched
    if (options.maintenance(known.device.id, at)) return 'maintenance'
    if (known.parents.length === 0) return null
    const isDead = known.parents.every(id => statuses.get(id)?.state === 'down')
    if (isDead) return 'parent'
    const isAboutSilence = one.rule.condition === 'missing' || one.metric === DEVICE_METRIC
    if (!isAboutSilence) return null
    const slowest = Math.max(...known.parents.map(options.everyMs), known.device.everyMs)
    const waitMs = Math.min(slowest + settleGraceMs, settleMsMax)
    instance.readyAt ??= mono()
    return mono() - instance.readyAt < waitMs ? 'settling' : null
  }

  /** What came of an event: told where somebody must hear of it. */
  const follow = (
    instance: Instance,
    machine: Machine,
    reason: TransitionReason | null,
    at: number,
  ) => {
    const severityBefore = instance.alarm?.severity ?? machine.severity
    instance.machine = machine
    if (reason) {
      const { phase } = machine
      const to = phase === 'active' || phase === 'suppressed' ? phase : 'clear'
      tell(instance, reason, at, to, severityBefore)
    }
    const isWaiting =
      machine.phase === 'pending' ||
      machine.phase === 'suppressed' ||
      (machine.phase === 'active' && instance.watched.one.metric === DEVICE_METRIC)
    if (isWaiting) waiting.add(instance)
    else waiting.delete(instance)
    if (machine.phase !== 'clear') return
    instance.readyAt = null
    const lastRaise = machine.raises.at(-1)
    if (lastRaise === undefined || lastRaise < at - flapWindowMs) {
      instance.watched.instances.delete(instance.row ?? '')
    }
  }
  const tell = (
    instance: Instance,
    reason: TransitionReason,
    at: number,
    to: AlarmState,
    severityBefore: Severity,
  ) => {
    const from = instance.alarm?.state ?? 'clear'
    const alarm = alarmAfter(instance, at, to)
    const rule = alarm.rule
    const open = openByRule.get(rule) ?? 0
    if (from === 'clear') openByRule.set(rule, open + 1)
    if (to === 'clear') openByRule.set(rule, Math.max(0, open - 1))
    instance.alarm = to === 'clear' ? null : alarm
    emit({ alarm, from, to, severityBefore, at, reason })
  }

  const instanceOf = (watched: Watched, row: string | null): Instance | null => {
    const known = watched.instances.get(row ?? '')
    if (known) return known
    const open = openByRule.get(watched.one.rule.id) ?? 0
    if (watched.instances.size >= openPerRuleMax) forgetGone(watched)
    if (Math.max(open, watched.instances.size) >= openPerRuleMax) {
      counts.overflowed++
      return null
    }
    const made: Instance = {
      ...{ watched, row, machine: CALM, alarm: null, readyAt: null, value: null, misses: 0 },
    }
    watched.instances.set(row ?? '', made)
    return made
  }
  /** Rows that came, were bad and went: no sample of theirs says any more that they are calm. */
  const forgetGone = (watched: Watched) => {
    if (mono() - watched.sweptAt < sweepMs) return
    watched.sweptAt = mono()
    const stepMs = watched.known.device.everyMs * stepIntervals
    const before = now() - Math.max(flapWindowMs, stepMs)
    for (const [key, instance] of watched.instances) {
      const { phase, at } = instance.machine
      if (instance.alarm || phase === 'active' || phase === 'suppressed' || at >= before) continue
      waiting.delete(instance)
      watched.instances.delete(key)
    }
  }
  /** Does the verdict matter to nobody: a good one of a calm series, a port that was never up? */
  const isIdle = ({ good, instances }: Watched, row: string | null, verdict: Verdict): boolean => {
    const key = row ?? ''
    if (verdict === 'good' && good && good.size < rowsPerRuleMax) good.add(key)
    if (isBad(verdict)) return good !== null && !good.has(key)
    return !instances.has(key)
  }
  /** A verdict goes to the series' machine. */
  const judge = (
    watched: Watched,
    row: string | null,
    at: number,
    verdict: Verdict,
    value: number | string | null,
  ) => {
    if (verdict === null || isIdle(watched, row, verdict)) return
    const instance = instanceOf(watched, row)
    if (!instance) return
    const limits = {
      forMs: heldMs(watched.one),
      stepMsMax: watched.known.device.everyMs * stepIntervals,
    }
    if (at > instance.machine.at) instance.value = value
    const event = isBad(verdict)
      ? ({ type: 'bad', at, severity: verdict, hold: holdOf(instance, now()) } as const)
      : ({ type: verdict, at } as const)
    const { machine, reason } = next(instance.machine, event, limits)
    if (machine !== instance.machine || reason) follow(instance, machine, reason, at)
  }

  /** Rows of one metric under its rules; the loop that every sample goes through. */
  const samples = (list: readonly Watched[], metric: string, collection: AcceptedCollection) => {
    const values = collection.metrics.get(metric)
    if (!values) return
    frame.metrics = collection.metrics
    for (const watched of list) {
      if (watched.heard) heardRows(watched, values, metric, collection)
      else judgeRows(watched, values, collection)
      if (watched.instances.size > 0) endGone(watched, collection)
    }
  }
  /** Of a part, or of some rows alone, nobody knows which rows there are beside. */
  const endGone = (watched: Watched, { rows, part, some }: AcceptedCollection) => {
    if (rows === null || part !== undefined || some) return
    const present = new Set(rows)
    for (const [key, instance] of watched.instances) {
      if (instance.row === null) continue
      instance.misses = present.has(instance.row) ? 0 : instance.misses + 1
      if (instance.misses < rowMissesMax) continue
      const heard = watched.heard?.get(key)
      if (heard && mono() - heard.mono < silentRowMs) continue
      close(instance, 'row-gone')
      watched.instances.delete(key)
      watched.heard?.delete(key)
      watched.memory?.delete(key)
    }
  }
  const judgeRows = (
    watched: Watched,
    values: readonly Value[],
    { rows, at }: AcceptedCollection,
  ) => {
    const { fits } = watched.one
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (value === null || value === undefined) continue
      const row = rows?.[i] ?? null
      if (fits && !fits(row ?? '')) continue
      frame.place = i
      const verdict = verdictOf(frame, watched, row, at, value, options.lastWeek)
      if (verdict === 'good' && watched.instances.size === 0 && !watched.good) continue
      judge(watched, row, at, verdict, frame.value)
    }
  }
  const heardRows = (
    watched: Watched,
    values: readonly Value[],
    metric: string,
    { rows, gaps, at }: AcceptedCollection,
  ) => {
    const { fits } = watched.one
    for (const [i, value] of values.entries()) {
      const row = rows?.[i] ?? null
      if (fits && !fits(row ?? '')) continue
      hear(watched, row, value === null ? (gaps.get(metric)?.[i] ?? 'partial') : null, mono())
      if (value === null) continue
      // Silence is measured by our clock, which may be ahead of the device's.
      const before = watched.instances.get(row ?? '')?.machine.at ?? 0
      judge(watched, row, Math.max(at, before + 1), 'good', value)
    }
  }

  const statusVerdict = (status: DeviceStatus, watched: Watched): Verdict => {
    if (status.state === 'unknown' || status.state === 'paused') return null
    frame.metrics = new Map()
    const value = DEVICE_STATES.indexOf(status.state)
    return verdictOf(frame, watched, null, now(), value, options.lastWeek)
  }

  const tickOne = (instance: Instance, at: number) => {
    const { watched } = instance
    const status = statuses.get(watched.known.device.id)
    if (watched.one.metric === DEVICE_METRIC && status) {
      const verdict = statusVerdict(status, watched)
      const time = Math.max(at, instance.machine.at + 1)
      if (verdict !== null) judge(watched, null, time, verdict, frame.value)
    }
    const hold = holdOf(instance, at)
    const { machine, reason } = next(
      instance.machine,
      { type: 'tick', at, hold },
      { forMs: heldMs(watched.one), stepMsMax: 0 },
    )
    if (machine !== instance.machine || reason) follow(instance, machine, reason, at)
  }

  const sweepSilence = (watched: Watched, at: number) => {
    for (const { key, reason } of silentRows(watched, mono())) isSilent(watched, key, at, reason)
  }
  const isSilent = (watched: Watched, key: string, at: number, reason: GapReason | null) => {
    const { rule, metric } = watched.one
    const machine = watched.instances.get(key)?.machine
    if (machine?.phase === 'active') return
    const time = Math.max(at, (machine?.at ?? 0) + 1)
    judge(watched, metric.table ? key : null, time, rule.severity ?? 'warning', reason)
  }

  /** Somebody set the clock back: times that lie ahead would make us blind until they are reached. */
  const afterClockJump = (at: number) => {
    const offset = now() - mono()
    const jumped = offset - clockOffset
    clockOffset = offset
    if (jumped > -clockJumpMs) return
    for (const known of devices.values()) {
      for (const [key, last] of known.last) known.last.set(key, Math.min(last, at))
      for (const one of known.all.flatMap(({ instances }) => [...instances.values()])) {
        if (one.machine.at > at) one.machine = { ...one.machine, at }
      }
    }
  }
  /** While nothing could be heard, silence said nothing of the devices. */
  const hearAgain = () => {
    for (const { all } of devices.values()) {
      for (const { heard } of all) for (const one of heard?.values() ?? []) one.mono = mono()
    }
  }

  const renewSome = () => {
    let left = renewPerTick
    for (const id of stale) {
      if (left-- <= 0) return
      stale.delete(id)
      const known = devices.get(id)
      if (known) replace(known)
    }
  }
  const replace = (known: Known) => {
    const rules = options.rules(known.device)
    if (!rules) return
    place(known, rules)
    // A state is told only when it changes: a rule that is new hears of it here.
    const status = statuses.get(known.device.id)
    for (const watched of status ? (known.groups.get('device')?.get('state') ?? []) : []) {
      if (!status || watched.instances.has('')) continue
      judge(watched, null, now(), statusVerdict(status, watched), frame.value)
    }
  }

  /** Newer than what was judged of its group and part? Of some rows alone the same time is, too. */
  const isNewer = (known: Known, { group, part, some, at }: AcceptedCollection): boolean => {
    const key = part ? `${group} ${part}` : group
    const last = known.last.get(key)
    if (last === undefined && known.last.size >= groupsPerDeviceMax) return false
    if (last !== undefined && (some ? at < last : at <= last)) {
      counts.late++
      return false
    }
    known.last.set(key, at)
    return true
  }

  /** What an earlier judge had, under the rules of now. */
  const watchedOf = (
    { deviceUid, group, metric, row, rule }: Pick<Pending, keyof Pending & keyof Alarm>,
    device: KnownDevice | undefined,
  ) => {
    const known = device?.uid === deviceUid ? knownOf(device) : null
    const list = known?.groups.get(group)?.get(metric)
    const fits = ({ one }: Watched) => one.rule.id === rule && (one.fits?.(row ?? '') ?? true)
    return { known, watched: list?.find(fits) }
  }
  const takeUpPending = (pending: Pending, device: KnownDevice | undefined) => {
    const { row, since, at, held } = pending
    const { watched } = watchedOf(pending, device)
    if (!watched || watched.instances.has(row ?? '')) return
    const instance = instanceOf(watched, row)
    if (instance) follow(instance, { ...CALM, phase: 'pending', since, at, held }, null, at)
    watched.good?.add(row ?? '')
  }
  /** Takes up one alarm of an earlier judge; what has no rule any more ends. */
  const takeUp = (alarm: Alarm, device: KnownDevice | undefined) => {
    const { known, watched } = watchedOf(alarm, device)
    const row = alarm.row ?? ''
    if (!watched) {
      const clear: Alarm = { ...alarm, state: 'clear', clearedAt: now() }
      const step = { from: alarm.state, to: 'clear', severityBefore: alarm.severity } as const
      emit({ ...step, alarm: clear, at: now(), reason: known ? 'rule-gone' : 'device-gone' })
      return
    }
    const { severity, since, raisedAt, flapping } = alarm
    const phase = alarm.state === 'suppressed' ? 'suppressed' : 'active'
    const machine: Machine = { ...CALM, phase, severity, since, at: raisedAt, flapping }
    const made = { watched, row: alarm.row, machine, alarm, readyAt: null, value: null, misses: 0 }
    const instance: Instance = made
    watched.instances.set(row, instance)
    watched.good?.add(row)
    watched.heard?.set(row, { mono: mono(), reason: null })
    openByRule.set(alarm.rule, (openByRule.get(alarm.rule) ?? 0) + 1)
    follow(instance, machine, null, raisedAt)
  }

  const collection: Engine['collection'] = (device, heard) => {
    const known = device.enabled ? knownOf(device) : null
    if (!known) return
    if (stale.delete(device.id)) replace(known)
    if (heard.failed !== null) {
      for (const one of known.all) hearFailure(one, heard.failed, mono())
      return
    }
    const groups = known.groups.get(heard.group)
    if (!groups || !isNewer(known, heard)) return
    counts.judged++
    for (const [metric, list] of groups) samples(list, metric, heard)
  }

  return {
    collection,
    derived(device, type, { group, metric, row, at, value }) {
      for (const watched of knownOf(device)?.groups.get(group)?.get(metric) ?? []) {
        const { rule, fits, verdict } = watched.one
        if (rule.condition !== type || (fits && !fits(row ?? ''))) continue
        frame.metrics = new Map()
        frame.value = value
        judge(watched, row, at, verdict(frame), value)
      }
    },
    status(device, status) {
      statuses.set(device.id, status)
      const known = knownOf(device)
      if (status.state === 'paused') {
        if (known) for (const watched of known.all) endWatched(watched, 'paused')
        return
      }
      for (const watched of known?.groups.get('device')?.get('state') ?? []) {
        const verdict = statusVerdict(status, watched)
        const at = Math.max(status.since, (watched.instances.get('')?.machine.at ?? 0) + 1)
        judge(watched, null, at, verdict, frame.value)
      }
    },
    forget(id, reason) {
      statuses.delete(id)
      const known = devices.get(id)
      if (known) end(known, reason)
    },
    renew() {
      for (const id of devices.keys()) stale.add(id)
    },
    load(open, pending, deviceOf) {
      for (const alarm of open) takeUp(alarm, deviceOf(alarm.device))
      for (const one of pending) takeUpPending(one, deviceOf(one.device))
    },
    pending() {
      return [...waiting].flatMap(({ machine, watched, row }) => {
        const { phase, since, at, held } = machine
        if (phase !== 'pending') return []
        const { rule, metric } = watched.one
        const { id, uid } = watched.known.device
        const series = { group: metric.group, metric: metric.metric, row }
        const times = { since, at, held: [...held] satisfies Pending['held'] }
        return [{ device: id, deviceUid: uid, rule: rule.id, ...series, ...times }]
      })
    },
    tick(hearing) {
      const at = now()
      afterClockJump(at)
      renewSome()
      if (hearing && isDeaf) hearAgain()
      isDeaf = !hearing
      if (isDeaf) return
      for (const instance of [...waiting]) tickOne(instance, at)
      for (const { all } of devices.values()) {
        for (const watched of all) if (watched.heard) sweepSilence(watched, at)
      }
    },
    clear() {
      book.clear()
      waiting.clear()
      openByRule.clear()
      stale.clear()
    },
    watched: id => devices.get(id)?.all ?? [],
    statusOf: id => statuses.get(id) ?? null,
    stats() {
      let rules = 0
      for (const { all } of devices.values()) rules += all.length
      const open = [...openByRule.values()].reduce((sum, n) => sum + n, 0)
      return { ...counts, rules, devices: devices.size, open }
    },
  }
}
