// One attempt at writing a batch: the whole of it, and by halves where the store cannot take it, so
// that one entry that the store chokes on is found and the others are stored.

import type { AcceptedCollection, SenderNumber } from '../model/accepted.ts'
import type { RowInfo } from '../model/collection.ts'
import { AppError } from '../model/errors.ts'
import type { SampleStore, WriteOutcome } from '../store/contract.ts'

/** Failures of an entry while the store takes nothing else either, before the entry is to blame. */
const blameAfter = 3

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
}

/** Something to be written, and the messages that it came in. */
interface EntryBase {
  numbers: SenderNumber[]
  messages: number
  bytes: number
  /** Attempts that failed with an error that does not pass. */
  failures: number
}

export type Entry = SamplesEntry | RowsEntry
export type EntryOutcome = WriteOutcome | { storeError: unknown }

export interface BatchResult {
  settled: [Entry, EntryOutcome][]
  /** In their order; to be tried again. */
  left: Entry[]
  /** Why something is left. */
  error: unknown
}

type Target = Pick<SampleStore, 'write' | 'writeRows'>

/**
 * Never rejects. An entry is blamed (`storeError`) when its own write fails with an error that does
 * not pass, and either another one of the batch was taken, or it failed three times: a full disk must
 * not look like a batch of bad entries.
 */
export async function writeBatch(batch: readonly Entry[], store: Target): Promise<BatchResult> {
  const result: BatchResult = { settled: [], left: [], error: null }
  const samples = batch.filter(entry => entry.kind === 'samples')
  const suspects: [Entry, unknown][] = []
  await writeHalves(samples, store, result, suspects)
  for (const entry of batch) {
    if (entry.kind === 'rows') await writeRows(entry, store, result, suspects)
  }
  const takesOthers = result.settled.length > 0
  for (const [entry, error] of suspects) {
    entry.failures++
    if (takesOthers || entry.failures >= blameAfter) {
      result.settled.push([entry, { storeError: error }])
    } else {
      result.left.push(entry)
      result.error = error
    }
  }
  return result
}

async function writeHalves(
  entries: readonly SamplesEntry[],
  store: Target,
  result: BatchResult,
  suspects: [Entry, unknown][],
): Promise<void> {
  if (entries.length === 0) return
  // The store went away in the middle: the other half need not ask.
  if (result.error !== null) return void result.left.push(...entries)
  try {
    const outcomes = await store.write(entries.map(entry => entry.collection))
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
      await writeHalves(entries.slice(0, middle), store, result, suspects)
      await writeHalves(entries.slice(middle), store, result, suspects)
    }
  }
}

async function writeRows(
  entry: RowsEntry,
  store: Target,
  result: BatchResult,
  suspects: [Entry, unknown][],
): Promise<void> {
  if (result.error !== null) return void result.left.push(entry)
  try {
    await store.writeRows(entry.deviceUid, entry.group, entry.rows, entry.at)
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
