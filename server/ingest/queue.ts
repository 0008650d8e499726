// Entries that wait for the store, bounded in number and bytes; who comes when it is full waits for
// a place. It writes nothing.

import type { Entry } from './batch.ts'

/** Entries; beyond, no more are taken. */
const entriesMax = 10_000
/** Payload bytes of them. */
const bytesMax = 64 * 1024 * 1024
/** Callers that wait for a place. */
const waitersMax = 1000
/** Entries that are worth a transaction of their own; those that come during it are written together. */
export const batchFull = 200
/** A database page that two entries change is written once, so a larger batch costs less. */
const batchMax = 1000
const batchBytesMax = 4 * 1024 * 1024

export interface EntryQueue {
  /** Entries that are not settled: waiting, or being written. */
  readonly size: number
  /** Resolves when there was a place for it; false: not taken. */
  offer(entry: Entry): Promise<boolean>
  /** The first entries, bounded in number and bytes. */
  take(): Entry[]
  /** In their order, before and behind what waits. */
  putBack(first: readonly Entry[], last: readonly Entry[]): void
  /** Frees its place; false where it was settled before. */
  settle(entry: Entry): boolean
  /** Resolves when `length` entries are there to be taken, after `ms`, or at the end. */
  fill(length: number, ms?: number): Promise<void>
  /** Takes no more. */
  end(): void
  /** Everything that is not settled; then it is empty, and who waited is let go. */
  drain(): Entry[]
}

export function createQueue(most: number = entriesMax): EntryQueue {
  const unsettled = new Set<Entry>()
  const waiters: { entry: Entry; resolve: (taken: boolean) => void }[] = []
  let queue: Entry[] = []
  let bytes = 0
  let ended = false
  let wake = () => {}
  /** Nobody waits for fewer. */
  let wakeAt = 1

  const isFull = () => unsettled.size >= most || bytes >= bytesMax
  const push = (entry: Entry) => {
    queue.push(entry)
    unsettled.add(entry)
    bytes += entry.bytes
    if (queue.length >= wakeAt) wake()
  }
  const wakened = (ms: number | undefined) =>
    new Promise<void>(resolve => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  return {
    get size() {
      return unsettled.size
    },
    offer(entry) {
      if (ended || waiters.length >= waitersMax) return Promise.resolve(false)
      if (isFull()) return new Promise(resolve => waiters.push({ entry, resolve }))
      push(entry)
      return Promise.resolve(true)
    },
    take() {
      const batch = batchOf(queue)
      queue = queue.slice(batch.length)
      return batch
    },
    putBack(first, last) {
      queue = [...first, ...queue, ...last].filter(entry => unsettled.has(entry))
    },
    settle(entry) {
      if (!unsettled.delete(entry)) return false
      bytes -= entry.bytes
      while (!isFull()) {
        const waiter = waiters.shift()
        if (!waiter) break
        push(waiter.entry)
        waiter.resolve(true)
      }
      return true
    },
    async fill(length, ms) {
      const over = ms === undefined ? null : performance.now() + ms
      wakeAt = length
      while (queue.length < length && !ended) {
        const rest = over === null ? undefined : over - performance.now()
        if (rest !== undefined && rest <= 0) return
        await wakened(rest)
      }
    },
    end() {
      ended = true
      wake()
    },
    drain() {
      const left = [...unsettled]
      unsettled.clear()
      queue = []
      bytes = 0
      for (const { resolve } of waiters.splice(0)) resolve(false)
      return left
    },
  }
}

function batchOf(queue: readonly Entry[]): Entry[] {
  let bytes = 0
  let count = 0
  for (const entry of queue) {
    bytes += entry.bytes
    if (count === batchMax || (count > 0 && bytes > batchBytesMax)) break
    count++
  }
  return queue.slice(0, count)
}
