// kysely's dialect for node:sqlite in a worker thread: one connection, writing transactions that
// take their lock at once. kysely queues whoever wants the connection meanwhile.

import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { storeFailure } from './failures.ts'
import { type Cell, packCells, unpackRows } from './packed-cells.ts'
import type { SqliteFile, SqliteReply, SqliteRequest } from './sqlite-worker.ts'

/**
 * @param file its path, or `:memory:`
 * @param connected called at each start of the thread
 */
export function sqliteDialect(file: SqliteFile, connected: () => void): Dialect {
  return {
    createDriver: () => new SqliteWorkerDriver(file, connected),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: db => new SqliteIntrospector(db),
  }
}

class SqliteWorkerDriver implements Driver {
  readonly #connection: SqliteWorkerConnection

  constructor(file: SqliteFile, connected: () => void) {
    this.#connection = new SqliteWorkerConnection(file, connected)
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  /** IMMEDIATE: a lock taken only at the first write cannot wait, it fails (SQLITE_BUSY_SNAPSHOT). */
  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  /** Never rejects: after a full disk SQLite has rolled back by itself, and that is the error to tell. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback')).catch(() => undefined)
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {
    await this.#connection.close()
  }
}

interface Waiting {
  resolve(reply: SqliteReply): void
  reject(error: Error): void
}

/** The worker is started at the first statement, and again after it died. */
class SqliteWorkerConnection implements DatabaseConnection {
  readonly #file: SqliteFile
  readonly #connected: () => void
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #lastId = 0

  constructor(file: SqliteFile, connected: () => void) {
    this.#file = file
    this.#connected = connected
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const reply = await this.#ask(sql, parameters)
    if ('failure' in reply) {
      throw storeFailure(Object.assign(new Error(reply.failure.message), reply.failure))
    }
    return {
      rows: ('rows' in reply ? unpackRows(reply.names, reply.rows) : []) as R[],
      numAffectedRows: BigInt(reply.changes),
      insertId: BigInt(reply.insertId),
    }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the store reads in pages and does not stream')
  }

  #ask(sql: string, parameters: readonly unknown[]): Promise<SqliteReply> {
    return new Promise((resolve, reject) => {
      const packed = packCells([parameters as readonly Cell[]])
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      this.#worker ??= this.#start()
      const request: SqliteRequest = { id, sql, parameters: packed }
      this.#worker.postMessage(request, [packed.bytes.buffer])
    })
  }

  #start(): Worker {
    this.#connected()
    const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
      workerData: this.#file,
      // The thread needs nothing of what the process was started with (loaders, inspectors).
      execArgv: [],
    })
    worker.on('message', (reply: SqliteReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      waiting?.resolve(reply)
    })
    worker.on('error', error => this.#lost(worker, error.message))
    worker.on('exit', code => this.#lost(worker, `its thread ended (${code})`))
    return worker
  }

  #lost(worker: Worker, why: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const gone = storeFailure(Object.assign(new Error(why), { code: 'POLLUX_WORKER_GONE' }))
    for (const { reject } of this.#waiting.values()) reject(gone)
    this.#waiting.clear()
  }

  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    worker.postMessage('close')
    await ended
  }
}
