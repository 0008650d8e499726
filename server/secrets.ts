// Seals and opens secrets: AES-256-GCM under a random data key per secret, which the master key
// wraps (envelope), so that rotating the master key never touches the secrets themselves. Keeps no
// ciphertext: that is the store's.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { AppError, messageOf } from './model/errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Secrets {
  /** `name` is bound into the ciphertext: moved to another name it does not open. */
  seal(name: string, text: string): string
  /** @throws AppError E_SECRET_SEALED when it was sealed by another key, name or was changed */
  open(name: string, sealed: string): string
}

export function createSecrets(masterKey: Buffer): Secrets {
  return {
    seal(name, text) {
      const dataKey = randomBytes(KEY_BYTES)
      const wrapped = encrypt(masterKey, dataKey, `key|${name}`)
      const body = encrypt(dataKey, Buffer.from(text, 'utf8'), `text|${name}`)
      return `v1.${wrapped.toString('base64url')}.${body.toString('base64url')}`
    },
    open(name, sealed) {
      const [version, wrapped, body] = sealed.split('.')
      try {
        if (version !== 'v1' || !wrapped || !body) throw new Error('unknown form')
        const dataKey = decrypt(masterKey, Buffer.from(wrapped, 'base64url'), `key|${name}`)
        return decrypt(dataKey, Buffer.from(body, 'base64url'), `text|${name}`).toString('utf8')
      } catch (cause) {
        throw new AppError('E_SECRET_SEALED', `the secret "${name}" cannot be opened`, {
          cause,
          hint: 'the key of this server (POLLUX_SECRET_KEY or its file) is not the one it was sealed with; restore that key, or enter the secret again',
        })
      }
    },
  }
}

function encrypt(key: Buffer, text: Buffer, associated: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(associated))
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, sealed: Buffer, associated: string): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error('cut short')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
  decipher.setAAD(Buffer.from(associated)).setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)),
    decipher.final(),
  ])
}

/**
 * The master key: 64 hex digits or 44 base64 characters given directly, or in a file that only its
 * owner may read; else `secret.key` in the data dir, made at the first start.
 * @throws AppError E_SECRET_KEY
 */
export async function loadMasterKey(source: {
  key: string | null
  file: string | null
  dataDir: string
}): Promise<Buffer> {
  if (source.key !== null) return parseKey(source.key, 'POLLUX_SECRET_KEY')
  if (source.file !== null) return parseKey(await readPrivate(source.file), source.file)
  const file = path.join(source.dataDir, 'secret.key')
  await mkdir(source.dataDir, { recursive: true, mode: 0o700 })
  try {
    const handle = await open(
      file,
      constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY,
      0o600,
    )
    const made = randomBytes(KEY_BYTES)
    await handle.writeFile(`${made.toString('hex')}\n`)
    await handle.sync()
    await handle.close()
    return made
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return parseKey(await readPrivate(file), file)
  }
}

/** Whether there is a master key already; asking makes none. */
export async function hasMasterKey(source: {
  key: string | null
  file: string | null
  dataDir: string
}): Promise<boolean> {
  if (source.key !== null || source.file !== null) return true
  return stat(path.join(source.dataDir, 'secret.key')).then(
    () => true,
    () => false,
  )
}

/**
 * Puts the master key of a backup where a start will look for it.
 * @throws AppError E_SECRET_KEY where another key is in that place
 */
export async function keepMasterKey(
  source: { key: string | null; file: string | null; dataDir: string },
  restored: Buffer,
): Promise<void> {
  if (await hasMasterKey(source)) {
    if ((await loadMasterKey(source)).equals(restored)) return
    throw new AppError('E_SECRET_KEY', 'this place has another key than the backup', {
      hint: 'take POLLUX_SECRET_KEY, its file or secret.key in the data folder away, so that the key of the backup can take its place',
    })
  }
  await mkdir(source.dataDir, { recursive: true, mode: 0o700 })
  await writeFile(path.join(source.dataDir, 'secret.key'), `${restored.toString('hex')}\n`, {
    mode: 0o600,
    flag: 'wx',
    flush: true,
  })
}

async function readPrivate(file: string): Promise<string> {
  try {
    const { mode } = await stat(file)
    if ((mode & 0o077) !== 0) {
      throw new AppError('E_SECRET_KEY', `${file} can be read by others`, {
        hint: `chmod 600 ${file}`,
      })
    }
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('E_SECRET_KEY', `the key file ${file} cannot be read: ${messageOf(error)}`, {
      cause: error,
      hint: 'check POLLUX_SECRET_KEY_FILE and who may read the file',
    })
  }
}

function parseKey(text: string, where: string): Buffer {
  const trimmed = text.trim()
  const key = /^[0-9a-f]{64}$/i.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : Buffer.from(trimmed, 'base64')
  if (key.length !== KEY_BYTES) {
    throw new AppError('E_SECRET_KEY', `${where} is not a key of ${KEY_BYTES} bytes`, {
      hint: 'write 64 hex digits, as `openssl rand -hex 32` prints them',
    })
  }
  return key
}
