// How many requests to a device are on the way at once: more where one after the other takes too much of
// its interval, fewer where answers get lost. Pure.

/** Above that most agents gain nothing: they answer one request after the other. */
const inFlightMax = 4
/** A read that takes more than this part of its time is worth hurrying; under the other it is not. */
const slowShare = 0.5
const quickShare = 0.1

export interface ReadPace {
  tookMs: number
  /** What the read may take, ms. */
  allowedMs: number
  /** Requests of the read, and how often one of them had to be sent again. */
  requests: number
  retries: number
}

/** How many requests the next read may have on the way at once, after one that had `inFlight`. */
export function nextInFlight(inFlight: number, { tookMs, allowedMs, requests, retries }: ReadPace) {
  // More than one in twenty lost: perhaps it is we who are too fast.
  if (retries * 20 > requests) return Math.max(1, inFlight - 1)
  if (tookMs > allowedMs * slowShare) return Math.min(inFlightMax, inFlight + 1)
  return tookMs < allowedMs * quickShare ? Math.max(1, inFlight - 1) : inFlight
}
