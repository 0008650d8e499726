// Reads the points of some series over a time, raw or in buckets. Reads only the streams that are
// asked for, page by page, so memory stays bounded.

import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'
import { GAP_NUMBERS } from '../model/gap.ts'
import { bucketGrid, finishPoint, pointOf, type RawPoint, SeriesBuckets } from './buckets.ts'
import { ABSENT, emptyPoll, type Poll } from './codec.ts'
import type { SampleQuery, SeriesPoints } from './contract.ts'
import type { Db } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { decodeOrLog, pagePolls } from './polls.ts'
import { findSeries, type Wanted } from './series.ts'
import { textsOf } from './texts.ts'

/** Points in one answer. */
export const pointsMax = 500_000

/** Polls looked at for one answer: a month of ten streams at one a minute. */
export const pollsReadMax = 500_000

/** Polls fetched at once; between pages the event loop runs. */
const pageSize = 2000

interface Collecting extends Wanted {
  points: RawPoint[]
  buckets: SeriesBuckets | null
}

/** @throws AppError E_SAMPLE_QUERY for a query that asks for too much or makes no sense */
export async function readSamples(
  db: Db,
  query: SampleQuery,
  log: Logger,
): Promise<SeriesPoints[]> {
  const points = query.points
  if (points !== undefined && !(points >= 1)) throw queryError('points must be at least 1')
  const grid =
    points === undefined ? null : bucketGrid(query.from, query.to, Math.min(points, pointsMax))
  const wanted = await findSeries(db, query.deviceUid, query)
  const series = wanted.map(
    (one): Collecting => ({ ...one, points: [], buckets: grid && new SeriesBuckets(grid) }),
  )
  const budget = { polls: pollsReadMax, points: pointsMax }
  for (const [streamId, ofStream] of Map.groupBy(series, one => one.streamId)) {
    await readStream(db, streamId, ofStream, query, budget, log)
    const fn = query.fn ?? 'avg'
    for (const one of ofStream) if (one.buckets) one.points = one.buckets.points(fn)
  }
  const texts = await textsOf(db, series)
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
  { from, to }: SampleQuery,
  budget: { polls: number; points: number },
  log: Logger,
): Promise<void> {
  const slots = Math.max(...series.map(one => one.slot)) + 1
  const poll = emptyPoll(slotsPerStreamMax)
  let next = from
  for (;;) {
    const page = await pagePolls(db, streamId, next, to, pageSize)
    budget.polls -= page.length
    if (budget.polls < 0) throw queryError(`more than ${pollsReadMax} polls lie in that time`)
    for (const { ts, data } of page) {
      const whole = decodeOrLog(data, poll, slots, { streamId, ts }, log)
      for (const one of series) keepCell(one, ts, whole ? poll : null, budget)
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) return
    next = last.ts + 1
  }
}

/** @param poll null: it is damaged */
function keepCell(
  one: Collecting,
  at: number,
  poll: Poll | null,
  budget: { points: number },
): void {
  const kind = poll ? (poll.kinds[one.slot] ?? ABSENT) : GAP_NUMBERS.decode
  const point = pointOf(at, kind, poll?.values[one.slot] ?? 0)
  if (!point) return
  if (one.buckets) {
    one.buckets.add(point)
    return
  }
  one.points.push(point)
  if (--budget.points < 0) throw queryError(`the answer has more than ${pointsMax} points`)
}

function queryError(message: string): AppError {
  return new AppError('E_SAMPLE_QUERY', message, {
    hint: 'ask for a shorter time, fewer series, or fewer points',
  })
}
