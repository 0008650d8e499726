// What a metric says beyond its source: its kind, unit, states and role, and whether they fit
// together.

import type { MetricDoc, ProfileDoc, StateMapDoc } from '../model/profile.ts'
import type { Metric } from './definition.ts'
import type { PageMetric } from './face.ts'
import { suggestion } from './nearest.ts'
import { child } from './position.ts'
import type { Report } from './report.ts'

const NO_COUNTER: readonly string[] = ['text', 'hex', 'mac', 'ip', 'oid', 'datetime', 'bits']

export function compileMetric(
  id: string,
  doc: MetricDoc,
  pointer: string,
  context: { doc: ProfileDoc; report: Report },
): Metric {
  const kind = doc.kind ?? (doc.states === undefined ? 'gauge' : 'state')
  checkKind(doc, kind, pointer, context.report)
  const states = statesOf(doc, pointer, context)
  const numbers = states ? stateNumbers(states, kind) : null
  return {
    id,
    title: doc.title,
    description: doc.description ?? '',
    unit: doc.unit ?? '1',
    kind,
    role: doc.role ?? null,
    decimals: doc.decimals ?? null,
    states: states ? pageStates(states, numbers) : [],
    stateNumbers: numbers,
    alarm: doc.alarm ?? null,
    chart: doc.chart !== false,
    shown: true,
  }
}

type Wrong = (key: string, message: string, hint?: string) => void

function checkKind(doc: MetricDoc, kind: Metric['kind'], pointer: string, report: Report): void {
  const wrong: Wrong = (key, message, hint = '') =>
    report({ code: 'E_KIND', pointer: child(pointer, key), message, hint })
  if (kind === 'state' && doc.states === undefined) {
    wrong('kind', 'a state needs "states"', 'or leave "kind" out for a gauge')
  }
  if (doc.states !== undefined && kind !== 'state' && kind !== 'flags') {
    wrong('states', `"states" do not go with the kind "${kind}"`)
  }
  if (kind === 'flags' || kind === 'state' || kind === 'text') {
    for (const key of ['scale', 'offset'] as const) {
      if (doc[key] !== undefined) wrong(key, `"${key}" does not go with the kind "${kind}"`)
    }
    if (doc.rate) wrong('rate', `"rate" does not go with the kind "${kind}"`)
  }
  checkRated(doc, kind, wrong)
}

function checkRated(doc: MetricDoc, kind: Metric['kind'], wrong: Wrong): void {
  if (kind === 'rate' && doc.as !== undefined && NO_COUNTER.includes(doc.as)) {
    wrong('as', `a rate needs a counter, and "as": "${doc.as}" gives none`)
  }
  if (kind === 'rate' || doc.rate) return
  for (const key of ['max', 'resetOn'] as const) {
    if (doc[key] !== undefined) wrong(key, `"${key}" belongs to rates`, 'write "kind": "rate"')
  }
}

function statesOf(
  doc: MetricDoc,
  pointer: string,
  context: { doc: ProfileDoc; report: Report },
): StateMapDoc | null {
  if (typeof doc.states !== 'string') return doc.states ?? null
  const maps = context.doc.states ?? {}
  const found = Object.hasOwn(maps, doc.states) ? maps[doc.states] : undefined
  if (!found) {
    context.report({
      code: 'E_NAME',
      pointer: child(pointer, 'states'),
      message: `there is no state map "${doc.states}"`,
      hint: suggestion(doc.states, Object.keys(maps)),
    })
  }
  return found ?? null
}

const WHOLE = /^-?\d{1,15}$/

/** States with texts are stored by their order in the profile, from 0. */
function stateNumbers(states: StateMapDoc, kind: Metric['kind']): Map<string, number> | null {
  const keys = Object.keys(states).filter(key => key !== '//')
  if (kind === 'flags' || keys.every(key => key === '*' || WHOLE.test(key))) return null
  return new Map(keys.map((key, i) => [key, i]))
}

function pageStates(
  states: StateMapDoc,
  numbers: ReadonlyMap<string, number> | null,
): PageMetric['states'] {
  return Object.entries(states)
    .filter(([key]) => key !== '//')
    .map(([key, state]) => ({
      value: numbers?.get(key) ?? (key === '*' ? null : Number(key)),
      name: typeof state === 'string' ? state : state.name,
      severity: typeof state === 'string' ? null : (state.severity ?? null),
      color: typeof state === 'string' ? null : (state.color ?? null),
    }))
}
