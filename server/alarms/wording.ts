// The sentences of an alarm: its text, its value and its limit as people read them.

import { EVENT_TEXT_MAX, type Severity } from '../model/event.ts'
import type { GapReason } from '../model/gap.ts'
import { GAP_TEXT } from '../model/gap.ts'
import { cleanText } from '../model/text.ts'
import { formatSeconds, formatValue } from '../model/units.ts'
import { stateName } from './frame.ts'
import type { CompiledRule } from './rulebook.ts'
import { flagsOf } from './verdict.ts'

/** Letters of a row's key in a sentence. */
const rowCharsMax = 80

export function valueText({ rule, metric }: CompiledRule, value: number | string | null): string {
  if (value === null) return ''
  if (typeof value === 'string') return cleanText(value, 200)
  if (rule.condition === 'week') return `${value > 0 ? '+' : ''}${Math.round(value)} %`
  if (rule.condition === 'days-to-full') return `${Math.round(value * 10) / 10} days`
  if (rule.condition === 'anomaly') return String(Math.round(value * 100) / 100)
  if (metric.kind === 'flags')
    return flagsOf(metric.states, value)
      .map(one => one.name)
      .join(', ')
  const state = stateName(metric.states, value)
  if (state !== null) return state
  const shown = formatValue(value, metric.unit)
  return rule.condition === 'rate' ? `${shown} a second` : shown
}

export function limitText({ rule, forMs }: CompiledRule, severity: Severity): string {
  if (rule.condition === 'missing') return `nothing for ${formatSeconds(forMs / 1000)}`
  const level =
    rule.condition === 'state'
      ? `a ${severity} state`
      : rule.condition === 'text'
        ? 'another text than before'
        : (rule[severity] ?? rule.critical ?? rule.warning ?? rule.info ?? '')
  const time = forMs > 0 && rule.condition !== 'text' ? ` for ${formatSeconds(forMs / 1000)}` : ''
  return `${level}${time}`
}

export interface Said {
  device: string
  row: string | null
  value: string
  severity: Severity
  reason: GapReason | null
  /** Another metric of the row, as people read it. */
  other(metric: string): string
}

/** The alarm's sentence: the rule's template, or one made of what is known. Never markup. */
export function alarmText(one: CompiledRule, said: Said): string {
  const row = said.row === null ? '' : shownRow(said.row)
  const template = one.rule.text ?? defaultTemplate(one, said)
  const known: Record<string, string> = {
    ...{ device: said.device, row, value: said.value, state: said.value },
    ...{ title: one.metric.title, name: one.rule.name },
  }
  const text = template.replace(/\{([a-z0-9_]{1,60})\}/g, (_, name: string) =>
    Object.hasOwn(known, name) ? (known[name] ?? '') : said.other(name),
  )
  return cleanText(text, EVENT_TEXT_MAX)
}

function defaultTemplate(one: CompiledRule, { row, reason }: Said): string {
  const what = row === null ? '{title}' : '{row}: {title}'
  switch (one.rule.condition) {
    case 'missing':
      return `${row === null ? '' : '{row}: '}no data of {title}${reason ? `: ${GAP_TEXT[reason]}` : ''}`
    case 'text':
      return `${what} changed to {value}`
    case 'rate':
      return `${what} changes by {value}`
    case 'week':
      return `${what} is {value} off last week`
    case 'days-to-full':
      return `${what} is full in {value}`
    case 'anomaly':
      return `${what} is unusual (score {value})`
    default:
      return `${what} is {value}`
  }
}

/** A row's key as people read it. */
export function shownRow(row: string): string {
  return cleanText(row.replaceAll('%7C', '|').replaceAll('%25', '%'), rowCharsMax) || '(no name)'
}
