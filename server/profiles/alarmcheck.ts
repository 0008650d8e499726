// Checks a metric's alarm rules at load: syntax, names, templates. The rules themselves run in
// alarms/, on stored values; here nothing is kept.

import type { MetricDoc } from '../model/profile.ts'
import type { Frame } from './definition.ts'
import { compileExpression, type Names } from './expression.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import { type Report, reported } from './report.ts'

export const CONDITIONS = ['info', 'warning', 'critical', 'clear', 'when'] as const
export const PLACEHOLDERS: readonly string[] = ['device', 'row', 'value', 'state', 'title']

/** `> 80` means `value > 80`. */
export function fullCondition(text: string): string {
  return /^\s*(==|!=|<=|>=|<|>)/.test(text) ? `value ${text}` : text
}

export function checkAlarm(
  doc: MetricDoc,
  pointer: string,
  names: Names<Frame>,
  report: Report,
): void {
  if (!doc.alarm) return
  const place = child(pointer, 'alarm')
  const withValue: Names<Frame> = {
    reader: name => (name === 'value' ? () => null : names.reader(name)),
    known: () => ['value', ...names.known()],
  }
  for (const key of CONDITIONS) {
    const text = doc.alarm[key]
    if (text === undefined) continue
    const full = fullCondition(text)
    const shift = full.length - text.length
    reported(report, child(place, key), () => compileExpression(full, withValue), shift)
  }
  const known = [...PLACEHOLDERS, ...names.known()]
  for (const [, name = ''] of (doc.alarm.text ?? '').matchAll(/\{([^}]*)\}/g)) {
    if (known.includes(name)) continue
    const at = doc.alarm.text?.indexOf(`{${name}}`) ?? 0
    report({
      code: 'E_NAME',
      pointer: child(place, 'text'),
      offset: at,
      message: `"{${name}}" stands for nothing here`,
      hint: suggestion(name, known),
    })
  }
}
