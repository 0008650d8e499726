// A device as the pool of poll threads sees it.

import type { Target } from '../collectors/collector.ts'
import type { ScheduledRead } from './schedule.ts'

/** The pool owns all but `target` and `everyMs`. */
export interface PooledDevice {
  readonly id: string
  target: Target
  everyMs: number
  epoch: number
  thread: number | null
  job: { read: ScheduledRead; deadlineMs: number; started: boolean } | null
  /** Threads that died in a row while it was being read. */
  deaths: number
  /** Measured busy ms of one read. */
  costMs: number | null
  /** What it adds to its thread's load, busy ms per ms. */
  load: number
}
