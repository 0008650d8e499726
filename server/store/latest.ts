// The newest point of every series of a device: mostly the newest row of each of its streams.

import type { Logger } from '../log.ts'
import { finishPoint, pointOf, type RawPoint } from './buckets.ts'
import { ABSENT, emptyPoll } from './codec.ts'
import type { SamplePoint, SeriesInfo } from './contract.ts'
import type { Db } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { decodeOrLog, newestPolls, olderPolls } from './polls.ts'
import { findSeries, type Wanted } from './series.ts'
import { textsOf } from './texts.ts'

/** How far to look back in a stream for series that its newest poll did not have, in steps of polls. */
const lookBackSteps = [30, 200, 800]

interface Collecting extends Wanted {
  points: RawPoint[]
}

/** The newest point of every series; one that had none in its stream's last 1,000 polls is left out. */
export async function readLatest(
  db: Db,
  deviceUid: number,
  log: Logger,
): Promise<(SeriesInfo & SamplePoint)[]> {
  const found = await findSeries(db, deviceUid, null)
  const wanted = found.map((one): Collecting => ({ ...one, points: [] }))
  const streams = Map.groupBy(wanted, one => one.streamId)
  for (const { stream_id, ts, data } of await newestPolls(db, [...streams.keys()])) {
    const series = streams.get(stream_id) ?? []
    fillNewest(series, stream_id, [{ ts, data }], log)
    await lookBack(db, stream_id, ts, series, log)
  }
  const texts = await textsOf(db, wanted)
  return wanted.flatMap(({ info, streamId, slot, points: [point] }) =>
    point ? [{ ...info, ...finishPoint(point, texts.get(streamId)?.get(slot)) }] : [],
  )
}

async function lookBack(
  db: Db,
  streamId: number,
  newest: number,
  series: readonly Collecting[],
  log: Logger,
): Promise<void> {
  let before = newest
  for (const step of lookBackSteps) {
    const rest = series.filter(one => one.points.length === 0)
    if (rest.length === 0) return
    const page = await olderPolls(db, streamId, before, step)
    fillNewest(rest, streamId, page, log)
    if (page.length < step) return
    before = page.at(-1)?.ts ?? before
  }
}

/** Gives each series that has no point yet its newest one of these polls (newest first). */
function fillNewest(
  series: readonly Collecting[],
  streamId: number,
  polls: readonly { ts: number; data: Uint8Array }[],
  log: Logger,
): void {
  const poll = emptyPoll(slotsPerStreamMax)
  let rest = series
  for (const { ts, data } of polls) {
    if (!decodeOrLog(data, poll, slotsPerStreamMax, { streamId, ts }, log)) continue
    for (const one of rest) {
      const point = pointOf(ts, poll.kinds[one.slot] ?? ABSENT, poll.values[one.slot] ?? 0)
      if (point) one.points.push(point)
    }
    rest = rest.filter(one => one.points.length === 0)
    if (rest.length === 0) return
  }
}
