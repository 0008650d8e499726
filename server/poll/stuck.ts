// Threads that were told to end and do not: native code and a garbage collection cannot be
// interrupted. Such a thread burns its core until it ends by itself; it is counted, named in the log,
// and does not hold up the end of the process.

import type { Logger } from '../log.ts'
import type { PollThread } from './thread.ts'

/** With so many of them no suspect is tried any more: each try may leave one more behind. */
const stuckMax = 2

export interface StuckThreads {
  readonly count: number
  readonly tooMany: boolean
  /** Ends a thread the hard way and watches that it does. */
  end(thread: PollThread): void
  /** Resolves when every thread has ended, or after so long: those that have not are stuck. */
  close(withinMs: number): Promise<void>
}

export function createStuckThreads(options: { stuckMs: number; log: Logger }): StuckThreads {
  const { stuckMs, log } = options
  const ending = new Set<PollThread>()
  const stuck = new Set<PollThread>()

  // Node waits at its exit for every worker, without a limit. What was open is closed by then, and
  // the listeners that flush were added before this one.
  const leaveAtOnce = () => {
    process.stderr.write('a poll thread cannot be ended: the process ends without it\n')
    process.kill(process.pid, 'SIGKILL')
  }

  const check = async (thread: PollThread, withinMs: number) => {
    if ((await thread.ended(withinMs)) || stuck.has(thread)) return
    log.error({ thread: thread.id }, 'a poll thread cannot be ended: it may use up one core')
    if (stuck.size === 0) process.on('exit', leaveAtOnce)
    stuck.add(thread)
  }

  const gone = (thread: PollThread) => {
    ending.delete(thread)
    if (!stuck.delete(thread)) return
    if (stuck.size === 0) process.off('exit', leaveAtOnce)
    log.info({ thread: thread.id }, 'the poll thread that could not be ended has ended')
  }

  return {
    get count() {
      return stuck.size
    },
    get tooMany() {
      return stuck.size >= stuckMax
    },
    end(thread) {
      thread.kill()
      ending.add(thread)
      void thread.gone.then(() => gone(thread))
      void check(thread, stuckMs)
    },
    async close(withinMs) {
      await Promise.all([...ending].map(thread => check(thread, withinMs)))
    },
  }
}
