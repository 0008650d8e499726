// How the pure checks of ingest say no: thrown by a check, caught by `accept` alone.

import type { RefusalReason } from '../model/accepted.ts'

/** `message` says what was wrong, for the log. */
export class Refusal extends Error {
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, detail: string) {
    super(detail)
    this.name = 'Refusal'
    this.reason = reason
  }
}
