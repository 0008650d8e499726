// Passwords: argon2id at OWASP's parameters (Password Storage Cheat Sheet: m=19 MiB, t=2, p=1), by
// node:crypto. The hash carries its parameters (PHC string), so they can be raised later.

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { FieldError } from '../model/errors.ts'

const derive = promisify(argon2)

const MEMORY_KIB = 19_456
const PASSES = 2
const TAG_BYTES = 32
const SALT_BYTES = 16

/** Each hash takes 19 MiB: more at once would let sign-ins eat the memory. */
const hashesAtOnceMax = 4
/** Longer passwords are refused, not cut: hashing a novel is a denial of service. */
export const PASSWORD_LENGTH_MAX = 256
export const PASSWORD_LENGTH_MIN = 12

let running = 0
const waiting: (() => void)[] = []

async function limited<T>(work: () => Promise<T>): Promise<T> {
  if (running >= hashesAtOnceMax) await new Promise<void>(resolve => waiting.push(resolve))
  else running++
  try {
    return await work()
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

const tagOf = (password: string, salt: Buffer, memory: number, passes: number): Promise<Buffer> =>
  limited(() =>
    derive('argon2id', {
      message: password.normalize('NFKC'),
      nonce: salt,
      parallelism: 1,
      tagLength: TAG_BYTES,
      memory,
      passes,
    }),
  )

/** A PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const tag = await tagOf(password, salt, MEMORY_KIB, PASSES)
  const encode = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${encode(salt)}$${encode(tag)}`
}

/** Compares in constant time; false for a hash of an unknown form. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    hash,
  )
  if (!parts?.[3] || !parts[4]) return false
  const expected = Buffer.from(parts[4], 'base64')
  const tag = await tagOf(
    password,
    Buffer.from(parts[3], 'base64'),
    Number(parts[1]),
    Number(parts[2]),
  )
  return tag.length === expected.length && timingSafeEqual(tag, expected)
}

/** Made with weaker parameters than today's: to be made anew while the password is at hand. */
export function isOutdated(hash: string): boolean {
  const [, memory, passes] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$/.exec(hash) ?? []
  return Number(memory) < MEMORY_KIB || Number(passes) < PASSES
}

/** Passwords that lists of leaks put first; all others are judged by length. */
const COMMON = new Set([
  'password1234',
  'passwordpassword',
  '123456789012',
  '1234567890123',
  'qwertyuiopas',
  'qwertyuiop123',
  'administrator',
  'adminadminadmin',
  'letmeinletmein',
  'iloveyou1234',
  'welcome12345',
  'changemechangeme',
])

/** Why a password is not accepted; empty: it is. */
export function passwordProblems(password: string, name: string, path: string): FieldError[] {
  const lower = password.toLowerCase()
  if (password.length < PASSWORD_LENGTH_MIN)
    return [{ path, message: `must have at least ${PASSWORD_LENGTH_MIN} characters` }]
  if (password.length > PASSWORD_LENGTH_MAX)
    return [{ path, message: `must have at most ${PASSWORD_LENGTH_MAX} characters` }]
  if (COMMON.has(lower) || new Set(lower).size < 4)
    return [{ path, message: 'is too easy to guess' }]
  if (lower === name.toLowerCase()) return [{ path, message: 'must not be your name' }]
  return []
}

/** A password for a person to type once: 20 letters and digits without look-alikes, about 115 bits. */
export function makePassword(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRSTUVWXYZ2345679'
  let password = ''
  while (password.length < 20) {
    for (const byte of randomBytes(32)) {
      // Bytes past the last whole alphabet would favour its first letters.
      if (byte < 256 - (256 % alphabet.length) && password.length < 20)
        password += alphabet[byte % alphabet.length]
    }
  }
  return password.replace(/(.{5})(?=.)/g, '$1-')
}
