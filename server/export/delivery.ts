// The way to one other store: a bounded queue in memory, batches, back-off. It never holds up who offers;
// what is too much is dropped, oldest first, and counted.

import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../log.ts'
import type { AcceptedCollection } from '../model/accepted.ts'
import { messageOf } from '../model/errors.ts'
import type { Destination } from './destination.ts'
import type { PointsOf, RowPoints } from './points.ts'

/** Values that wait. */
const waitingDefaultMax = 500_000
/** Values and collections of one request. */
const batchValuesMax = 5000
const batchCollectionsMax = 500
/** What comes within this time goes in one request. */
const gatherMs = 1000
const retryMs = 1000
const retryMsMax = 30_000
/** What came of a device before its profiles were known waits for them so long. */
const newcomerMs = 60_000
const closeMsMax = 1500

/** In values. taken = sent + refused + dropped + waiting + unnamed, at any moment. */
export interface DeliveryStats {
  taken: number
  sent: number
  /** By the other store, for good. */
  refused: number
  /** As too much waited, or when the program ended. */
  dropped: number
  waiting: number
  /** No profile of the device knows them, or the device went. */
  unnamed: number
  /** Requests that were not taken. */
  failures: number
  /** Null while the other store takes what it is given. */
  error: string | null
}

export interface Delivery {
  name: Destination['name']
  offer(device: string, collection: AcceptedCollection): void
  stats(): DeliveryStats
  /** Sends what waits, within 1.5 s; what is left then is dropped. */
  close(): Promise<void>
}

export interface DeliveryOptions {
  destination: Destination
  pointsOf: PointsOf
  log: Logger
  waitingMax?: number
  gatherMs?: number
  retryMs?: number
}

interface Item {
  device: string
  collection: AcceptedCollection
  values: number
  /** By the monotonic clock, ms. */
  since: number
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { destination, pointsOf, log } = options
  const waitingMax = options.waitingMax ?? waitingDefaultMax
  const firstRetryMs = options.retryMs ?? retryMs
  const counts = { taken: 0, sent: 0, refused: 0, dropped: 0, unnamed: 0, failures: 0 }
  let queue: Item[] = []
  /** Goes first again, so that each series stays in its order. */
  let held: Item[] = []
  let waiting = 0
  let error: string | null = null
  const ending = new AbortController()
  const cut = new AbortController()
  let running: Promise<void> | null = null

  const done = (count: number, as: 'sent' | 'refused' | 'dropped' | 'unnamed') => {
    waiting -= count
    counts[as] += count
  }
  const failed = (words: string) => {
    counts.failures += 1
    if (error === null) log.warn({ to: destination.name, error: words }, 'values were not taken')
    error = words
  }
  const pause = (ms: number) =>
    delay(ms, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)

  /** The points of each collection, with the values that have no name taken off. */
  const named = async (items: readonly Item[]): Promise<RowPoints[][]> => {
    const found: [Item, RowPoints[] | null][] = []
    for (const item of items) found.push([item, await pointsOf(item.device, item.collection)])
    const isEarly = ([{ since }, points]: (typeof found)[number]) =>
      points === null && !ending.signal.aborted && performance.now() - since < newcomerMs
    held = found.filter(isEarly).map(([item]) => item)
    const ready = found.filter(one => !isEarly(one))
    for (const [{ values }, points] of ready) done(values - valuesIn(points ?? []), 'unnamed')
    return ready.map(([, points]) => points ?? [])
  }

  /** One that the other store takes no part of is cut in halves until what is wrong stands alone. */
  const deliver = async (points: readonly RowPoints[][]): Promise<void> => {
    const rows = points.flat().filter(({ values }) => values.length > 0)
    const count = valuesIn(rows)
    if (count === 0) return
    for (let tries = 0; ; tries++) {
      const outcome = await destination.send(rows, cut.signal)
      if (outcome.is === 'taken') {
        error = null
        return done(count, 'sent')
      }
      failed(outcome.error)
      if (outcome.is === 'refused') {
        if (!outcome.isData || points.length === 1) return done(count, 'refused')
        const half = points.length >> 1
        await deliver(points.slice(0, half))
        return deliver(points.slice(half))
      }
      if (ending.signal.aborted) return done(count, 'dropped')
      const backOff = Math.min(retryMsMax, firstRetryMs * 2 ** Math.min(tries, 10))
      await pause(Math.max(outcome.afterMs, backOff * (0.5 + Math.random() / 2)))
    }
  }

  const batch = (): Item[] => {
    let values = 0
    let length = 0
    while (length < queue.length && length < batchCollectionsMax && values < batchValuesMax)
      values += queue[length++]?.values ?? 0
    return queue.splice(0, length)
  }
  const nameOrDrop = (items: readonly Item[]): Promise<RowPoints[][]> =>
    named(items).catch(async cause => {
      // The database did not say what rows are called; what is now comes again soon.
      failed(messageOf(cause))
      done(
        items.reduce((sum, { values }) => sum + values, 0),
        'dropped',
      )
      await pause(firstRetryMs)
      return []
    })
  const next = async (): Promise<Item[]> => {
    if (held.length > 0) {
      await pause(options.gatherMs ?? gatherMs)
      queue = [...held, ...queue]
      held = []
    }
    return batch()
  }
  const run = async () => {
    await pause(options.gatherMs ?? gatherMs)
    for (let items = await next(); items.length > 0; items = await next())
      await deliver(await nameOrDrop(items))
  }

  return {
    name: destination.name,
    offer(device, collection) {
      const values = valuesOf(collection)
      if (values === 0 || ending.signal.aborted) return
      counts.taken += values
      waiting += values
      queue.push({ device, collection, values, since: performance.now() })
      while (waiting > waitingMax && queue.length > 1) done(queue.shift()?.values ?? 0, 'dropped')
      running ??= run().finally(() => {
        running = null
      })
    },
    stats: () => ({ ...counts, waiting, error }),
    async close() {
      ending.abort()
      const timer = setTimeout(() => cut.abort(), closeMsMax)
      await running
      clearTimeout(timer)
      done(waiting, 'dropped')
      queue = []
    },
  }
}

function valuesOf({ metrics }: AcceptedCollection): number {
  let values = 0
  for (const cells of metrics.values()) for (const cell of cells) if (cell !== null) values += 1
  return values
}

function valuesIn(rows: readonly RowPoints[]): number {
  return rows.reduce((sum, { values }) => sum + values.length, 0)
}
