// Datagrams that were no answer to an open request, counted by why: by the exchange of each thread,
// and added up over all threads for people to see.

export interface Drops {
  /** Answers that came after their request had ended, and again after it was answered. */
  late: number
  duplicate: number
  /** Answers with a valid id from another address or port. */
  forged: number
  /** Answers below the level asked for, with another community or user. */
  weak: number
  malformed: number
  /** Ids that were never given out, replays. */
  stale: number
}

export const noDrops = (): Drops => ({
  late: 0,
  duplicate: 0,
  forged: 0,
  weak: 0,
  malformed: 0,
  stale: 0,
})

const REASONS: readonly (keyof Drops)[] = [
  'late',
  'duplicate',
  'forged',
  'weak',
  'malformed',
  'stale',
]

export function addDrops(to: Drops, more: Readonly<Drops>): void {
  for (const reason of REASONS) to[reason] += more[reason]
}

/** What was counted since `before`, which becomes what is counted now. */
export function dropsSince(before: Drops, now: Readonly<Drops>): Drops {
  const since = noDrops()
  for (const reason of REASONS) {
    since[reason] = now[reason] - before[reason]
    before[reason] = now[reason]
  }
  return since
}
