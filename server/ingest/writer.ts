// The one place where samples, row names and events go into the store: in batches, with back-off while the
// store is away. What an entry means, and who is told of it, is not known here.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import { messageOf } from '../model/errors.ts'
import {
  type BatchResult,
  type Entry,
  type EntryOutcome,
  type Target,
  writeBatch,
} from './batch.ts'
import { batchFull, createQueue } from './queue.ts'

/** A batch is written when it is full, or this long after its first entry, ms. */
const batchMs = 200
const backOffFirstMs = 500
const backOffMsMax = 30_000
/** While it refuses entries without being away: the next ones show whether it refuses everything. */
const suspectMsMax = 2000
/** Between two attempts when the end is near, ms. */
const closingPauseMs = 100

export type Settled = EntryOutcome | 'dropped'

export interface WriterOptions {
  store: Target
  log: Logger
  /** Called once for each entry that was offered. */
  onSettled: (entry: Entry, outcome: Settled) => void
  /** Called after each attempt, when its entries are settled, with the ms that the store took. */
  onAttempt: (ms: number) => void
  queueMax?: number | undefined
}

export interface Writer {
  readonly queued: number
  /** Null while the store takes what it is given. */
  readonly storeError: string | null
  /** Resolves when there was a place for it: the wait is the back-pressure. */
  offer(entry: Entry): Promise<void>
  /** Writes what it has for at most `ms`; the rest is settled as dropped. */
  close(ms: number): Promise<void>
}

/** Half a second, doubling to 30 s, up to a fifth less by chance; 0 without a failure. */
export function backOffMs(failures: number, random: number): number {
  if (failures === 0) return 0
  return Math.min(backOffFirstMs * 2 ** Math.min(failures - 1, 20), backOffMsMax) * (1 - random / 5)
}

export function createWriter({
  store,
  log,
  onSettled,
  onAttempt,
  queueMax,
}: WriterOptions): Writer {
  const queue = createQueue(queueMax)
  const closing = new AbortController()
  const state = { failures: 0, error: null as string | null, taken: 0, away: false }
  let closed = false

  const attempt = async () => {
    const begin = performance.now()
    const result = await writeBatch(queue.take(), store, state.taken)
    const took = performance.now() - begin
    for (const [entry, outcome] of result.settled) {
      if (queue.settle(entry)) onSettled(entry, outcome)
    }
    state.taken = result.taken
    queue.putBack(result.left, result.suspected)
    noteBlamed(result, log)
    const isDone = result.left.length + result.suspected.length === 0
    if (isDone && state.failures > 0) log.info('the store takes samples again')
    const error = isDone ? null : messageOf(result.error)
    if (error !== null && state.failures === 0) {
      log.warn({ error }, 'the store takes no samples: they wait, and are not acknowledged')
    }
    state.failures = error === null ? 0 : state.failures + 1
    state.error = error
    state.away = result.left.length > 0
    onAttempt(took)
  }
  const pause = async () => {
    if (closing.signal.aborted) return state.failures > 0 ? delay(closingPauseMs) : undefined
    const backOff = backOffMs(state.failures, Math.random())
    const ms = state.away ? backOff : Math.min(backOff, suspectMsMax)
    if (ms > 0) await delay(ms, undefined, { signal: closing.signal }).catch(() => {})
  }
  const run = async () => {
    while (!closed) {
      await queue.fill(1)
      if (state.failures === 0) await queue.fill(batchFull, batchMs)
      if (queue.size === 0 && closing.signal.aborted) return
      await attempt()
      await pause()
    }
  }
  const running = run()

  return {
    get queued() {
      return queue.size
    },
    get storeError() {
      return state.error
    },
    async offer(entry) {
      if (!(await queue.offer(entry))) onSettled(entry, 'dropped')
    },
    async close(ms) {
      queue.end()
      closing.abort()
      await Promise.race([running, delay(ms, undefined, { ref: false })])
      closed = true
      for (const entry of queue.drain()) onSettled(entry, 'dropped')
    },
  }
}

function noteBlamed(result: BatchResult, log: Logger): void {
  for (const [entry, outcome] of result.settled) {
    if (typeof outcome !== 'object' || !('storeError' in outcome)) continue
    const { deviceUid, group, at } = whatOf(entry)
    const error = messageOf(outcome.storeError)
    const what = { error, kind: entry.kind, deviceUid, group, at }
    log.error(what, 'the store cannot take this: refused')
  }
}

function whatOf(entry: Entry) {
  if (entry.kind === 'samples') return entry.collection
  return entry.kind === 'event' ? entry.event : entry
}
