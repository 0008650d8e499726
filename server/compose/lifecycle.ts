// Parts in the order in which they were started, stopped in reverse. A part that does not stop in
// its time is left behind with a word in the log: the others still stop.

import type { Logger } from '../log.ts'

/** For one part; all of them together stay below five seconds (the budget goes to whoever is last). */
const STOP_MS_MAX = 3000
const STOP_ALL_MS_MAX = 4800

export interface Lifecycle {
  /** Remembers how to stop what was just started. */
  started(name: string, close: () => Promise<unknown> | unknown): void
  /** Stops everything; a second call waits for the first. */
  stop(): Promise<void>
}

export function createLifecycle(log: Logger): Lifecycle {
  const parts: { name: string; close: () => Promise<unknown> | unknown }[] = []
  let stopping: Promise<void> | null = null

  const stopAll = async () => {
    const deadline = performance.now() + STOP_ALL_MS_MAX
    for (const part of parts.splice(0).reverse()) {
      const budget = Math.max(100, Math.min(STOP_MS_MAX, deadline - performance.now()))
      try {
        await within(Promise.resolve(part.close()), budget)
      } catch (error) {
        log.warn({ err: error, part: part.name }, 'a part did not stop cleanly')
      }
    }
  }
  return {
    started: (name, close) => parts.push({ name, close }),
    stop() {
      stopping ??= stopAll()
      return stopping
    },
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not stopped after ${Math.round(ms)} ms`)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
