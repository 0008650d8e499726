// What `pollux doctor` and the settings page both look at on this machine: folders and who may read them,
// disk, clock, profiles. Each check says what to mend.

import { constants } from 'node:fs'
import { access, rm, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../config.ts'
import { messageOf } from '../model/errors.ts'
import { formatValue } from '../model/units.ts'
import type { Problem } from '../profiles/catalogue.ts'

/** Below one of both a disk is as good as full. */
const freeBytesMin = 1024 ** 3
const freeShareMin = 0.05
/** Files of a network disk bear another machine's time. */
const clockMsMax = 5000
/** Pollux was not written before. */
const timeMin = Date.UTC(2026, 0, 1)

export interface Check {
  name: string
  ok: boolean
  text: string
  /** What to do; empty where all is well. */
  mend: string
}

export const good = (name: string, text: string): Check => ({ name, ok: true, text, mend: '' })
export const bad = (name: string, text: string, mend: string): Check => ({
  ...{ name, ok: false, text, mend },
})

/** @param problems of the profiles; null: they could not be read */
export async function localChecks(
  { dataDir, secretKey, secretKeyFile }: Config,
  problems: readonly Problem[] | null,
): Promise<Check[]> {
  const isThere = await stat(dataDir).then(
    found => found.isDirectory(),
    () => false,
  )
  if (!isThere) {
    return [good('Data folder', `${dataDir}: made at the first start`), profilesCheck(problems)]
  }
  const key = secretKeyFile ?? (secretKey === null ? path.join(dataDir, 'secret.key') : null)
  return [
    await folderCheck(dataDir),
    ...(key === null ? [] : [await keyCheck(key)]),
    await diskCheck(dataDir),
    await clockCheck(dataDir),
    profilesCheck(problems),
  ]
}

async function folderCheck(dir: string): Promise<Check> {
  const name = 'Data folder'
  try {
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK)
    const { mode } = await stat(dir)
    return (mode & 0o007) === 0
      ? good(name, dir)
      : bad(name, `${dir} can be read by everybody on this machine`, `chmod 700 ${dir}`)
  } catch (error) {
    const mend = 'give it to the user of this process, or choose another POLLUX_DATA_DIR'
    return bad(name, messageOf(error), mend)
  }
}

async function keyCheck(file: string): Promise<Check> {
  const name = 'Secret key'
  try {
    const { mode } = await stat(file)
    await access(file, constants.R_OK)
    return (mode & 0o077) === 0
      ? good(name, file)
      : bad(name, `${file} can be read by others`, `chmod 600 ${file}`)
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing) return good(name, `${file}: made at the first start`)
    return bad(name, messageOf(error), 'give the file to the user of this process')
  }
}

async function diskCheck(dir: string): Promise<Check> {
  const { bavail, blocks, bsize } = await statfs(dir)
  const free = bavail * bsize
  const text = `${formatValue(free, 'By')} free of ${formatValue(blocks * bsize, 'By')}`
  // A quota of 0 blocks says nothing.
  const isFull = blocks > 0 && (free < freeBytesMin || bavail / blocks < freeShareMin)
  return isFull
    ? bad('Disk', text, 'make room, keep samples for fewer days, or move POLLUX_DATA_DIR')
    : good('Disk', text)
}

async function clockCheck(dir: string): Promise<Check> {
  const name = 'Clock'
  const now = Date.now()
  const text = new Date(now).toISOString()
  if (now < timeMin) return bad(name, text, 'set the clock of this machine: NTP keeps it right')
  const file = path.join(dir, `.clock-${process.pid}`)
  try {
    await writeFile(file, '')
    const { mtimeMs } = await stat(file)
    const off = Math.round((mtimeMs - now) / 1000)
    return Math.abs(mtimeMs - now) < clockMsMax
      ? good(name, text)
      : bad(name, `the disk of ${dir} is ${off} s off`, 'let NTP set both machines')
  } catch (error) {
    return bad(name, messageOf(error), 'see the data folder')
  } finally {
    await rm(file, { force: true }).catch(() => undefined)
  }
}

export function profilesCheck(problems: readonly Problem[] | null): Check {
  const name = 'Profiles'
  if (problems === null) {
    return bad(name, 'a folder of profiles cannot be read', 'check POLLUX_PROFILES_DIR')
  }
  const errors = problems.filter(({ severity }) => severity === 'error')
  const [first] = errors
  if (!first) return good(name, 'no errors')
  const text = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}, as ${first.file}:${first.line}: ${first.message}`
  return bad(name, text, 'pollux profiles check lists them all')
}
