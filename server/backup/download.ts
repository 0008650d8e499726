// A backup as a stream for whoever asks: one at a time, never on a disk here, and ended where nobody
// reads on, since the database keeps what it read at that moment for as long as it lasts.

import { type Readable, Transform } from 'node:stream'
import type { Audit } from '../audit.ts'
import { AppError } from '../model/errors.ts'
import type { Actor } from '../model/user.ts'
import { type BackupSource, sealBackup } from './backup.ts'

/** One takes this long at most, ms. */
const durationMsMax = 3_600_000
/** And may be left unread for so long, ms. */
const stallMsMax = 60_000

export interface BackupDownloads {
  /**
   * The stream begins once the database is open; what fails later destroys it, and what was read of it
   * is no whole backup then, which a restore says.
   * @throws AppError E_BACKUP_RUNNING, E_BACKUP_PASSPHRASE, and those of `dumpDatabase`
   */
  open(passphrase: string, by: Actor): Promise<{ name: string; stream: Readable }>
}

export interface DownloadOptions {
  source(): Promise<Omit<BackupSource, 'passphrase'>>
  audit: Audit
  /** How one ended; `error` null: all of it was given on. */
  ended(name: string, error: unknown): void
}

export function createBackupDownloads({ source, audit, ended }: DownloadOptions): BackupDownloads {
  let isRunning = false
  return {
    async open(passphrase, by) {
      if (isRunning) {
        throw new AppError('E_BACKUP_RUNNING', 'a backup is being downloaded already', {
          hint: 'wait until it ends, or for a minute where nobody reads it any more',
        })
      }
      isRunning = true
      try {
        const options = { ...(await source()), passphrase }
        const day = new Date(options.now).toISOString().slice(0, 10)
        const name = `pollux-${options.site}-${day}.backup`
        const stream = await begun(options, error => ended(name, error))
        try {
          await audit.record(by, 'backup.make', `backup:${name}`)
        } catch (error) {
          stream.destroy()
          throw error
        }
        return { name, stream }
      } catch (error) {
        isRunning = false
        throw error
      }
    },
  }

  function begun(options: BackupSource, end: (error: unknown) => void): Promise<Readable> {
    const { stream, limits } = limitedStream()
    const finish = (error: unknown) => {
      isRunning = false
      limits.clear()
      end(error)
    }
    return new Promise((resolve, reject) => {
      let isOpen = false
      sealBackup(options, async () => {
        isOpen = true
        resolve(stream)
        return stream
      }).then(
        () => finish(null),
        error => {
          if (isOpen) finish(error)
          else {
            limits.clear()
            reject(error)
          }
        },
      )
    })
  }
}

/** It is destroyed where it takes too long, or where nobody reads what is there. */
function limitedStream(): { stream: Transform; limits: { clear(): void } } {
  let through = 0
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      through += chunk.length
      done(null, chunk)
    },
  })
  const stop = (why: string) =>
    stream.destroy(new AppError('E_BACKUP_STALLED', why, { hint: 'begin again' }))
  const total = setTimeout(() => stop('the backup took too long'), durationMsMax).unref()
  let before = -1
  const stall = setInterval(() => {
    if (stream.readableLength > 0 && through === before) stop('nobody reads the backup')
    before = through
  }, stallMsMax).unref()
  return {
    stream,
    limits: {
      clear() {
        clearTimeout(total)
        clearInterval(stall)
      },
    },
  }
}
