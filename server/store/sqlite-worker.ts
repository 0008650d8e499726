// The thread that holds the SQLite file: statements in, rows or failures out, in order. It is a
// thread of its own so that a slow disk never stalls the program's event loop. It knows no tables.

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { DriverFailure } from './failures.ts'

/** Prepared statements that are kept; beyond, all are dropped and prepared again. */
const statementsMax = 300
/** How long a statement waits for another process's lock, ms. */
const busyTimeoutMs = 5000

export interface SqliteRequest {
  id: number
  sql: string
  parameters: readonly SQLInputValue[]
}

export type SqliteReply =
  | { id: number; rows: unknown[]; changes: number; insertId: number }
  | { id: number; failure: DriverFailure }

interface Prepared {
  statement: StatementSync
  reads: boolean
}

const path = String(workerData)
const statements = new Map<string, Prepared>()
let database: DatabaseSync | null = null

function openDatabase(): DatabaseSync {
  const opened = new DatabaseSync(path, { timeout: busyTimeoutMs })
  opened.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON')
  return opened
}

function prepare(sql: string): Prepared {
  const known = statements.get(sql)
  if (known) return known
  database ??= openDatabase()
  const statement = database.prepare(sql)
  const prepared = { statement, reads: statement.columns().length > 0 }
  if (statements.size >= statementsMax) statements.clear()
  statements.set(sql, prepared)
  return prepared
}

function run({ id, sql, parameters }: SqliteRequest): SqliteReply {
  const { statement, reads } = prepare(sql)
  if (reads) return { id, rows: statement.all(...parameters), changes: 0, insertId: 0 }
  const { changes, lastInsertRowid } = statement.run(...parameters)
  return { id, rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) }
}

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
    parentPort?.postMessage(run(request))
  } catch (error) {
    parentPort?.postMessage({ id: request.id, failure: failureOf(error) } satisfies SqliteReply)
  }
})
