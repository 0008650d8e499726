// Counts every message that came: received = stored + duplicate + refused + dropped + waiting, at
// any moment. It counts; it decides nothing.

import { REFUSAL_REASONS, type RefusalReason } from '../model/accepted.ts'

export interface LedgerCounts {
  received: number
  stored: number
  /** In the store already, or a resend of one that waits here. */
  duplicate: number
  refused: Record<RefusalReason, number>
  /** Not taken and not acknowledged: a sender with a spool sends them again. */
  dropped: number
  waiting: number
}

export interface Ledger {
  readonly counts: Readonly<LedgerCounts>
  /** A message came: it waits until one of the other calls settles it. */
  received(): void
  stored(messages: number): void
  duplicate(messages: number): void
  refused(reason: RefusalReason, messages: number): void
  dropped(messages: number): void
}

export function createLedger(): Ledger {
  const refused = Object.fromEntries(REFUSAL_REASONS.map(reason => [reason, 0])) as Record<
    RefusalReason,
    number
  >
  const counts: LedgerCounts = {
    ...{ received: 0, stored: 0, duplicate: 0, refused, dropped: 0, waiting: 0 },
  }
  return {
    counts,
    received() {
      counts.received++
      counts.waiting++
    },
    stored(messages) {
      counts.stored += messages
      counts.waiting -= messages
    },
    duplicate(messages) {
      counts.duplicate += messages
      counts.waiting -= messages
    },
    refused(reason, messages) {
      counts.refused[reason] += messages
      counts.waiting -= messages
    },
    dropped(messages) {
      counts.dropped += messages
      counts.waiting -= messages
    },
  }
}
