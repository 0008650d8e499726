// The metrics of a device as Prometheus knows them, by the profiles that read the device.

import { shownProfiles } from '../model/beside.ts'
import type { Device } from '../model/device.ts'
import { parseDuration } from '../model/duration.ts'
import type { PageGroup, PageMetric, Plan } from '../profiles/face.ts'
import { pageOf } from '../profiles/page.ts'
import { type ExportName, exportName } from './names.ts'

/** A value is old after so many intervals of its group, and never before `freshMsMin`. */
const freshIntervals = 3
const freshMsMin = 5 * 60_000

export interface Exported extends ExportName {
  /** As the profile writes it: `interface.in`. */
  id: string
  group: string
  help: string
  /** How long a value is worth to be told as the newest, ms. */
  freshMs: number
  isText: boolean
}

export function exportedMetrics(
  { identity, config }: Device,
  plan: (profiles: readonly string[]) => Plan,
): Exported[] {
  const everyMs = parseDuration(config.every)
  return pageOf(plan(shownProfiles(config, identity?.profiles ?? [])))
    .flatMap(section => section.groups)
    .flatMap(group => group.metrics.map(metric => exportedMetric(group, metric, everyMs)))
}

function exportedMetric(group: PageGroup, metric: PageMetric, everyMs: number): Exported {
  const freshMs = freshIntervals * Math.max(everyMs, group.everyMs ?? 0)
  return {
    ...exportName(group.id, metric),
    id: `${group.id}.${metric.id}`,
    group: group.id,
    help: helpOf(group, metric),
    freshMs: Math.max(freshMsMin, freshMs),
    isText: metric.kind === 'text',
  }
}

function helpOf(group: PageGroup, { title, description, states }: PageMetric): string {
  const numbers = states.flatMap(({ value, name }) => (value === null ? [] : [`${value} ${name}`]))
  const parts = [`${group.title}: ${title}`, description, numbers.join(', ')]
  return parts.filter(part => part !== '').join('. ')
}

/** Without the noise of binary fractions: 7 % are 0.07. */
export function scaled(value: number, factor: number): number {
  return factor === 1 ? value : Number((value * factor).toPrecision(15))
}
