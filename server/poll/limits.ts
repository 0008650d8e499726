// The bounds and times of the pool of poll threads, as one set so that tests can shorten them.

export interface PoolLimits {
  threadsMin: number
  threadsMax: number
  /** Reads under way in one thread; more wait in its queue. */
  readsMax: number
  /** Probes of silent devices under way in one thread, beside its reads. */
  probesMax: number
  /** A thread that holds more, in heap and buffers, is replaced; checked every `guardMs`. */
  heapMbMax: number
  guardMs: number
  /** A thread that did not beat for so long hangs; one that just starts has longer. */
  hangMs: number
  startMs: number
  /** A thread that was told to end and still lives after so long is stuck. */
  stuckMs: number
  hotMs: number
  coldMs: number
  skewMs: number
  tickMs: number
}

export const POOL_LIMITS: Omit<PoolLimits, 'threadsMin' | 'threadsMax'> = {
  readsMax: 256,
  probesMax: 1024,
  heapMbMax: 512,
  guardMs: 250,
  hangMs: 8000,
  startMs: 30_000,
  stuckMs: 3000,
  hotMs: 5000,
  coldMs: 60_000,
  skewMs: 15_000,
  tickMs: 1000,
}
