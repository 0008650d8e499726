// Reads the points of some series over a time, raw or in buckets, each stream as it is at one moment:
// what the compactor moves meanwhile is neither missed nor counted twice. Memory stays bounded.

import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'
import { GAP_NUMBERS } from '../model/gap.ts'
import type { Damage } from './blocks.ts'
import { bucketGrid, finishPoint, pointOf, type RawPoint, SeriesBuckets } from './buckets.ts'
import { ABSENT, NUMBER, type Poll, TEXT } from './codec.ts'
import { type Column, type Columns, textAt } from './columns.ts'
import type { SampleFunction, SampleQuery, SeriesPoints } from './contract.ts'
import type { Database, Db } from './database.ts'
import { readEdges } from './edges.ts'
import { LAST, partsPerSlot, pointAt } from './rollup.ts'
import { segmentsOf, tierFor } from './segments.ts'
import { findSeries, type Wanted } from './series.ts'
import { type Source, type Visitor, visitBlocks, visitPolls } from './sources.ts'
import { textsOf } from './texts.ts'
import { type RetentionClass, retentionClass } from './tiers.ts'

/** Points in one answer. */
export const pointsMax = 500_000

/** Polls looked at for one answer: a month of ten streams at one a minute. */
export const pollsReadMax = 500_000

interface Collecting extends Wanted {
  points: RawPoint[]
  buckets: SeriesBuckets | null
}

interface Budget {
  polls: number
  points: number
}

interface Reading {
  query: SampleQuery
  /** Of a bucket, ms; null: every sample. */
  width: number | null
  fn: SampleFunction
  budget: Budget
  log: Logger
  damage: Damage
}

/** @throws AppError E_SAMPLE_QUERY for a query that asks for too much or makes no sense */
export async function readSamples(
  database: Database,
  query: SampleQuery,
  log: Logger,
  damage: Damage,
): Promise<SeriesPoints[]> {
  const points = query.points
  if (points !== undefined && !(points >= 1)) throw queryError('points must be at least 1')
  const grid =
    points === undefined ? null : bucketGrid(query.from, query.to, Math.min(points, pointsMax))
  const wanted = await findSeries(database.db, query.deviceUid, query)
  const series = wanted.map(
    (one): Collecting => ({ ...one, points: [], buckets: grid && new SeriesBuckets(grid) }),
  )
  const reading: Reading = {
    ...{ query, width: grid?.width ?? null, fn: query.fn ?? 'avg', log, damage },
    budget: { polls: pollsReadMax, points: pointsMax },
  }
  for (const [streamId, ofStream] of Map.groupBy(series, one => one.streamId)) {
    const kept = retentionClass(ofStream[0]?.retention ?? '')
    await database.snapshot(db => {
      // It may begin anew: what was gathered before counts for nothing.
      for (const one of ofStream) {
        one.points = []
        one.buckets = grid && new SeriesBuckets(grid)
      }
      return readStream(db, streamId, kept, ofStream, reading)
    })
    for (const one of ofStream) {
      one.points = one.buckets ? one.buckets.points(reading.fn) : inOrder(one.points)
    }
  }
  const texts = await textsOf(database.db, series)
  return series.map(({ info: { group, metric, row }, streamId, slot, points }) => ({
    group,
    metric,
    row,
    points: points.map(point => finishPoint(point, texts.get(streamId)?.get(slot))),
  }))
}

async function readStream(
  db: Db,
  streamId: number,
  kept: RetentionClass,
  series: readonly Collecting[],
  { query, width, fn, budget, log, damage }: Reading,
): Promise<void> {
  const { from, to } = query
  const slots = new Set(series.map(one => one.slot))
  const source: Source = { db, streamId, kept, slots, fn, log, damage }
  const visitor = collector(series, query, fn, budget)
  await visitPolls(source, query, visitor)
  for (const segment of segmentsOf(from, to, tierFor(width), await readEdges(db, kept))) {
    await visitBlocks(source, segment, visitor)
  }
}

/** Rising in time; of two points of one time the one with a value. */
function inOrder(points: RawPoint[]): RawPoint[] {
  points.sort((a, b) => a.at - b.at || Number(a.gap !== ABSENT) - Number(b.gap !== ABSENT))
  return points.filter((point, index) => index === 0 || point.at !== points[index - 1]?.at)
}

/** Puts what is found into the series that are asked for. */
function collector(
  series: readonly Collecting[],
  query: SampleQuery,
  fn: SampleFunction,
  budget: Budget,
): Visitor {
  const keep = (one: Collecting, point: RawPoint | null) => {
    if (!point) return
    if (one.buckets) {
      one.buckets.add(point)
      return
    }
    one.points.push(point)
    if (--budget.points < 0) throw queryError(`the answer has more than ${pointsMax} points`)
  }
  const spend = (polls: number) => {
    budget.polls -= polls
    if (budget.polls < 0) throw queryError(`more than ${pollsReadMax} polls lie in that time`)
  }
  return {
    poll(at, poll) {
      spend(1)
      for (const one of series) keep(one, cellOf(at, poll, one.slot))
    },
    samples(columns, { from, to }) {
      spend(columns.times.length)
      const { times } = columns
      for (const one of series) {
        const column = columns.slots[one.slot]
        if (!column) continue
        for (let i = firstFrom(times, from); i < times.length; i++) {
          const at = times[i] ?? 0
          if (at > to) break
          keep(one, sampleOf(columns, column, i, at))
        }
      }
    },
    points(columns, range, width) {
      spend(columns.times.length)
      for (const one of series) keepPoints(one, columns, range, width, query, fn, keep)
    },
    lost(at) {
      for (const one of series) keep(one, gapPoint(at, GAP_NUMBERS.decode))
    },
  }
}

function keepPoints(
  one: Collecting,
  columns: Columns,
  range: { from: number; to: number },
  width: number,
  query: SampleQuery,
  fn: SampleFunction,
  keep: (one: Collecting, point: RawPoint | null) => void,
): void {
  const parts = columns.slots.slice(one.slot * partsPerSlot, (one.slot + 1) * partsPerSlot)
  const last = parts[LAST]
  if (!last) return
  for (let i = firstFrom(columns.times, range.from - width + 1); i < columns.times.length; i++) {
    const begins = columns.times[i] ?? 0
    if (begins > range.to) break
    // A point that began before the time asked for is shown at its beginning.
    const at = Math.max(begins, query.from)
    if (last.kinds[i] !== NUMBER) {
      keep(one, sampleOf(columns, last, i, at))
      continue
    }
    const point = pointAt(parts, i)
    if (one.buckets) one.buckets.addSummary(at, point)
    else keep(one, { at, value: point[fn], gap: ABSENT, said: null })
  }
}

function cellOf(at: number, poll: Poll | null, slot: number): RawPoint | null {
  const kind = poll ? (poll.kinds[slot] ?? ABSENT) : GAP_NUMBERS.decode
  return pointOf(at, kind, poll?.values[slot] ?? 0)
}

function sampleOf(columns: Columns, column: Column, index: number, at: number): RawPoint | null {
  const kind = column.kinds[index] ?? ABSENT
  if (kind !== TEXT) return pointOf(at, kind, column.values[index] ?? 0)
  return { at, value: textAt(columns, column, index), gap: ABSENT, said: null }
}

const gapPoint = (at: number, gap: number): RawPoint => ({ at, value: null, gap, said: null })

/** The index of the first time that is not before `from`. */
function firstFrom(times: Float64Array, from: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < from) low = middle + 1
    else high = middle
  }
  return low
}

function queryError(message: string): AppError {
  return new AppError('E_SAMPLE_QUERY', message, {
    hint: 'ask for a shorter time, fewer series, or fewer points',
  })
}
