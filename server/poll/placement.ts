// Where devices should be read and how many threads there should be, decided from measured load.
// Pure. A move costs its device one gap `first` for its rates (the reader's state stays behind), so
// balance is restored only when it is clearly lost, and a few devices at a time.

/** Mean utilisation above which the pool grows, and below which it shrinks. */
const hotAbove = 0.7
const coldBelow = 0.2
/** A pool that would be busier than this with one thread less is not shrunk. */
const shrunkBelow = 0.5
/** Threads are out of balance when they differ by more than this and one is at least half busy. */
const skewAbove = 0.35
const skewBusyAbove = 0.5
/** Balance is good enough when the loads differ by less than this part of the larger one. */
const evenWithin = 0.2

export interface ThreadLoad {
  utilisation: number
  /** Sum of its devices' loads: busy ms per ms. */
  load: number
}

/** The least loaded; undefined of none. */
export function leastLoaded<T extends { load: number }>(threads: readonly T[]): T | undefined {
  let best: T | undefined
  for (const thread of threads) if (!best || thread.load < best.load) best = thread
  return best
}

export function mostLoaded<T extends { load: number }>(threads: readonly T[]): T | undefined {
  let best: T | undefined
  for (const thread of threads) if (!best || thread.load > best.load) best = thread
  return best
}

export interface SizerLimits {
  min: number
  max: number
  /** How long the pool must be hot before it grows, cold before it shrinks, skewed before moves. */
  hotMs: number
  coldMs: number
  skewMs: number
}

export type Verdict = 'grow' | 'shrink' | 'rebalance' | 'stay'

/** Remembers since when the pool is hot, cold or skewed; asked at every beat, with monotonic ms. */
export function createSizer(
  limits: SizerLimits,
): (threads: readonly ThreadLoad[], now: number) => Verdict {
  let hotSince: number | null = null
  let coldSince: number | null = null
  let skewSince: number | null = null

  const since = (was: number | null, holds: boolean, now: number) => (holds ? (was ?? now) : null)
  const lasted = (start: number | null, ms: number, now: number) =>
    start !== null && now - start >= ms

  return (threads, now) => {
    const busy = threads.map(thread => thread.utilisation)
    const total = busy.reduce((sum, one) => sum + one, 0)
    const count = threads.length
    if (count === 0) return 'stay'
    const mean = total / count
    const highest = Math.max(...busy)
    const skewed = highest > skewBusyAbove && highest - Math.min(...busy) > skewAbove
    hotSince = since(hotSince, mean > hotAbove && count < limits.max, now)
    const fewer = count > limits.min && total / Math.max(1, count - 1) < shrunkBelow
    coldSince = since(coldSince, count > limits.max || (mean < coldBelow && fewer), now)
    skewSince = since(skewSince, skewed, now)
    if (lasted(hotSince, limits.hotMs, now)) {
      hotSince = null
      return 'grow'
    }
    if (lasted(coldSince, limits.coldMs, now)) {
      coldSince = null
      return 'shrink'
    }
    if (lasted(skewSince, limits.skewMs, now)) {
      skewSince = null
      return 'rebalance'
    }
    return 'stay'
  }
}

export interface Movable {
  id: string
  load: number
}

/** Whether moves between these two are worth their gaps. */
export function uneven(from: { load: number }, to: { load: number }): boolean {
  return from.load - to.load > evenWithin * from.load
}

/** The devices to move from a loaded thread to another, costliest first so that few are moved. */
export function movesBetween<T extends Movable>(
  from: { load: number; idle: readonly T[] },
  to: { load: number },
  movesMax: number,
): T[] {
  if (!uneven(from, to)) return []
  const moves: T[] = []
  let left = (from.load - to.load) / 2
  for (const device of [...from.idle].sort((a, b) => b.load - a.load)) {
    if (moves.length >= movesMax || left <= 0) break
    // One that is larger than what is missing would only turn the tables.
    if (device.load > left) continue
    moves.push(device)
    left -= device.load
  }
  return moves
}
