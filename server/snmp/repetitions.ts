// How many rows a walk may ask for in one request: fewer where an answer was lost or too big, and more
// again later, as a loss is mostly chance and agents are restarted and updated.

/** Good answers after the first loss until twice as many rows are asked for; twice as long after each. */
const growAfterAnswers = 4
const growAfterAnswersMax = 1024
/** An agent that could not do more is asked for more again after this long, ms. */
export const allowAfterMs = 3_600_000

export class Repetitions {
  readonly #allowed: number
  readonly #now: () => number
  /** Bounded by losses. */
  #rows: number
  #good = 0
  #growAfter = growAfterAnswers / 2
  /** Rows times columns, bounded by what the agent said to be too big, and when it did. */
  #valuesMax = Number.POSITIVE_INFINITY
  #tooBigAt = 0

  /**
   * @param allowed the bound of a profile, of an admin, or the usual one
   * @param now monotonic, ms
   */
  constructor(allowed: number, now: () => number) {
    this.#allowed = allowed
    this.#now = now
    this.#rows = allowed
  }

  /** Of so many columns, at least one. */
  rowsOf(columns: number): number {
    return Math.max(1, Math.min(this.#rows, Math.floor(this.#valuesMax / columns)))
  }

  /** An answer with so many rows was lost, perhaps as it was too large for its way. */
  lost(rows: number): void {
    this.#rows = Math.max(1, Math.floor(rows / 4))
    this.#good = 0
    this.#growAfter = Math.min(this.#growAfter * 2, growAfterAnswersMax)
  }

  /** A smaller answer was lost as well: it was not the size. */
  restore(): void {
    this.#rows = this.#allowed
  }

  /** The agent said so of an answer with so many rows. */
  tooBig(rows: number, columns: number): void {
    this.#valuesMax = Math.floor(rows / 2) * columns
    this.#tooBigAt = this.#now()
  }

  /** Rows came. */
  worked(): void {
    if (this.#now() - this.#tooBigAt > allowAfterMs) this.#valuesMax = Number.POSITIVE_INFINITY
    if (this.#rows === this.#allowed || ++this.#good < this.#growAfter) return
    this.#good = 0
    this.#rows = Math.min(this.#rows * 2, this.#allowed)
  }
}
