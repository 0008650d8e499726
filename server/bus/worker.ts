// One step after another, never two at once: on a timer that keeps the earliest of the wishes, or now.

export interface Worker {
  /** A step within so many ms; an earlier wish stands. */
  within(ms: number): void
  /** A forced step, after those that were asked for before. Never rejects. */
  now(): Promise<void>
  /** As `now`, and nothing by the timer any more. */
  last(): Promise<void>
}

export function createWorker(options: {
  step(force: boolean): Promise<void>
  /** Says by `within` what is left to do, after each step. */
  plan(): void
  /** A wait as long as this does not keep the process alive. */
  restMs: number
  failed(error: unknown): void
}): Worker {
  let timer: NodeJS.Timeout | undefined
  let timerDue = Number.POSITIVE_INFINITY
  let steps = 0
  let working: Promise<void> = Promise.resolve()
  let ended = false

  const run = (force: boolean): Promise<void> => {
    steps++
    working = working
      .then(() => options.step(force))
      .catch(options.failed)
      .finally(() => {
        steps--
        options.plan()
      })
    return working
  }

  return {
    within(ms) {
      const due = performance.now() + ms
      if (ended || timerDue <= due) return
      clearTimeout(timer)
      timerDue = due
      timer = setTimeout(() => {
        timerDue = Number.POSITIVE_INFINITY
        // A step under way sees by itself what is left to do.
        if (steps === 0) void run(false)
      }, ms)
      if (ms >= options.restMs) timer.unref()
    },
    now: () => run(true),
    last() {
      ended = true
      clearTimeout(timer)
      return run(true)
    },
  }
}
