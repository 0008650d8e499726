// Time limits of reads, one timer for all of a thread: a timer and an AbortController for each read
// cost more than what they watch, and live just long enough to be moved by the garbage collector.

/** How late a limit may be noticed, ms. */
const tickMs = 20

/** Those that run. */
const running = new Set<Deadline>()
let timer: NodeJS.Timeout | null = null

/** A limit that can be set again and again. */
export class Deadline {
  readonly #passed: () => void
  #at = 0

  /** @param passed is called once for each time that it is set and not cleared in time */
  constructor(passed: () => void) {
    this.#passed = passed
  }

  set(ms: number): void {
    this.#at = performance.now() + ms
    running.add(this)
    timer ??= setInterval(tick, tickMs)
  }

  clear(): void {
    running.delete(this)
  }

  look(now: number): void {
    if (now < this.#at) return
    running.delete(this)
    this.#passed()
  }
}

function tick(): void {
  const now = performance.now()
  for (const deadline of running) deadline.look(now)
  if (running.size > 0 || timer === null) return
  // A thread without reads has no reason to wake up.
  clearInterval(timer)
  timer = null
}
