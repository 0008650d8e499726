// Collections as what they put into streams: each value in the slot of its series, new series
// registered on the way. It reads and registers; storing is the writer's.

import { setImmediate as breath } from 'node:timers/promises'
import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import { GAP_NUMBERS, type GapReason } from '../model/gap.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import { emptyPoll, NUMBER, type Poll, setCell, TEXT } from './codec.ts'
import type { Database } from './database.ts'
import type { RawEdges } from './edges.ts'
import {
  GroupLayout,
  groupKey,
  type LayoutCache,
  loadLayouts,
  type SeriesName,
  type StreamLayout,
  slotsPerStreamMax,
  wellFormed,
} from './layout.ts'
import { registerSeries } from './register.ts'

/** Collections that are prepared before the event loop has its turn: some ms of work. */
const breathEvery = 100

/** What one collection puts into one stream. */
export interface StreamPart {
  streamId: number
  poll: Poll
  /** Texts of the poll's TEXT cells, by slot. */
  texts: Map<number, string>
}

export interface Prepared {
  deviceUid: number
  at: number
  parts: StreamPart[]
}

/** One of each collection, in their order; series that are new have a place afterwards. */
export async function prepareBatch(
  database: Database,
  { layouts, edges, policy }: { layouts: LayoutCache; edges: RawEdges; policy: RetentionPolicy },
  batch: readonly AcceptedCollection[],
): Promise<(Prepared | { refused: string })[]> {
  await edges.load(database.db)
  const known = new Map<string, GroupLayout>()
  const unknown = []
  for (const collection of batch) {
    const layout = layouts.get(groupKey(collection))
    if (layout) known.set(groupKey(collection), layout)
    else unknown.push(collection)
  }
  for (const [key, layout] of await loadLayouts(database.db, unknown)) {
    layouts.set(key, layout)
    known.set(key, layout)
  }
  const prepared: (Prepared | { refused: string })[] = []
  for (const [i, collection] of batch.entries()) {
    if (i % breathEvery === breathEvery - 1) await breath()
    const key = groupKey(collection)
    const kept = policy(collection.deviceUid, collection.group)
    if (collection.at < edges.of(kept ?? known.get(key)?.streams[0]?.kept ?? 'default')) {
      prepared.push({ refused: 'too-old' })
      continue
    }
    const missing = missingSeries(collection, known.get(key))
    if (missing.length > 0) {
      const registered = await registerSeries(database, collection, missing, collection.at, kept)
      if ('refused' in registered) {
        prepared.push(registered)
        continue
      }
      layouts.set(key, registered.layout)
      known.set(key, registered.layout)
    }
    prepared.push(prepare(collection, known.get(key)))
  }
  return prepared
}

function missingSeries(
  { rows, metrics, failed }: AcceptedCollection,
  layout: GroupLayout | undefined,
): SeriesName[] {
  const missing: SeriesName[] = []
  if (failed !== null) return missing
  const placement = (layout ?? new GroupLayout([])).placement(rows)
  for (const metric of metrics.keys()) {
    const places = placement.of(metric)
    if (!places.includes(-1)) continue
    placement.keys.forEach((row, index) => {
      if (places[index] === -1) missing.push({ metric, row })
    })
  }
  return missing
}

function prepare(collection: AcceptedCollection, layout: GroupLayout | undefined): Prepared {
  const { deviceUid, at } = collection
  if (!layout) return { deviceUid, at, parts: [] }
  return {
    deviceUid,
    at,
    parts:
      collection.failed === null
        ? goodParts(collection, layout)
        : failedParts(layout, collection.failed),
  }
}

function failedParts(layout: GroupLayout, reason: GapReason): StreamPart[] {
  return layout.streams.map(({ id, series }) => {
    const poll = emptyPoll(slotsPerStreamMax)
    series.forEach((_, slot) => {
      setCell(poll, slot, GAP_NUMBERS[reason])
    })
    return { streamId: id, poll, texts: new Map() }
  })
}

function goodParts({ rows, metrics, gaps }: AcceptedCollection, layout: GroupLayout): StreamPart[] {
  const parts: (StreamPart | undefined)[] = []
  const placement = layout.placement(rows)
  for (const [metric, values] of metrics) {
    const places = placement.of(metric)
    const reasons = gaps.get(metric)
    for (let index = 0; index < values.length; index++) {
      const place = places[index] ?? -1
      if (place < 0) continue
      const stream = (place / slotsPerStreamMax) | 0
      const part = parts[stream] ?? emptyPart(layout.streams[stream])
      parts[stream] = part
      const slot = place - stream * slotsPerStreamMax
      putValue(part, slot, values[index] ?? null, reasons?.[index] ?? null)
    }
  }
  return parts.filter(part => part !== undefined)
}

function emptyPart(stream: StreamLayout | undefined): StreamPart {
  const streamId = stream?.id ?? 0
  return { streamId, poll: emptyPoll(slotsPerStreamMax), texts: new Map() }
}

/** Accept lets no null without a reason and no infinite number pass; if one comes, it is `decode`. */
function putValue(part: StreamPart, slot: number, value: Value, gap: GapReason | null): void {
  if (typeof value === 'number' && Number.isFinite(value)) {
    setCell(part.poll, slot, NUMBER, value)
  } else if (typeof value === 'string') {
    setCell(part.poll, slot, TEXT)
    part.texts.set(slot, wellFormed(value))
  } else {
    setCell(part.poll, slot, GAP_NUMBERS[gap ?? 'decode'])
  }
}
