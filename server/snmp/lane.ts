// The requests of one session: a bounded number on the way at a time, the others in the order asked,
// with a bound on how many wait.

import type { Exchange, SnmpRequest } from './exchange.ts'

export class Lane {
  readonly #exchange: Exchange
  /** Requests on the way at once; those above a smaller number end first. */
  inFlight: number
  readonly #waitingMax: number
  readonly #waiting: SnmpRequest[] = []
  readonly #started = new Set<SnmpRequest>()

  constructor(exchange: Exchange, inFlight: number, waitingMax: number) {
    this.#exchange = exchange
    this.inFlight = inFlight
    this.#waitingMax = waitingMax
  }

  /** False: as many wait as may. */
  add(request: SnmpRequest): boolean {
    if (this.#started.size < this.inFlight) {
      this.#started.add(request)
      this.#exchange.start(request)
      return true
    }
    if (this.#waiting.length >= this.#waitingMax) return false
    this.#waiting.push(request)
    return true
  }

  /** To be called when a request that was added has ended. */
  ended(request: SnmpRequest): void {
    if (!this.#started.delete(request)) return
    while (this.#started.size < this.inFlight) {
      const next = this.#waiting.shift()
      if (!next) return
      this.add(next)
    }
  }

  /** Everything that was added and has not ended. */
  all(): SnmpRequest[] {
    return [...this.#started, ...this.#waiting]
  }

  remove(request: SnmpRequest): void {
    const at = this.#waiting.indexOf(request)
    if (at >= 0) this.#waiting.splice(at, 1)
    else this.#exchange.cancel(request)
  }
}
