// What a rule would have done over the last 30 days of stored samples, by half hours: how often, for how
// long, at night, on which devices. Bounded by devices and series; what is left out is said.

import type { SampleFunction, SampleStore, SeriesPoints } from '../store/contract.ts'
import { metricsOf, type Replayed, replayRow } from './replay.ts'
import type { CompiledRule } from './rulebook.ts'

export const devicesMax = 50
const seriesMax = 3000
const daysBack = 30
const bucketMs = 30 * 60_000
const DAY_MS = 86_400_000

/** What is said of a device. */
export interface Rehearsable {
  uid: number
  id: string
  name: string
}

export interface RehearsedDevice {
  device: Rehearsable
  times: number
  atNight: number
  longMs: number
  rows: number
}

export interface Rehearsal {
  /** Devices that the rule is about, and those that were looked at. */
  devices: number
  looked: number
  series: number
  isCut: boolean
  times: number
  atNight: number
  /** All alarms together, and the longest, ms. */
  allMs: number
  longestMs: number
  from: number
  to: number
  /** The worst first. */
  worst: RehearsedDevice[]
  /** The series with most alarms. */
  example: ({ device: Rehearsable } & Pick<Replayed, 'row' | 'spans' | 'points'>) | null
}

export interface Target {
  device: Rehearsable
  rules: readonly CompiledRule[]
}

/** Parts of one rehearsal, each of other devices. */
export function joined(parts: readonly [Rehearsal, ...Rehearsal[]]): Rehearsal {
  const sum = (of: (part: Rehearsal) => number) => parts.reduce((all, part) => all + of(part), 0)
  const most = parts.reduce((all, part) => (spansOf(part) > spansOf(all) ? part : all))
  const [{ from, to }] = parts
  return {
    ...{ from, to, example: most.example },
    devices: sum(part => part.devices),
    looked: sum(part => part.looked),
    series: sum(part => part.series),
    isCut: parts.some(part => part.isCut),
    times: sum(part => part.times),
    atNight: sum(part => part.atNight),
    allMs: sum(part => part.allMs),
    longestMs: Math.max(...parts.map(part => part.longestMs)),
    worst: parts.flatMap(part => part.worst).sort(byTimes),
  }
}

const spansOf = ({ example }: Rehearsal): number => example?.spans.length ?? -1
const byTimes = (a: RehearsedDevice, b: RehearsedDevice): number =>
  b.times - a.times || b.longMs - a.longMs || a.device.uid - b.device.uid

/** @param isNight is this moment one at which people sleep? */
export async function rehearse(
  store: Pick<SampleStore, 'read'>,
  targets: readonly Target[],
  now: number,
  isNight: (at: number) => boolean,
): Promise<Rehearsal> {
  const to = Math.ceil(now / bucketMs) * bucketMs
  const from = to - daysBack * DAY_MS
  const made: Rehearsal = {
    ...{ devices: targets.length, looked: 0, series: 0, isCut: targets.length > devicesMax },
    ...{ times: 0, atNight: 0, allMs: 0, longestMs: 0, from, to, worst: [], example: null },
  }
  for (const { device, rules } of targets.slice(0, devicesMax)) {
    if (made.series >= seriesMax) {
      made.isCut = true
      break
    }
    made.looked++
    const sum: RehearsedDevice = { device, times: 0, atNight: 0, longMs: 0, rows: 0 }
    for (const one of rules) {
      for (const replayed of await replayDevice(store, device, one, from, to)) {
        made.series++
        add(made, sum, replayed, isNight)
        const { row, spans, points } = replayed
        if (spans.length > spansOf(made)) made.example = { device, row, spans, points }
      }
    }
    made.worst.push(sum)
  }
  made.worst.sort(byTimes)
  return made
}

async function replayDevice(
  store: Pick<SampleStore, 'read'>,
  device: Rehearsable,
  one: CompiledRule,
  from: number,
  to: number,
): Promise<Replayed[]> {
  const found = await store.read({
    ...{ deviceUid: device.uid, group: one.metric.group, metrics: metricsOf(one), from, to },
    ...(one.metric.kind !== 'text' && { points: (to - from) / bucketMs, fn: bucketFn(one) }),
  })
  return byRow(found, one)
    .slice(0, seriesMax)
    .map(([row, series]) => replayRow(one, series, row, bucketMs))
}

/** The rows that a rule is about, each with all its metrics. */
export function byRow(
  found: readonly SeriesPoints[],
  one: CompiledRule,
): [string | null, SeriesPoints[]][] {
  const rows = Map.groupBy(found, ({ row }) => row)
  return [...rows].filter(([row]) => !one.fits || one.fits(row ?? ''))
}

/** A short peak must be seen where no time is asked for; a long one is an average. */
function bucketFn({ rule, forMs, metric }: CompiledRule): SampleFunction {
  if (metric.kind === 'state' || metric.kind === 'flags') return 'max'
  if (forMs >= bucketMs || rule.condition === 'rate') return 'avg'
  const limit = rule.critical ?? rule.warning ?? rule.info ?? ''
  return /^\s*(value\s*)?</.test(limit) ? 'min' : 'max'
}

function add(
  made: Rehearsal,
  sum: RehearsedDevice,
  { spans }: Replayed,
  isNight: (at: number) => boolean,
): void {
  if (spans.length > 0) sum.rows++
  for (const span of spans) {
    const lasted = (span.to ?? made.to) - span.from
    const nights = isNight(span.from) ? 1 : 0
    made.times++
    made.atNight += nights
    made.allMs += lasted
    made.longestMs = Math.max(made.longestMs, lasted)
    sum.times++
    sum.atNight += nights
    sum.longMs += lasted
  }
}
