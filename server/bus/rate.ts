// A token bucket: so many per second. It reads the monotonic clock and has no timer.

export interface Rate {
  /** Takes up to so many places; gives how many there were. */
  take(wanted: number): number
  giveBack(unused: number): void
}

/** As many at once as one second gives. */
export function createRate(perSecond: number): Rate {
  let tokens = perSecond
  let filledAt = performance.now()
  return {
    take(wanted) {
      const now = performance.now()
      tokens = Math.min(perSecond, tokens + ((now - filledAt) / 1000) * perSecond)
      filledAt = now
      const given = Math.min(wanted, Math.floor(tokens))
      tokens -= given
      return given
    },
    giveBack(unused) {
      tokens += unused
    },
  }
}
