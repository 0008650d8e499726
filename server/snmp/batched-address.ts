// Socket addresses of Linux: from text to `sockaddr_in` and `sockaddr_in6` (ip(7), ipv6(7)), and
// back through a bounded cache, so that a known sender costs no string.

import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { AF_INET, AF_INET6 } from './batched-libc.ts'

/** Entries of a cache of names: a power of two; two senders of one entry take turns. */
const namesMax = 16_384

/** Octets of a sockaddr_in, a sockaddr_in6, and of the room that serves both. */
export const SOCKADDR_BYTES = { 4: 16, 6: 28 } as const
export const SOCKADDR_ROOM = 32

/** Where the words (32 bit) that make the name lie: in6 holds address and scope id together. */
const NAME_WORDS = { 4: { from: 1, count: 1 }, 6: { from: 2, count: 5 } } as const

/** @throws Error for what is no address of this family */
export function sockaddr(address: string, port: number, family: 4 | 6): Uint8Array {
  const [text = '', zone] = address.split('%')
  if (isIP(text) !== family || !(port >= 0 && port <= 65_535))
    throw new Error(`"${address}" port ${port} is no address of IPv${family}`)
  const bytes = new Uint8Array(SOCKADDR_BYTES[family])
  new Uint16Array(bytes.buffer)[0] = family === 4 ? AF_INET : AF_INET6
  bytes[2] = port >> 8
  bytes[3] = port
  if (family === 4) {
    bytes.set(text.split('.').map(Number), 4)
  } else {
    bytes.set(ipv6Octets(text), 8)
    if (zone !== undefined) new Uint32Array(bytes.buffer)[6] = scopeId(zone)
  }
  return bytes
}

/** The 16 octets of an address that is known to be well formed. */
function ipv6Octets(text: string): number[] {
  const [left = '', right] = text.split('::')
  const head = groupOctets(left)
  if (right === undefined) return head
  const tail = groupOctets(right)
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail]
}

function groupOctets(groups: string): number[] {
  if (groups === '') return []
  return groups.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const word = Number.parseInt(group, 16)
    return [word >> 8, word & 255]
  })
}

/** RFC 4007 section 11: the zone of a link-local address is an interface by name or by number. */
function scopeId(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone)
  for (const address of networkInterfaces()[zone] ?? [])
    if (address.family === 'IPv6' && address.scopeid > 0) return address.scopeid
  throw new Error(`there is no interface "${zone}" with a link-local address`)
}

function zoneOf(scope: number): string {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some(a => a.family === 'IPv6' && a.scopeid === scope)) return name
  }
  return String(scope)
}

/** RFC 5952, and a mapped or compatible IPv4 address in dots, as inet_ntop and node:dgram write it. */
export function ipv6Text(octets: Uint8Array): string {
  const groups: number[] = []
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0))
  const { at, length } = longestZeros(groups)
  const embedsIpv4 =
    at === 0 && (length === 6 || (length === 7 && groups[7] !== 1) || isMapped(groups, length))
  const texts = groups.map(group => group.toString(16))
  if (embedsIpv4) texts.splice(6, 2, octets.subarray(12, 16).join('.'))
  if (length < 2) return texts.join(':')
  return `${texts.slice(0, at).join(':')}::${texts.slice(at + length).join(':')}`
}

const isMapped = (groups: readonly number[], zeros: number) => zeros === 5 && groups[5] === 0xffff

/** The first longest run of zero groups. */
function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let best = { at: -1, length: 0 }
  let length = 0
  groups.forEach((group, i) => {
    length = group === 0 ? length + 1 : 0
    if (length > best.length) best = { at: i - length + 1, length }
  })
  return best
}

/** Names of senders of one family, remembered by the octets of their address. */
export class Names {
  readonly #family: 4 | 6
  readonly #from: number
  readonly #count: number
  readonly #keys: Int32Array
  readonly #texts: (string | null)[] = new Array(namesMax).fill(null)

  constructor(family: 4 | 6) {
    this.#family = family
    this.#from = NAME_WORDS[family].from
    this.#count = NAME_WORDS[family].count
    this.#keys = new Int32Array(namesMax * this.#count)
  }

  /** The name in the sockaddr that begins at this word of the memory. */
  of(words: Int32Array, sockaddrAt: number): string {
    const at = sockaddrAt + this.#from
    let hash = 0
    for (let i = 0; i < this.#count; i++)
      hash = Math.imul(hash ^ (hash >>> 15) ^ (words[at + i] ?? 0), 0x9e3779b1)
    const entry = (hash ^ (hash >>> 15)) & (namesMax - 1)
    const known = this.#texts[entry]
    return typeof known === 'string' && this.#isKey(entry, words, at)
      ? known
      : this.#remember(entry, words, at)
  }

  #isKey(entry: number, words: Int32Array, at: number): boolean {
    const key = entry * this.#count
    for (let i = 0; i < this.#count; i++) if (this.#keys[key + i] !== words[at + i]) return false
    return true
  }

  #remember(entry: number, words: Int32Array, at: number): string {
    for (let i = 0; i < this.#count; i++) this.#keys[entry * this.#count + i] = words[at + i] ?? 0
    const octets = new Uint8Array(words.buffer, words.byteOffset + at * 4, this.#count * 4)
    const text = this.#family === 4 ? octets.join('.') : this.#ipv6(octets, words[at + 4] ?? 0)
    this.#texts[entry] = text
    return text
  }

  /** Linux gives a scope id with link-local senders alone. */
  #ipv6(octets: Uint8Array, scope: number): string {
    return scope === 0 ? ipv6Text(octets) : `${ipv6Text(octets)}%${zoneOf(scope)}`
  }
}
