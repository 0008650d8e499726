// What a person writes about alarms outside of profiles, checked before it is kept: the expressions of a
// rule, and `alarms` in a device's config. Which metrics a device has is not known here.

import { type FieldError, messageOf } from '../model/errors.ts'
import { AlarmOverrideFields } from '../model/profile.ts'
import { checker } from '../validate.ts'
import { alarmCondition } from './alarms.ts'

export const RULE_EXPRESSIONS = ['critical', 'warning', 'info', 'clear', 'when'] as const

/** Of one device: rows beyond would rather have a rule of their own. */
const overridesMax = 500
/** `group.metric`, and of one row `group.metric@row`. */
const KEY = /^[a-z][a-z0-9_]{0,47}\.[a-z][a-z0-9_]{0,47}(@.{1,512})?$/s

const checkFields = checker(AlarmOverrideFields)

/**
 * Which metrics a group has depends on the device: names of them are checked where they are known.
 * @returns null: it can be judged
 */
export function expressionProblem(text: string, isRole: boolean): string | null {
  const names = isRole ? [] : (text.match(/[a-z_][a-z0-9_]*/gi) ?? [])
  try {
    const { names: used } = alarmCondition(text, names)
    if (!used.has('value') && used.size === 0) {
      return 'looks at no value: it would hold always, or never'
    }
    return null
  } catch (error) {
    return messageOf(error)
  }
}

/** Every wrong field, by its path in the config: `alarms.interface.in@eth0.warning`. */
export function overrideErrors(alarms: Readonly<Record<string, unknown>>): FieldError[] {
  const entries = Object.entries(alarms)
  if (entries.length > overridesMax) {
    const message = `are ${entries.length}, and at most ${overridesMax}: make a rule for many rows`
    return [{ path: 'alarms', message }]
  }
  return entries.flatMap(([key, said]) => {
    const path = `alarms.${key}`
    if (KEY.test(key)) return oneErrors(path, said)
    return [{ path, message: 'must be named group.metric, or group.metric@row for one row' }]
  })
}

function oneErrors(path: string, said: unknown): FieldError[] {
  if (said === false) return []
  if (typeof said !== 'object' || said === null)
    return [{ path, message: 'must be false (no alarm) or an object with limits' }]
  const checked = checkFields(said)
  if (!checked.ok)
    return checked.errors.map(e => ({ ...e, path: e.path === '' ? path : `${path}.${e.path}` }))
  const fields = checked.value
  return RULE_EXPRESSIONS.flatMap(field => {
    const text = fields[field]
    const message = text === undefined ? null : expressionProblem(text, false)
    return message === null ? [] : [{ path: `${path}.${field}`, message }]
  })
}
