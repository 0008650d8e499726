// Makes a backup while Pollux runs: every row as it was at one moment and the key of the secrets, packed,
// sealed under a passphrase; as a stream, or in one file that is complete or not there.

import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { AppError, messageOf } from '../model/errors.ts'
import { type Dump, dumpDatabase } from '../store/dump.ts'
import { FORMAT, type Head, rowLine } from './lines.ts'
import { PASSPHRASE_MIN, seal } from './sealed.ts'

/** Lines are given on in pieces of about this many bytes. */
const chunkBytes = 256 << 10

export interface BackupSource {
  /** As POLLUX_DATABASE_URL. */
  databaseUrl: string
  site: string
  version: string
  /** The master key, 64 hex digits, where it lies in a file; null: the site keeps it elsewhere. */
  secretKey: string | null
  passphrase: string
  now: number
}

export interface BackupOptions extends BackupSource {
  file: string
}

export interface BackupDone {
  bytes: number
  /** By table. */
  rows: Record<string, number>
}

/**
 * Gives the sealed bytes to what `openTo` opens, which is asked once the database is open.
 * @returns rows by table
 * @throws AppError E_BACKUP_PASSPHRASE (too short), and those of `dumpDatabase`
 */
export async function sealBackup(
  options: BackupSource,
  openTo: () => Promise<Writable>,
): Promise<Record<string, number>> {
  const { passphrase } = options
  if (passphrase.length < PASSPHRASE_MIN) {
    throw new AppError(
      'E_BACKUP_PASSPHRASE',
      `the passphrase is shorter than ${PASSPHRASE_MIN} characters`,
      { hint: 'take a longer one: the file holds every secret of the site' },
    )
  }
  const rows: Record<string, number> = {}
  await dumpDatabase(options.databaseUrl, async dump => {
    const to = await openTo()
    const packed = createGzip({ level: 6 })
    await pipeline(lines(dump, options, rows), packed, source => seal(passphrase, source), to)
  })
  return rows
}

/**
 * @throws AppError E_BACKUP_PASSPHRASE (too short), E_BACKUP_FILE (exists, no room, no right), and those of
 *   `dumpDatabase`; nothing is left behind then
 */
export async function makeBackup(options: BackupOptions): Promise<BackupDone> {
  const { file } = options
  const part = `${file}.part`
  // Taken first, so that two backups into one file do not both begin.
  const taken = await written(open(file, 'wx', 0o600), file)
  await taken.close()
  try {
    const sealed = sealBackup(options, async () =>
      (await open(part, 'w', 0o600)).createWriteStream({ flush: true }),
    )
    const rows = await written(sealed, part)
    const done = await written(open(part, 'r'), part)
    const { size } = await done.stat()
    await done.close()
    await rename(part, file)
    return { bytes: size, rows }
  } catch (error) {
    await Promise.all([rm(part, { force: true }), rm(file, { force: true })])
    throw error
  }
}

async function* lines(
  dump: Dump,
  { site, version, secretKey, now }: BackupSource,
  rows: Record<string, number>,
): AsyncGenerator<Buffer> {
  const { migrations, dialect } = dump
  const head: Head = {
    pollux: 'backup',
    format: FORMAT,
    version,
    site,
    madeAt: now,
    dialect,
    migrations: [...migrations],
    secretKey,
  }
  let text = `${JSON.stringify(head)}\n`
  for (const table of dump.tables) {
    const { columns, rows: found } = await dump.read(table)
    text += `${JSON.stringify({ table, columns })}\n`
    let count = 0
    for await (const row of found) {
      text += `${rowLine(row)}\n`
      count++
      if (text.length < chunkBytes) continue
      yield Buffer.from(text)
      text = ''
    }
    rows[table] = count
  }
  yield Buffer.from(`${text}${JSON.stringify({ rows })}\n`)
}

/** @throws AppError E_BACKUP_FILE for what the file system refuses */
async function written<T>(work: Promise<T>, file: string): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw new AppError(
      'E_BACKUP_FILE',
      exists
        ? `${path.basename(file)} exists already`
        : `the backup cannot be written: ${messageOf(cause)}`,
      {
        cause,
        hint: exists
          ? 'give another name, or take the old file away'
          : 'see whether the folder exists, has room and may be written',
      },
    )
  }
}
