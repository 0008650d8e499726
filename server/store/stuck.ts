// Roll-ups that fail again and again. Until one is made its samples stay, whatever the settings say, and its
// stream cannot move to a shorter class: somebody must be told.

import type { StuckRollUps } from './contract.ts'
import type { Due } from './fold.ts'
import { hourMs } from './tiers.ts'

/** Failures in a row (an hour apart) from which on it is not expected to mend itself. */
const failuresMax = 3
/** One that did not fail for so long is not due any more, as where its device was deleted; ms. */
const forgottenMs = 3 * hourMs
/** Roll-ups whose failures are remembered. */
const rememberedMax = 1000

interface Failing {
  times: number
  /** Unix ms of the first of these failures. */
  since: number
  /** Unix ms of the last one. */
  at: number
  error: string
}

const keyOf = ({ streamId, tier, t0 }: Due) => `${streamId}/${tier}/${t0}`

export class Stuck {
  readonly #failing = new Map<string, Failing>()

  /** @returns whether this is the failure after which it counts as stuck */
  failed(due: Due, error: string, now: number): boolean {
    const known = this.#failing.get(keyOf(due))
    if (!known && this.#failing.size >= rememberedMax) return false
    const times = (known?.times ?? 0) + 1
    this.#failing.set(keyOf(due), { times, since: known?.since ?? now, at: now, error })
    return times === failuresMax
  }

  /** It was made, or is not due any more. */
  done(due: Due): void {
    this.#failing.delete(keyOf(due))
  }

  /** Null: none is stuck. */
  summary(now: number): StuckRollUps | null {
    for (const [key, { at }] of this.#failing) {
      if (now - at > forgottenMs) this.#failing.delete(key)
    }
    const stuck = [...this.#failing.values()].filter(({ times }) => times >= failuresMax)
    const [oldest] = stuck.sort((a, b) => a.since - b.since)
    return oldest ? { count: stuck.length, since: oldest.since, error: oldest.error } : null
  }
}
