// The tables as types, and the few things in which the two dialects differ: locking rows, writing
// over a row, and running a transaction again that lost against another one. Past 300 lines: half of it
// is the columns of every table.

import {
  CompiledQuery,
  type Generated,
  Kysely,
  type RawBuilder,
  sql,
  type Transaction,
} from 'kysely'
import { isConflict, storeFailure } from './failures.ts'
import { type MysqlAddress, mysqlDialect } from './mysql-dialect.ts'
import type { NoticeTables } from './notice-contract.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import type { BlockTable } from './tiers.ts'

/** Runs of one transaction: deadlocks and races for one key are over after the first or second. */
const attemptsMax = 6

/** Rows in one INSERT: SQLite takes 32,766 parameters, MySQL 16 MB by default. */
export const rowsPerInsertMax = 500

/** Rows that are written over by one statement: few sizes, so that few are ever prepared. */
const putSizes = [100, 10, 1]

/** A row of blocks or roll-ups. */
export interface BlockRow {
  stream_id: number
  t0: number
  t1: number
  n: number
  fmt: number
  data: Uint8Array
}

/** Times are Unix ms. What a column means is said in its migration. */
export interface Tables extends Record<BlockTable, BlockRow>, NoticeTables {
  migration: { name: string; started_at: number; finished_at: number | null }
  device: {
    uid: Generated<number>
    id: string
    live_id: string | null
    config: string
    version: number
    source: string
    identity: string | null
    tuning: string | null
    created_at: number
    updated_at: number
    deleted_at: number | null
    purging: number
    compacted_until: Generated<number>
  }
  stream: {
    id: Generated<number>
    device_uid: number
    group_name: string
    retention: Generated<string>
    raw_from: Generated<number>
    r15m_from: Generated<number>
  }
  series: {
    stream_id: number
    slot: number
    metric: string
    row_key: string | null
    first_at: number
    seen_at: Generated<number>
  }
  poll: { stream_id: number; ts: number; data: Uint8Array }
  text_log: { stream_id: number; slot: number; ts: number; text: string }
  rollup_due: { stream_id: number; tier: string; t0: number; ready_at: number }
  block_damaged: {
    table_name: string
    stream_id: number
    t0: number
    found_at: number
    data: Uint8Array
  }
  retention_edge: { class: string; tier: string; before_at: number }
  latest_value: {
    stream_id: number
    slot: number
    ts: number
    value: number | null
    text: string | null
    gap: string | null
  }
  daily_value: {
    day: number
    stream_id: number
    slot: number
    value_min: number
    value_max: number
    value_avg: number
    value_count: number
    value_last: number
  }
  hourly_value: {
    hour: number
    stream_id: number
    slot: number
    value_min: number
    value_max: number
    value_avg: number
    value_count: number
    value_last: number
  }
  event: {
    at: number
    hash: string
    device_uid: number
    kind: string
    severity: string
    name: string
    text: string
    group_name: string
    row_key: string
    row_hash: string
    fields: string | null
  }
  lease: { name: string; holder: string; epoch: number; beat: number }
  alarm: {
    id: string
    device_uid: number
    rule_id: string
    state: string
    severity: string
    is_open: number
    raised_at: number
    cleared_at: number | null
    steps: number
    body: string
  }
  alarm_transition: {
    id: Generated<number>
    alarm_id: string
    step: number
    device_uid: number
    at: number
    from_state: string
    to_state: string
    severity_before: string
    reason: string
    body: string
  }
  alarm_rule: {
    id: string
    version: number
    body: string
    updated_by: string
    updated_at: number
  }
  maintenance_window: {
    id: string
    ends_at: number | null
    body: string
    created_by: string
    created_at: number
    removed_at: number | null
  }
  device_state: { at: number; device_uid: number; state: string }
  watch: { id: string; from_at: number; until_at: number }
  forecast: {
    device_uid: number
    place: number
    kind: string
    group_name: string
    metric: string
    title: string
    row_key: string | null
    row_name: string | null
    state: string
    why: string | null
    value: number | null
    limit_value: number
    slope: number | null
    soonest_at: number | null
    reach_at: number | null
    latest_at: number | null
    model: string | null
    mase: number | null
    naive: number | null
    coverage: number | null
    hours: number | null
    made_at: number
  }
  neighbour_read: { device_uid: number; group_name: string; at: number }
  neighbour: {
    device_uid: number
    group_name: string
    hash: string
    port_index: string
    port: string
    chassis: string
    remote_port: string
    remote_name: string
    address: string
    descr: string
    first_at: number
    missing_at: number | null
    gone: number
  }
  seen_address: {
    device_uid: number
    group_name: string
    hash: string
    kind: string
    mac: string
    ip: string
    port_index: string
    port: string
    vlan: string
    first_at: number
    gone_at: number | null
  }
  row_info: {
    device_uid: number
    group_name: string
    row_hash: string
    row_key: string
    row_index: string
    name: string
    subtitle: string | null
    labels: string
    seen_at: number
  }
  account: {
    id: Generated<number>
    name: string
    name_key: string
    role: string
    password_hash: string
    disabled: number
    created_at: number
    last_sign_in_at: number | null
    language: string | null
    device_columns: string | null
    totp_secret: string | null
    totp_step: number | null
    origin: string | null
    origin_key: string | null
  }
  account_address: {
    account_id: number
    address: string
    first_at: number
    last_at: number
  }
  recovery_code: {
    account_id: number
    hash: string
  }
  saved_view: {
    account_id: number
    name: string
    query: string
    is_default: number
  }
  session: {
    hash: string
    account_id: number
    csrf: string
    address: string
    created_at: number
    touched_at: number
    browser: string | null
  }
  token: {
    name: string
    role: string
    hash: string
    prefix: string
    created_at: number
    expires_at: number
    used_at: number | null
    permissions: string | null
  }
  broker_account: {
    username: string
    role: string
    publish: string
    subscribe: string
    salt: string
    password_sha256: string
    created_at: number
  }
  agent_token: {
    hash: string
    prefix: string
    note: string
    device_id: string | null
    created_by: string
    created_at: number
    expires_at: number
    used_at: number | null
    used_by: string | null
  }
  agent: {
    device_uid: number
    device_id: string
    username: string
    src: string
    version: string
    address: string
    enrolled_at: number
    revoked_at: number | null
  }
  secret: { name: string; sealed: string; updated_at: number }
  setting: { name: string; value: string }
  profile_version: {
    id: Generated<number>
    profile: string
    version: number
    body: string | null
    saved_by: string
    saved_at: number
  }
  audit: {
    id: Generated<number>
    at: number
    actor: string
    action: string
    thing: string
    address: string
    before_json: string | null
    after_json: string | null
  }
}

/** Tables whose rows are written over. */
type PutTable =
  | BlockTable
  | 'secret'
  | 'setting'
  | 'row_info'
  | 'neighbour_read'
  | 'neighbour'
  | 'seen_address'
  | 'text_log'
  | 'retention_edge'
  | 'latest_value'
  | 'daily_value'
  | 'broker_account'
  | 'hourly_value'
  | 'alarm'
  | 'maintenance_window'
  | 'device_state'
  | 'watch'
  | 'saved_view'

/** Where a statement can run: the pool, or inside a transaction. */
export type Db = Kysely<Tables>
export type Tx = Transaction<Tables>

export type StoreAddress =
  | { dialect: 'sqlite'; path: string }
  | { dialect: 'mysql'; address: MysqlAddress & { database: string } }

export interface Database {
  readonly dialect: 'sqlite' | 'mysql'
  readonly db: Db
  /** For what only reads, and need not see what a transaction that is under way writes. */
  readonly reader: Db
  /** How many connections were made so far: it grows when the database went away and came back. */
  connects(): number
  /** Runs `work` in a transaction, and again where it lost against another one: no side effects in it. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs `work`, which only reads, on the database as it is at one moment; again where that is gone. */
  snapshot<T>(work: (db: Db) => Promise<T>): Promise<T>
  close(): Promise<void>
  /** To end a select: its rows stay as they are until the transaction ends. */
  readonly share: RawBuilder<unknown>
  /** To end a select: nobody else may share, lock or change its rows. */
  readonly exclusive: RawBuilder<unknown>
  /** Inserts, or gives the row of this key the new values. */
  put<T extends PutTable>(
    on: Db,
    table: T,
    key: readonly (keyof Tables[T] & string)[],
    rows: readonly Tables[T][],
  ): Promise<void>
  /** The statement by which `put` writes one row. */
  putting<T extends PutTable>(
    table: T,
    key: readonly (keyof Tables[T] & string)[],
    row: Tables[T],
  ): CompiledQuery
}

export function connectDatabase(where: StoreAddress): Database {
  const mysql = where.dialect === 'mysql'
  let connects = 0
  const connected = () => {
    connects++
  }
  const db: Db = new Kysely<Tables>({
    dialect:
      where.dialect === 'mysql'
        ? mysqlDialect(where.address, connected)
        : sqliteDialect({ path: where.path, isReader: false }, connected),
  })
  const reader = readerOf(where) ?? db
  // SQLite's writers follow one another anyway (BEGIN IMMEDIATE). MariaDB has no FOR SHARE.
  return {
    dialect: where.dialect,
    db,
    reader,
    connects: () => connects,
    share: mysql ? sql`lock in share mode` : sql``,
    exclusive: mysql ? sql`for update` : sql``,
    transaction: work => retried(() => db.transaction().execute(work)),
    snapshot: work => retried(() => reader.connection().execute(on => frozen(on, mysql, work))),
    close: async () => {
      // The writer last: the connection that closes last folds the log into the file.
      if (reader !== db) await reader.destroy()
      await db.destroy()
    },
    put: (on, table, key, rows) => putRows(on, mysql, table, key, rows),
    putting(table, key, row) {
      const columns = Object.keys(row) as (keyof typeof row & string)[]
      const text = putText(mysql, table, key, columns, 1)
      return CompiledQuery.raw(
        text,
        columns.map(column => row[column]),
      )
    },
  }
}

/**
 * SQLite's readers and its writer do not wait for one another (WAL), but one connection has one
 * transaction: without a second one a chart would wait for each batch, and for each block that is made.
 */
function readerOf(where: StoreAddress): Db | null {
  if (where.dialect === 'mysql' || where.path === ':memory:') return null
  const file = { path: where.path, isReader: true }
  return new Kysely<Tables>({ dialect: sqliteDialect(file, () => undefined) })
}

async function frozen<T>(on: Db, mysql: boolean, work: (db: Db) => Promise<T>): Promise<T> {
  if (mysql) await sql`set transaction isolation level repeatable read`.execute(on)
  await sql
    .raw(mysql ? 'start transaction with consistent snapshot, read only' : 'begin')
    .execute(on)
  try {
    return await work(on)
  } finally {
    // Nothing was written. If this fails the connection is lost, and the snapshot with it.
    await sql`rollback`.execute(on).catch(() => undefined)
  }
}

async function retried<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt >= attemptsMax || !isConflict(error)) throw storeFailure(error)
      await new Promise(resolve => setTimeout(resolve, Math.random() * 10 * 2 ** attempt))
    }
  }
}

/**
 * Written by hand because the dialects share no form of it: MySQL's VALUES(col) is deprecated but
 * works on both servers, the row alias that replaces it does not exist in MariaDB. The same few texts each
 * time: building a statement of many rows costs more than running it.
 */
async function putRows<T extends PutTable>(
  on: Db,
  mysql: boolean,
  table: T,
  key: readonly (keyof Tables[T] & string)[],
  rows: readonly Tables[T][],
): Promise<void> {
  const first = rows[0]
  if (first === undefined) return
  const columns = Object.keys(first) as (keyof Tables[T] & string)[]
  let from = 0
  for (const size of putSizes) {
    if (rows.length - from < size) continue
    const text = putText(mysql, table, key, columns, size)
    for (; rows.length - from >= size; from += size) {
      const some = rows.slice(from, from + size)
      const values = some.flatMap(row => columns.map(column => row[column]))
      await on.executeQuery(CompiledQuery.raw(text, values))
    }
  }
}

function putText(
  mysql: boolean,
  table: string,
  key: readonly string[],
  columns: readonly string[],
  rows: number,
): string {
  const name = (text: string) => (mysql ? `\`${text}\`` : `"${text}"`)
  const places = `(${columns.map(() => '?').join(', ')})`
  const assign = columns
    .filter(column => !key.includes(column))
    .map(
      column =>
        `${name(column)} = ${mysql ? `values(${name(column)})` : `excluded.${name(column)}`}`,
    )
  const conflict = mysql
    ? 'on duplicate key update'
    : `on conflict (${key.map(name).join(', ')}) do update set`
  return `insert into ${name(table)} (${columns.map(name).join(', ')})
    values ${Array(rows).fill(places).join(', ')} ${conflict} ${assign.join(', ')}`
}
