// Stored samples for another thread: reading alone, over connections of its own. The schema is the
// program's affair: whoever opens this knows that the store is open.

import type { Logger } from '../log.ts'
import { Damage } from './blocks.ts'
import type { SampleStore } from './contract.ts'
import { connectDatabase } from './database.ts'
import { parseDatabaseUrl } from './open.ts'
import { readSamples } from './read.ts'

export interface History extends Pick<SampleStore, 'read'> {
  close(): Promise<void>
}

/** @throws AppError E_DATABASE_URL */
export function openHistory(url: string, log: Logger): History {
  const database = connectDatabase(parseDatabaseUrl(url))
  const damage = new Damage(log)
  return {
    read: query => readSamples(database, query, log, damage),
    close: () => database.close(),
  }
}
