// How soon a thread may be started after others died: at once a few times a minute, then ever more
// slowly, so that a fault that ends every thread does not become a storm of starts.

/** So many deaths a minute are followed by a new thread at once. */
const deathsAtOnceMax = 5
const deathsWindowMs = 60_000
const deathsKeptMax = 20
const delayMsMin = 250
const delayMsMax = 30_000

export interface Restarts {
  /** @param now monotonic ms */
  died(now: number): void
  mayStart(now: number): boolean
}

export function createRestarts(): Restarts {
  let deaths: number[] = []
  let noStartBefore = 0
  return {
    died(now) {
      deaths = [...deaths.filter(time => now - time < deathsWindowMs), now].slice(-deathsKeptMax)
      const tooMany = deaths.length - deathsAtOnceMax
      noStartBefore = now + (tooMany <= 0 ? 0 : Math.min(delayMsMax, delayMsMin * 2 ** tooMany))
    },
    mayStart: now => now >= noStartBefore,
  }
}
