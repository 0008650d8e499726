// One alarm as one pure function: what its condition says of each sample gives clear, pending,
// suppressed or active. It keeps no clock, sends nothing and writes nothing. docs/alarms.md has the
// diagram.

import type { TransitionReason } from '../model/alarm.ts'
import { SEVERITIES, type Severity } from '../model/event.ts'

/** Raises in this time after which it is flapping; then it clears after so long a calm, ms. */
export const flapRaisesMax = 5
export const flapWindowMs = 30 * 60_000
export const flapCalmMs = 10 * 60_000

/** What keeps an alarm back. `settling`: whether a parent is down is not known yet. */
export type Hold = 'settling' | 'parent' | 'maintenance'

export type AlarmEvent =
  /** The condition holds at a sample. */
  | { type: 'bad'; at: number; severity: Severity; hold: Hold | null }
  /** The clear level is reached. */
  | { type: 'good'; at: number }
  /** Neither: between the limit and the clear level. */
  | { type: 'between'; at: number }
  /** Time went on, or what keeps it back changed. */
  | { type: 'tick'; at: number; hold: Hold | null }

export interface Machine {
  phase: 'clear' | 'pending' | 'suppressed' | 'active'
  /** What was raised. */
  severity: Severity
  /** Time of the newest sample that was judged. */
  at: number
  /** Since when the condition holds. */
  since: number
  /** For how long each severity (or a worse one) holds, by the samples' times, ms; -1: it does not. */
  held: readonly [number, number, number]
  /** Times of the last raises. */
  raises: readonly number[]
  flapping: boolean
  /** Since when it is good, while it is flapping. */
  goodSince: number | null
}

export interface Limits {
  /** How long a condition must hold, ms. */
  forMs: number
  /** Two samples further apart than this say nothing of the time between them, ms. */
  stepMsMax: number
}

export interface Step {
  machine: Machine
  /** null: nothing that anybody hears of. */
  reason: TransitionReason | null
}

const NOT_HELD = [-1, -1, -1] as const

export const CALM: Machine = {
  ...{ phase: 'clear', severity: 'info', at: Number.NEGATIVE_INFINITY, since: 0 },
  ...{ held: NOT_HELD, raises: [], flapping: false, goodSince: null },
}

/** The alarm after this event; the same object where it changed nothing. */
export function next(machine: Machine, event: AlarmEvent, limits: Limits): Step {
  if (event.type === 'tick') return onTick(machine, event, limits)
  // Late or sent again: stored, never judged.
  if (event.at <= machine.at) return { machine, reason: null }
  if (event.type === 'bad') return onBad(machine, event, limits)
  if (event.type === 'good') return onGood(machine, event.at)
  const between = { ...machine, at: event.at, held: NOT_HELD, goodSince: null }
  return { machine: between.phase === 'pending' ? calm(between) : between, reason: null }
}

const calm = (machine: Machine): Machine => ({ ...machine, phase: 'clear', held: NOT_HELD })

function onBad(
  machine: Machine,
  { at, severity, hold }: Extract<AlarmEvent, { type: 'bad' }>,
  limits: Limits,
): Step {
  const stepMs = Math.min(at - machine.at, limits.stepMsMax)
  const rank = SEVERITIES.indexOf(severity)
  const heldAt = (level: number): number => {
    const before = machine.held[level] ?? -1
    return level > rank ? -1 : before < 0 ? 0 : before + stepMs
  }
  const isNew = machine.phase === 'clear'
  const held: Machine = {
    ...{ ...machine, at, goodSince: null, held: [heldAt(0), heldAt(1), heldAt(2)] },
    ...(isNew && { phase: 'pending', since: at }),
  }
  return raised(held, at, hold, limits)
}

/** The worst severity that has held for long enough, if any. */
function due({ held }: Machine, forMs: number): Severity | null {
  const level = held.findLastIndex(ms => ms >= forMs)
  return SEVERITIES[level] ?? null
}

function raised(machine: Machine, at: number, hold: Hold | null, { forMs }: Limits): Step {
  const severity = due(machine, forMs)
  if (severity === null || machine.phase === 'clear') return { machine, reason: null }
  if (machine.phase === 'pending') {
    if (hold === 'settling') return { machine, reason: null }
    if (hold) return { machine: { ...machine, phase: 'suppressed', severity }, reason: hold }
    return active(machine, severity, at, 'raised')
  }
  if (machine.phase === 'suppressed') {
    if (hold === null) return active(machine, severity, at, 'released')
    return { machine: { ...machine, severity }, reason: null }
  }
  if (severity === machine.severity) return { machine, reason: null }
  return { machine: { ...machine, severity }, reason: 'severity' }
}

function active(machine: Machine, severity: Severity, at: number, reason: TransitionReason): Step {
  const recent = machine.raises.filter(one => one > at - flapWindowMs)
  const raises = [...recent, at].slice(-flapRaisesMax - 1)
  const flapping = raises.length > flapRaisesMax
  return {
    machine: { ...machine, phase: 'active', severity, raises, flapping },
    reason: flapping ? 'flapping' : reason,
  }
}

function onGood(machine: Machine, at: number): Step {
  const good = { ...machine, at, held: NOT_HELD }
  if (machine.phase === 'clear' || machine.phase === 'pending') {
    return { machine: calm(good), reason: null }
  }
  if (machine.phase === 'active' && machine.flapping) {
    const goodSince = machine.goodSince ?? at
    if (at - goodSince < flapCalmMs) return { machine: { ...good, goodSince }, reason: null }
  }
  const cleared = { ...calm(good), flapping: false, goodSince: null }
  return { machine: cleared, reason: 'cleared' }
}

/** Only what keeps it back can have changed: samples alone say whether the condition holds. */
function onTick(
  machine: Machine,
  { at, hold }: Extract<AlarmEvent, { type: 'tick' }>,
  limits: Limits,
): Step {
  const waits = machine.phase === 'pending' || machine.phase === 'suppressed'
  return waits ? raised(machine, at, hold, limits) : { machine, reason: null }
}
