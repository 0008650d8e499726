// What a database driver throws, as an AppError: may it pass by itself, and what can a person do.
// Pure; the driver's own error stays as the cause.

import { AppError } from '../model/errors.ts'

/** The facts of a driver's error: mysql2 gives `errno` and `code`, node:sqlite `errcode`. */
export interface DriverFailure {
  message: string
  code?: string
  /** MySQL's error number. */
  errno?: number
  /** SQLite's extended result code (https://sqlite.org/rescode.html). */
  errcode?: number
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'ENOENT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_PACKETS_OUT_OF_ORDER',
  'POLLUX_POOL_TIMEOUT',
  'POLLUX_WORKER_GONE',
])

/**
 * MySQL errors that pass: disk or table full (1021, 1114), too many connections (1040, 1203),
 * shutdown (1053, 1927), lock wait (1205), deadlock (1213), failover to read-only (1290, 1792, 1836),
 * a statement stopped (1317, 1969, 3024), a Galera node that is not ready (1047).
 */
const MYSQL_PASSING = new Set([
  1021, 1040, 1047, 1053, 1114, 1203, 1205, 1213, 1290, 1317, 1792, 1836, 1927, 1969, 3024,
])

/** Access denied: by password, to the database, by plugin. */
const MYSQL_ACCESS = new Set([1044, 1045, 1142, 1251, 1698])
const MYSQL_NO_DATABASE = 1049

/** SQLite primary codes that pass: BUSY, LOCKED, IOERR, FULL. */
const SQLITE_PASSING = new Set([5, 6, 10, 13])
/** CORRUPT and NOTADB. */
const SQLITE_DAMAGED = new Set([11, 26])
/** PERM, READONLY and CANTOPEN. */
const SQLITE_ACCESS = new Set([3, 8, 14])

/** The AppError of what a driver threw. */
export function storeFailure(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown
  const failure = failureOf(thrown)
  const primary = failure.errcode === undefined ? -1 : failure.errcode & 0xff
  const errno = failure.errno ?? -1
  if (isPassing(failure, primary, errno)) {
    return new AppError(
      'E_STORE_UNAVAILABLE',
      `the database is not available: ${failure.message}`,
      {
        cause: thrown,
        passing: true,
        hint: 'Pollux tries again by itself; see whether the database runs and its disk has room',
      },
    )
  }
  const [code, hint] = describe(primary, errno)
  return new AppError(code, `the database refused: ${failure.message}`, {
    cause: thrown,
    ...(hint && { hint }),
  })
}

function isPassing(failure: DriverFailure, primary: number, errno: number): boolean {
  if (SQLITE_PASSING.has(primary) || MYSQL_PASSING.has(errno)) return true
  return failure.code !== undefined && UNREACHABLE.has(failure.code)
}

function describe(primary: number, errno: number): [code: string, hint: string | null] {
  if (MYSQL_ACCESS.has(errno)) {
    return ['E_STORE_ACCESS', 'check the user, password and grants in POLLUX_DATABASE_URL']
  }
  if (errno === MYSQL_NO_DATABASE) {
    return ['E_STORE_ACCESS', 'create the database, or correct its name in POLLUX_DATABASE_URL']
  }
  if (SQLITE_ACCESS.has(primary)) {
    return ['E_STORE_ACCESS', 'check the path, and that Pollux may write the file and its folder']
  }
  if (SQLITE_DAMAGED.has(primary)) {
    return ['E_STORE_DAMAGED', 'restore the newest backup; keep the damaged file for a look']
  }
  return ['E_STORE_FAILED', null]
}

/**
 * A transaction that lost against another one and may simply be run again: a duplicate key, a deadlock
 * (1213), a snapshot that is older than a partition that came or went meanwhile (1412).
 */
export function isConflict(error: unknown): boolean {
  const failure = failureOf(error instanceof AppError ? error.cause : error)
  return isDuplicateKey(error) || failure.errno === 1213 || failure.errno === 1412
}

/** A row of this key is there already. */
export function isDuplicateKey(error: unknown): boolean {
  const failure = failureOf(error instanceof AppError ? error.cause : error)
  return failure.errno === 1062 || failure.errcode === 1555 || failure.errcode === 2067
}

/** A table, column or index is there already: 1050, 1060, 1061. */
export function isAlreadyThere(error: unknown): boolean {
  const { errno } = failureOf(error instanceof AppError ? error.cause : error)
  return errno === 1050 || errno === 1060 || errno === 1061
}

function failureOf(thrown: unknown): DriverFailure {
  if (typeof thrown !== 'object' || thrown === null) return { message: String(thrown) }
  const found: DriverFailure = { message: 'no message' }
  if ('message' in thrown && typeof thrown.message === 'string') found.message = thrown.message
  if ('code' in thrown && typeof thrown.code === 'string') found.code = thrown.code
  if ('errno' in thrown && typeof thrown.errno === 'number') found.errno = thrown.errno
  if ('errcode' in thrown && typeof thrown.errcode === 'number') found.errcode = thrown.errcode
  return found
}
