// What the short commands need: the settings, and the store or the secrets, closed after use.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { withSecretFiles } from '../compose/secret-files.ts'
import { type Config, readConfig } from '../config.ts'
import { createLog, type Logger } from '../log.ts'
import { createSecrets, loadMasterKey, type Secrets } from '../secrets.ts'
import type { Store } from '../store/contract.ts'
import { openStore } from '../store/open.ts'

/**
 * Settings from `.env` and the environment, which wins, and the files that they name.
 * @param said on the command line, which wins over both
 */
export function settings(said: NodeJS.ProcessEnv = {}): {
  config: Config
  env: NodeJS.ProcessEnv
} {
  if (existsSync('.env')) process.loadEnvFile('.env')
  const env = withSecretFiles({ ...process.env, ...said })
  return { config: readConfig(env), env }
}

export interface Opened {
  config: Config
  log: Logger
  store: Store
}

/** Opens the store (bringing its schema up to date), does the work, closes it. */
export async function withStore<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
  const { config } = settings()
  const log = createLog(config.logLevel === 'info' ? 'warn' : config.logLevel)
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const store = await openStore({ url: config.databaseUrl, log })
  try {
    return await work({ config, log, store })
  } finally {
    await store.close()
  }
}

export async function openSecrets(config: Config): Promise<Secrets> {
  return createSecrets(
    await loadMasterKey({
      key: config.secretKey,
      file: config.secretKeyFile,
      dataDir: config.dataDir,
    }),
  )
}

/** Who acts on the command line, for the audit log. */
export const CLI_ACTOR = { name: 'command line', address: '' }
