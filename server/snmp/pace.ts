// How long an answer of one device is waited for: RFC 6298's smoothed round trip, between bounds.

/** No device is that regular: shorter waits only send twice. */
const waitMsMin = 250
/** While nothing was measured (RFC 6298, section 2.1). */
const waitMsFirst = 1000

export class Pace {
  readonly #timeoutMs: number
  readonly #pinned: boolean
  srttMs: number | null
  rttvarMs: number | null

  /**
   * @param timeoutMs the cap of one wait, as configured
   * @param pinned every wait is this long: nothing is adapted
   */
  constructor(timeoutMs: number, pinned: boolean, srttMs: number | null, rttvarMs: number | null) {
    this.#timeoutMs = timeoutMs
    this.#pinned = pinned
    this.srttMs = srttMs
    this.rttvarMs = rttvarMs
  }

  /** A round trip, ms. Each message has an id of its own, so that a try again confuses nothing. */
  measured(rttMs: number): void {
    const { srttMs, rttvarMs } = this
    if (srttMs === null || rttvarMs === null) {
      this.srttMs = rttMs
      this.rttvarMs = rttMs / 2
      return
    }
    this.rttvarMs = 0.75 * rttvarMs + 0.25 * Math.abs(srttMs - rttMs)
    this.srttMs = 0.875 * srttMs + 0.125 * rttMs
  }

  /** How long the first try waits now, ms. */
  get waitMs(): number {
    if (this.#pinned) return this.#timeoutMs
    const { srttMs, rttvarMs } = this
    const usual = srttMs === null || rttvarMs === null ? waitMsFirst : srttMs + 4 * rttvarMs
    return Math.min(Math.max(usual, waitMsMin), this.#timeoutMs)
  }

  /**
   * How long a try waits before the next one is sent, ms: twice as long each time. The last one waits
   * the whole configured time, and answers to earlier ones count until then. So whatever answers
   * within the configured time is heard, however fast the device usually is, and as many datagrams
   * must be lost as the configuration says; only the wait for a device that is gone is shorter.
   */
  waitOf(attempt: number, isLast: boolean): number {
    return isLast ? this.#timeoutMs : Math.min(this.waitMs * 2 ** attempt, this.#timeoutMs)
  }
}
