// Keeps the engine's stream of events open: begins it again with back-off where it ended, from the
// last event that was seen. It knows neither addresses nor what is made of an event.

import type { ContainerEvent } from './events.ts'

/** Waits before the stream is begun again, ms: doubled after each failure. */
export const RETRY_MS = { min: 1000, max: 300_000 } as const
/** A stream that lived so long was good: the next wait is the shortest again. */
const goodAfterMs = 60_000
/** Events of one moment that are remembered, as `since` gives those of that moment again. */
const seenMax = 256

export interface WatchOptions {
  /** Begins the stream; rejects where the engine cannot or will not. */
  begin(since: string | null, signal: AbortSignal): Promise<AsyncIterable<ContainerEvent>>
  onEvent(event: ContainerEvent): void
  /** The stream is there (again): something may have happened while it was not. */
  onBegin(): void
  /** Other waits; for tests. */
  retryMs?: { min: number; max: number }
}

export interface Watch {
  readonly connected: boolean
  /** How often the stream failed or ended. */
  readonly failures: number
  close(): void
}

export function watchEvents(options: WatchOptions): Watch {
  const retryMs = options.retryMs ?? RETRY_MS
  const end = new AbortController()
  const fresh = createFreshness()
  let connected = false
  let failures = 0

  /** Whether it was a good stream: of an engine that sends rubbish and hangs up we keep away longer. */
  async function once(): Promise<boolean> {
    const startedAt = performance.now()
    let events = 0
    try {
      const stream = await options.begin(fresh.since, end.signal)
      connected = true
      options.onBegin()
      for await (const event of stream) {
        if (end.signal.aborted) break
        if (!fresh.isNew(event)) continue
        events++
        options.onEvent(event)
      }
    } catch {
      // Why an engine cannot be used is said by its reads.
    } finally {
      connected = false
    }
    return events > 0 || performance.now() - startedAt > goodAfterMs
  }

  async function run(): Promise<void> {
    let waitMs = retryMs.min
    while (!end.signal.aborted) {
      if (await once()) waitMs = retryMs.min
      if (end.signal.aborted) return
      failures++
      // A little more or less, so that many engines behind one proxy do not come at once.
      await pause(waitMs * (0.8 + 0.4 * Math.random()), end.signal)
      waitMs = Math.min(retryMs.max, waitMs * 2)
    }
  }

  void run()
  return {
    get connected() {
      return connected
    },
    get failures() {
      return failures
    },
    close: () => end.abort(),
  }
}

/** Tells events that came before: a stream begun at a moment gives what happened in it once more. */
function createFreshness() {
  let since: string | null = null
  let atMs = 0
  let seen = new Set<string>()
  const idOf = (event: ContainerEvent) => `${event.since} ${event.action} ${event.id}`
  return {
    get since() {
      return since
    },
    isNew(event: ContainerEvent): boolean {
      const id = idOf(event)
      if (seen.has(id)) return false
      if (event.atMs >= atMs) {
        atMs = event.atMs
        since = event.since
      }
      if (seen.size >= seenMax) seen = new Set([...seen].slice(seenMax / 2))
      seen.add(id)
      return true
    },
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
