// Writes the rows of a backup into an empty database, of either kind. Until the last row is in, nobody
// can use that database: a start says that the restore did not finish.

import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { CompiledQuery, sql } from 'kysely'
import type { Logger } from '../log.ts'
import { AppError } from '../model/errors.ts'
import { connectDatabase, type Database, type StoreAddress } from './database.ts'
import type { DumpCell } from './dump.ts'
import { makeSchema, migrate, UNFINISHED } from './migrate.ts'
import { DEFAULT_MIGRATIONS, parseDatabaseUrl } from './open.ts'

/** Parameters of one statement: SQLite takes 32,766. */
const parametersMax = 20_000
/** Bytes of one statement: a server takes 16 MB by default. */
const statementBytesMax = 4 << 20

export interface RefilledTable {
  table: string
  columns: readonly string[]
  rows: AsyncIterable<readonly DumpCell[]>
}

/**
 * @param url as POLLUX_DATABASE_URL; of SQLite the file must not exist, of MySQL the database must be empty
 * @param migrations that had made the schema of the backup; what came since is run afterwards
 * @returns rows by table
 * @throws AppError E_RESTORE_TARGET, E_SCHEMA_NEWER, E_BACKUP_DAMAGED, E_STORE_ACCESS, E_STORE_UNAVAILABLE;
 *   what was begun is taken away again
 */
export async function refillDatabase(
  url: string,
  migrations: readonly string[],
  tables: AsyncIterable<RefilledTable>,
  log: Logger,
): Promise<Map<string, number>> {
  const where = parseDatabaseUrl(url)
  const path = where.dialect === 'sqlite' ? `${where.path}.restoring` : null
  const target: StoreAddress = path === null ? where : { dialect: 'sqlite', path }
  await refuseUsed(where)
  if (path !== null) await removeFiles(path)
  try {
    const counts = await refill(target, migrations, tables, log)
    if (where.dialect === 'sqlite') await rename(`${where.path}.restoring`, where.path)
    return counts
  } catch (error) {
    const undone = path === null ? dropAll(target) : removeFiles(path)
    await undone.catch(() => log.warn('what was restored so far could not be taken away'))
    throw error
  }
}

async function refill(
  target: StoreAddress,
  migrations: readonly string[],
  tables: AsyncIterable<RefilledTable>,
  log: Logger,
): Promise<Map<string, number>> {
  const database = connectDatabase(target)
  try {
    const known = await makeSchema(database, DEFAULT_MIGRATIONS, migrations)
    await database.db
      .insertInto('migration')
      .values({ name: UNFINISHED, started_at: Date.now(), finished_at: null })
      .execute()
    const counts = await fill(database, known, tables)
    await database.db.deleteFrom('migration').where('name', '=', UNFINISHED).execute()
    await migrate(database, DEFAULT_MIGRATIONS, log)
    return counts
  } finally {
    await database.close()
  }
}

/** @throws AppError E_RESTORE_TARGET, E_STORE_ACCESS, E_STORE_UNAVAILABLE */
async function refuseUsed(where: StoreAddress): Promise<void> {
  if (where.dialect === 'sqlite') {
    if (existsSync(where.path)) throw inUse(`the file ${where.path} exists`)
    return
  }
  const { db } = connectDatabase(where)
  try {
    const { rows } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables
      where table_schema = database() limit 1`.execute(db)
    if (rows[0]) throw inUse(`the database has tables already (${rows[0].name})`)
  } finally {
    await db.destroy()
  }
}

const inUse = (what: string) =>
  new AppError('E_RESTORE_TARGET', `a backup is restored into an empty place, but ${what}`, {
    hint: 'set POLLUX_DATA_DIR or POLLUX_DATABASE_URL to a new place, or move the old one away',
  })

async function fill(
  database: Database,
  known: readonly string[],
  tables: AsyncIterable<RefilledTable>,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for await (const { table, columns, rows } of tables) {
    if (!known.includes(table) || !columns.every(column => /^[a-z0-9_]+$/.test(column))) {
      throw new AppError(
        'E_BACKUP_DAMAGED',
        `the backup names a table "${table}" that it cannot have`,
      )
    }
    counts.set(table, await fillTable(database, table, columns, rows))
  }
  return counts
}

async function fillTable(
  database: Database,
  table: string,
  columns: readonly string[],
  rows: AsyncIterable<readonly DumpCell[]>,
): Promise<number> {
  const rowsMax = Math.max(1, Math.floor(parametersMax / columns.length))
  let count = 0
  let batch: (readonly DumpCell[])[] = []
  let bytes = 0
  const flush = async () => {
    if (batch.length > 0) await insert(database, table, columns, batch)
    batch = []
    bytes = 0
  }
  for await (const row of rows) {
    batch.push(row)
    bytes += sizeOf(row)
    count++
    if (batch.length >= rowsMax || bytes >= statementBytesMax) await flush()
  }
  await flush()
  return count
}

const sizeOf = (row: readonly DumpCell[]) =>
  row.reduce<number>((sum, cell) => {
    if (cell instanceof Uint8Array) return sum + cell.byteLength
    return sum + (typeof cell === 'string' ? cell.length * 3 : 8)
  }, 0)

async function insert(
  { dialect, db }: Database,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly DumpCell[])[],
): Promise<void> {
  const quote = dialect === 'mysql' ? '`' : '"'
  const place = `(${columns.map(() => '?').join(', ')})`
  await db.executeQuery(
    CompiledQuery.raw(
      `insert into ${quote}${table}${quote}
        (${columns.map(column => `${quote}${column}${quote}`).join(', ')})
        values ${rows.map(() => place).join(', ')}`,
      rows.flat(),
    ),
  )
}

async function dropAll(where: StoreAddress): Promise<void> {
  const { db } = connectDatabase(where)
  try {
    const { rows } = await sql<{ name: string; kind: string }>`
      select table_name as name, table_type as kind from information_schema.tables
      where table_schema = database()`.execute(db)
    await db.connection().execute(async on => {
      await sql`set session foreign_key_checks = 0`.execute(on)
      for (const { name, kind } of rows) {
        await sql.raw(`drop ${kind === 'VIEW' ? 'view' : 'table'} \`${name}\``).execute(on)
      }
    })
  } finally {
    await db.destroy()
  }
}

async function removeFiles(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true })
}
