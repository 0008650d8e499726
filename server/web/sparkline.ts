// A small line without axes, as numbers for an inline SVG. Gaps stay gaps.

import type { SamplePoint } from '../store/contract.ts'

export const SPARK_WIDTH = 104
export const SPARK_HEIGHT = 21
/** Room for the line's own width at top and bottom. */
const MARGIN = 2

export interface Sparkline {
  /** One `points` attribute for each unbroken part. */
  lines: string[]
  /** Of what is drawn; null: there is nothing. */
  max: number | null
}

/** @param breakMs points further apart are not joined */
export function sparkline(
  points: readonly SamplePoint[],
  from: number,
  to: number,
  breakMs: number,
): Sparkline {
  const good = points.flatMap(({ value }) => (typeof value === 'number' ? [value] : []))
  if (good.length === 0) return { lines: [], max: null }
  const max = Math.max(...good)
  const min = Math.min(0, ...good)
  const span = max - min || 1
  const parts: string[][] = []
  let part: string[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const { at, value } of points) {
    if (typeof value !== 'number' || at - last > breakMs) {
      if (part.length > 0) parts.push(part)
      part = []
    }
    if (typeof value !== 'number') continue
    const x = (SPARK_WIDTH * (at - from)) / (to - from)
    const y = SPARK_HEIGHT - MARGIN - ((SPARK_HEIGHT - 2 * MARGIN) * (value - min)) / span
    part.push(`${x.toFixed(1)},${y.toFixed(1)}`)
    last = at
  }
  if (part.length > 0) parts.push(part)
  return { lines: parts.map(one => one.join(' ')), max }
}
