// One thing at a time, in the order asked, with a bound on how many wait. Knows nothing of SNMP.

export interface Turns {
  /** Runs when all before it have ended. An aborted one leaves the queue at once. */
  take<T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Everyone who still waits is rejected with this. */
  refuseAll(error: Error): void
}

interface Waiting {
  start(): void
  refuse(error: Error): void
}

/**
 * @param full the error for one more than `waitingMax`
 * @param aborted the error for a signal that fired while waiting
 */
export function createTurns(
  waitingMax: number,
  full: () => Error,
  aborted: (signal: AbortSignal) => Error,
): Turns {
  const waiting: Waiting[] = []
  let busy = false

  const next = () => {
    busy = false
    waiting.shift()?.start()
  }

  return {
    take(run, signal) {
      if (signal?.aborted) return Promise.reject(aborted(signal))
      if (waiting.length >= waitingMax) return Promise.reject(full())
      return new Promise((resolve, reject) => {
        const leave = () => {
          const at = waiting.indexOf(me)
          if (at >= 0) waiting.splice(at, 1)
          if (signal) reject(aborted(signal))
        }
        const me: Waiting = {
          start() {
            signal?.removeEventListener('abort', leave)
            busy = true
            run().then(resolve, reject).finally(next)
          },
          refuse(error) {
            signal?.removeEventListener('abort', leave)
            reject(error)
          },
        }
        if (!busy) return me.start()
        signal?.addEventListener('abort', leave, { once: true })
        waiting.push(me)
      })
    },
    refuseAll(error) {
      for (const one of waiting.splice(0)) one.refuse(error)
    },
  }
}
