// Time-based one-time codes (RFC 6238 over RFC 4226): six digits, HMAC-SHA-1, steps of 30 seconds,
// as every authenticator app takes them without being asked.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const STEP_MS = 30_000
const DIGITS = 6
/** RFC 4226, 4: at least 128 bits, 160 wanted. */
const KEY_BYTES = 20
/** RFC 6238, 5.2: one step of lateness each way, for clocks that differ. */
const DRIFT_STEPS = 1
/** RFC 4648, 6. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export const makeKey = (): Buffer => randomBytes(KEY_BYTES)

/** The code of a time step (RFC 4226, 5.3). */
export function codeAt(key: Buffer, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const digest = createHmac('sha1', key).update(counter).digest()
  const offset = (digest.at(-1) ?? 0) & 0x0f
  const number = (digest.readUInt32BE(offset) & 0x7fff_ffff) % 10 ** DIGITS
  return String(number).padStart(DIGITS, '0')
}

/** The time step that this code belongs to, at `now` or one step beside it; null: a wrong code. */
export function stepOf(key: Buffer, code: string, now: number): number | null {
  const digits = code.replace(/\s/g, '')
  if (!/^[0-9]{6}$/.test(digits)) return null
  const current = Math.floor(now / STEP_MS)
  let found: number | null = null
  for (let step = current - DRIFT_STEPS; step <= current + DRIFT_STEPS; step++) {
    if (timingSafeEqual(Buffer.from(codeAt(key, step)), Buffer.from(digits))) found = step
  }
  return found
}

/** As people type it where no camera is at hand. */
export function base32(key: Buffer): string {
  let bits = ''
  for (const byte of key) bits += byte.toString(2).padStart(8, '0')
  const groups = bits.match(/.{1,5}/g) ?? []
  return groups.map(group => BASE32[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}

/** What the picture holds (the Key Uri Format of authenticator apps). */
export function keyUri(key: Buffer, issuer: string, name: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(name)}`
  return `otpauth://totp/${label}?secret=${base32(key)}&issuer=${encodeURIComponent(issuer)}`
}
