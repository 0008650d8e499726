// The backup that an administrator downloads: of this process's database, with the key of the secrets
// where that lies in a file, as `pollux backup` does it.

import type { Audit } from '../audit.ts'
import { createBackupDownloads } from '../backup/download.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../log.ts'
import { hasMasterKey, loadMasterKey } from '../secrets.ts'
import { VERSION } from '../version.ts'

export function backupDownloads(config: Config, audit: Audit, log: Logger) {
  const key = { key: config.secretKey, file: config.secretKeyFile, dataDir: config.dataDir }
  return createBackupDownloads({
    audit,
    async source() {
      const isInFile = config.secretKey === null && (await hasMasterKey(key))
      return {
        databaseUrl: config.databaseUrl,
        site: config.site,
        version: VERSION,
        secretKey: isInFile ? (await loadMasterKey(key)).toString('hex') : null,
        now: Date.now(),
      }
    },
    ended(name, error) {
      if (error === null) log.info({ backup: name }, 'a backup was downloaded')
      else log.warn({ err: error, backup: name }, 'the download of a backup ended early')
    },
  })
}
