// kysely's dialect for MySQL 8.4 and MariaDB 10.11+ by mysql2: a bounded pool in which every wait has
// an end, and a connection that timed out is thrown away. The pool makes new ones by itself.

import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
} from 'kysely'
import {
  createPool,
  type Pool,
  type PoolConnection,
  type PoolOptions,
  type QueryError,
} from 'mysql2'
import type { AppError } from '../model/errors.ts'
import { storeFailure } from './failures.ts'
import { isTogether } from './together.ts'

const connectionsMax = 8
/** Callers that wait for a connection; beyond, they fail at once. */
const waitingMax = 500
const connectTimeoutMs = 5000
/** How long a caller waits for a free connection. */
const acquireTimeoutMs = 15_000
/** The server stops a statement after this; we stop waiting a little later. */
const statementTimeoutMs = 30_000
const statementGraceMs = 5000
const closeTimeoutMs = 3000

export type MysqlAddress = Pick<
  PoolOptions,
  'host' | 'port' | 'user' | 'password' | 'database' | 'ssl'
>

/**
 * What every connection is set to. Backslash escapes must be on, as mysql2 writes them. READ
 * COMMITTED: a transaction must see what others committed while it waited for their lock. Of the
 * two executable comments MariaDB runs only the first, MySQL only the second, which would tell sizes of
 * tables that are a day old.
 */
export const SESSION: readonly string[] = [
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 5
    /*M! , max_statement_time = ${statementTimeoutMs / 1000} */
    /*!80000 , max_execution_time = ${statementTimeoutMs}, information_schema_stats_expiry = 0 */`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
]

/** @param connected called at each new connection */
export function mysqlDialect(address: MysqlAddress, connected: () => void): Dialect {
  return {
    createDriver: () => new MysqlPoolDriver(address, connected),
    createQueryCompiler: () => new MysqlQueryCompiler(),
    createAdapter: () => new MysqlAdapter(),
    createIntrospector: db => new MysqlIntrospector(db),
  }
}

class MysqlPoolDriver implements Driver {
  readonly #pool: Pool
  readonly #open = new Set<PoolConnection>()

  constructor(address: MysqlAddress, connected: () => void) {
    this.#pool = createPool({
      ...address,
      charset: 'utf8mb4_bin',
      connectionLimit: connectionsMax,
      queueLimit: waitingMax,
      connectTimeout: connectTimeoutMs,
      enableKeepAlive: true,
      supportBigNumbers: true,
      timezone: 'Z',
    })
    this.#pool.on('connection', connection => {
      connected()
      this.#open.add(connection)
      connection.on('end', () => this.#open.delete(connection))
      for (const sql of SESSION) {
        connection.query(sql, error => {
          if (error) connection.destroy()
        })
      }
    })
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<MysqlPoolConnection> {
    return new Promise((resolve, reject) => {
      let late = false
      const timer = setTimeout(() => {
        late = true
        reject(timedOut('POLLUX_POOL_TIMEOUT', 'no connection became free in time'))
      }, acquireTimeoutMs)
      this.#pool.getConnection((error, connection) => {
        clearTimeout(timer)
        if (late) connection?.release()
        else if (error) reject(acquireFailure(error))
        else resolve(new MysqlPoolConnection(connection))
      })
    })
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: MysqlPoolConnection): Promise<void> {
    await connection.rollback()
  }

  async releaseConnection(connection: MysqlPoolConnection): Promise<void> {
    connection.release()
  }

  /** Says goodbye to the server, but does not wait for one that no longer answers. */
  async destroy(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const ended = new Promise<void>(resolve => this.#pool.end(() => resolve()))
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, closeTimeoutMs)
    })
    await Promise.race([ended, late])
    clearTimeout(timer)
    for (const connection of this.#open) connection.destroy()
  }
}

function timedOut(code: string, message: string): AppError {
  return storeFailure(Object.assign(new Error(message), { code }))
}

function acquireFailure(error: NodeJS.ErrnoException): AppError {
  const full = error.message === 'Queue limit reached.'
  return storeFailure(full ? Object.assign(error, { code: 'POLLUX_POOL_TIMEOUT' }) : error)
}

class MysqlPoolConnection implements DatabaseConnection {
  readonly #connection: PoolConnection
  #broken = false

  constructor(connection: PoolConnection) {
    this.#connection = connection
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (!isTogether(query)) return this.#run<R>(query)
    const results: QueryResult<unknown>[] = []
    for (const one of query.statements) results.push(await this.#run(one))
    return { rows: results as R[] }
  }

  /** The timer is ours: mysql2's own keeps running when the connection is lost. */
  #run<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // An answer that came after all would be taken for the next statement's.
        this.#broken = true
        this.#connection.destroy()
        reject(timedOut('PROTOCOL_SEQUENCE_TIMEOUT', 'the server did not answer in time'))
      }, statementTimeoutMs + statementGraceMs)
      timer.unref()
      const done = (error: QueryError | null, result: unknown) => {
        clearTimeout(timer)
        if (!error) resolve(resultOf<R>(result))
        else {
          if (error.fatal) this.#broken = true
          reject(storeFailure(error))
        }
      }
      // Bytes go as they are in a prepared statement; as text they would be escaped to twice their size.
      const isBinary = parameters.some(value => value instanceof Uint8Array)
      if (isBinary) this.#connection.execute(sql, parameters.map(bound), done)
      else this.#connection.query(sql, [...parameters], done)
    })
  }

  streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('the store reads in pages and does not stream')
  }

  /** Never rejects: what failed before is the error to tell, and losing the connection rolls back. */
  async rollback(): Promise<void> {
    if (this.#broken) return
    await this.executeQuery(CompiledQuery.raw('rollback')).catch(() => {
      this.#broken = true
    })
  }

  release(): void {
    if (this.#broken) this.#connection.destroy()
    else this.#connection.release()
  }
}

type Bound = string | number | bigint | boolean | Date | null | Buffer

/** A parameter as mysql2 binds it. @throws TypeError for what the store never binds */
function bound(value: unknown): Bound {
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value === null || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value
  throw new TypeError(`a ${typeof value} cannot be bound`)
}

function resultOf<R>(result: unknown): QueryResult<R> {
  if (Array.isArray(result)) return { rows: result as R[] }
  const { insertId, affectedRows } = result as { insertId: number; affectedRows: number }
  return { rows: [], insertId: BigInt(insertId), numAffectedRows: BigInt(affectedRows) }
}
