// The sparkline of a device: what all its interfaces received in the last hour, as the points of an
// SVG polyline. Lists are drawn again every few seconds, so a line is kept for half a minute.

import type { SeriesPoints } from '../../store/contract.ts'
import type { WebContext } from '../context.ts'

export const SPARK_WIDTH = 104
export const SPARK_HEIGHT = 21

const SPAN_MS = 3_600_000
const POINTS = 26
const KEPT_MS = 30_000
/** Lines kept; the oldest goes first. */
const LINES_MAX = 2000

export interface Spark {
  /** Of an SVG polyline. */
  points: string
  /** bit/s. */
  last: number
  max: number
}

type Kept = { at: number; spark: Promise<Spark | null> }

const kept = new WeakMap<WebContext, Map<string, Kept>>()

export function trafficOf(
  web: WebContext,
  uid: number,
  group: string,
  metric: string,
): Promise<Spark | null> {
  const lines = kept.get(web) ?? new Map<string, Kept>()
  kept.set(web, lines)
  const key = `${uid} ${group} ${metric}`
  const now = Date.now()
  const known = lines.get(key)
  if (known && now - known.at < KEPT_MS) return known.spark
  const spark = read(web, uid, group, metric, now)
  spark.catch(() => lines.delete(key))
  lines.delete(key)
  lines.set(key, { at: now, spark })
  for (const oldest of lines.keys()) {
    if (lines.size <= LINES_MAX) break
    lines.delete(oldest)
  }
  return spark
}

async function read(
  web: WebContext,
  uid: number,
  group: string,
  metric: string,
  now: number,
): Promise<Spark | null> {
  const from = now - SPAN_MS
  const series = await web.store.samples.read({
    deviceUid: uid,
    group,
    metrics: [metric],
    from,
    to: now,
    points: POINTS,
    fn: 'avg',
  })
  return sparkOf(addUp(series), from)
}

function addUp(series: readonly SeriesPoints[]): [number, number][] {
  const sums = new Map<number, number>()
  for (const { points } of series) {
    for (const { at, value } of points) {
      if (typeof value === 'number') sums.set(at, (sums.get(at) ?? 0) + value)
    }
  }
  return [...sums].sort(([a], [b]) => a - b)
}

/** Null for fewer than two points: a dot says nothing about a course. */
export function sparkOf(sums: readonly [number, number][], from: number): Spark | null {
  const last = sums.at(-1)
  if (!last || sums.length < 2) return null
  const max = Math.max(...sums.map(([, value]) => value))
  const x = (at: number) => ((at - from) / SPAN_MS) * (SPARK_WIDTH - 2) + 1
  const y = (value: number) => SPARK_HEIGHT - 2 - (max > 0 ? (value / max) * (SPARK_HEIGHT - 4) : 0)
  return {
    points: sums.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' '),
    last: last[1],
    max,
  }
}
