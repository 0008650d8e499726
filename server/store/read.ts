// Reads the points of some series over a time, raw or in buckets, each stream as it is at one moment:
// what the compactor moves meanwhile is neither missed nor counted twice. Memory stays bounded.

import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'
import { GAP_NUMBERS } from '../model/gap.ts'
import type { Damage } from './blocks.ts'
import {
  type BucketGrid,
  bucketGrid,
  bucketsOf,
  finishPoint,
  pointOf,
  type RawPoint,
  SeriesBuckets,
} from './buckets.ts'
import { ABSENT, NUMBER, type Poll, TEXT } from './codec.ts'
import { type Column, type Columns, textAt } from './columns.ts'
import type { SampleFunction, SampleQuery, SeriesPoints } from './contract.ts'
import type { Database, Db } from './database.ts'
import { partsOf } from './rollup.ts'
import { segmentsOf, tierFor } from './segments.ts'
import { findSeries, type Wanted } from './series.ts'
import { type Source, type Visitor, visitBlocks, visitPolls } from './sources.ts'
import { keptOf } from './streams.ts'
import type { Cells, PointColumns } from './tally.ts'
import { textsOf } from './texts.ts'

/** Points in one answer. */
export const pointsMax = 500_000

/** Buckets of all series of one answer, of about 50 bytes each. */
const bucketsMax = 4_000_000

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
  /** Null: every sample. */
  grid: BucketGrid | null
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
  const wanted = await findSeries(database.reader, query.deviceUid, query)
  if (grid && grid.count * wanted.length > bucketsMax) {
    throw queryError(`${wanted.length} series of ${grid.count} points are too much for one answer`)
  }
  const series = wanted.map(
    (one): Collecting => ({ ...one, points: [], buckets: grid && new SeriesBuckets(grid) }),
  )
  const reading: Reading = {
    ...{ query, grid, fn: query.fn ?? 'avg', log, damage },
    budget: { polls: pollsReadMax, points: pointsMax },
  }
  for (const [streamId, ofStream] of Map.groupBy(series, one => one.streamId)) {
    await database.snapshot(db => {
      // It may begin anew: what was gathered before counts for nothing.
      for (const one of ofStream) {
        one.points = []
        one.buckets = grid && new SeriesBuckets(grid)
      }
      return readStream(db, streamId, ofStream, reading)
    })
    for (const one of ofStream) {
      one.points = one.buckets ? one.buckets.points(reading.fn) : inOrder(one.points)
    }
  }
  const texts = await textsOf(database.reader, series)
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
  series: readonly Collecting[],
  reading: Reading,
): Promise<void> {
  const { query, grid, fn, log, damage } = reading
  const { from, to } = query
  const { kept, edges } = await keptOf(db, streamId)
  const slots = new Set(series.map(one => one.slot))
  const source: Source = { db, streamId, kept, slots, fn, log, damage }
  const visitor = collector(series, reading)
  await visitPolls(source, query, visitor)
  for (const segment of segmentsOf(from, to, tierFor(grid?.width ?? null), edges)) {
    await visitBlocks(source, segment, visitor)
  }
}

/** Rising in time; of two points of one time the one with a value. */
function inOrder(points: RawPoint[]): RawPoint[] {
  points.sort((a, b) => a.at - b.at || Number(a.gap !== ABSENT) - Number(b.gap !== ABSENT))
  return points.filter((point, index) => index === 0 || point.at !== points[index - 1]?.at)
}

/** Puts what is found into the series that are asked for. */
function collector(series: readonly Collecting[], { query, grid, fn, budget }: Reading): Visitor {
  const keep: Keep = (one, point) => {
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
      for (const one of series) {
        // Nearly every cell, without an object for it.
        if (one.buckets && poll?.kinds[one.slot] === NUMBER) {
          one.buckets.addNumber(at, poll.values[one.slot] ?? 0)
        } else keep(one, cellOf(at, poll, one.slot))
      }
    },
    samples(columns, range) {
      spend(columns.times.length)
      const cells = cellsOf(columns, grid, range.from, range.to)
      for (const one of series) {
        const column = columns.slots[one.slot]
        if (!column) continue
        if (one.buckets) one.buckets.addSamples(column, cells, columns.texts)
        else keepSamples(one, columns, column, cells, keep)
      }
    },
    points(columns, range, width) {
      spend(columns.times.length)
      const cells = cellsOf(columns, grid, range.from - width + 1, range.to)
      for (const one of series) {
        const parts = partsOf(columns, one.slot)
        if (!parts) continue
        if (one.buckets) one.buckets.addPoints(parts, cells, columns.texts)
        else keepPoints(one, columns, parts, cells, query, fn, keep)
      }
    },
    lost(at) {
      for (const one of series) keep(one, gapPoint(at, GAP_NUMBERS.decode))
    },
  }
}

type Keep = (one: Collecting, point: RawPoint | null) => void
type CellRange = Omit<Cells, 'texts'>

/** The cells of a block between two times, both included. */
function cellsOf({ times }: Columns, grid: BucketGrid | null, from: number, to: number): CellRange {
  const buckets = grid ? bucketsOf(grid, times) : new Int32Array(0)
  return { times, buckets, from: firstFrom(times, from), to: firstFrom(times, to + 1) }
}

function keepSamples(
  one: Collecting,
  columns: Columns,
  column: Column,
  { times, from, to }: CellRange,
  keep: Keep,
): void {
  for (let i = from; i < to; i++) keep(one, sampleOf(columns, column, i, times[i] ?? 0))
}

function keepPoints(
  one: Collecting,
  columns: Columns,
  parts: PointColumns,
  { times, from, to }: CellRange,
  query: SampleQuery,
  fn: SampleFunction,
  keep: Keep,
): void {
  for (let i = from; i < to; i++) {
    // A point that began before the time asked for is shown at its beginning.
    const at = Math.max(times[i] ?? 0, query.from)
    const isNumber = parts.last.kinds[i] === NUMBER
    const value = parts[fn]?.values[i] ?? 0
    const point = { at, value, gap: ABSENT, said: null }
    keep(one, isNumber ? point : sampleOf(columns, parts.last, i, at))
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
