// A look at the database that changes nothing: whether it answers, and whether its schema is that of
// this Pollux.

import { existsSync } from 'node:fs'
import { sql } from 'kysely'
import { connectDatabase } from './database.ts'
import { readMigrations } from './migrate.ts'
import { DEFAULT_MIGRATIONS, parseDatabaseUrl } from './open.ts'

export interface Inspection {
  dialect: 'sqlite' | 'mysql'
  /** False: there is none yet, the first start makes it. */
  isThere: boolean
  /** Migrations that the next start runs. */
  pending: number
  /** Migrations that this Pollux does not know: a newer one wrote them. */
  unknown: string[]
}

/** @throws AppError E_DATABASE_URL, E_STORE_ACCESS, E_STORE_UNAVAILABLE */
export async function inspectDatabase(url: string): Promise<Inspection> {
  const where = parseDatabaseUrl(url)
  const { dialect } = where
  const all = await readMigrations(DEFAULT_MIGRATIONS, dialect)
  const nothing = { dialect, isThere: false, pending: all.length, unknown: [] }
  // SQLite would make the file.
  if (where.dialect === 'sqlite' && !existsSync(where.path)) return nothing
  const { db } = connectDatabase(where)
  try {
    await sql`select 1`.execute(db)
    const rows = await db
      .selectFrom('migration')
      .select('name')
      .execute()
      .catch(() => null)
    if (rows === null) return nothing
    const ran = new Set(rows.map(({ name }) => name))
    const known = new Set(all.map(({ name }) => name))
    return {
      dialect,
      isThere: true,
      pending: all.filter(({ name }) => !ran.has(name)).length,
      unknown: [...ran].filter(name => !known.has(name)).sort(),
    }
  } finally {
    await db.destroy()
  }
}
