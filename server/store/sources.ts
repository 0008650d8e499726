// Everything that is stored of some slots of one stream over a time: blocks and roll-ups, and the polls
// that are in no block yet. A roll-up that is due, or damaged, is replaced by what it is made of.

import type { Logger } from '../log.ts'
import { type Damage, readBlocks, readDue, type StoredBlock } from './blocks.ts'
import { emptyPoll, type Poll } from './codec.ts'
import type { Columns } from './columns.ts'
import type { SampleFunction } from './contract.ts'
import type { Db } from './database.ts'
import { slotsPerStreamMax } from './layout.ts'
import { decodeOrLog, pagePolls } from './polls.ts'
import { partsFor, partsPerSlot } from './rollup.ts'
import type { Segment } from './segments.ts'
import {
  type BlockTable,
  type RetentionClass,
  ROLL_UPS,
  type RollUpTier,
  type Tier,
  tableOf,
} from './tiers.ts'

/** Polls, and blocks, fetched at once; between pages the event loop runs. */
const pollsPerPage = 2000
const blocksPerPage = 64

interface Range {
  from: number
  to: number
}

export interface Source {
  db: Db
  streamId: number
  kept: RetentionClass
  /** What is wanted; a roll-up has other slots. */
  slots: ReadonlySet<number>
  fn: SampleFunction
  log: Logger
  damage: Damage
}

/** Who gets what is found, in no particular order. */
export interface Visitor {
  /** @param poll null: it is damaged */
  poll(at: number, poll: Poll | null): void
  /** Samples of a block, of which those outside of the range are not meant. */
  samples(columns: Columns, range: Range): void
  /** Points of a roll-up that each last `width` ms. */
  points(columns: Columns, range: Range, width: number): void
  /** A block is damaged: from here on something is missing. */
  lost(at: number): void
}

export async function visitBlocks(source: Source, segment: Segment, to: Visitor): Promise<void> {
  await visitTier(source, segment.tier, segment, to)
}

async function visitTier(source: Source, tier: Tier, range: Range, to: Visitor): Promise<void> {
  if (tier === 'raw') await visitRaw(source, range, to)
  else await visitRollUps(source, tier, range, to)
}

async function visitRaw(source: Source, range: Range, to: Visitor): Promise<void> {
  const { damage, kept, streamId } = source
  const table = tableOf('raw', kept)
  const slots = new Map([...source.slots].map(slot => [slot, 'values'] as const))
  for await (const row of pages(source, table, range)) {
    const columns = damage.decode(table, streamId, row, slots)
    if (columns) to.samples(columns, range)
    else to.lost(Math.max(row.t0, range.from))
  }
}

async function visitRollUps(
  source: Source,
  tier: RollUpTier,
  range: Range,
  to: Visitor,
): Promise<void> {
  const { db, damage, kept, streamId } = source
  const table = tableOf(tier, kept)
  const { width, period } = ROLL_UPS[tier]
  const finer = new Set(await readDue(db, streamId, tier, range))
  const slots = new Map(
    [...source.slots].flatMap(slot =>
      [...partsFor(source.fn)].map(([part, what]) => [slot * partsPerSlot + part, what] as const),
    ),
  )
  for await (const row of pages(source, table, range)) {
    if (finer.has(row.t0)) continue
    const columns = damage.decode(table, streamId, row, slots)
    if (columns) to.points(columns, range, width)
    else finer.add(row.t0)
  }
  for (const t0 of finer) {
    const part = { from: Math.max(range.from, t0), to: Math.min(range.to, t0 + period - 1) }
    if (part.from <= part.to) await visitTier(source, tier === 'r1h' ? 'r15m' : 'raw', part, to)
  }
}

async function* pages(
  { db, streamId }: Source,
  table: BlockTable,
  range: Range,
): AsyncGenerator<StoredBlock> {
  let next = range
  for (;;) {
    const page = await readBlocks(db, table, streamId, next, blocksPerPage)
    yield* page
    const last = page.at(-1)
    if (!last || page.length < blocksPerPage || last.t1 > range.to) return
    next = { from: last.t1, to: range.to }
  }
}

/** The polls of a time that are in no block yet. */
export async function visitPolls(source: Source, range: Range, to: Visitor): Promise<void> {
  const { db, streamId, slots, log } = source
  const wanted = Math.max(...slots) + 1
  const poll = emptyPoll(slotsPerStreamMax)
  let next = range.from
  for (;;) {
    const page = await pagePolls(db, streamId, next, range.to, pollsPerPage)
    for (const { ts, data } of page) {
      to.poll(ts, decodeOrLog(data, poll, wanted, { streamId, ts }, log) ? poll : null)
    }
    const last = page.at(-1)
    if (!last || page.length < pollsPerPage) return
    next = last.ts + 1
  }
}
