// One process for one data folder: a lock that the operating system holds for as long as the process
// lives, however it ends. Taken through SQLite, as Node itself has no file locks. It guards the
// spool; the commands that only use the database need no lock.

import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'

const FILE = 'pollux.lock'
/** Result codes of SQLite (sqlite.org/rescode.html). */
const SQLITE_BUSY = 5
const SQLITE_CANTOPEN = 14

export interface FolderLock {
  release(): void
}

/**
 * @throws AppError E_DATA_DIR_IN_USE where another process holds the folder, E_DATA_DIR where its
 *   file cannot be made
 */
export function lockFolder(dir: string, log: Logger): FolderLock {
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(path.join(dir, FILE), { timeout: 0 })
    db.exec('begin exclusive')
  } catch (cause) {
    db?.close()
    db = null
    const code = resultCode(cause)
    if (code === SQLITE_BUSY) throw inUse(dir, cause)
    if (code === SQLITE_CANTOPEN) throw notWritable(dir, cause)
    // Some network file systems know no locks: that must not keep Pollux from starting.
    log.warn({ dir, cause: messageOf(cause) }, 'the data folder cannot be locked')
  }
  return {
    release() {
      db?.close()
      db = null
    },
  }
}

function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null
  // The lower byte is the primary code.
  return typeof error.errcode === 'number' ? error.errcode & 0xff : null
}

function inUse(dir: string, cause: unknown): AppError {
  return new AppError('E_DATA_DIR_IN_USE', `another Pollux uses the data folder ${dir}`, {
    cause,
    hint: 'stop it first, or give this one another POLLUX_DATA_DIR',
  })
}

function notWritable(dir: string, cause: unknown): AppError {
  return new AppError('E_DATA_DIR', `the data folder ${dir} cannot be written`, {
    cause,
    hint: 'check POLLUX_DATA_DIR, and that the user of this process may write there',
  })
}
