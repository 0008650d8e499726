// What a recording must not carry: secrets never, names and addresses where a person asks for it.
// It knows the standard places; a text of free form may still name somebody.

import type { RawValue } from '../model/raw.ts'
import { tellsSecret } from '../model/secret-oids.ts'
import { indexUnder } from './oid.ts'
import type { VarBind } from './session.ts'

/** sysContact, sysName, sysLocation, ifAlias, entPhysicalAlias, entPhysicalAssetID. */
const NAME_SUBTREES = [
  '1.3.6.1.2.1.1.4',
  '1.3.6.1.2.1.1.5',
  '1.3.6.1.2.1.1.6',
  '1.3.6.1.2.1.31.1.1.1.18',
  '1.3.6.1.2.1.47.1.1.1.1.14',
  '1.3.6.1.2.1.47.1.1.1.1.15',
]
const SYS_NAME = '1.3.6.1.2.1.1.5.0'
/** sysDescr and entPhysical…Rev: their dotted numbers are versions. */
const VERSION_SUBTREES = [
  '1.3.6.1.2.1.1.1',
  ...[8, 9, 10].map(column => `1.3.6.1.2.1.47.1.1.1.1.${column}`),
]
/** Tables whose indexes are addresses or neighbours: IP-MIB, TCP, UDP, OSPF, BGP, bridges, LLDP, CDP. */
const ADDRESS_SUBTREES = [
  ...[20, 21, 22, 24, 32, 34, 35, 37].map(id => `1.3.6.1.2.1.4.${id}`),
  ...[13, 19, 20].map(id => `1.3.6.1.2.1.6.${id}`),
  ...[5, 7].map(id => `1.3.6.1.2.1.7.${id}`),
  '1.3.6.1.2.1.14',
  '1.3.6.1.2.1.15.3',
  '1.3.6.1.2.1.17.4.3',
  '1.3.6.1.2.1.17.7.1.2',
  '1.3.6.1.2.1.31.1.4',
  '1.0.8802.1.1.2',
  '1.3.6.1.4.1.9.9.23',
]

/** Networks for documentation (RFC 5737): 762 addresses, then from the start again. */
const DOCUMENTATION = ['192.0.2', '198.51.100', '203.0.113']
/** Addresses that keep the same stand-in; later ones may share one. */
const addressesMax = 100_000
/** A name this short is part of too many words to be looked for in other texts. */
const nameLettersMin = 4
export const BLANK = '<private>'

export interface BlankOptions {
  /** Texts with which the device was read. */
  secrets: readonly string[]
  /** Names and addresses too. */
  names: boolean
}

export interface Blanker {
  /** What may be recorded of it; null: nothing. */
  clean(varbind: VarBind): VarBind | null
  readonly counters: { readonly leftOut: number; readonly blanked: number }
}

/** One recording's blanking: an address has the same stand-in everywhere. */
export function createBlanker({ secrets, names }: BlankOptions): Blanker {
  const counters = { leftOut: 0, blanked: 0 }
  const held = secrets.filter(secret => secret !== '').map(secret => latin1(Buffer.from(secret)))
  const standIns = createStandIns()
  let sysName = ''
  const isSecret = ({ oid, value }: VarBind) =>
    tellsSecret(oid) || (value.type === 'octets' && held.includes(latin1(value.value)))
  return {
    counters,
    clean(varbind) {
      const { oid, value } = varbind
      if (isSecret(varbind) || (names && isUnder(ADDRESS_SUBTREES, oid))) {
        counters.leftOut++
        return null
      }
      const quiet = withoutSecrets(value, held)
      if (quiet !== value) counters.blanked++
      if (!names) return quiet === value ? varbind : { oid, value: quiet }
      if (oid === SYS_NAME && value.type === 'octets') sysName = latin1(value.value).trim()
      const cleaned = cleanValue(oid, quiet, sysName, standIns)
      if (cleaned !== quiet) counters.blanked++
      return { oid, value: cleaned }
    },
  }
}

/** Command lines of processes (HOST-RESOURCES-MIB) hold what they were given, ours among them. */
function withoutSecrets(value: RawValue, held: readonly string[]): RawValue {
  if (value.type !== 'octets' || held.length === 0) return value
  const text = latin1(value.value)
  const quiet = held.reduce(
    (left, secret) => (secret.length < nameLettersMin ? left : left.replaceAll(secret, BLANK)),
    text,
  )
  return quiet === text ? value : octets(quiet)
}

const isAtOrUnder = (root: string, oid: string) => oid === root || indexUnder(root, oid) !== null
const isUnder = (roots: readonly string[], oid: string) =>
  roots.some(root => isAtOrUnder(root, oid))
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const octets = (text: string): RawValue => ({
  type: 'octets',
  value: Uint8Array.from(Buffer.from(text, 'latin1')),
})

interface StandIns {
  ip(address: string): string
  mac(bytes: readonly number[]): number[]
}

/** Addresses that say nothing of a network (0.0.0.0, 127.…, masks) stay. */
function createStandIns(): StandIns {
  const known = new Map<string, number>()
  const placeOf = (address: string) => {
    const place = known.get(address) ?? known.size
    if (known.size < addressesMax) known.set(address, place)
    return place
  }
  return {
    ip(address) {
      if (/^(0|127|255)\./.test(address)) return address
      const place = placeOf(address)
      const network = DOCUMENTATION[Math.floor(place / 254) % DOCUMENTATION.length]
      return `${network}.${(place % 254) + 1}`
    },
    // The first half names the vendor, which profiles may use; the second half the device.
    mac(bytes) {
      const place = placeOf(bytes.join(':'))
      return [...bytes.slice(0, 3), (place >> 16) & 255, (place >> 8) & 255, place & 255]
    },
  }
}

function cleanValue(oid: string, value: RawValue, sysName: string, standIns: StandIns): RawValue {
  if (value.type === 'ip') {
    const address = standIns.ip(value.value)
    return address === value.value ? value : { type: 'ip', value: address }
  }
  if (value.type !== 'octets' || value.value.length === 0) return value
  if (isUnder(NAME_SUBTREES, oid)) return octets(BLANK)
  const text = latin1(value.value)
  if (value.value.length === 6 && !/^[ -~]*$/.test(text) && value.value.some(byte => byte !== 0)) {
    return { type: 'octets', value: Uint8Array.from(standIns.mac([...value.value])) }
  }
  const cleaned = cleanText(oid, text, sysName, standIns)
  return cleaned === text ? value : octets(cleaned)
}

const IP = /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/g
const MAC = /(?<![0-9a-f])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9a-f])/gi

function cleanText(oid: string, text: string, sysName: string, standIns: StandIns): string {
  let cleaned = text.replace(MAC, (mac, separator: string) =>
    standIns
      .mac(mac.split(separator).map(byte => Number.parseInt(byte, 16)))
      .map(byte => byte.toString(16).padStart(2, '0'))
      .join(separator),
  )
  if (!isUnder(VERSION_SUBTREES, oid)) {
    cleaned = cleaned.replace(IP, address =>
      address.split('.').every(byte => Number(byte) <= 255) ? standIns.ip(address) : address,
    )
  }
  const isKnown = sysName.length >= nameLettersMin && sysName !== BLANK
  return isKnown ? cleaned.replaceAll(sysName, BLANK) : cleaned
}
