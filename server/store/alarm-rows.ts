// An alarm and its transitions as rows, and back.

import type { Selectable } from 'kysely'
import {
  ALARM_STATES,
  Alarm,
  type AlarmState,
  type NewTransition,
  TRANSITION_REASONS,
  type Transition,
} from '../model/alarm.ts'
import { SEVERITIES } from '../model/event.ts'
import { checker, parseJson } from '../validate.ts'
import type { Tables } from './database.ts'

const checkAlarm = checker(Alarm, { firstOnly: true })
type AlarmRow = Tables['alarm']
type TransitionRow = Tables['alarm_transition']

/** Null: it is none. */
export function alarmOf({ body }: { body: string }): Alarm | null {
  const checked = checkAlarm(parseJson(body))
  return checked.ok ? checked.value : null
}

export function transitionOf(row: Selectable<TransitionRow>): Transition | null {
  const alarm = alarmOf(row)
  if (!alarm) return null
  const stateOf = (text: string): AlarmState => ALARM_STATES.find(one => one === text) ?? 'clear'
  return {
    ...{ id: row.id, step: row.step, at: row.at, alarm },
    from: stateOf(row.from_state),
    to: stateOf(row.to_state),
    severityBefore: SEVERITIES.find(one => one === row.severity_before) ?? 'info',
    reason: TRANSITION_REASONS.find(one => one === row.reason) ?? 'raised',
  }
}

export const rowOf = (alarm: Alarm): AlarmRow => ({
  id: alarm.id,
  device_uid: alarm.deviceUid,
  rule_id: alarm.rule,
  state: alarm.state,
  severity: alarm.severity,
  is_open: alarm.state === 'clear' ? 0 : 1,
  raised_at: alarm.raisedAt,
  cleared_at: alarm.clearedAt,
  steps: alarm.steps,
  body: JSON.stringify(alarm),
})

export const transitionRow = ({ alarm, from, to, severityBefore, at, reason }: NewTransition) => ({
  ...{ alarm_id: alarm.id, step: alarm.steps, device_uid: alarm.deviceUid, at },
  ...{ from_state: from, to_state: to, severity_before: severityBefore, reason },
  body: JSON.stringify(alarm),
})
