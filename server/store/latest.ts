// The newest point of every series of a device: mostly the newest row of each of its streams, or the
// end of its newest block.

import type { Logger } from '../log.ts'
import { boundsOf, type Damage, newestBlocks } from './blocks.ts'
import { finishPoint, pointOf, type RawPoint } from './buckets.ts'
import { ABSENT, emptyPoll, TEXT } from './codec.ts'
import { type Columns, textAt } from './columns.ts'
import type { SamplePoint, SeriesInfo } from './contract.ts'
import type { Db } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { decodeOrLog, newestPolls, olderPolls } from './polls.ts'
import { findSeries, type Wanted } from './series.ts'
import { classesOf } from './streams.ts'
import { textsOf } from './texts.ts'
import { type RetentionClass, retentionClass, tableOf } from './tiers.ts'

/** How far to look back in a stream for series that its newest poll did not have, in steps of polls. */
const lookBackSteps = [30, 200, 800]

interface Collecting extends Wanted {
  points: RawPoint[]
}

/** How many blocks to look back. */
const blocksBack = 5

/** The newest point of every series; one that had none in its stream's last 1,000 polls is left out. */
export async function readLatest(
  db: Db,
  deviceUid: number,
  log: Logger,
  damage: Damage,
): Promise<(SeriesInfo & SamplePoint)[]> {
  const found = await findSeries(db, deviceUid, null)
  const wanted = found.map((one): Collecting => ({ ...one, points: [] }))
  const streams = Map.groupBy(wanted, one => one.streamId)
  for (const { stream_id, ts, data } of await newestPolls(db, [...streams.keys()])) {
    const series = streams.get(stream_id) ?? []
    fillNewest(series, stream_id, [{ ts, data }], log)
    await lookBack(db, stream_id, ts, series, log)
  }
  // Polls first: what the compactor moves meanwhile is then found in its block.
  const known = new Map(
    [...streams].map(([id, [one]]) => [id, retentionClass(one?.retention ?? '')]),
  )
  for (const [streamId, kept] of known)
    await lookIntoBlocks(db, streamId, kept, streams.get(streamId) ?? [], damage)
  // One that was moved meanwhile has its blocks elsewhere.
  for (const [streamId, kept] of await classesOf(db, [...streams.keys()])) {
    if (kept === known.get(streamId)) continue
    await lookIntoBlocks(db, streamId, kept, streams.get(streamId) ?? [], damage)
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

/** Where a block may have a newer point than the polls that wait, or the only one. */
async function lookIntoBlocks(
  db: Db,
  streamId: number,
  kept: RetentionClass,
  series: readonly Collecting[],
  damage: Damage,
): Promise<void> {
  const table = tableOf('raw', kept)
  const oldest = Math.min(...series.map(({ points: [point] }) => point?.at ?? 0))
  const newer = { from: oldest, to: Number.MAX_SAFE_INTEGER }
  if (oldest > 0 && (await boundsOf(db, table, streamId, newer).execute()).length === 0) return
  let before = Number.MAX_SAFE_INTEGER
  for (let looked = 0; looked < blocksBack; looked++) {
    const [row] = await newestBlocks(db, table, streamId, before, 1)
    if (!row) return
    const open = series.filter(({ points: [point] }) => !point || point.at < row.t1)
    if (open.length === 0) return
    const slots = new Map(open.map(one => [one.slot, 'values'] as const))
    const columns = damage.decode(table, streamId, row, slots)
    if (columns) for (const one of open) takeNewer(one, columns)
    before = row.t0
  }
}

function takeNewer(one: Collecting, columns: Columns): void {
  const column = columns.slots[one.slot]
  if (!column) return
  for (let index = columns.times.length - 1; index >= 0; index--) {
    const at = columns.times[index] ?? 0
    if (one.points[0] && one.points[0].at >= at) return
    const kind = column.kinds[index] ?? ABSENT
    if (kind === ABSENT) continue
    const value = column.values[index] ?? 0
    const text = textAt(columns, column, index)
    const point =
      kind === TEXT ? { at, value: text, gap: ABSENT, said: null } : pointOf(at, kind, value)
    if (point) one.points = [point]
    return
  }
}
