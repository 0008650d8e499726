// Secrets as files, as Docker, Kubernetes and systemd hand them over: for a secret setting NAME, NAME_FILE
// names the file that holds its value. Neither the environment nor `docker inspect` then shows it.

import { readFileSync, statSync } from 'node:fs'
import { SETTINGS } from '../config.ts'
import { AppError, type FieldError, messageOf } from '../model/errors.ts'

/** A URL with its password is the longest of them. */
const secretBytesMax = 8192

const settingNames = new Set(SETTINGS.map(({ name }) => name))

/** The settings that may come from a file, by the name that gives the file. */
const BY_FILE = new Map(
  SETTINGS.filter(({ secret, name }) => secret && !settingNames.has(`${name}_FILE`)).map(
    ({ name }) => [`${name}_FILE`, name],
  ),
)

/**
 * The environment with what its files hold in the place of their names.
 * @throws AppError E_CONFIG with each file that cannot be read, and each setting that is given twice
 */
export function withSecretFiles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const errors: FieldError[] = []
  const filled = { ...env }
  for (const [fileName, name] of BY_FILE) {
    const file = env[fileName]
    if (file === undefined) continue
    delete filled[fileName]
    if (file === '') continue
    if (env[name]) errors.push({ path: fileName, message: `${name} is set too: set one of them` })
    else {
      try {
        filled[name] = readSecret(file)
      } catch (error) {
        errors.push({ path: fileName, message: messageOf(error) })
      }
    }
  }
  if (errors.length === 0) return filled
  throw new AppError('E_CONFIG', 'a secret was not read from its file', {
    errors,
    hint: 'the file must exist, be readable by the user that Pollux runs as, and hold the value alone',
  })
}

/** Without the end of line that editors and `echo` leave. */
function readSecret(file: string): string {
  const { size } = statSync(file)
  if (size > secretBytesMax) throw new Error(`${file} has ${size} bytes: no secret is so long`)
  const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  if (text === '') throw new Error(`${file} is empty`)
  if (/[\r\n\0]/.test(text)) throw new Error(`${file} has more than one line`)
  return text
}
