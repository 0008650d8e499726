// Where a case of the conformance suite happens: an empty database of its own.

import { pino } from 'pino'
import type { Test } from 'tap'

export const log = pino({ level: 'silent' })

/** An empty database, and a way in beside the store. */
export interface Place {
  url: string
  /** A statement by a connection of its own; gives the rows of a SELECT. */
  raw(statement: string): Promise<Record<string, unknown>[]>
}

export type NewPlace = (t: Test) => Promise<Place>
