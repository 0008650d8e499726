// `pollux backup` and `pollux restore`: everything that the database holds, and the key of its secrets,
// in one file under a passphrase.

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import { createAudit } from '../audit.ts'
import { makeBackup } from '../backup/backup.ts'
import { checkBackup, restoreBackup } from '../backup/restore.ts'
import { createLog } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { hasMasterKey, loadMasterKey } from '../secrets.ts'
import { VERSION } from '../version.ts'
import { CLI_ACTOR, settings, withStore } from './open.ts'
import { print, printJson } from './output.ts'

interface Options {
  passphraseFile?: string
  check?: boolean
  json?: boolean
}

const PASSPHRASE_OPTION = [
  '--passphrase-file <path>',
  'where it lies; else standard input',
] as const

export function backupCommand(): Command {
  return new Command('backup')
    .description('everything in the database, as it is now, in one file under a passphrase')
    .argument('<file>', 'a new file')
    .option(...PASSPHRASE_OPTION)
    .option('--json', 'answer as JSON')
    .action(async (file: string, options: Options) => {
      const { config } = settings()
      const key = { key: config.secretKey, file: config.secretKeyFile, dataDir: config.dataDir }
      const isInFile = config.secretKey === null && (await hasMasterKey(key))
      const done = await makeBackup({
        databaseUrl: config.databaseUrl,
        site: config.site,
        version: VERSION,
        secretKey: isInFile ? (await loadMasterKey(key)).toString('hex') : null,
        passphrase: await passphraseOf(options),
        file,
        now: Date.now(),
      })
      await withStore(({ store }) =>
        createAudit(store.audit).record(CLI_ACTOR, 'backup.make', `backup:${file}`),
      )
      if (options.json) printJson({ file, bytes: done.bytes, rows: done.rows })
      else print(`${file}: ${megabytes(done.bytes)}, ${summary(done.rows)}`)
    })
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('write a backup into an empty place: a new data folder, or an empty database')
    .argument('<file>', 'what `pollux backup` wrote')
    .option(...PASSPHRASE_OPTION)
    .option('--check', 'only read all of it and say what it holds')
    .option('--json', 'answer as JSON')
    .action(async (file: string, options: Options) => {
      const { config } = settings()
      const passphrase = await passphraseOf(options)
      const { head, rows } = options.check
        ? await checkBackup(file, passphrase)
        : await restoreBackup(file, passphrase, config, createLog('warn'))
      const { version, site, madeAt, dialect } = head
      if (options.json) printJson({ version, site, madeAt, dialect, rows })
      else {
        const made = new Date(madeAt).toISOString()
        print(`backup of the site "${site}" by Pollux ${version} at ${made}: ${summary(rows)}`)
        if (!options.check) print('restored: start Pollux as ever')
        if (head.secretKey === null)
          print('the key of its secrets is not in it: bring that yourself')
      }
    })
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

function summary(rows: Record<string, number>): string {
  const all = Object.values(rows).reduce((sum, count) => sum + count, 0)
  return `${all} rows of ${Object.keys(rows).length} tables, ${rows.device ?? 0} devices`
}

/** One line, without its end. */
async function passphraseOf({ passphraseFile }: Options): Promise<string> {
  const read = passphraseFile === undefined ? text(process.stdin) : readFile(passphraseFile, 'utf8')
  if (passphraseFile === undefined && process.stdin.isTTY) {
    process.stderr.write('passphrase (ends with Ctrl-D; it is shown while you type): ')
  }
  try {
    return (await read).replace(/\r?\n$/, '')
  } catch (cause) {
    throw new AppError(
      'E_BACKUP_PASSPHRASE',
      `the passphrase cannot be read from ${passphraseFile}: ${messageOf(cause)}`,
      { cause },
    )
  }
}
