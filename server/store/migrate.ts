// Brings the schema up to date at open: the files in `migrations/`, one statement each, in the order
// of their names, under a lock. Forward only; a schema from a newer Pollux is refused.

import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { sql } from 'kysely'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import type { Database, Db } from './database.ts'
import { isAlreadyThere } from './failures.ts'

/** How long to wait for another process that is migrating, seconds. */
const lockWaitSeconds = 25

const FILE_NAME = /^[0-9]{4}_[a-z0-9_]+\.sql$/

/** What a `{word}` in a migration means: the few places where the dialects' DDL differs. */
const WORDS = {
  sqlite: {
    serial: 'integer primary key autoincrement',
    id: 'integer',
    options: '',
    options_clustered: 'without rowid',
    partitioned_by_time: '',
    partitioned_by_day: '',
    partitioned_by_hour: '',
    utc_of_ts: "strftime('%Y-%m-%d %H:%M:%f', latest_value.ts / 1000.0, 'unixepoch')",
    date_of_day: "date(daily_value.day * 86400, 'unixepoch')",
    utc_of_hour: "strftime('%Y-%m-%d %H:%M:%S', hourly_value.hour * 3600, 'unixepoch')",
  },
  mysql: {
    serial: 'int unsigned not null auto_increment primary key',
    id: 'int unsigned',
    options: 'engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin',
    options_clustered: 'engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin',
    partitioned_by_time: 'partition by range (t0) (partition pmax values less than maxvalue)',
    partitioned_by_day: 'partition by range (day) (partition pmax values less than maxvalue)',
    partitioned_by_hour: 'partition by range (hour) (partition pmax values less than maxvalue)',
    utc_of_ts: "timestampadd(microsecond, latest_value.ts * 1000, '1970-01-01 00:00:00')",
    date_of_day: "date_add(date '1970-01-01', interval daily_value.day day)",
    utc_of_hour: "timestampadd(hour, hourly_value.hour, '1970-01-01 00:00:00')",
  },
} as const satisfies Record<string, Record<string, string>>

/** In the table of migrations while a backup is being written back: nobody may use what is there. */
export const UNFINISHED = 'restore_unfinished'

export interface Migration {
  /** `0001_device`, as the table `migration` keeps it. */
  name: string
  file: string
  statement: string
}

/**
 * Runs what is missing. Processes that start at once wait for one another.
 * @returns the names of the migrations that ran
 * @throws AppError E_SCHEMA_NEWER, E_MIGRATION (names file and statement), E_STORE_UNAVAILABLE
 */
export async function migrate(
  database: Database,
  directory: string,
  log: Logger,
): Promise<string[]> {
  const migrations = await readMigrations(directory, database.dialect)
  const ran = await locked(database, db => runMissing(database.dialect, db, migrations))
  if (ran.length > 0) log.info({ migrations: ran }, 'database schema brought up to date')
  return ran
}

/** The migrations of a folder for one dialect. @throws AppError E_MIGRATION for what is not one */
export async function readMigrations(
  directory: string,
  dialect: keyof typeof WORDS,
): Promise<Migration[]> {
  const files = (await readdir(directory)).filter(file => !file.startsWith('.')).sort()
  const migrations: Migration[] = []
  for (const file of files) {
    if (!FILE_NAME.test(file)) {
      throw new AppError('E_MIGRATION', `"${file}" is not the name of a migration`, {
        hint: 'name it NNNN_name.sql',
      })
    }
    const text = await readFile(path.join(directory, file), 'utf8')
    const statement = text.replace(/\{([a-z_]+)\}/g, (_, word: string) => {
      const words: Record<string, string> = WORDS[dialect]
      const meant = words[word]
      if (meant === undefined) {
        throw new AppError('E_MIGRATION', `migration ${file}: unknown word {${word}}`)
      }
      return meant
    })
    migrations.push({ name: file.slice(0, -'.sql'.length), file, statement: statement.trim() })
  }
  return migrations
}

/** The tables that migrations make, in their order: each refers only to those before it. */
export function tablesOf(migrations: readonly Migration[]): string[] {
  return migrations.flatMap(({ statement }) => {
    const made = /^create table ([a-z0-9_]+)/m.exec(statement)?.[1]
    return made === undefined ? [] : [made]
  })
}

/**
 * Makes the schema that these migrations gave, in an empty database, for a backup of that time.
 * @returns the names of its tables, in order
 * @throws AppError E_SCHEMA_NEWER where one is unknown
 */
export async function makeSchema(
  database: Database,
  directory: string,
  names: readonly string[],
): Promise<string[]> {
  const all = await readMigrations(directory, database.dialect)
  refuseNewer(names, all)
  const wanted = all.filter(({ name }) => names.includes(name))
  await locked(database, db => runMissing(database.dialect, db, wanted))
  return tablesOf(wanted)
}

/** SQLite: one transaction for all. MySQL: a named lock of the server, as its DDL commits by itself. */
function locked<T>(database: Database, work: (db: Db) => Promise<T>): Promise<T> {
  if (database.dialect === 'sqlite') return database.transaction(work)
  return database.db.connection().execute(async db => {
    const name = sql`concat('pollux.', sha1(database()))`
    const { rows } = await sql<{ got: number | null }>`
      select get_lock(${name}, ${lockWaitSeconds}) as got`.execute(db)
    if (rows[0]?.got !== 1) {
      throw new AppError('E_STORE_UNAVAILABLE', 'another process is migrating the database', {
        passing: true,
        hint: 'wait for it, or see whether it hangs',
      })
    }
    try {
      return await work(db)
    } finally {
      await sql`select release_lock(${name})`.execute(db)
    }
  })
}

async function runMissing(
  dialect: 'sqlite' | 'mysql',
  db: Db,
  migrations: readonly Migration[],
): Promise<string[]> {
  // `finished_at` null: the process ended between the statement and this note of it.
  await sql
    .raw(
      `create table if not exists migration (name varchar(100) not null primary key,
        started_at bigint not null, finished_at bigint) ${WORDS[dialect].options}`,
    )
    .execute(db)
  const applied = await db.selectFrom('migration').selectAll().execute()
  refuseNewer(
    applied.map(row => row.name),
    migrations,
  )
  const ran: string[] = []
  for (const migration of migrations) {
    const before = applied.find(row => row.name === migration.name)
    if (before && before.finished_at !== null) continue
    await runOne(db, migration, before !== undefined)
    ran.push(migration.name)
  }
  return ran
}

function refuseNewer(applied: readonly string[], migrations: readonly Migration[]): void {
  const unknown = applied.filter(name => !migrations.some(migration => migration.name === name))
  if (unknown.length === 0) return
  if (unknown.includes(UNFINISHED)) {
    throw new AppError('E_RESTORE_UNFINISHED', 'a restore into this database did not finish', {
      hint: 'make the database anew, empty, and restore the backup again',
    })
  }
  throw new AppError(
    'E_SCHEMA_NEWER',
    `the database was written by a newer Pollux (unknown migrations: ${unknown.sort().join(', ')})`,
    { hint: 'start that newer version, or restore a backup made before the update' },
  )
}

async function runOne(db: Db, migration: Migration, interrupted: boolean): Promise<void> {
  const { name, file, statement } = migration
  if (!interrupted) {
    await db
      .insertInto('migration')
      .values({ name, started_at: Date.now(), finished_at: null })
      .execute()
  }
  try {
    await sql.raw(statement).execute(db)
  } catch (cause) {
    if (!interrupted || !isAlreadyThere(cause)) throw migrationFailure(file, statement, cause)
  }
  await db
    .updateTable('migration')
    .set({ finished_at: Date.now() })
    .where('name', '=', name)
    .execute()
}

function migrationFailure(file: string, statement: string, cause: unknown): AppError {
  return new AppError(
    'E_MIGRATION',
    `migration ${file} failed: ${messageOf(cause)}: ${statement}`,
    {
      cause,
      passing: cause instanceof AppError && cause.passing,
      hint: 'nothing after it ran; mend what the database says and start again',
    },
  )
}
