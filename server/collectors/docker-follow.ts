// What an engine tells between its reads: each event of a container goes out at once, and a read of
// the engine follows soon. Both are bounded, as containers may come and go by the hundred.

import type { Engine } from '../docker/engine.ts'
import type { ContainerEvent } from '../docker/events.ts'
import { leftOutEvent, toldEvent } from '../docker/told.ts'
import { type Watch, watchEvents } from '../docker/watch.ts'
import type { EventBody } from '../model/event.ts'
import type { Tell } from './collector.ts'

/** Events that one engine may tell at once, and so many more a second; others are counted. */
const eventsAtOnceMax = 200
const eventsPerSecond = 2
/** What belongs together (a remaking is five events) is read together. */
const gatherMs = 300
/** Between two reads that events asked for: at least this, and so many times what a read takes. */
const restMs = 5000
const restReads = 4

export interface FollowOptions {
  /** A connection of its own, as it stays open while reads fail and connect anew. */
  open(): Promise<Engine>
  tell: Tell
  /** For tests. */
  retryMs?: { min: number; max: number }
}

/** Begins to follow the engine at once; goes on until `close`. */
export class Follower {
  readonly #options: FollowOptions
  readonly #watch: Watch
  readonly #tell: Tell
  readonly #budget = new Budget()
  /** How far the engine's clock is before ours, ms. */
  clockAheadMs = 0
  #timer: NodeJS.Timeout | undefined
  #isReading = false
  /** Something happened that no read has seen yet. */
  #isStale = false
  #restUntil = 0
  #isClosed = false

  constructor(options: FollowOptions) {
    this.#options = options
    this.#tell = options.tell
    this.#watch = watchEvents({
      begin: (since, signal) => this.#begin(since, signal),
      onEvent: event => this.#happened(event),
      onBegin: () => this.#askForRead(),
      ...(options.retryMs && { retryMs: options.retryMs }),
    })
  }

  get connected(): boolean {
    return this.#watch.connected
  }

  readBegins(): void {
    this.#isReading = true
    this.#isStale = false
    this.#forgetTimer()
  }

  /** What happened while it was read may have come too late for it. */
  readEnded(tookMs: number): void {
    this.#isReading = false
    this.#restUntil = performance.now() + Math.max(restMs, restReads * tookMs)
    this.#tellOf([], Date.now())
    if (this.#isStale) this.#askForRead()
  }

  close(): void {
    this.#isClosed = true
    this.#forgetTimer()
    this.#watch.close()
  }

  async #begin(since: string | null, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>> {
    const engine = await this.#options.open()
    try {
      return closing(await engine.events(since, signal), engine)
    } catch (error) {
      engine.close()
      throw error
    }
  }

  #happened(event: ContainerEvent): void {
    this.#askForRead()
    const now = Date.now()
    const at = Math.min(now, Math.round(event.atMs - this.clockAheadMs))
    this.#tellOf([toldEvent(event, at)], now)
  }

  /** As many as may be told now; how many were not is told with the next ones. */
  #tellOf(events: EventBody[], now: number): void {
    const { leftOut } = this.#budget
    const all = leftOut > 0 ? [leftOutEvent(leftOut, now), ...events] : events
    if (all.length === 0) return
    if (this.#budget.take(all.length)) this.#tell({ events: all })
    else this.#budget.leftOut += events.length
  }

  #askForRead(): void {
    this.#isStale = true
    if (this.#isReading || this.#timer || this.#isClosed) return
    const waitMs = Math.max(gatherMs, this.#restUntil - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#tell({ readSoon: true })
    }, waitMs)
  }

  #forgetTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** A token bucket of events, and how many it refused. */
class Budget {
  leftOut = 0
  #tokens = eventsAtOnceMax
  #at = performance.now()

  take(count: number): boolean {
    const now = performance.now()
    const grown = this.#tokens + ((now - this.#at) / 1000) * eventsPerSecond
    this.#tokens = Math.min(eventsAtOnceMax, grown)
    this.#at = now
    if (this.#tokens < count) return false
    this.#tokens -= count
    this.leftOut = 0
    return true
  }
}

/** The stream, with its connection closed at its end. */
async function* closing(
  events: AsyncIterable<ContainerEvent>,
  engine: Engine,
): AsyncGenerator<ContainerEvent> {
  try {
    yield* events
  } finally {
    engine.close()
  }
}
