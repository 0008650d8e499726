// One value of a device as people read it: number with unit, state with its tone, or why there is
// none. Pure; views choose symbols and colours by the tone alone.

import type { LatestSample } from '../live/contract.ts'
import { GAP_TEXT } from '../model/gap.ts'
import { formatValue } from '../model/units.ts'
import type { PageMetric } from '../profiles/face.ts'
import { plainText } from './words.ts'

export type Tone = 'ok' | 'off' | 'unknown' | 'info' | 'warning' | 'critical' | 'plain'

export interface Cell {
  text: string
  /** For a state; null: a number or a text. */
  tone: Tone | null
  /** Why there is no value, or the number behind a short text; empty: nothing to say. */
  why: string
  missing: boolean
  /** A number that is nothing: shown quietly. */
  zero?: boolean
}

const TEXT_MAX = 120

export function isNumeric({ kind }: PageMetric): boolean {
  return kind === 'gauge' || kind === 'rate' || kind === 'total'
}

export function cellOf(metric: PageMetric, sample: LatestSample | undefined): Cell {
  if (!sample) return { text: '–', tone: null, why: 'Never read', missing: true }
  const { value, gap } = sample
  if (value === null)
    return { text: '–', tone: null, why: gap === null ? '' : GAP_TEXT[gap], missing: true }
  if (typeof value === 'string')
    return { text: plainText(value, TEXT_MAX), tone: null, why: '', missing: false }
  if (metric.kind === 'flags') return flagsCell(metric, value)
  if (metric.states.length > 0) {
    const { name, tone } = stateOf(metric, value)
    return { text: plainText(name, TEXT_MAX), tone, why: '', missing: false }
  }
  return { text: numberText(metric, value), tone: null, why: '', missing: false }
}

export function numberText(
  { unit, decimals }: Pick<PageMetric, 'unit' | 'decimals'>,
  value: number,
): string {
  return formatValue(value, unit, decimals ?? undefined)
}

/** Under a title that names them, things are counted without their word: `3 /s`. */
export function shortCell(metric: PageMetric, sample: LatestSample | undefined): Cell {
  const cell = cellOf(metric, sample)
  const value = sample?.value
  if (typeof value !== 'number' || cell.tone !== null) return cell
  const thing = /^\{[a-z]+\}(\/s)?$/.exec(metric.unit)
  const text = thing
    ? `${numberText({ ...metric, unit: '1' }, value)} ${thing[1] ?? ''}`
    : cell.text
  return { ...cell, text: text.trim(), zero: value === 0 }
}

/** The name and tone of a state; a number that the profile does not know is shown as it is. */
export function stateOf(metric: PageMetric, value: number): { name: string; tone: Tone } {
  const state =
    metric.states.find(one => one.value === value) ?? metric.states.find(one => one.value === null)
  return state
    ? { name: state.name, tone: state.severity ?? state.color ?? 'plain' }
    : { name: String(value), tone: 'unknown' }
}

const WORST: readonly Tone[] = ['critical', 'warning', 'info', 'unknown', 'plain', 'off', 'ok']

/** 0 is the worst. */
export function rankOf(tone: Tone): number {
  return WORST.indexOf(tone)
}

/** Each state of flags is a bit's number; any of them may be set. */
function flagsCell(metric: PageMetric, value: number): Cell {
  const set = metric.states.filter(
    state => state.value !== null && Math.floor(value / 2 ** state.value) % 2 === 1,
  )
  const tones = set.map(state => state.severity ?? state.color ?? 'plain')
  const [tone] = tones.sort((a, b) => rankOf(a) - rankOf(b))
  const text = plainText(set.map(state => state.name).join(', '), TEXT_MAX)
  return { text: text || 'none', tone: tone ?? 'off', why: '', missing: false }
}
