// A stream of bytes under a passphrase: scrypt gives the key (RFC 7914), AES-256-GCM seals pieces of 64
// kB. Each piece's nonce holds its number and whether it is the last (the STREAM construction of Hoang,
// Reyhanitabar, Rogaway and Vizár, 2015), so that pieces cannot be cut off, swapped or left out unseen.

import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  type ScryptOptions,
  scrypt,
} from 'node:crypto'
import { AppError } from '../model/errors.ts'

const MAGIC = Buffer.from('PXBACK01')
const SALT_BYTES = 16
const PREFIX_BYTES = 7
const TAG_BYTES = 16
const PIECE_BYTES = 64 << 10
/** OWASP's parameters for scrypt; 128 MB. */
const SCRYPT: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 << 20 }
const HEADER_BYTES = MAGIC.length + SALT_BYTES + PREFIX_BYTES

export const PASSPHRASE_MIN = 12

const deriveKey = (passphrase: string, salt: Buffer) =>
  new Promise<Buffer>((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, SCRYPT, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })

function nonceOf(prefix: Buffer, number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  prefix.copy(nonce)
  nonce.writeUInt32BE(number, PREFIX_BYTES)
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** Pieces of exactly `size` bytes, and the rest (which may be empty) as the last one. */
async function* piecesOf(
  source: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<{ piece: Buffer; isLast: boolean }> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let from = 0
    // A full piece is only given out when more follows: else it is the last one.
    for (; held.length - from > size; from += size)
      yield { piece: held.subarray(from, from + size), isLast: false }
    held = held.subarray(from)
  }
  yield { piece: held, isLast: true }
}

export async function* seal(
  passphrase: string,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const [salt, prefix] = [randomBytes(SALT_BYTES), randomBytes(PREFIX_BYTES)]
  const header = Buffer.concat([MAGIC, salt, prefix])
  const key = await deriveKey(passphrase, salt)
  yield header
  let number = 0
  for await (const { piece, isLast } of piecesOf(source, PIECE_BYTES)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(prefix, number++, isLast))
    cipher.setAAD(header)
    yield Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()])
  }
}

/**
 * @throws AppError E_BACKUP_FORMAT for what is no backup, E_BACKUP_PASSPHRASE where the first piece does
 *   not open, E_BACKUP_DAMAGED where a later one does not: changed, or cut short
 */
export async function* unseal(
  passphrase: string,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { header, rest } = await headerOf(source)
  if (header === null) {
    throw new AppError('E_BACKUP_FORMAT', 'this file is not a backup of Pollux', {
      hint: 'give a file that `pollux backup` wrote',
    })
  }
  const salt = header.subarray(MAGIC.length, MAGIC.length + SALT_BYTES)
  const prefix = header.subarray(MAGIC.length + SALT_BYTES)
  const key = await deriveKey(passphrase, salt)
  let number = 0
  for await (const { piece, isLast } of piecesOf(rest, PIECE_BYTES + TAG_BYTES)) {
    const opened = openPiece(key, header, nonceOf(prefix, number, isLast), piece)
    if (opened === null) throw number === 0 ? wrongPassphrase() : damaged(number)
    number++
    yield opened
  }
}

function openPiece(key: Buffer, header: Buffer, nonce: Buffer, piece: Buffer): Buffer | null {
  if (piece.length < TAG_BYTES) return null
  const decipher = createDecipheriv('aes-256-gcm', key, nonce)
  decipher.setAAD(header).setAuthTag(piece.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(piece.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    return null
  }
}

async function headerOf(
  source: AsyncIterable<Buffer>,
): Promise<{ header: Buffer | null; rest: AsyncIterable<Buffer> }> {
  const chunks = source[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  while (held.length < HEADER_BYTES) {
    const { value, done } = await chunks.next()
    if (done) break
    held = Buffer.concat([held, value])
  }
  const isOurs = held.length >= HEADER_BYTES && held.subarray(0, MAGIC.length).equals(MAGIC)
  async function* rest(): AsyncGenerator<Buffer> {
    yield held.subarray(HEADER_BYTES)
    for (;;) {
      const { value, done } = await chunks.next()
      if (done) return
      yield value
    }
  }
  return { header: isOurs ? held.subarray(0, HEADER_BYTES) : null, rest: rest() }
}

const wrongPassphrase = () =>
  new AppError('E_BACKUP_PASSPHRASE', 'the backup does not open with this passphrase', {
    hint: 'give the passphrase it was made with; without it nobody can read the file',
  })

const damaged = (piece: number) =>
  new AppError(
    'E_BACKUP_DAMAGED',
    `the backup is damaged or cut short near byte ${HEADER_BYTES + piece * (PIECE_BYTES + TAG_BYTES)}`,
    { hint: 'take another copy of it, or an older backup' },
  )
