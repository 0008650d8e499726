// Where a MAC or an IP address is: whose it is, or behind which port it was seen. A port on which another
// device of ours hangs that has seen it too is an uplink: the address is only on the way there.

import { isIP } from 'node:net'
import type { StoredAddress } from '../store/neighbour-queries.ts'
import { rowPath } from './charts.ts'
import type { WebContext } from './context.ts'
import { PORTS } from './hanging.ts'
import { type Network, networkOf } from './network.ts'
import { plainText } from './words.ts'

/** Places that are shown. */
const PLACES_MAX = 50

export interface Whereabouts {
  /** `own`: the device has it itself; `port`: behind it; `uplink`: on the way to it. */
  kind: 'own' | 'port' | 'uplink'
  mac: string
  ips: string[]
  device: { id: string; name: string; href: string }
  port: string
  href: string
  vlan: string
  /** How many addresses are behind the port. */
  behind: number
  /** Else it was there until `seenAt`. */
  isThere: boolean
  seenAt: number
}

/** What is asked for: an address, or the beginning of a MAC; null: neither. */
export function addressAsked(text: string): { mac: string } | { ip: string } | null {
  const asked = text.trim().toLowerCase()
  const family = isIP(asked)
  if (family === 4) return { ip: asked }
  if (family === 6) {
    // A zone (RFC 4007) is no part of an address, and no URL takes it as it is written.
    const [address = ''] = asked.split('%')
    return { ip: new URL(`http://[${address}]`).hostname.slice(1, -1) }
  }
  const isWritten =
    /^[0-9a-f]{12}$/.test(asked) ||
    /^[0-9a-f]{1,2}([:\s-][0-9a-f]{1,2}){2,5}[:-]?$/.test(asked) ||
    /^[0-9a-f]{4}[.-][0-9a-f]{2,4}([.-][0-9a-f]{2,4})?$/.test(asked)
  if (!isWritten) return null
  const parts = asked.split(/[:\s.-]/).filter(Boolean)
  const isPairs = parts.length > 1 && parts.every(part => part.length <= 2)
  const digits = isPairs ? parts.map(part => part.padStart(2, '0')).join('') : parts.join('')
  if (digits.length % 2 === 1) return null
  const mac = digits.match(/../g)?.join(':') ?? ''
  return { mac: digits.length === 12 ? mac : `${mac}:` }
}

export async function whereIs(web: WebContext, text: string): Promise<Whereabouts[]> {
  const asked = addressAsked(text)
  if (!asked) return []
  const found = await seen(web, asked)
  if (found.length === 0) return []
  const network = await networkOf(web)
  const ips = Map.groupBy(
    found.filter(({ kind }) => kind === 'arp'),
    ({ mac }) => mac,
  )
  const places = found.filter(({ kind }) => kind !== 'arp')
  const keys = await portKeys(web, places)
  const counts = await behind(web, places)
  const links = linksOf(network)
  const seers = new Set(
    places.flatMap(({ deviceUid, mac, isThere }) => (isThere ? [`${deviceUid} ${mac}`] : [])),
  )
  const all = places.flatMap((place): Whereabouts[] => {
    const { deviceUid, portIndex, mac, ip, vlan, isThere, seenAt, kind } = place
    const line = network.lines.get(deviceUid)
    if (!line) return []
    const port = `${deviceUid} ${portIndex}`
    const key = keys.get(port)
    const isUplink = (links.get(port) ?? []).some(uid => seers.has(`${uid} ${mac}`))
    const known = (ips.get(mac) ?? []).filter(({ isThere }) => isThere).map(({ ip }) => ip)
    return [
      {
        kind: kind === 'own' ? 'own' : isUplink ? 'uplink' : 'port',
        ...{ mac, isThere, seenAt, vlan: plainText(vlan, 20), behind: counts.get(port) ?? 0 },
        ips: [...new Set([...(ip ? [ip] : []), ...known])].slice(0, 5),
        device: { id: line.id, name: line.name, href: line.href },
        port: plainText(place.port || (portIndex && `#${portIndex}`), 80),
        href: key === undefined ? line.href : rowPath(line.id, PORTS, key),
      },
    ]
  })
  return all.sort(byNearness).slice(0, PLACES_MAX)
}

/** Whose it is, then where it is, then on the way; what is there before what was. */
function byNearness(a: Whereabouts, b: Whereabouts): number {
  const order = { own: 0, port: 1, uplink: 2 }
  return (
    Number(b.isThere) - Number(a.isThere) ||
    order[a.kind] - order[b.kind] ||
    a.behind - b.behind ||
    b.seenAt - a.seenAt
  )
}

/** Rows of the address; of an IP also those of the MACs that have it. */
async function seen(
  { store }: WebContext,
  asked: { mac: string } | { ip: string },
): Promise<StoredAddress[]> {
  if ('mac' in asked) return store.neighbours.find({ macs: [asked.mac] })
  const byIp = await store.neighbours.find({ ips: [asked.ip] })
  const macs = byIp.filter(({ kind, isThere }) => kind === 'arp' && isThere).map(({ mac }) => mac)
  const byMac = await store.neighbours.find({
    macs: [...new Set(macs)].filter(Boolean).slice(0, 20),
  })
  const own = byIp.filter(({ kind }) => kind === 'own')
  return [...own, ...byMac]
}

const portsOf = (places: readonly StoredAddress[]) => [
  ...new Set(places.map(({ deviceUid }) => deviceUid)),
]

/** Row keys of ports, by device and ifIndex. */
async function portKeys(
  { store }: WebContext,
  places: readonly StoredAddress[],
): Promise<Map<string, string>> {
  const keys = new Map<string, string>()
  for (const uid of portsOf(places).slice(0, PLACES_MAX)) {
    for (const { index, key } of await store.samples.rows(uid, PORTS))
      keys.set(`${uid} ${index}`, key)
  }
  return keys
}

async function behind(
  { store }: WebContext,
  places: readonly StoredAddress[],
): Promise<Map<string, number>> {
  const counts = await store.neighbours.behindCounts(portsOf(places))
  return new Map(
    counts.map(({ deviceUid, portIndex, count }) => [`${deviceUid} ${portIndex}`, count]),
  )
}

/** By device and ifIndex of a port, the devices of ours that hang on it. */
function linksOf({ cables, places }: Network): Map<string, number[]> {
  const links = new Map<string, number[]>()
  const add = (port: string, uid: number) => links.set(port, [...(links.get(port) ?? []), uid])
  for (const { a, b, aIndex, bIndex } of cables) {
    const one = places.get(a)?.uid
    const other = places.get(b)?.uid
    if (typeof one !== 'number' || typeof other !== 'number') continue
    add(`${one} ${aIndex}`, other)
    add(`${other} ${bIndex}`, one)
  }
  return links
}
