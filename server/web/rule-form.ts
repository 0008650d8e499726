// The fields of the rule form and the rule's document: one to the other and back. Fields that lists
// stand in are texts between commas.

import { DEVICE_KINDS } from '../model/device.ts'
import type { FieldError } from '../model/errors.ts'
import type { Rule } from '../model/rule.ts'
import type { Values } from './pages/device-fields.ts'

export const EMPTY_RULE: Values = {
  condition: 'threshold',
  severity: 'warning',
  enabled: 'on',
  all: '',
}

const TEXTS = [
  ...([
    'role',
    'metric',
    'row',
    'info',
    'warning',
    'critical',
    'clear',
    'when',
    'for',
    'over',
  ] as const),
  ...(['text', 'runbook'] as const),
]
const LISTS = ['tags', 'kinds', 'locations', 'ids'] as const
/** Conditions that have levels, and those that have one severity. */
const LEVELS = new Set(['threshold', 'rate', 'week', 'anomaly', 'days-to-full'])

export function ruleValues(rule: Rule): Values {
  const values: Values = {
    ...EMPTY_RULE,
    _version: String(rule.version),
    name: rule.name,
    condition: rule.condition,
    severity: rule.severity ?? 'warning',
    enabled: rule.enabled ? 'on' : '',
    all: rule.devices?.all ? 'on' : '',
    states: (rule.states ?? []).join(', '),
  }
  for (const field of TEXTS) values[field] = rule[field] ?? ''
  for (const field of LISTS) values[field] = (rule.devices?.[field] ?? []).join(', ')
  return values
}

/** What is left empty is left out; whether the rest is valid is for others to say. */
export function ruleDocument(values: Values): Record<string, unknown> {
  const document: Record<string, unknown> = {
    name: (values.name ?? '').trim(),
    condition: values.condition ?? '',
    enabled: values.enabled === 'on',
  }
  const hasLevels = LEVELS.has(values.condition ?? '')
  for (const field of TEXTS) {
    const isLevel = ['info', 'warning', 'critical', 'clear'].includes(field)
    const text = (values[field] ?? '').trim()
    if (text !== '' && (hasLevels || !isLevel)) document[field] = text
  }
  if (document.role !== undefined) delete document.metric
  if (!hasLevels && values.severity) document.severity = values.severity
  const states = listOf(values.states)
  if (values.condition === 'state' && states.length > 0) document.states = states
  const devices: Record<string, unknown> = values.all === 'on' ? { all: true } : {}
  for (const field of LISTS) {
    const list = listOf(values[field])
    if (list.length > 0) devices[field] = list
  }
  document.devices = devices
  return document
}

export const RULE_KINDS = DEVICE_KINDS

function listOf(text: string | undefined): string[] {
  const parts = (text ?? '').split(',').map(part => part.trim())
  return [...new Set(parts.filter(part => part !== ''))]
}

/** `devices.tags.0` is about the field `tags`. */
export function fieldOf({ path, message }: FieldError) {
  const parts = path.split('.').filter(part => !/^[0-9]+$/.test(part))
  const field = parts[0] === 'devices' ? (parts[1] ?? 'all') : (parts[0] ?? '')
  return { field, message }
}
