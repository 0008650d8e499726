// Alarms as everybody speaks of them: what is wrong with one series of one device under one rule, and
// each of its transitions. A transition is a row in the database before it is a message anywhere.

import Type, { type Static } from 'typebox'
import { SEVERITIES, type Severity } from './event.ts'

/**
 * `suppressed`: the condition holds, and nobody is told of it (a parent is down, a maintenance window).
 * `acknowledged`: somebody has taken it on; that stays until it is clear.
 */
export const ALARM_STATES = ['clear', 'suppressed', 'active', 'acknowledged'] as const
export type AlarmState = (typeof ALARM_STATES)[number]

/** Why an alarm went from one state to another. The list is closed; notifications choose by it. */
export const TRANSITION_REASONS = [
  /** The condition held for as long as the rule wants. */
  'raised',
  /** Another severity of the same rule holds. */
  'severity',
  /** It comes and goes: it stays active until it is calm. */
  'flapping',
  /** A parent of the device is down. */
  'parent',
  'maintenance',
  /** What kept it back is over, and the condition still holds. */
  'released',
  'acknowledged',
  'cleared',
  /** The row is no more in its table: whether it is well now, nobody knows. */
  'row-gone',
  /** Somebody paused the device, changed or deleted the rule, deleted the device. */
  'paused',
  'rule-gone',
  'device-gone',
] as const
export type TransitionReason = (typeof TRANSITION_REASONS)[number]

export const ACK_NOTE_MAX = 500

export const Acknowledgement = Type.Object({
  by: Type.String({ maxLength: 300 }),
  note: Type.String({ maxLength: ACK_NOTE_MAX }),
  /** Unix ms. */
  at: Type.Integer(),
})
export type Acknowledgement = Static<typeof Acknowledgement>

const Nullable = <T extends ReturnType<typeof Type.String> | ReturnType<typeof Type.Integer>>(
  of: T,
) => Type.Union([of, Type.Null()])

/** One alarm, from its first raise to its clearing; the next raise of the same series is another one. */
export const Alarm = Type.Object({
  /** Opaque; also the last level of its MQTT topic. The same whoever judges it. */
  id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,22}$' }),
  rule: Type.String(),
  ruleVersion: Type.Integer(),
  /** The rule's name for people. */
  ruleName: Type.String(),
  device: Type.String(),
  deviceUid: Type.Integer(),
  deviceName: Type.String(),
  group: Type.String(),
  metric: Type.String(),
  /** The row's key; null: a scalar. */
  row: Nullable(Type.String()),
  state: Type.Enum(ALARM_STATES),
  severity: Type.Enum(SEVERITIES),
  /** One sentence for people; has texts of devices in it, never markup. */
  text: Type.String(),
  /** The newest value that changed anything, as people read it, and the condition that it met. */
  value: Type.String(),
  limit: Type.String(),
  /** Since when the condition holds, when it was raised, when it cleared (null: not yet); Unix ms. */
  since: Type.Integer(),
  raisedAt: Type.Integer(),
  clearedAt: Nullable(Type.Integer()),
  ack: Type.Union([Acknowledgement, Type.Null()]),
  flapping: Type.Boolean(),
  /** Transitions so far; numbers the next one. */
  steps: Type.Integer(),
  /** What usually helps: a text or a link. */
  runbook: Type.Optional(Type.String()),
})
export type Alarm = Static<typeof Alarm>

/** What judge hands to the store: the alarm as it is after it. */
export interface NewTransition {
  alarm: Alarm
  from: AlarmState
  to: AlarmState
  /** The severity before. */
  severityBefore: Severity
  /** Time of the sample, or of what else decided it; Unix ms. */
  at: number
  reason: TransitionReason
}

/** One stored step of one alarm. `id` grows in the order of commits. */
export interface Transition extends NewTransition {
  id: number
  /** 1 is the raise. */
  step: number
}

/** Was somebody to be told of it? Kept-back alarms that clear again were never told. */
export function isNews({ from, to, severityBefore, alarm }: NewTransition): boolean {
  if (to === 'suppressed') return false
  if (from === 'suppressed' && to === 'clear') return false
  if (from !== to) return true
  return SEVERITIES.indexOf(alarm.severity) > SEVERITIES.indexOf(severityBefore)
}
