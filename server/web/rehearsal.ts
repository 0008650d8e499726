// What the rule in a form would have done, for the page: the job for the thread that rehearses, and its
// answer as numbers, lines and a small chart.

import type { RehearsalJob } from '../alarms/rehearsals.ts'
import type { Rehearsal } from '../alarms/rehearse.ts'
import { compileRule } from '../alarms/rulebook.ts'
import { shownRow } from '../alarms/wording.ts'
import { AppError, type FieldError } from '../model/errors.ts'
import { isAbout, type Rule, RuleDocument } from '../model/rule.ts'
import type { AlarmMetric } from '../profiles/alarms.ts'
import { checker } from '../validate.ts'
import type { WebContext } from './context.ts'
import { fieldOf } from './rule-form.ts'
import { sparkline } from './sparkline.ts'
import { plainText } from './words.ts'

/** Devices that are listed. */
const worstMax = 10
/** Points of the chart that are further apart are not joined, ms. */
const joinMsMax = 2 * 3_600_000

const checkRule = checker(RuleDocument)
const able = ['threshold', 'rate', 'state', 'text']

/**
 * @param zone of the reader, who asks what happens at night
 * @throws AppError of `Rehearsals.run`
 */
export async function rehearsal(
  web: WebContext,
  zone: string,
  document: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const checked = checkRule({ ...document, name: document.name || '?' })
  if (!checked.ok) return { errors: checked.errors.map(fieldOf) }
  if (!able.includes(checked.value.condition)) return { errors: [], isUnable: true }
  const rule: Rule = {
    ...checked.value,
    ...{ id: 'rehearsal', version: 0, source: 'person', from: '', changed: false },
  }
  const { problems, ...found } = await targetsOf(web, rule)
  if (found.targets.length === 0 && problems.length > 0) return { errors: problems.map(fieldOf) }
  const made = await web.alarms.rehearsals.run({ rule, ...found, now: Date.now(), zone })
  return {
    ...made,
    errors: [],
    worst: made.worst.slice(0, worstMax).map(worstLine),
    ...chart(made),
  }
}

/** The devices that the rule is about, and their metrics that it can judge; devices of one plan share those. */
async function targetsOf(
  web: WebContext,
  rule: Rule,
): Promise<Pick<RehearsalJob, 'metrics' | 'targets'> & { problems: readonly FieldError[] }> {
  const isMeant = ({ group, metric, role }: AlarmMetric) =>
    rule.role === undefined ? `${group}.${metric}` === rule.metric : role === rule.role
  const metrics: AlarmMetric[] = []
  const known = new Map<AlarmMetric, number | null>()
  let problems: readonly FieldError[] = []
  const place = (metric: AlarmMetric): number | null => {
    const before = known.get(metric)
    if (before !== undefined) return before
    const wrong = problemsOf(rule, metric)
    if (problems.length === 0) problems = wrong
    const made = wrong.length > 0 ? null : metrics.push(metric) - 1
    known.set(metric, made)
    return made
  }
  const targets: RehearsalJob['targets'][number][] = []
  for (const device of await web.devices.list()) {
    const { uid, config } = device
    if (!rule.devices || !isAbout(rule.devices, config)) continue
    const places = web.alarms.metricsOf(device).filter(isMeant).map(place)
    const own = places.filter(one => one !== null)
    if (own.length > 0) {
      targets.push({ device: { uid, id: config.id, name: config.name }, metrics: own })
    }
  }
  return { metrics, targets, problems }
}

/** Why a rule cannot be judged on a metric; nothing: it can. */
function problemsOf(rule: Rule, metric: AlarmMetric): readonly FieldError[] {
  try {
    compileRule(rule, metric)
    return []
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return error.errors.length > 0 ? error.errors : [{ path: 'warning', message: error.message }]
  }
}

const worstLine = ({ device, times, atNight, longMs, rows }: Rehearsal['worst'][number]) => ({
  ...{ times, atNight, longMs, rows, name: plainText(device.name, 80) },
  href: `/devices/${encodeURIComponent(device.id)}`,
})

/** The series with most alarms, as a line with its alarms behind it. */
function chart({ example, from, to }: Rehearsal): Record<string, unknown> {
  if (!example) return { line: null }
  const { points, row, spans, device } = example
  const { lines } = sparkline(points, from, to, joinMsMax)
  const name = plainText(device.name, 80)
  const share = (at: number) => (1000 * (at - from)) / (to - from)
  return {
    line: {
      lines,
      of: row === null ? name : `${name}, ${shownRow(row)}`,
      spans: spans.map(({ from: begin, to: end, severity }) => ({
        severity,
        x: share(begin).toFixed(1),
        width: Math.max(2, share(end ?? to) - share(begin)).toFixed(1),
      })),
    },
  }
}
