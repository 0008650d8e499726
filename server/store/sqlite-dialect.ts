// kysely's dialect for node:sqlite in a worker thread: one connection, writing transactions that
// take their lock at once. kysely queues whoever wants the connection meanwhile.

import { Worker } from 'node:worker_threads'
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type LimitNode,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  ValueNode,
} from 'kysely'
import { storeFailure } from './failures.ts'
import { type Cell, packCells, unpackRows } from './packed-cells.ts'
import type { SqliteFile, SqliteReply, SqliteRequest, SqliteResult } from './sqlite-worker.ts'
import { isTogether } from './together.ts'

/**
 * @param file its path, or `:memory:`
 * @param connected called at each start of the thread
 */
export function sqliteDialect(file: SqliteFile, connected: () => void): Dialect {
  return {
    createDriver: () => new SqliteWorkerDriver(file, connected),
    createQueryCompiler: () => new LiteralLimits(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: db => new SqliteIntrospector(db),
  }
}

/** SQLite plans a statement anew for each number that is bound to a LIMIT: limits are a part of the text. */
class LiteralLimits extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const { limit } = node
    if (ValueNode.is(limit) && typeof limit.value === 'number') this.append(`limit ${limit.value}`)
    else super.visitLimit(node)
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

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!isTogether(query)) {
      const [result] = await this.#ask([query])
      return resultOf<R>(result)
    }
    const results = await this.#ask(query.statements)
    return { rows: results.map(resultOf) as R[] }
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the store reads in pages and does not stream')
  }

  async #ask(queries: readonly CompiledQuery[]): Promise<SqliteResult[]> {
    const statements = queries.map(({ sql, parameters }) => ({
      sql,
      parameters: packCells([parameters as readonly Cell[]]),
    }))
    const reply = await new Promise<SqliteReply>((resolve, reject) => {
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve, reject })
      this.#worker ??= this.#start()
      const request: SqliteRequest = { id, statements }
      this.#worker.postMessage(
        request,
        statements.map(({ parameters }) => parameters.bytes.buffer),
      )
    })
    if ('results' in reply) return reply.results
    throw storeFailure(Object.assign(new Error(reply.failure.message), reply.failure))
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

function resultOf<R>(result: SqliteResult | undefined): QueryResult<R> {
  return {
    rows: (result && 'rows' in result ? unpackRows(result.names, result.rows) : []) as R[],
    numAffectedRows: BigInt(result?.changes ?? 0),
    insertId: BigInt(result?.insertId ?? 0),
  }
}
