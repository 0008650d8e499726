// A device as the pool of poll threads sees it.

import type { Target } from '../collectors/collector.ts'
import type { ScheduledRead } from './schedule.ts'

export interface Job {
  read: ScheduledRead
  deadlineMs: number
  started: boolean
  /** It goes before all that wait. */
  head: boolean
}

/** The pool owns all but `target` and `everyMs`. */
export interface PooledDevice {
  readonly id: string
  target: Target
  everyMs: number
  epoch: number
  thread: number | null
  job: Job | null
  /** Threads that died in a row while it was being read. */
  deaths: number
  /** How long its full reads take, smoothed, ms; null: none ended well yet. */
  readMs: number | null
  /** Measured busy ms of one read. */
  costMs: number | null
  /** What it adds to its thread's load, busy ms per ms. */
  load: number
}
