// The thread that holds the SQLite file: statements in, rows or failures out, in order. It is a
// thread of its own so that a slow disk never stalls the program's event loop. It knows no tables.

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { DriverFailure } from './failures.ts'
import { type Cell, type PackedCells, packCells, unpackCells } from './packed-cells.ts'

/** Prepared statements that are kept; beyond, all are dropped and prepared again. */
const statementsMax = 300
/** How long a statement waits for another process's lock, ms. */
const busyTimeoutMs = 5000
/** Pages of 4 KB that the log holds before they go to the file: one that is written again meanwhile goes once. */
const logPages = 8000
/** Pages of the file that the writer keeps in memory, KB. */
const cacheKb = 32_000

export interface SqliteStatement {
  sql: string
  parameters: PackedCells
}

/** Statements in their order; none is run after one that fails. */
export interface SqliteRequest {
  id: number
  statements: SqliteStatement[]
}

/** What the thread is started with. */
export interface SqliteFile {
  path: string
  /** Nothing can be written over this connection. */
  isReader: boolean
}

export type SqliteResult =
  | { names: string[]; rows: PackedCells; changes: 0; insertId: 0 }
  | { changes: number; insertId: number }

export type SqliteReply =
  | { id: number; results: SqliteResult[] }
  | { id: number; failure: DriverFailure }

interface Prepared {
  statement: StatementSync
  /** Of the columns; null: it gives no rows. */
  names: string[] | null
}

const { path, isReader }: SqliteFile = workerData
const statements = new Map<string, Prepared>()
let database: DatabaseSync | null = null

function openDatabase(): DatabaseSync {
  const opened = new DatabaseSync(path, { timeout: busyTimeoutMs })
  // Not opened as read-only: that fails where the files of the log must be made anew.
  opened.exec(
    isReader
      ? 'PRAGMA query_only=ON'
      : `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;
         PRAGMA wal_autocheckpoint=${logPages}; PRAGMA cache_size=-${cacheKb}`,
  )
  return opened
}

function prepare(sql: string): Prepared {
  const known = statements.get(sql)
  if (known) return known
  database ??= openDatabase()
  const statement = database.prepare(sql)
  const names = statement.columns().map(({ name }) => name)
  if (names.length > 0) statement.setReturnArrays(true)
  const prepared = { statement, names: names.length > 0 ? names : null }
  if (statements.size >= statementsMax) statements.clear()
  statements.set(sql, prepared)
  return prepared
}

function run({ sql, parameters }: SqliteStatement): SqliteResult {
  const { statement, names } = prepare(sql)
  const given = unpackCells(parameters)
  if (names) {
    const rows = packCells(arrays(statement.all(...given)))
    return { names, rows, changes: 0, insertId: 0 }
  }
  const { changes, lastInsertRowid } = statement.run(...given)
  return { changes: Number(changes), insertId: Number(lastInsertRowid) }
}

/** The types say objects, also of a statement that gives arrays. */
const arrays = (rows: unknown): Cell[][] => rows as Cell[][]

function failureOf(error: unknown): DriverFailure {
  const failure: DriverFailure = { message: error instanceof Error ? error.message : String(error) }
  if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number') {
    failure.errcode = error.errcode
  }
  return failure
}

parentPort?.on('message', (request: SqliteRequest | 'close') => {
  if (request === 'close') {
    statements.clear()
    database?.close()
    parentPort?.close()
    return
  }
  try {
    const results = request.statements.map(run)
    const moved = results.flatMap(one => ('rows' in one ? [one.rows.bytes.buffer] : []))
    parentPort?.postMessage({ id: request.id, results } satisfies SqliteReply, moved)
  } catch (error) {
    parentPort?.postMessage({ id: request.id, failure: failureOf(error) } satisfies SqliteReply)
  }
})
