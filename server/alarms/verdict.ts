// What a rule says of one sample: a severity, good, between the two, or nothing at all. Conditions are
// compiled once; a sample then costs a few closures.

import { AppError, messageOf } from '../model/errors.ts'
import { SEVERITIES, type Severity } from '../model/event.ts'
import type { Rule } from '../model/rule.ts'
import { type AlarmCondition, type AlarmFrame, alarmCondition } from '../profiles/alarms.ts'

/** null: it cannot be told (a value is missing, a division by zero): nothing is raised or cleared. */
export type Verdict = Severity | 'good' | 'between' | null

export interface StateName {
  value: number | null
  name: string
  severity: Severity | null
}

export interface RuleSeries {
  kind: 'gauge' | 'rate' | 'total' | 'state' | 'flags' | 'text'
  states: readonly StateName[]
  /** Other metrics of the group, which conditions may name. */
  siblings: readonly string[]
}

/** @throws AppError E_RULE that names the wrong expression */
export function compileVerdict(rule: Rule, series: RuleSeries): (frame: AlarmFrame) => Verdict {
  const when = compiled(rule, 'when', series)
  const judge = rule.condition === 'state' ? stateVerdict(rule, series) : levelVerdict(rule, series)
  const needs = namesOf(rule, series)
  return frame => {
    for (const name of needs) if (frame.other(name) === null) return null
    if (when) {
      const holds = when.evaluate(frame)
      if (holds === null) return null
      if (!holds) return 'good'
    }
    return judge(frame)
  }
}

const EXPRESSIONS = ['when', 'critical', 'warning', 'info', 'clear'] as const

/** Names of other metrics; where the author thought of their absence himself, they may be absent. */
function namesOf(rule: Rule, series: RuleSeries): string[] {
  const names = new Set<string>()
  for (const field of EXPRESSIONS) {
    if (rule[field]?.includes('coalesce(')) continue
    for (const name of compiled(rule, field, series)?.names ?? []) names.add(name)
  }
  names.delete('value')
  names.delete('state_name')
  return [...names]
}

function compiled(
  rule: Rule,
  field: (typeof EXPRESSIONS)[number],
  { siblings }: RuleSeries,
): AlarmCondition | null {
  const text = rule[field]
  if (text === undefined) return null
  try {
    return alarmCondition(text, siblings)
  } catch (error) {
    const message = messageOf(error)
    throw new AppError('E_RULE', `the rule is not valid: ${field}: ${message}`, {
      errors: [{ path: field, message }],
    })
  }
}

function levelVerdict(rule: Rule, series: RuleSeries): (frame: AlarmFrame) => Verdict {
  const levels = SEVERITIES.toReversed().flatMap(severity => {
    const condition = compiled(rule, severity, series)
    return condition ? [{ severity, evaluate: condition.evaluate }] : []
  })
  const clear = compiled(rule, 'clear', series)
  return frame => {
    let isUnsure = false
    for (const { severity, evaluate } of levels) {
      const holds = evaluate(frame)
      if (holds === null) isUnsure = true
      else if (holds) return severity
    }
    if (isUnsure) return null
    if (!clear) return 'good'
    const isClear = clear.evaluate(frame)
    if (isClear === null) return null
    return isClear ? 'good' : 'between'
  }
}

function stateVerdict(rule: Rule, series: RuleSeries): (frame: AlarmFrame) => Verdict {
  const named = rule.states ? new Set(rule.states) : null
  const severityOf = ({ name, severity }: StateName): Severity | null =>
    named ? (named.has(name) ? (rule.severity ?? 'warning') : null) : severity
  if (series.kind === 'flags') {
    return ({ value }) =>
      typeof value === 'number' ? worst(flagsOf(series.states, value).map(severityOf)) : null
  }
  const verdicts = new Map<number | null, Severity | 'good'>(
    series.states.map(state => [state.value, severityOf(state) ?? 'good']),
  )
  const other = verdicts.get(null) ?? 'good'
  return ({ value }) => (typeof value === 'number' ? (verdicts.get(value) ?? other) : null)
}

/** The bits that are set; more than 32 of them come as a number too. */
export function flagsOf(states: readonly StateName[], value: number): StateName[] {
  return states.filter(
    state => state.value !== null && Math.floor(value / 2 ** state.value) % 2 === 1,
  )
}

function worst(severities: readonly (Severity | null)[]): Verdict {
  return SEVERITIES.findLast(one => severities.includes(one)) ?? 'good'
}
