// Keys of the User-based Security Model: a password becomes a user's key, and that a key for one
// engine. RFC 3414 appendix A.2, RFC 7860 (SHA-2), and the two drafts that lengthen keys for AES.

import { createHash } from 'node:crypto'
import type { AuthProtocol, PrivProtocol } from '../model/device.ts'
import { createHmac, type Hmac } from './hmac.ts'

/** Keys of users (Ku) that this thread remembers; each cost a hash over one mebibyte. */
const userKeysMax = 1024
/** RFC 3414, A.2: the password is repeated to this many octets before it is hashed. */
const expandedBytes = 1_048_576

/** The hash behind each protocol, and the octets of HMAC that a message carries. */
const AUTH: Record<AuthProtocol, { hash: string; blockBytes: number; macBytes: number }> = {
  md5: { hash: 'md5', blockBytes: 64, macBytes: 12 },
  sha: { hash: 'sha1', blockBytes: 64, macBytes: 12 },
  sha224: { hash: 'sha224', blockBytes: 64, macBytes: 16 },
  sha256: { hash: 'sha256', blockBytes: 64, macBytes: 24 },
  sha384: { hash: 'sha384', blockBytes: 128, macBytes: 32 },
  sha512: { hash: 'sha512', blockBytes: 128, macBytes: 48 },
}

/** Octets of localized key that each protocol takes, and how a shorter one is lengthened. */
const PRIV: Record<PrivProtocol, { keyBytes: number; lengthen: 'blumenthal' | 'reeder' }> = {
  // DES takes 8 octets of key and 8 of pre-IV, AES-128 16: no hash is shorter.
  des: { keyBytes: 16, lengthen: 'blumenthal' },
  aes: { keyBytes: 16, lengthen: 'blumenthal' },
  aes192b: { keyBytes: 24, lengthen: 'blumenthal' },
  aes192r: { keyBytes: 24, lengthen: 'reeder' },
  aes256b: { keyBytes: 32, lengthen: 'blumenthal' },
  aes256r: { keyBytes: 32, lengthen: 'reeder' },
}

/** A user's authentication key on one engine. */
export interface AuthKey {
  hmac: Hmac
  /** Octets of msgAuthenticationParameters. */
  macBytes: number
}

const userKeys = new Map<string, Buffer>()

/** A user's key Ku, the same for all engines (RFC 3414, A.2.1 and A.2.2). */
export function userKey(protocol: AuthProtocol, password: string): Buffer {
  const name = `${protocol} ${password}`
  const known = userKeys.get(name)
  if (known) return known
  const key = stretch(protocol, Buffer.from(password))
  const [oldest] = userKeys.keys()
  if (userKeys.size >= userKeysMax && oldest !== undefined) userKeys.delete(oldest)
  userKeys.set(name, key)
  return key
}

/** How many keys of users are remembered. */
export function userKeyCount(): number {
  return userKeys.size
}

function stretch(protocol: AuthProtocol, password: Buffer): Buffer {
  return digest(protocol, Buffer.alloc(expandedBytes, password))
}

/** Kul: the user's key for one engine (RFC 3414, section 2.6). */
export function localize(protocol: AuthProtocol, key: Buffer, engineId: Uint8Array): Buffer {
  return digest(protocol, key, engineId, key)
}

export function authKey(protocol: AuthProtocol, password: string, engineId: Uint8Array): AuthKey {
  const { hash, blockBytes, macBytes } = AUTH[protocol]
  const localized = localize(protocol, userKey(protocol, password), engineId)
  return { hmac: createHmac(hash, blockBytes, localized), macBytes }
}

/** The octets that a privacy protocol takes of the key localized with the user's auth protocol. */
export function privKeyBytes(
  protocol: PrivProtocol,
  auth: AuthProtocol,
  password: string,
  engineId: Uint8Array,
): Buffer {
  const { keyBytes, lengthen } = PRIV[protocol]
  const first = localize(auth, userKey(auth, password), engineId)
  let key = first
  for (let last = first; key.length < keyBytes; ) {
    // Blumenthal (draft-blumenthal-aes-usm-04, 3.1.2.1) hashes what there is already; Reeder
    // (draft-reeder-snmpv3-usm-3desede-00, 2.1) takes the last piece for a password.
    last =
      lengthen === 'blumenthal' ? digest(auth, key) : localize(auth, stretch(auth, last), engineId)
    key = Buffer.concat([key, last])
  }
  return key.subarray(0, keyBytes)
}

function digest(protocol: AuthProtocol, ...parts: Uint8Array[]): Buffer {
  const hash = createHash(AUTH[protocol].hash)
  for (const part of parts) hash.update(part)
  return hash.digest()
}
