// The alarm of a series as it is after a transition: as it is stored, shown and told.

import { createHash } from 'node:crypto'
import type { Alarm, AlarmState } from '../model/alarm.ts'
import type { Instance } from './watched.ts'
import { alarmText, limitText, valueText } from './wording.ts'

export function alarmAfter(instance: Instance, at: number, to: AlarmState): Alarm {
  const { watched, row, machine, alarm: before } = instance
  const { one, known } = watched
  const { rule, metric } = one
  const { severity, flapping } = machine
  const { device } = known
  const value = valueText(one, instance.value)
  const said = {
    ...{ device: known.name, row, value, severity },
    reason: watched.heard?.get(row ?? '')?.reason ?? null,
    other: () => '',
  }
  // The sentence says what is wrong, also once it is clear again.
  const isBad = to !== 'clear'
  return {
    id: before?.id ?? idOf(rule.id, device.uid, metric.group, metric.metric, row, at),
    ...{ rule: rule.id, ruleVersion: rule.version, ruleName: rule.name },
    ...{ device: device.id, deviceUid: device.uid, deviceName: known.name },
    ...{ group: metric.group, metric: metric.metric, row, state: to },
    severity: isBad || !before ? severity : before.severity,
    text: isBad || !before ? alarmText(one, said) : before.text,
    value: rule.condition === 'missing' ? (said.reason ?? '') : value,
    limit: limitText(one, severity),
    since: before?.since ?? machine.since,
    raisedAt: before?.raisedAt ?? at,
    clearedAt: to === 'clear' ? at : null,
    ack: before?.ack ?? null,
    flapping: isBad && flapping,
    steps: before?.steps ?? 0,
    ...(rule.runbook !== undefined && { runbook: rule.runbook }),
  }
}

/** The same for every judge that sees the same samples. */
function idOf(...parts: (string | number | null)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)
}
