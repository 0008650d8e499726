// An empty SQLite file for one case.

import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import { tempDir } from '../parts/find.ts'
import type { Place } from './place.ts'

export async function sqlitePlace(t: Test): Promise<Place> {
  const file = path.join(await tempDir(t), 'pollux.db')
  return {
    url: `sqlite:${file}`,
    async raw(statement) {
      const database = new DatabaseSync(file, { timeout: 5000 })
      try {
        return database
          .prepare(statement)
          .all()
          .map(row => ({ ...row }))
      } finally {
        database.close()
      }
    },
  }
}
