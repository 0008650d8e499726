// What happened in the last minute, by the second: how much came and how long the steps took. A ring of
// sums; nothing is kept of a single message.

const seconds = 60

export interface Recent {
  /** Adds to the second of now: a count, or milliseconds that a step took. */
  add(what: Counted, amount: number): void
  summary(): RecentSummary
}

export type Counted = 'messages' | 'samples' | 'acceptMs' | 'commitMs' | 'batches'

export interface RecentSummary {
  messagesPerSecond: number
  samplesPerSecond: number
  /** Mean of one batch, ms; null: none was written. */
  commitMs: number | null
  /** Share of the time in which the step was at work, 0 to 1 (a commit waits, it does not compute). */
  acceptShare: number
  commitShare: number
}

/** @param now monotonic ms */
export function createRecent(now: () => number = () => performance.now()): Recent {
  const sums: Record<Counted, Float64Array> = {
    messages: new Float64Array(seconds),
    samples: new Float64Array(seconds),
    acceptMs: new Float64Array(seconds),
    commitMs: new Float64Array(seconds),
    batches: new Float64Array(seconds),
  }
  const startedAt = now()
  let current = Math.floor(startedAt / 1000)

  /** Clears the seconds that nobody added to since the last call. */
  const advance = (): number => {
    const second = Math.floor(now() / 1000)
    const stale = Math.min(seconds, second - current)
    for (let i = 1; i <= stale; i++)
      for (const ring of Object.values(sums)) ring[(current + i) % seconds] = 0
    current = Math.max(current, second)
    return current % seconds
  }
  const total = (what: Counted) => sums[what].reduce((sum, value) => sum + value, 0)

  return {
    add(what, amount) {
      const place = advance()
      const ring = sums[what]
      ring[place] = (ring[place] ?? 0) + amount
    },
    summary() {
      advance()
      const window = Math.min(seconds, Math.max(1, (now() - startedAt) / 1000))
      const batches = total('batches')
      return {
        messagesPerSecond: total('messages') / window,
        samplesPerSecond: total('samples') / window,
        commitMs: batches === 0 ? null : total('commitMs') / batches,
        acceptShare: Math.min(1, total('acceptMs') / 1000 / window),
        commitShare: Math.min(1, total('commitMs') / 1000 / window),
      }
    },
  }
}
