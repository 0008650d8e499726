// How much of an engine's disk is used, asked beside its reads: the answer may take minutes, so it
// is given to the first read after it came.

import type { Engine } from '../docker/engine.ts'
import { dockerGapReason } from '../docker/errors.ts'
import { oneRow } from '../docker/read.ts'
import { diskValues } from '../docker/stats.ts'
import { messageOf } from '../model/errors.ts'
import type { GapReason } from '../model/gap.ts'
import type { GroupReading } from '../model/raw.ts'

/** Paths that such an answer gives. */
export const DISK_PREFIX = 'disk.'
/** After a failure it is not asked again for so long. */
const failedRestMs = 15 * 60_000

export type DiskAnswer =
  | { ok: true; reading: GroupReading }
  | { ok: false; reason: GapReason; error: string }

export class DiskUse {
  #answer: DiskAnswer | null = null
  #isAsking = false
  #restUntil = 0
  readonly #end = new AbortController()

  /** What came since the last call; asks where nothing is under way. Never rejects. */
  take(engine: Engine): DiskAnswer | null {
    const answer = this.#answer
    this.#answer = null
    if (answer) return answer
    if (!this.#isAsking && performance.now() >= this.#restUntil) void this.#ask(engine)
    return null
  }

  close(): void {
    this.#end.abort()
  }

  async #ask(engine: Engine): Promise<void> {
    this.#isAsking = true
    try {
      const values = diskValues(await engine.disk(this.#end.signal))
      this.#answer = { ok: true, reading: oneRow(values) }
    } catch (error) {
      this.#restUntil = performance.now() + failedRestMs
      this.#answer = { ok: false, reason: dockerGapReason(error), error: messageOf(error) }
    } finally {
      this.#isAsking = false
    }
  }
}
