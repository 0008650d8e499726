// Every row of every table, as it was at one moment, while others write: for a backup. By connections of
// its own, so that no chart and no batch waits. It reads in a stream: a table need not fit in memory.

import { DatabaseSync } from 'node:sqlite'
import { setImmediate as breathe } from 'node:timers/promises'
import { type Connection, createConnection } from 'mysql2'
import { AppError } from '../model/errors.ts'
import { storeFailure } from './failures.ts'
import { type Inspection, inspectDatabase } from './inspect.ts'
import { readMigrations, tablesOf } from './migrate.ts'
import { type MysqlAddress, SESSION } from './mysql-dialect.ts'
import { DEFAULT_MIGRATIONS, parseDatabaseUrl } from './open.ts'

/** Rows between two looks at what else this thread has to do. */
const rowsPerTurn = 500
/** How long SQLite waits for another process's lock, ms. */
const busyTimeoutMs = 5000
/** Seconds that a server waits for a reader that is busy packing. */
const readerWaitSeconds = 600

export type DumpCell = string | number | null | Uint8Array

export interface DumpedTable {
  columns: readonly string[]
  rows: AsyncIterable<readonly DumpCell[]>
}

export interface Dump {
  /** Names of the migrations that made this schema, in order. */
  migrations: readonly string[]
  dialect: 'sqlite' | 'mysql'
  /** In an order in which each refers only to those before it. */
  tables: readonly string[]
  /** One after the other: each must be read to its end, or left, before the next. */
  read(table: string): Promise<DumpedTable>
}

/**
 * Tables whose rows mean something only to the processes that run now: who holds a task, who is
 * signed in (a restored backup must not bring back a session that was ended).
 */
const PASSING_TABLES = new Set(['lease', 'session'])

/**
 * @param url as POLLUX_DATABASE_URL
 * @throws AppError E_SCHEMA_OLDER where migrations are missing, E_SCHEMA_NEWER, E_STORE_ACCESS,
 *   E_STORE_UNAVAILABLE, E_DATABASE_URL
 */
export async function dumpDatabase<T>(url: string, work: (dump: Dump) => Promise<T>): Promise<T> {
  refuseOtherSchema(await inspectDatabase(url))
  const where = parseDatabaseUrl(url)
  const migrations = await readMigrations(DEFAULT_MIGRATIONS, where.dialect)
  const source =
    where.dialect === 'sqlite' ? openSqlite(where.path) : await openMysql(where.address)
  try {
    return await work({
      dialect: where.dialect,
      migrations: migrations.map(({ name }) => name),
      tables: tablesOf(migrations).filter(table => !PASSING_TABLES.has(table)),
      read: source.read,
    })
  } finally {
    await source.close()
  }
}

function refuseOtherSchema({ isThere, pending, unknown }: Inspection): void {
  if (!isThere) {
    throw new AppError('E_STORE_ACCESS', 'there is no database of Pollux', {
      hint: 'check POLLUX_DATABASE_URL and POLLUX_DATA_DIR; the first start makes one',
    })
  }
  if (unknown.length > 0) {
    throw new AppError(
      'E_SCHEMA_NEWER',
      `the database was written by a newer Pollux (unknown migrations: ${unknown.join(', ')})`,
      { hint: 'use that newer version' },
    )
  }
  if (pending > 0) {
    throw new AppError('E_SCHEMA_OLDER', 'the database has the schema of an older Pollux', {
      hint: 'run `pollux migrate`, or use the version that wrote it',
    })
  }
}

interface Source {
  read(table: string): Promise<DumpedTable>
  close(): Promise<void>
}

function openSqlite(path: string): Source {
  let database: DatabaseSync
  try {
    // Not as read-only: that fails where the files of the log must be made anew.
    database = new DatabaseSync(path, { timeout: busyTimeoutMs })
    // What is read first fixes the moment.
    database.exec('PRAGMA query_only=ON; BEGIN; SELECT count(*) FROM migration')
  } catch (error) {
    throw storeFailure(error)
  }
  return {
    async read(table) {
      const statement = database.prepare(`select * from "${table}"`)
      statement.setReturnArrays(true)
      const columns = statement.columns().map(({ name }) => name)
      return { columns, rows: inTurns(statement.iterate()) }
    },
    close: async () => database.close(),
  }
}

async function openMysql(address: MysqlAddress): Promise<Source> {
  const connection = createConnection({
    ...address,
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
    timezone: 'Z',
    rowsAsArray: true,
  })
  // A connection that is lost fails the statement under way, or the next one.
  connection.on('error', () => undefined)
  const run = (sql: string) =>
    new Promise<void>((resolve, reject) => {
      connection.query(sql, error => (error ? reject(storeFailure(error)) : resolve()))
    })
  try {
    for (const setting of SESSION) await run(setting)
    await run(`set session net_write_timeout = ${readerWaitSeconds}
      /*M! , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */`)
    await run('set session transaction isolation level repeatable read')
    await run('start transaction with consistent snapshot, read only')
  } catch (error) {
    connection.destroy()
    throw error
  }
  return {
    read: table => readMysql(connection, table),
    async close() {
      // What was not read to its end would have to be, before a goodbye.
      connection.destroy()
    },
  }
}

function readMysql(connection: Connection, table: string): Promise<DumpedTable> {
  return new Promise((resolve, reject) => {
    const query = connection.query(`select * from \`${table}\``)
    const rows = query.stream({ highWaterMark: rowsPerTurn })
    rows.once('error', error => reject(storeFailure(error)))
    query.once('fields', (fields: readonly { name: string }[]) => {
      resolve({ columns: fields.map(({ name }) => name), rows: inTurns(rows) })
    })
  })
}

async function* inTurns(
  rows: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<readonly DumpCell[]> {
  let count = 0
  try {
    for await (const row of rows) {
      yield cellsOf(row)
      if (++count % rowsPerTurn === 0) await breathe()
    }
  } catch (error) {
    throw storeFailure(error)
  }
}

/** @throws AppError E_STORE_DAMAGED for what no table of ours holds */
function cellsOf(row: unknown): readonly DumpCell[] {
  if (!Array.isArray(row) || !row.every(isCell)) {
    throw new AppError('E_STORE_DAMAGED', 'a table holds what is neither text, number nor bytes')
  }
  return row
}

const isCell = (cell: unknown): cell is DumpCell =>
  cell === null ||
  typeof cell === 'string' ||
  typeof cell === 'number' ||
  cell instanceof Uint8Array
