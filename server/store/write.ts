// Writes batches of collections: what they put into streams is stored in one transaction. What is
// stored already is not stored again.

import type { AcceptedCollection } from '../model/accepted.ts'
import type { RetentionPolicy } from '../model/retention.ts'
import type { Damage } from './blocks.ts'
import {
  ABSENT,
  decodePoll,
  emptyPoll,
  encodePoll,
  GAP_LAST,
  mergePoll,
  NUMBER,
  type Poll,
  PollEncoder,
  setCell,
  TEXT,
} from './codec.ts'
import type { WriteOutcome } from './contract.ts'
import type { Database, Tx } from './database.ts'
import { livingDevices } from './devices.ts'
import type { RawEdges } from './edges.ts'
import { storedKinds } from './late.ts'
import { type LayoutCache, slotsPerStreamMax } from './layout.ts'
import type { NewestCache } from './newest.ts'
import type { PollPool } from './poll-pool.ts'
import { insertPolls, pollKey, readPolls } from './polls.ts'
import { type Prepared, prepareBatch } from './prepare.ts'
import { type TextCache, TextWriter } from './texts.ts'

/** Polls that are encoded before they are handed over. */
const rowsPerStatement = 256

export interface WriteCaches {
  layouts: LayoutCache
  texts: TextCache
  newest: NewestCache
  edges: RawEdges
  policy: RetentionPolicy
  polls: PollPool
}

/** A poll as it will be after the batch. */
interface Pending {
  streamId: number
  ts: number
  /** Null: nothing is known of it yet. */
  poll: Poll | null
  /** The poll is that of the batch's one collection of this time: not to be changed. */
  isBorrowed: boolean
  /** Older than something of its device that is in a block. */
  isLate: boolean
  /** Kinds of the cells that a block has of this poll already. */
  inBlock: Uint8Array | null
  inDatabase: boolean
  changed: boolean
}

/** One transaction for the batch; resolves after the commit, with an outcome for each. */
export async function writeBatch(
  database: Database,
  caches: WriteCaches,
  damage: Damage,
  batch: readonly AcceptedCollection[],
): Promise<WriteOutcome[]> {
  const prepared = await prepareBatch(database, caches, batch)
  let attempts = 0
  const { outcomes, texts } = await database.transaction(tx => {
    // Where another process stored the same poll meanwhile, the second attempt looks and merges.
    const newest = attempts++ === 0 ? caches.newest : null
    return storeBatch({ database, tx, damage, texts: caches.texts, newest }, prepared)
  })
  caches.texts.merge(texts.learned)
  for (const one of prepared) {
    if ('refused' in one) continue
    for (const { streamId, poll } of one.parts) {
      caches.newest.note(streamId, one.at)
      caches.polls.giveBack(poll)
    }
  }
  return outcomes
}

interface Writing {
  database: Database
  tx: Tx
  damage: Damage
  texts: TextCache
  /** What is newer than that cannot be stored yet; null: look for all. */
  newest: NewestCache | null
}

async function storeBatch(
  { database, tx, damage, texts: cache, newest }: Writing,
  prepared: readonly (Prepared | { refused: string })[],
): Promise<{ outcomes: WriteOutcome[]; texts: TextWriter }> {
  const good = prepared.filter((one): one is Prepared => !('refused' in one))
  const alive = await livingDevices(
    tx,
    database.share,
    good.map(one => one.deviceUid),
  )
  const kept = good.filter(one => alive.has(one.deviceUid))
  const pending = blankPending(kept, alive)
  await loadPolls(tx, newest, pending)
  await loadBlocks(tx, damage, pending)
  const texts = new TextWriter(cache)
  await texts.load(
    tx,
    kept.flatMap(({ parts }) =>
      parts.flatMap(({ streamId, texts }) => [...texts.keys()].map(slot => ({ streamId, slot }))),
    ),
  )
  const outcomes = prepared.map((one): WriteOutcome => {
    if ('refused' in one) return one
    return alive.has(one.deviceUid) ? mergeInto(pending, texts, one) : { refused: 'unknown-device' }
  })
  await texts.write(database, tx)
  await writePolls(tx, [...pending.values()])
  return { outcomes, texts }
}

/** @param compacted device → up to when it is compacted */
function blankPending(
  kept: readonly Prepared[],
  compacted: ReadonlyMap<number, number>,
): Map<string, Pending> {
  const pending = new Map<string, Pending>()
  for (const { deviceUid, at, parts } of kept) {
    const isLate = at < (compacted.get(deviceUid) ?? 0)
    for (const { streamId } of parts) {
      const fresh = { poll: null, isBorrowed: false, inBlock: null, inDatabase: false }
      const one = { streamId, ts: at, ...fresh, isLate, changed: false }
      pending.set(pollKey(streamId, at), one)
    }
  }
  return pending
}

async function loadPolls(
  tx: Tx,
  newest: NewestCache | null,
  pending: ReadonlyMap<string, Pending>,
): Promise<void> {
  const perhapsThere = [...pending.values()].filter(
    ({ streamId, ts }) => newest === null || !newest.isNewer(streamId, ts),
  )
  for (const { stream_id, ts, data } of await readPolls(tx, perhapsThere)) {
    const known = pending.get(pollKey(stream_id, ts))
    if (!known) continue
    known.inDatabase = true
    const poll = emptyPoll(slotsPerStreamMax)
    try {
      decodePoll(data, poll)
      known.poll = poll
    } catch {
      // A damaged row is worth nothing: the collection that comes again replaces it.
    }
  }
}

/** What came after its window was compacted: the cells that its block has are there already. */
async function loadBlocks(
  tx: Tx,
  damage: Damage,
  pending: ReadonlyMap<string, Pending>,
): Promise<void> {
  const late = [...pending.values()].filter(one => one.isLate)
  for (const [known, kinds] of await storedKinds(tx, damage, late)) {
    known.inBlock = kinds
    const poll = ownPoll(known)
    kinds.forEach((kind, slot) => {
      if ((poll.kinds[slot] ?? ABSENT) < kind) setCell(poll, slot, kind)
    })
  }
}

/** The poll that it will be, to be changed. */
function ownPoll(one: Pending): Poll {
  const { poll, isBorrowed } = one
  if (poll && !isBorrowed) return poll
  const own = emptyPoll(slotsPerStreamMax)
  if (poll) mergePoll(own, poll)
  one.poll = own
  one.isBorrowed = false
  return own
}

function mergeInto(
  pending: ReadonlyMap<string, Pending>,
  texts: TextWriter,
  { at, parts }: Prepared,
): WriteOutcome {
  let stored = parts.length === 0
  for (const { streamId, poll, texts: said } of parts) {
    const into = pending.get(pollKey(streamId, at))
    if (!into) continue
    if (into.poll === null && said.size === 0) {
      // Nearly every poll: it is the first of its time, and stays as it is.
      into.poll = poll
      into.isBorrowed = true
    } else {
      const own = ownPoll(into)
      const next = { size: poll.size, kinds: poll.kinds, values: poll.values.slice() }
      for (const [slot, text] of said) {
        // The first text of a poll stays, so a later one must not reach the log.
        if ((own.kinds[slot] ?? 0) >= NUMBER) continue
        setCell(next, slot, TEXT, at - texts.say(streamId, slot, at, text))
      }
      if (!mergePoll(own, next)) continue
    }
    into.changed = true
    stored = true
  }
  return stored ? 'stored' : 'duplicate'
}

/** In the order of the key, so that two batches do not wait for each other crosswise. */
async function writePolls(tx: Tx, pending: readonly Pending[]): Promise<void> {
  const changed = pending
    .filter(one => one.changed)
    .sort((a, b) => a.streamId - b.streamId || a.ts - b.ts)
  const fresh = changed.filter(one => !one.inDatabase)
  const encoder = new PollEncoder()
  for (let from = 0; from < fresh.length; from += rowsPerStatement) {
    const rows = fresh
      .slice(from, from + rowsPerStatement)
      .map(one => ({ stream_id: one.streamId, ts: one.ts, data: encoder.encode(newCells(one)) }))
    // A plain INSERT: if another process stored a part of the same poll meanwhile, the transaction
    // runs again and merges; ON DUPLICATE KEY UPDATE ts=ts would lose ours and call it stored.
    await insertPolls(tx, rows)
  }
  for (const one of changed.filter(one => one.inDatabase)) {
    await tx
      .updateTable('poll')
      .set({ data: encodePoll(newCells(one)) })
      .where('stream_id', '=', one.streamId)
      .where('ts', '=', one.ts)
      .execute()
  }
}

/** Without what a block has: a sample is stored once. */
function newCells(one: Pending): Poll {
  const { inBlock } = one
  const poll = inBlock || !one.poll ? ownPoll(one) : one.poll
  inBlock?.forEach((kind, slot) => {
    const isSame = kind > GAP_LAST || kind === poll.kinds[slot]
    if (kind !== ABSENT && isSame) poll.kinds[slot] = ABSENT
  })
  return poll
}
