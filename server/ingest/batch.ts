// One attempt at writing a batch: the whole of it, and by halves where the store cannot take it, so
// that one entry that the store chokes on is found and the others are stored.

import type { AcceptedCollection, SenderNumber } from '../model/accepted.ts'
import type { RowInfo } from '../model/collection.ts'
import { AppError } from '../model/errors.ts'
import type { Inventory } from '../model/neighbour.ts'
import type { NewEvent, SampleStore, Store, WriteOutcome } from '../store/contract.ts'

export interface SamplesEntry extends EntryBase {
  kind: 'samples'
  collection: AcceptedCollection
}

export interface RowsEntry extends EntryBase {
  kind: 'rows'
  deviceUid: number
  group: string
  at: number
  rows: readonly RowInfo[]
  inventory?: Inventory | undefined
}

export interface EventEntry extends EntryBase {
  kind: 'event'
  event: NewEvent
}

/** Something to be written, and the messages that it came in. */
interface EntryBase {
  numbers: SenderNumber[]
  messages: number
  bytes: number
  /** What the store had taken in all when it last refused this; null: it never did. */
  refusedAt: number | null
}

export type Entry = SamplesEntry | RowsEntry | EventEntry
export type EntryOutcome = WriteOutcome | { storeError: unknown }

export interface BatchResult {
  settled: [Entry, EntryOutcome][]
  /** The store was away: to be tried again first. */
  left: Entry[]
  /** The store refused it, and may refuse everything: to be tried again after the others. */
  suspected: Entry[]
  /** Why something is left or suspected. */
  error: unknown
  /** What the store has taken in all. */
  taken: number
}

/** Where it goes: samples and rows, neighbours and addresses, and events. */
export interface Target {
  samples: Pick<SampleStore, 'write' | 'writeRows'>
  events: Pick<Store['events'], 'write'>
  neighbours: Pick<Store['neighbours'], 'write'>
}
type Suspect = [Entry, unknown]

/**
 * Never rejects. An entry is blamed (`storeError`) when the store refuses it alone with an error that
 * does not pass, and has taken something else in the same attempt or since it refused this before: a
 * wrong password or a lost table must not look like a batch of bad entries.
 * @param taken what the store has taken in all before
 */
export async function writeBatch(
  batch: readonly Entry[],
  store: Target,
  taken: number,
): Promise<BatchResult> {
  const result: BatchResult = { settled: [], left: [], suspected: [], error: null, taken }
  const suspects: Suspect[] = []
  await writeHalves(
    batch.filter(entry => entry.kind === 'samples'),
    entries => store.samples.write(entries.map(entry => entry.collection)),
    result,
    suspects,
  )
  for (const entry of batch) {
    if (entry.kind === 'rows') await writeRows(entry, store, result, suspects)
  }
  await writeHalves(
    batch.filter(entry => entry.kind === 'event'),
    entries => store.events.write(entries.map(entry => entry.event)),
    result,
    suspects,
  )
  result.taken += result.settled.filter(([, outcome]) => outcome === 'stored').length
  for (const [entry, error] of suspects) {
    if (result.taken > (entry.refusedAt ?? taken)) {
      result.settled.push([entry, { storeError: error }])
    } else {
      entry.refusedAt = result.taken
      result.suspected.push(entry)
      result.error = error
    }
  }
  return result
}

async function writeHalves<E extends SamplesEntry | EventEntry>(
  entries: readonly E[],
  write: (entries: readonly E[]) => Promise<WriteOutcome[]>,
  result: BatchResult,
  suspects: Suspect[],
): Promise<void> {
  if (entries.length === 0) return
  // The store went away in the middle: the other half need not ask.
  if (result.error !== null) return void result.left.push(...entries)
  try {
    const outcomes = await write(entries)
    for (const [i, entry] of entries.entries()) {
      const outcome = outcomes[i]
      if (outcome === undefined) suspects.push([entry, new Error('the store gave no outcome')])
      else result.settled.push([entry, outcome])
    }
  } catch (error) {
    if (passes(error)) {
      result.error = error
      result.left.push(...entries)
    } else if (entries.length === 1 && entries[0]) {
      suspects.push([entries[0], error])
    } else {
      const middle = entries.length >> 1
      await writeHalves(entries.slice(0, middle), write, result, suspects)
      await writeHalves(entries.slice(middle), write, result, suspects)
    }
  }
}

async function writeRows(
  entry: RowsEntry,
  store: Target,
  result: BatchResult,
  suspects: Suspect[],
): Promise<void> {
  if (result.error !== null) return void result.left.push(entry)
  const { deviceUid, group, rows, at, inventory } = entry
  try {
    if (inventory) await store.neighbours.write({ deviceUid, group, inventory, rows, at })
    else await store.samples.writeRows(deviceUid, group, rows, at)
    result.settled.push([entry, 'stored'])
  } catch (error) {
    if (passes(error)) {
      result.error = error
      result.left.push(entry)
    } else suspects.push([entry, error])
  }
}

function passes(error: unknown): boolean {
  return error instanceof AppError && error.passing
}
