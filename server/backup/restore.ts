// Reads a backup, and writes it into an empty place: a new SQLite file or an empty database, of whichever
// kind the backup came from; or only reads and checks every byte of it.

import { createReadStream } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { keepMasterKey } from '../secrets.ts'
import type { DumpCell } from '../store/dump.ts'
import { type RefilledTable, refillDatabase } from '../store/refill.ts'
import { damaged, type Head, linesOf, parseEnd, parseHead, parseTable, rowOf } from './lines.ts'
import { unseal } from './sealed.ts'

export interface BackupRead {
  head: Head
  /** By table. */
  rows: Record<string, number>
}

/**
 * @param take gets the tables once the head is known, and reads each to its end
 * @throws AppError E_BACKUP_FILE, E_BACKUP_FORMAT, E_BACKUP_PASSPHRASE, E_BACKUP_DAMAGED, and what `take` throws
 */
async function readBackup(
  file: string,
  passphrase: string,
  take: (head: Head, tables: AsyncIterable<RefilledTable>) => Promise<void>,
): Promise<BackupRead> {
  await stat(file).catch(cause => {
    throw new AppError('E_BACKUP_FILE', `${file} cannot be read: ${messageOf(cause)}`, { cause })
  })
  let read: BackupRead | null = null
  await pipeline(
    createReadStream(file),
    source => unseal(passphrase, source),
    createGunzip(),
    async source => {
      const lines = linesOf(source)
      const first = await lines.next()
      if (first.done) throw damaged('it is empty')
      const head = parseHead(first.value)
      const tables = new Tables(lines)
      await take(head, tables.all())
      read = { head, rows: await tables.end() }
    },
  ).catch(error => {
    // What zlib says of bytes that were sealed as they are can only be a fault of ours.
    throw error instanceof AppError ? error : damaged(messageOf(error), error)
  })
  if (read === null) throw damaged('it has no end')
  return read
}

/** Reads and checks every byte, and writes nothing. */
export function checkBackup(file: string, passphrase: string): Promise<BackupRead> {
  return readBackup(file, passphrase, async (_, tables) => {
    for await (const { rows } of tables) for await (const _row of rows);
  })
}

/** Where a backup goes. */
export interface RestorePlace {
  databaseUrl: string
  dataDir: string
  secretKey: string | null
  secretKeyFile: string | null
}

/**
 * The key first: secrets without it are lost, a key without secrets harms nobody.
 * @throws AppError E_SECRET_KEY, and those of `refillDatabase` and `readBackup`
 */
export function restoreBackup(
  file: string,
  passphrase: string,
  place: RestorePlace,
  log: Logger,
): Promise<BackupRead> {
  const { databaseUrl, dataDir, secretKey, secretKeyFile } = place
  return readBackup(file, passphrase, async (head, tables) => {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    if (head.secretKey !== null) {
      await keepMasterKey(
        { key: secretKey, file: secretKeyFile, dataDir },
        Buffer.from(head.secretKey, 'hex'),
      )
    }
    await refillDatabase(databaseUrl, head.migrations, tables, log)
  })
}

/** Lines as tables, counted; the counts must be those of the last line. */
class Tables {
  readonly #lines: AsyncGenerator<unknown>
  readonly #counts: Record<string, number> = {}
  #next: unknown

  constructor(lines: AsyncGenerator<unknown>) {
    this.#lines = lines
  }

  async *all(): AsyncGenerator<RefilledTable> {
    await this.#advance()
    while (isTable(this.#next)) {
      const { table, columns } = parseTable(this.#next)
      if (this.#counts[table] !== undefined) throw damaged(`the table "${table}" comes twice`)
      this.#counts[table] = 0
      yield { table, columns, rows: this.#rows(table, columns.length) }
    }
  }

  async *#rows(table: string, width: number): AsyncGenerator<readonly DumpCell[]> {
    let count = 0
    for (await this.#advance(); Array.isArray(this.#next); await this.#advance()) {
      const row = rowOf(this.#next)
      if (row.length !== width) throw damaged(`a row of "${table}" has ${row.length} cells`)
      count++
      yield row
    }
    this.#counts[table] = count
  }

  /** @throws AppError E_BACKUP_DAMAGED where rows are missing */
  async end(): Promise<Record<string, number>> {
    const { rows } = parseEnd(this.#next)
    for (const [table, count] of Object.entries(rows)) {
      if (this.#counts[table] !== count) throw damaged(`rows of "${table}" are missing`)
    }
    const { done } = await this.#lines.next()
    if (!done) throw damaged('something follows its end')
    return rows
  }

  async #advance(): Promise<void> {
    const { value, done } = await this.#lines.next()
    if (done) throw damaged('it has no end')
    this.#next = value
  }
}

const isTable = (line: unknown) => typeof line === 'object' && line !== null && 'table' in line
