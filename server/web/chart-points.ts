// The points of a chart's lines as pages get them: broken where nothing came, totals as what was added,
// states as their changes, and the spans in which the whole chart has nothing. Pure.

import type { GapReason } from '../model/gap.ts'
import type { SamplePoint } from '../store/contract.ts'

/** Without anything for so many steps, the line is broken. */
const BREAK_STEPS = 3

/** [time, value], or [time, null, why there is none]. */
export type ChartPoint = [number, number] | [number, null, GapReason | null]

/** [from, to, reason]. */
export type ChartGap = [number, number, GapReason | 'none']

/** As points; where nothing came for some steps, an empty one breaks the line. */
export function broken(found: readonly SamplePoint[], stepMs: number): ChartPoint[] {
  const points: ChartPoint[] = []
  let last: number | null = null
  for (const { at, value, gap } of found) {
    if (last !== null && at - last > BREAK_STEPS * stepMs) points.push([last + stepMs, null, null])
    points.push(typeof value === 'number' ? [at, significant(value)] : [at, null, gap])
    last = at
  }
  return points
}

const significant = (value: number): number => Number(value.toPrecision(7))

/** What was added to a total between two samples; a total that went back began again. */
export function increases(found: readonly SamplePoint[]): SamplePoint[] {
  let last: number | null = null
  return found.flatMap(({ at, value, gap }): SamplePoint[] => {
    if (typeof value !== 'number') return [{ at, value: null, gap }]
    const before = last
    last = value
    if (before === null) return []
    if (value < before) return [{ at, value: null, gap: 'reset' }]
    return [{ at, value: value - before, gap: null }]
  })
}

/** A state lasts until the next point: those that say the same again are left out. */
export function changesOf(points: readonly ChartPoint[]): ChartPoint[] {
  return points.filter((point, at) => {
    const before = points[at - 1]
    return !before || at === points.length - 1 || before[1] !== point[1] || before[2] !== point[2]
  })
}

/** Spans in which no line has a value. One line's own gap is in its points. */
export function gapsOf(
  series: readonly (readonly SamplePoint[])[],
  stepMs: number,
  to: number,
): ChartGap[] {
  const gaps: ChartGap[] = []
  let last: number | null = null
  let open: ChartGap | null = null
  for (const [at, reason] of timesOf(series)) {
    if (last !== null && at - last > BREAK_STEPS * stepMs) {
      gaps.push([last, at, 'none'])
      open = null
    }
    if (open) open[1] = at
    if (reason === null) {
      open = null
    } else if (open?.[2] !== reason) {
      open = [open || last === null ? at : last, at, reason]
      gaps.push(open)
    }
    last = at
  }
  // Nothing came since: the gap goes on for the step that it stands for.
  if (open) open[1] = Math.min(to, open[1] + stepMs)
  return gaps
}

/** Time → why no line has a value then; null: at least one has. */
function timesOf(series: readonly (readonly SamplePoint[])[]): [number, GapReason | null][] {
  const times = new Map<number, GapReason | null>()
  for (const { at, value, gap } of series.flat()) {
    if (value !== null) times.set(at, null)
    else if (gap !== null && !times.has(at)) times.set(at, gap)
  }
  return [...times].sort(([a], [b]) => a - b)
}
