// Requests that were lost in one read, by chance or because the device has gone: a device that answered
// something since the last loss is asked again, one that did not is not, so that a dead one costs little.

/** A request that is lost is asked again so often in one read, with all its tries each time. */
export const roundsAgainMax = 3

export class Losses {
  #left = roundsAgainMax
  #isAnswered = false

  /** The device answered a request of this read. */
  answered(): void {
    this.#isAnswered = true
  }

  /** To be called once for each request that was lost. */
  mayAskAgain(): boolean {
    if (!this.#isAnswered || this.#left === 0) return false
    this.#isAnswered = false
    this.#left--
    return true
  }
}
