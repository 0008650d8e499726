// DES-CBC for SNMPv3 (RFC 3414, section 8): OpenSSL 3 has none, so npm net-snmp fails on it, but its
// triple DES with three times the same key is DES. Old devices know nothing better.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Authentication, Encryption, PrivProtocols } from 'net-snmp'

const blockBytes = 8

/** Keys and salt of RFC 3414, section 8.1.1.1: 8 octets of key, 8 that hide the salt in the IV. */
function cipherInput(localized: Buffer, salt: Buffer): { key: Buffer; iv: Buffer } {
  const key = localized.subarray(0, blockBytes)
  const iv = Buffer.from(salt)
  for (let i = 0; i < blockBytes; i++) {
    iv[i] = (salt[i] ?? 0) ^ (localized[blockBytes + i] ?? 0)
  }
  return { key: Buffer.concat([key, key, key]), iv }
}

const encryptPdu: typeof Encryption.encryptPduDes = (pdu, _priv, password, auth, engine) => {
  const salt = Buffer.concat([Buffer.from([0, 0, 0, 1]), randomBytes(4)])
  const { key, iv } = cipherInput(localize(auth, password, engine), salt)
  const padded = Buffer.alloc(Math.ceil(pdu.length / blockBytes) * blockBytes)
  pdu.copy(padded)
  const cipher = createCipheriv('des-ede3-cbc', key, iv).setAutoPadding(false)
  return {
    encryptedPdu: Buffer.concat([cipher.update(padded), cipher.final()]),
    msgPrivacyParameters: salt,
  }
}

const decryptPdu: typeof Encryption.decryptPduDes = (pdu, _priv, salt, password, auth, engine) => {
  if (salt.length !== blockBytes) throw new Error('msgPrivacyParameters are not 8 octets')
  const { key, iv } = cipherInput(localize(auth, password, engine), salt)
  const decipher = createDecipheriv('des-ede3-cbc', key, iv).setAutoPadding(false)
  return Buffer.concat([decipher.update(pdu), decipher.final()])
}

type Auth = Parameters<typeof Authentication.passwordToKey>[0]

/** The types of net-snmp call the engine an Algorithm; what comes has an engineID. */
function localize(
  auth: Parameters<typeof encryptPdu>[3],
  password: string,
  engine: object,
): Buffer {
  const engineID: unknown = Reflect.get(engine, 'engineID')
  if (!Buffer.isBuffer(engineID)) throw new Error('no engine ID')
  return Authentication.passwordToKey(auth as Auth, password, engineID)
}

/** Puts our DES in the place of net-snmp's, for all its sessions in this thread. */
export function giveDes(): void {
  Object.assign(Encryption.algorithms[PrivProtocols.des], { encryptPdu, decryptPdu })
}
