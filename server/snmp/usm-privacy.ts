// Encryption of scoped PDUs: DES-CBC (RFC 3414, section 8) and AES in CFB mode (RFC 3826, and the
// same with longer keys). One object holds the key of one user on one engine.

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import type { PrivProtocol } from '../model/device.ts'

/** Octets of msgPrivacyParameters, in all protocols. */
const saltBytes = 8
const desBlockBytes = 8

export interface Encrypted {
  /** msgPrivacyParameters. */
  salt: Uint8Array
  data: Uint8Array
}

export interface Privacy {
  /** @param boots snmpEngineBoots as in the message, `time` snmpEngineTime */
  encrypt(scopedPdu: Uint8Array, boots: number, time: number): Encrypted
  /** Null where it cannot be such a text. A wrong key shows only in what comes out. */
  decrypt(data: Uint8Array, salt: Uint8Array, boots: number, time: number): Uint8Array | null
}

/** @param key as `privKeyBytes` gives it */
export function createPrivacy(protocol: PrivProtocol, key: Buffer): Privacy {
  return protocol === 'des' ? createDes(key) : createAes(key)
}

function createAes(keyBytes: Buffer): Privacy {
  const cipher = `aes-${keyBytes.length * 8}-cfb`
  const key = createSecretKey(keyBytes)
  // RFC 3826, 3.1.2.1: the salt is a 64-bit counter that starts anywhere. It must not repeat under
  // one key, boots and time; a counter costs less than random octets.
  let next = randomBytes(saltBytes).readBigUInt64BE()
  const iv = (salt: Uint8Array, boots: number, time: number) => {
    const made = Buffer.allocUnsafe(16)
    made.writeUInt32BE(boots, 0)
    made.writeUInt32BE(time, 4)
    made.set(salt, 8)
    return made
  }
  return {
    encrypt(scopedPdu, boots, time) {
      const salt = Buffer.allocUnsafe(saltBytes)
      next = BigInt.asUintN(64, next + 1n)
      salt.writeBigUInt64BE(next)
      const data = createCipheriv(cipher, key, iv(salt, boots, time)).update(scopedPdu)
      return { salt, data }
    },
    decrypt(data, salt, boots, time) {
      if (salt.length !== saltBytes) return null
      return createDecipheriv(cipher, key, iv(salt, boots, time)).update(data)
    },
  }
}

/**
 * OpenSSL 3 hides DES, but its triple DES with three times the same key is DES. Old devices know
 * nothing better.
 */
function createDes(keyBytes: Buffer): Privacy {
  const single = keyBytes.subarray(0, desBlockBytes)
  const preIv = keyBytes.subarray(desBlockBytes, 2 * desBlockBytes)
  const key: KeyObject = createSecretKey(Buffer.concat([single, single, single]))
  // RFC 3414, 8.1.1.1: the salt is the engine's boots and a counter that starts anywhere.
  let next = randomBytes(4).readUInt32BE()
  const iv = (salt: Uint8Array) => preIv.map((octet, i) => octet ^ (salt[i] ?? 0))
  return {
    encrypt(scopedPdu, boots) {
      const salt = Buffer.allocUnsafe(saltBytes)
      next = (next + 1) >>> 0
      salt.writeUInt32BE(boots, 0)
      salt.writeUInt32BE(next, 4)
      const padded = Buffer.alloc(Math.ceil(scopedPdu.length / desBlockBytes) * desBlockBytes)
      padded.set(scopedPdu)
      const cipher = createCipheriv('des-ede3-cbc', key, iv(salt)).setAutoPadding(false)
      return { salt, data: cipher.update(padded) }
    },
    decrypt(data, salt) {
      if (salt.length !== saltBytes || data.length % desBlockBytes !== 0) return null
      return createDecipheriv('des-ede3-cbc', key, iv(salt)).setAutoPadding(false).update(data)
    },
  }
}
