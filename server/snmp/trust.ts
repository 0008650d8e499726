// Whether a way of asking is still tried: one failure is chance, a second one in another read is not,
// and what failed is tried again after an hour, as agents are restarted and updated.

/** Failures without a success between them from which on a way of asking is left. */
const failuresMax = 2
/** It is tried again after so long, ms. */
export const retryAfterMs = 3_600_000

export class Trust {
  #failures = 0
  #lostAt: number | null

  /** @param lostAt when it was found not to work; null: it is trusted. All times: monotonic, ms */
  constructor(lostAt: number | null = null) {
    this.#lostAt = lostAt
  }

  /** It was found not to work, and has not worked since. */
  get isLost(): boolean {
    return this.#lostAt !== null
  }

  /** Trusted, or due to be tried again. */
  mayTry(now: number): boolean {
    return this.#lostAt === null || now - this.#lostAt >= retryAfterMs
  }

  /** To be called once a read at most. */
  failed(now: number): void {
    this.#failures++
    if (this.#lostAt !== null || this.#failures >= failuresMax) this.#lostAt = now
  }

  worked(): void {
    this.#failures = 0
    this.#lostAt = null
  }
}
