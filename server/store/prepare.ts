// Collections as what they put into streams: each value in the slot of its series, new series
// registered on the way. It reads and registers; storing is the writer's.

import { setImmediate as breath } from 'node:timers/promises'
import type { AcceptedCollection } from '../model/accepted.ts'
import type { Value } from '../model/collection.ts'
import { GAP_NUMBERS, type GapReason } from '../model/gap.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import { NUMBER, type Poll, setCell, TEXT } from './codec.ts'
import type { Database } from './database.ts'
import type { RawEdges } from './edges.ts'
import {
  GroupLayout,
  groupKey,
  type LayoutCache,
  loadLayouts,
  type SeriesName,
  slotsPerStreamMax,
  wellFormed,
} from './layout.ts'
import type { PollPool } from './poll-pool.ts'
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

export interface PrepareCaches {
  layouts: LayoutCache
  edges: RawEdges
  policy: RetentionPolicy
  /** Whoever has stored what was prepared gives the polls back. */
  polls: PollPool
}

/** One of each collection, in their order; series that are new have a place afterwards. */
export async function prepareBatch(
  database: Database,
  { layouts, edges, policy, polls }: PrepareCaches,
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
    prepared.push(prepare(collection, known.get(key), polls))
  }
  return prepared
}

function missingSeries(
  { rows, metrics, failed }: AcceptedCollection,
  layout: GroupLayout | undefined,
): SeriesName[] {
  const missing: SeriesName[] = []
  if (failed !== null) return missing
  const placement = (layout ?? new GroupLayout([], [])).placement(rows)
  for (const metric of metrics.keys()) {
    const { places, isComplete } = placement.of(metric)
    if (isComplete) continue
    placement.keys.forEach((row, index) => {
      if (places[index] === -1) missing.push({ metric, row })
    })
  }
  return missing
}

function prepare(
  collection: AcceptedCollection,
  layout: GroupLayout | undefined,
  polls: PollPool,
): Prepared {
  const { deviceUid, at } = collection
  if (!layout) return { deviceUid, at, parts: [] }
  return {
    deviceUid,
    at,
    parts:
      collection.failed === null
        ? goodParts(collection, layout, polls)
        : failedParts(layout, collection.failed, polls),
  }
}

function failedParts(layout: GroupLayout, reason: GapReason, polls: PollPool): StreamPart[] {
  return layout.streams.map(({ id, count }) => {
    const poll = polls.take()
    for (let slot = 0; slot < count; slot++) setCell(poll, slot, GAP_NUMBERS[reason])
    return { streamId: id, poll, texts: new Map() }
  })
}

function goodParts(
  { rows, metrics, gaps }: AcceptedCollection,
  layout: GroupLayout,
  polls: PollPool,
): StreamPart[] {
  const parts: (StreamPart | undefined)[] = []
  const placement = layout.placement(rows)
  const partOf = (stream: number): StreamPart => {
    const known = parts[stream]
    if (known) return known
    const streamId = layout.streams[stream]?.id ?? 0
    const part = { streamId, poll: polls.take(), texts: new Map<number, string>() }
    parts[stream] = part
    return part
  }
  for (const [metric, values] of metrics) {
    putColumn(placement.of(metric).places, values, gaps.get(metric), partOf)
  }
  return parts.filter(part => part !== undefined)
}

/** Every value that is stored passes here. */
function putColumn(
  places: Int32Array,
  values: readonly Value[],
  reasons: readonly (GapReason | null)[] | undefined,
  partOf: (stream: number) => StreamPart,
): void {
  let stream = -1
  let part: StreamPart | null = null
  for (let index = 0; index < values.length; index++) {
    const place = places[index] ?? -1
    if (place < 0) continue
    const its = (place / slotsPerStreamMax) | 0
    if (part === null || its !== stream) {
      stream = its
      part = partOf(its)
    }
    const slot = place - its * slotsPerStreamMax
    const value = values[index] ?? null
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      putOther(part, slot, value, reasons?.[index] ?? null)
      continue
    }
    const { poll } = part
    poll.kinds[slot] = NUMBER
    poll.values[slot] = value
    if (slot >= poll.size) poll.size = slot + 1
  }
}

/** Accept lets no null without a reason and no infinite number pass; if one comes, it is `decode`. */
function putOther(part: StreamPart, slot: number, value: Value, gap: GapReason | null): void {
  if (typeof value === 'string') {
    setCell(part.poll, slot, TEXT)
    part.texts.set(slot, wellFormed(value))
  } else {
    setCell(part.poll, slot, GAP_NUMBERS[gap ?? 'decode'])
  }
}
