// How many publishes may be unacknowledged at a time, and how many may wait for a place.

import { AppError } from '../model/errors.ts'

export interface Window {
  /** Takes a place that is free now; call what it gives to free it. Null: `enter` waits for one. */
  tryEnter(): (() => void) | null
  /** Waits for a place and takes it; call what it gives to free it. @throws E_BUS_BUSY, or close's */
  enter(): Promise<() => void>
  /** A connection is there: this many at a time. */
  open(inflightMax: number): void
  /** No connection: whoever waits gets this error; places taken are free again. */
  close(error: Error): void
  /** Resolves when nothing is in flight and nobody waits. */
  idle(): Promise<void>
}

interface Waiter {
  resolve: (release: () => void) => void
  reject: (error: Error) => void
}

/** `queueMax`: publishes that may wait for a place. */
export function createWindow({ queueMax }: { queueMax: number }): Window {
  let inflightMax = 0
  let inflight = 0
  /** Counts connections, so that a release of a former one frees nothing in this one. */
  let generation = 0
  const queue: Waiter[] = []
  const idlers: (() => void)[] = []

  function take(): () => void {
    inflight++
    const mine = generation
    let released = false
    return () => {
      if (released || mine !== generation) return
      released = true
      inflight--
      admit()
    }
  }

  function admit(): void {
    while (inflight < inflightMax) {
      const next = queue.shift()
      if (!next) break
      next.resolve(take())
    }
    if (inflight === 0 && queue.length === 0) for (const done of idlers.splice(0)) done()
  }

  const tryEnter = () => (inflight < inflightMax && queue.length === 0 ? take() : null)

  return {
    tryEnter,
    enter() {
      const place = tryEnter()
      if (place) return Promise.resolve(place)
      if (queue.length >= queueMax) {
        return Promise.reject(
          new AppError('E_BUS_BUSY', `${queueMax} messages already wait for the MQTT broker`, {
            passing: true,
            hint: 'the broker takes messages too slowly',
          }),
        )
      }
      return new Promise((resolve, reject) => queue.push({ resolve, reject }))
    },
    open(max) {
      inflightMax = Math.max(1, max)
      admit()
    },
    close(error) {
      generation++
      inflight = 0
      inflightMax = 0
      for (const waiter of queue.splice(0)) waiter.reject(error)
      admit()
    },
    idle() {
      if (inflight === 0 && queue.length === 0) return Promise.resolve()
      return new Promise(resolve => idlers.push(resolve))
    },
  }
}
