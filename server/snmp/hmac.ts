// HMAC (RFC 2104) by one-shot hashes: for messages of SNMP's size it costs half of what createHmac
// does, which makes a context and two Buffers for each message.

import { hash } from 'node:crypto'

/** Longest message: what a datagram can carry. */
const messageBytesMax = 65_507
const blockBytesMax = 128
const digestBytesMax = 64
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

// One thread works at one message at a time.
const inner = Buffer.alloc(blockBytesMax + messageBytesMax)
const made = Buffer.alloc(digestBytesMax)

export interface Hmac {
  /**
   * @param message not longer than a datagram
   * @param zeros how many octets from `zerosAt` on count as zeros, whatever they are
   * @returns the digest; valid until the next call, of any Hmac
   */
  digest(message: Uint8Array, zerosAt: number, zeros: number): Buffer
}

/**
 * @param blockBytes of the hash: 64, for SHA-384 and SHA-512 128
 * @param key as long as the hash, so not longer than a block
 */
export function createHmac(algorithm: string, blockBytes: number, key: Uint8Array): Hmac {
  const digestBytes = key.length
  const padded = Buffer.alloc(blockBytes)
  padded.set(key)
  const innerPad = padded.map(octet => octet ^ INNER_PAD)
  const outer = Buffer.alloc(blockBytes + digestBytes)
  outer.set(padded.map(octet => octet ^ OUTER_PAD))
  return {
    digest(message, zerosAt, zeros) {
      inner.set(innerPad)
      inner.set(message, blockBytes)
      inner.fill(0, blockBytes + zerosAt, blockBytes + zerosAt + zeros)
      // As texts of one octet a character: each Buffer that hash() makes costs as much as the hash.
      const first = hash(algorithm, inner.subarray(0, blockBytes + message.length), 'binary')
      outer.write(first, blockBytes, 'binary')
      made.write(hash(algorithm, outer, 'binary'), 0, 'binary')
      return made
    },
  }
}
