// The main thread's handle of one poll thread: starts the worker, keeps what it last said of itself,
// and says once when it is dead. Which devices it polls is the pool's business.

import { Worker } from 'node:worker_threads'
import { messageOf } from '../model/errors.ts'
import type { FromThread, ThreadInit, ToThread } from './protocol.ts'

/**
 * Kept small: with the default of 48 MB a thread that runs out of memory takes the whole process
 * with it (Node 24: V8 aborts, as one scavenge promotes more than Node's leeway at the limit). With
 * this the thread ends alone, or stalls in garbage collection until the watchdog takes its devices.
 */
const youngMbMax = 16

/** Weight of the newest second in the smoothed utilisation. */
const smoothing = 0.3

export interface PollThread {
  readonly id: number
  /** Smoothed event loop utilisation, 0 to 1. */
  readonly utilisation: number
  readonly heapMb: number
  /** Reads that it had to give up because they did not end at their abort. */
  readonly abandoned: number
  /** Monotonic ms (performance.now) of its start and of its last heartbeat. */
  readonly startedAt: number
  readonly beatAt: number
  /** Whether it has run at all yet. */
  readonly ready: boolean
  post(message: ToThread): void
  /** Ends it, the hard way, and reports no death any more. */
  kill(): void
  /** Reads may end within `drainMs`; after `hardMs` it is killed. */
  close(drainMs: number, hardMs: number): Promise<void>
}

export interface ThreadOptions {
  init: ThreadInit
  workerUrl: URL
  heapMbMax: number
  onMessage(message: FromThread): void
  /** Called at most once, not after `kill` or `close`. */
  onDead(why: string): void
}

export function startThread(options: ThreadOptions): PollThread {
  const worker = new Worker(options.workerUrl, {
    workerData: options.init,
    name: `poll-${options.init.thread}`,
    resourceLimits: {
      maxOldGenerationSizeMb: options.heapMbMax,
      maxYoungGenerationSizeMb: youngMbMax,
    },
  })
  let over = false
  let failure: string | null = null
  let utilisation = 0
  let heapMb = 0
  let abandoned = 0
  let ready = false
  const startedAt = performance.now()
  let beatAt = startedAt
  const gone = new Promise<void>(resolve => worker.once('exit', () => resolve()))

  const died = (why: string) => {
    if (over) return
    over = true
    options.onDead(why)
  }
  worker.on('error', error => {
    failure = messageOf(error)
  })
  worker.on('messageerror', error => {
    failure = messageOf(error)
  })
  worker.on('exit', code => died(failure ?? `it ended with code ${code}`))
  worker.on('message', (message: FromThread) => {
    if (message.is === 'heartbeat') {
      utilisation = ready ? utilisation + smoothing * (message.utilisation - utilisation) : 0
      heapMb = message.heapMb
      abandoned = message.abandoned
      ready = true
      beatAt = performance.now()
    }
    options.onMessage(message)
  })

  const kill = () => {
    over = true
    // A thread that hangs in native code or in garbage collection may never end; nobody waits for it.
    worker.unref()
    void worker.terminate().catch(() => {})
  }

  return {
    id: options.init.thread,
    startedAt,
    get utilisation() {
      return utilisation
    },
    get heapMb() {
      return heapMb
    },
    get abandoned() {
      return abandoned
    },
    get beatAt() {
      return beatAt
    },
    get ready() {
      return ready
    },
    post: message => worker.postMessage(message),
    kill,
    async close(drainMs, hardMs) {
      over = true
      worker.postMessage({ do: 'close', drainMs } satisfies ToThread)
      let timer: NodeJS.Timeout | undefined
      const hard = new Promise<void>(resolve => {
        timer = setTimeout(resolve, hardMs)
      })
      await Promise.race([gone, hard])
      clearTimeout(timer)
      kill()
    },
  }
}
