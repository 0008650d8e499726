// The rules of one device, from profiles, its config and people, compiled for its series. What is the
// same for many devices is compiled once.

import { DEVICE_STATES } from '../model/collection.ts'
import type { DeviceConfig } from '../model/device.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { type AlarmDoc, AlarmOverride } from '../model/profile.ts'
import { isAbout, type Rule, type RuleSource, rowMatcher } from '../model/rule.ts'
import type { AlarmFrame, AlarmMetric } from '../profiles/alarms.ts'
import { checker } from '../validate.ts'
import { compileVerdict, type Verdict } from './verdict.ts'

/** A text counts as changed for so long where the rule says nothing, ms. */
const changedForMs = 3_600_000
/** A rate of change is taken over so long where the rule says nothing, ms. */
const rateOverMs = 300_000
/** Silence is an alarm after so long where the rule says nothing, ms. */
const missingForMs = 600_000
const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The state of a device as a series of its own: `device.state`. */
export const DEVICE_METRIC: AlarmMetric = {
  ...{ group: 'device', groupTitle: 'Device', table: false, metric: 'state', title: 'Device' },
  ...{ unit: '1', kind: 'state', role: null, decimals: null, profile: '', siblings: [] },
  states: DEVICE_STATES.map((name, value) => ({
    ...{ name, value, color: null },
    // What makes a device degraded are rows with alarms of their own.
    severity: name === 'down' ? 'critical' : null,
  })),
  alarm: { text: '{device} is {state}' },
}

export interface CompiledRule {
  rule: Rule
  metric: AlarmMetric
  forMs: number
  overMs: number
  /** null: all rows. */
  fits: ((row: string) => boolean) | null
  verdict: (frame: AlarmFrame) => Verdict
}

/** What a device's own config says in place of its profiles' rules, by full name and row. */
export interface Book {
  rules: CompiledRule[]
  /** Rules that cannot be judged, and why. */
  problems: { rule: Rule; problem: string }[]
}

/** Milliseconds of `10m` or `0s`. */
export function timeMs(text: string | undefined, otherwise: number): number {
  const match = /^([0-9]{1,7})([smhd])$/.exec(text ?? '')
  return match ? Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0) : otherwise
}

/** @throws AppError E_RULE */
export function compileRule(rule: Rule, metric: AlarmMetric): CompiledRule {
  const { condition } = rule
  const forDefault =
    condition === 'missing' ? missingForMs : condition === 'text' ? changedForMs : 0
  const isLevel = !['missing', 'text', 'state'].includes(condition)
  if (isLevel && !rule.critical && !rule.warning && !rule.info) {
    throw new AppError('E_RULE', 'the rule is not valid: it has no limit', {
      errors: [{ path: 'warning', message: 'write at least one of critical, warning and info' }],
    })
  }
  return {
    ...{ rule, metric },
    forMs: timeMs(rule.for, forDefault),
    overMs: Math.max(1000, timeMs(rule.over, rateOverMs)),
    fits: rule.row === undefined ? null : rowMatcher(rule.row),
    verdict: compileVerdict(rule, metric),
  }
}

const checkOverride = checker(AlarmOverride, { firstOnly: true })
const defaults = new WeakMap<AlarmMetric, CompiledRule | { rule: Rule; problem: string } | null>()

/** The rule that a metric has by its profile: what is written, or its states' severities. */
function defaultRule(metric: AlarmMetric): CompiledRule | { rule: Rule; problem: string } | null {
  const known = defaults.get(metric)
  if (known !== undefined) return known
  const doc = metric.alarm
  const isBuiltIn = metric === DEVICE_METRIC
  const made =
    doc === false || (doc === null && !hasSeverity(metric))
      ? null
      : compiledOr(
          docRule(doc ?? {}, metric, {
            id: `${isBuiltIn ? 'pollux' : metric.profile}/${metric.group}.${metric.metric}`,
            source: isBuiltIn ? 'built-in' : 'profile',
            from: metric.profile,
            version: 1,
          }),
          metric,
        )
  defaults.set(metric, made)
  return made
}

const hasSeverity = ({ states }: AlarmMetric): boolean =>
  states.some(({ severity }) => severity !== null)

function compiledOr(rule: Rule, metric: AlarmMetric) {
  try {
    return compileRule(rule, metric)
  } catch (error) {
    return { rule, problem: messageOf(error) }
  }
}

interface Origin {
  id: string
  source: RuleSource
  from: string
  version: number
}

function docRule(doc: AlarmDoc, metric: AlarmMetric, origin: Origin): Rule {
  const { changed = false, ...rest } = doc
  const hasLevel = Boolean(doc.critical ?? doc.warning ?? doc.info)
  return {
    ...origin,
    ...rest,
    name: `${metric.groupTitle}: ${metric.title}`,
    metric: `${metric.group}.${metric.metric}`,
    condition: hasLevel ? 'threshold' : 'state',
    ...{ changed, devices: null, enabled: true },
  }
}

export interface BookParts {
  config: DeviceConfig
  version: number
  metrics: readonly AlarmMetric[]
  /** Rules that people made, enabled or not. */
  people: readonly Rule[]
}

export function bookOf({ config, version, metrics, people }: BookParts): Book {
  const book: Book = { rules: [], problems: [] }
  const add = (made: CompiledRule | { rule: Rule; problem: string } | null) => {
    if (made === null) return
    if ('problem' in made) book.problems.push(made)
    else book.rules.push(made)
  }
  const overrides = Object.entries(config.alarms ?? {})
  const mine = people.filter(rule => rule.enabled && rule.devices && isAbout(rule.devices, config))
  const all = [DEVICE_METRIC, ...metrics]
  for (const metric of all) {
    const own = overrides.filter(([key]) => metricOfKey(key) === `${metric.group}.${metric.metric}`)
    if (own.length === 0) add(defaultRule(metric))
    else for (const made of overridden(config.id, version, metric, own)) add(made)
    // A role may be called as a metric of some profile is.
    const isMeant = ({ role, metric: name }: Rule) =>
      role === undefined ? name === `${metric.group}.${metric.metric}` : role === metric.role
    for (const rule of mine) if (isMeant(rule)) add(compiledOr(rule, metric))
  }
  return book
}

const metricOfKey = (key: string): string => key.split('@', 1)[0] ?? ''

/** What the config says goes over what the profile says, field by field; of one row over of all. */
function overridden(
  device: string,
  version: number,
  metric: AlarmMetric,
  own: readonly (readonly [string, unknown])[],
): (CompiledRule | { rule: Rule; problem: string } | null)[] {
  const forRows = own.filter(([key]) => key.includes('@'))
  const rows = new Set(forRows.map(([key]) => key.slice(key.indexOf('@') + 1)))
  const base = metric.alarm === false ? null : metric.alarm
  const made = (key: string, said: unknown, under: AlarmDoc | null) => {
    const checked = checkOverride(said)
    const origin: Origin = { id: `${device}/${key}`, source: 'device', from: device, version }
    if (!checked.ok) {
      const rule = docRule(base ?? {}, metric, origin)
      return { rule, problem: `the device's config: ${checked.errors[0]?.message ?? 'not valid'}` }
    }
    if (checked.value === false) return null
    return compiledOr(docRule({ ...under, ...checked.value }, metric, origin), metric)
  }
  const general = own.find(([key]) => !key.includes('@'))
  const rest = general ? made(general[0], general[1], base) : defaultRule(metric)
  const ofRows = forRows.map(([key, said]) => {
    const one = made(key, said, base)
    if (one === null || 'problem' in one) return one
    const row = key.slice(key.indexOf('@') + 1)
    return { ...one, rule: { ...one.rule, row }, fits: (found: string) => found === row }
  })
  if (rest === null || 'problem' in rest || rows.size === 0) return [rest, ...ofRows]
  const { fits } = rest
  return [{ ...rest, fits: row => !rows.has(row) && (fits?.(row) ?? true) }, ...ofRows]
}
