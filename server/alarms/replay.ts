// A rule over samples that are stored: the same verdicts and the same machine as the engine's, so that a
// rehearsal and "Why?" say what judge would have done. Pure.

import type { Severity } from '../model/event.ts'
import type { SamplePoint, SeriesPoints } from '../store/contract.ts'
import { isChanged, newMemory, rateOf, SampleFrame } from './frame.ts'
import { CALM, type Machine, next } from './next.ts'
import type { CompiledRule } from './rulebook.ts'
import type { Verdict } from './verdict.ts'

export interface Span {
  row: string | null
  severity: Severity
  from: number
  /** null: it was still so at the end. */
  to: number | null
}

export interface Replayed {
  row: string | null
  spans: Span[]
  /** How it stood at the end. */
  machine: Machine
  verdict: Verdict
  last: SamplePoint | null
  points: readonly SamplePoint[]
}

/**
 * One row of a rule's metric under the rule.
 * @param stepMs between two samples, or the width of a bucket
 */
export function replayRow(
  one: CompiledRule,
  series: readonly SeriesPoints[],
  row: string | null,
  stepMs: number,
): Replayed {
  const own = series.find(({ metric }) => metric === one.metric.metric)
  const points = own?.points ?? []
  const at = new Map<string, Map<number, SamplePoint['value']>>()
  for (const { metric, points: others } of series) {
    if (metric === one.metric.metric) continue
    at.set(metric, new Map(others.map(point => [point.at, point.value])))
  }
  const memory = newMemory()
  const frame = new SampleFrame()
  frame.states = one.metric.states
  let now = 0
  frame.other = metric => at.get(metric)?.get(now) ?? null
  const made: Replayed = { row, spans: [], machine: CALM, verdict: null, last: null, points }
  const limits = { forMs: one.rule.condition === 'text' ? 0 : one.forMs, stepMsMax: 3 * stepMs }
  for (const point of points) {
    if (point.value === null) continue
    now = point.at
    made.last = point
    made.verdict = verdictOf(one, frame, memory, point.at, point.value)
    const { machine, verdict } = made
    // Most of a month is calm, and stays so without the machine.
    if (machine.phase === 'clear' && (verdict === 'good' || verdict === 'between')) continue
    if (verdict !== null) step(made, verdict, point.at, limits)
  }
  return made
}

function verdictOf(
  one: CompiledRule,
  frame: SampleFrame,
  memory: ReturnType<typeof newMemory>,
  at: number,
  value: number | string,
): Verdict {
  frame.value = value
  const { condition, severity } = one.rule
  if (condition === 'text') {
    return isChanged(memory, at, String(value), one.forMs) ? (severity ?? 'info') : 'good'
  }
  if (condition === 'rate') {
    const rate = typeof value === 'number' ? rateOf(memory, at, value, one.overMs) : null
    if (rate === null) return null
    frame.value = rate
  }
  return condition === 'threshold' || condition === 'state' || condition === 'rate'
    ? one.verdict(frame)
    : null
}

function step(
  made: Replayed,
  verdict: Exclude<Verdict, null>,
  at: number,
  limits: { forMs: number; stepMsMax: number },
): void {
  const event =
    verdict === 'good' || verdict === 'between'
      ? ({ type: verdict, at } as const)
      : ({ type: 'bad', at, severity: verdict, hold: null } as const)
  const { machine, reason } = next(made.machine, event, limits)
  made.machine = machine
  if (reason === null) return
  const open = made.spans.at(-1)
  if (machine.phase === 'clear') {
    if (open) open.to = at
  } else if (!open || open.to !== null) {
    made.spans.push({ row: made.row, severity: machine.severity, from: at, to: null })
  } else open.severity = machine.severity
}

/** Metrics that must be read to judge a rule. */
export function metricsOf(one: CompiledRule): string[] {
  const { rule, metric } = one
  const texts = [rule.critical, rule.warning, rule.info, rule.clear, rule.when].join(' ')
  const words = new Set(texts.match(/[a-z_][a-z0-9_]*/g) ?? [])
  return [
    metric.metric,
    ...metric.siblings.filter(name => name !== metric.metric && words.has(name)),
  ]
}
