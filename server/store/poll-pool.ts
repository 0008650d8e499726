// Polls that are used again: making one costs more than filling it.

import { ABSENT, emptyPoll, type Poll } from './codec.ts'
import { slotsPerStreamMax } from './layout.ts'

/** Polls that are kept, of about 1 kB each. */
const keptMax = 4096

export class PollPool {
  readonly #free: Poll[] = []

  /** An empty poll with room for a stream. */
  take(): Poll {
    const poll = this.#free.pop()
    if (!poll) return emptyPoll(slotsPerStreamMax)
    poll.kinds.fill(ABSENT, 0, poll.size)
    poll.size = 0
    return poll
  }

  /** Nobody may read it any more. */
  giveBack(poll: Poll): void {
    if (this.#free.length < keptMax) this.#free.push(poll)
  }
}
