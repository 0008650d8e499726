// The main thread's handle of one poll thread: starts the worker, keeps what it last said of itself
// and what it holds in memory, and says once when it is dead. Which devices it polls is the pool's
// business.

import { Worker } from 'node:worker_threads'
import { messageOf } from '../model/errors.ts'
import { createGatherer } from './gather.ts'
import type { FromThread, ThreadInit, ToThread } from './protocol.ts'

/**
 * Kept small: with the default of 48 MB a thread that runs out of memory takes the whole process
 * with it (Node 24: V8 aborts, as one scavenge promotes more than Node's leeway at the limit). With
 * this the thread ends alone, or stalls in garbage collection until the watchdog takes its devices.
 */
const youngMbMax = 16
/**
 * V8's own bound lies above the one at which a thread is replaced. At its bound V8 may stall in
 * garbage collection or, where one large array does not fit, abort the whole process. Not far above:
 * V8 lets a heap grow at most half the way from what lives to its bound before it collects, so that
 * at this ratio a heap passes our bound only where more than three quarters of that are alive.
 */
const v8HeapRatio = 1.25

/** Weight of the newest second in the smoothed utilisation. */
const smoothing = 0.3

export interface PollThread {
  readonly id: number
  /** Smoothed event loop utilisation, 0 to 1. */
  readonly utilisation: number
  /** Heap and buffers when they were last measured. */
  readonly heapMb: number
  /** Reads that it had to give up because they did not end at their abort. */
  readonly abandoned: number
  /** Monotonic ms (performance.now) of its start and of its last heartbeat. */
  readonly startedAt: number
  readonly beatAt: number
  /** Whether it has run at all yet. */
  readonly ready: boolean
  post(message: ToThread): void
  /** Measures what it holds, also while it does not return to its event loop. */
  measure(): void
  /** Ends it, the hard way, and reports no death any more. */
  kill(): void
  readonly gone: Promise<void>
  /** Resolves when it has ended, or after so long: whether it has. */
  ended(withinMs: number): Promise<boolean>
  /** Asks it to end, reads within `drainMs`; waits at most `hardMs`. Reports no death any more. */
  close(drainMs: number, hardMs: number): Promise<void>
}

export interface ThreadOptions {
  init: ThreadInit
  workerUrl: URL
  /** MB of heap and buffers from which on `onFull` is called. */
  heapMbMax: number
  onMessage(message: FromThread): void
  /** Called at most once, not after `kill` or `close`. */
  onDead(why: string): void
  /** Not after it is dead. */
  onFull(heapMb: number): void
}

export function startThread(options: ThreadOptions): PollThread {
  const worker = new Worker(options.workerUrl, {
    workerData: options.init,
    name: `poll-${options.init.thread}`,
    resourceLimits: {
      maxOldGenerationSizeMb: Math.ceil(options.heapMbMax * v8HeapRatio),
      maxYoungGenerationSizeMb: youngMbMax,
    },
  })
  let over = false
  let failure: string | null = null
  let utilisation = 0
  let heapMb = 0
  let abandoned = 0
  let ready = false
  let measuring = false
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
  const receive = (message: FromThread) => {
    if (message.is === 'heartbeat') {
      utilisation = ready ? utilisation + smoothing * (message.utilisation - utilisation) : 0
      abandoned = message.abandoned
      ready = true
      beatAt = performance.now()
    }
    options.onMessage(message)
  }
  worker.on('message', (messages: FromThread[]) => messages.forEach(receive))
  const outbox = createGatherer<ToThread>(messages => worker.postMessage(messages), queueMicrotask)

  const kill = () => {
    over = true
    // A thread that hangs in native code or in garbage collection ends late or never.
    worker.unref()
    void worker.terminate().catch(() => {})
  }

  const ended = async (withinMs: number): Promise<boolean> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<boolean>(resolve => {
      timer = setTimeout(() => resolve(false), withinMs)
    })
    const result = await Promise.race([gone.then(() => true), late])
    clearTimeout(timer)
    return result
  }

  const measure = async () => {
    if (measuring || over) return
    measuring = true
    try {
      const { used_heap_size, external_memory } = await worker.getHeapStatistics()
      heapMb = (used_heap_size + external_memory) / 2 ** 20
      if (heapMb > options.heapMbMax && !over) options.onFull(heapMb)
    } catch {
      // It is ending: `exit` says so.
    } finally {
      measuring = false
    }
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
    post: message => outbox.say(message),
    measure: () => void measure(),
    kill,
    gone,
    ended,
    async close(drainMs, hardMs) {
      over = true
      outbox.say({ do: 'close', drainMs })
      await ended(hardMs)
    },
  }
}
