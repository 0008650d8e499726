// Whether a host may be trusted, by the text of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE
// FORMAT"). Pure. Keys of authorities (@cert-authority) are passed over: certificates are not used.

import { createHmac, timingSafeEqual } from 'node:crypto'

/** Lines that are looked at. */
const linesMax = 1000

interface KnownKey {
  revoked: boolean
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`. */
  type: string
  key: Buffer
}

export type HostVerdict = 'known' | 'unknown' | 'changed' | 'revoked'

/** What the text says of a host: its keys, where the port is not 22 those under `[host]:port`. */
export function keysOf(text: string, host: string, port: number): KnownKey[] {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
  const found: KnownKey[] = []
  for (const line of text.split(/\r?\n/, linesMax)) {
    const words = line.trim().split(/\s+/)
    const marker = words[0]?.startsWith('@') ? words.shift() : null
    const [hosts = '', type = '', base64 = ''] = words
    if (hosts.startsWith('#') || base64 === '' || marker === '@cert-authority') continue
    if (!isNamed(hosts, name)) continue
    found.push({ revoked: marker === '@revoked', type, key: Buffer.from(base64, 'base64') })
  }
  return found
}

export function judgeHost(keys: readonly KnownKey[], shown: Buffer): HostVerdict {
  const same = keys.filter(({ key }) => key.equals(shown))
  if (same.some(({ revoked }) => revoked)) return 'revoked'
  if (same.length > 0) return 'known'
  return keys.some(({ revoked }) => !revoked) ? 'changed' : 'unknown'
}

/** The signature algorithms to offer, so that the host shows a key of a kind that is known of it. */
export function algorithmsOf(keys: readonly KnownKey[]): string[] {
  const types = new Set(keys.filter(({ revoked }) => !revoked).map(({ type }) => type))
  return [...types].flatMap(type =>
    type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type],
  )
}

function isNamed(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return isHashed(hosts, name)
  const patterns = hosts.toLowerCase().split(',')
  if (patterns.some(one => one.startsWith('!') && fits(one.slice(1), name))) return false
  return patterns.some(one => fits(one, name))
}

/** `|1|salt|hash`: HMAC-SHA1 of the name (ssh-keygen -H). */
function isHashed(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|')
  const wanted = Buffer.from(hash, 'base64')
  const made = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return wanted.length === made.length && timingSafeEqual(wanted, made)
}

/** `*` and `?` as in sshd(8); no regular expression is made of a foreign text. */
function fits(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const piece = (text: string, at: number) =>
    at + text.length <= name.length && [...text].every((c, i) => c === '?' || c === name[at + i])
  if (rest.length === 0) return first.length === name.length && piece(first, 0)
  if (!piece(first, 0)) return false
  let at = first.length
  const last = rest.pop() ?? ''
  for (const part of rest) {
    while (at <= name.length && !piece(part, at)) at++
    if (at > name.length) return false
    at += part.length
  }
  return name.length - last.length >= at && piece(last, name.length - last.length)
}
