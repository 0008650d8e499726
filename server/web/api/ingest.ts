// GET /api/v1/ingest: how fast samples come, what waits, and what was not taken, by reason with the
// last example; as the section "Ingest" of the settings page shows them.

import { AppError } from '../../model/errors.ts'
import type { SetAsideEntry } from '../../model/setaside.ts'
import type { Route, WebContext } from '../context.ts'
import { call } from './call.ts'

/** Counts are messages since the start, unless said. */
export interface IngestAnswer {
  /** Over the last minute. */
  messagesPerSecond: number
  samplesPerSecond: number
  /** Messages that wait for the store now. */
  queued: number
  /** Parts that wait now for the others of their collection. */
  partsHeld: number
  received: number
  stored: number
  /** Sent twice, stored once. */
  duplicate: number
  /** Its sender was told why. */
  refused: number
  /** Neither taken nor acknowledged: a sender with a spool sends them again. */
  dropped: number
  /** Null while the store takes what it is given. */
  storeError: string | null
  /** Newest first, one for each reason; `at` is Unix ms of the last. */
  setAside: SetAsideEntry[]
}

export function ingestCall(web: WebContext): Route {
  return call({
    method: 'GET',
    path: '/api/v1/ingest',
    permission: 'settings.read',
    summary: 'Rates of the sample path, what waits, and what was not taken with the last examples',
    async answer(): Promise<IngestAnswer> {
      const answer = web.ingest()
      if (answer) return answer
      throw new AppError('E_NOT_FOUND', 'this process takes no samples', {
        hint: 'each process with the role "ingest" tells of itself in its /metrics',
      })
    },
  })
}
