// The id under which a sender numbers, kept in its folder: made at the first start, then the same.

import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import type { Logger } from '../log.ts'
import { AppError, messageOf } from '../model/errors.ts'

const SRC = /^[A-Za-z0-9._-]{1,64}$/

/** The id of the sender of this folder. @throws AppError E_SPOOL when it cannot be kept */
export async function readSrc(dir: string, log: Logger): Promise<string> {
  const file = path.join(dir, 'src')
  const known = await readFile(file, 'utf8').catch(() => '')
  if (SRC.test(known.trim())) return known.trim()
  const src = randomBytes(8).toString('hex')
  if (known !== '') log.warn({ file }, 'the id of this sender was broken: a new one is made')
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const handle = await open(`${file}.new`, 'w', 0o600)
    await handle.writeFile(src)
    await handle.sync()
    await handle.close()
    await rename(`${file}.new`, file)
  } catch (cause) {
    throw new AppError('E_SPOOL', `the spool cannot be kept in ${dir}: ${messageOf(cause)}`, {
      cause,
      hint: 'check that POLLUX_DATA_DIR may be written',
    })
  }
  return src
}
