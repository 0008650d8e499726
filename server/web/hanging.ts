// What hangs on one port: neighbours by LLDP and CDP, and the MAC addresses behind it with the IP
// addresses that any device's ARP table has for them.

import { isSamePort, placeId } from '../neighbours/topology.ts'
import type { StoredAddress } from '../store/neighbour-queries.ts'
import type { WebContext } from './context.ts'
import { type Network, networkOf } from './network.ts'
import { plainText } from './words.ts'

/** Addresses shown of one port. */
const ADDRESSES_MAX = 200
/** The table whose rows are ports. */
export const PORTS = 'interface'

export interface NeighbourLine {
  name: string
  /** Null: none of ours. */
  href: string | null
  port: string
  address: string
  descr: string
  /** Several of ours are called so. */
  isAmbiguous: boolean
  isOneSided: boolean
  seenAt: number
}

export interface MacLine {
  mac: string
  ips: string[]
  vlan: string
  since: number
  /** The device of ours that has this address, where it is one. */
  owner: { name: string; href: string } | null
}

export interface Hanging {
  neighbours: NeighbourLine[]
  macs: MacLine[]
  /** There are more than are shown. */
  more: boolean
}

export async function hangingOn(
  web: WebContext,
  uid: number,
  port: { index: string; name: string },
): Promise<Hanging> {
  const network = await networkOf(web)
  const found = await web.store.neighbours.behind(uid, port.index, ADDRESSES_MAX)
  const shown = found.slice(0, ADDRESSES_MAX)
  const macs = shown.map(({ mac }) => mac)
  const [arp, owners] = await Promise.all([
    web.store.neighbours.ipsOf(macs),
    web.store.neighbours.owners({ macs, ips: [] }),
  ])
  const ips = Map.groupBy(arp, ({ mac }) => mac)
  const owner = ownersByMac(network, owners)
  return {
    neighbours: neighboursOn(network, uid, port),
    macs: shown.map(({ mac, vlan, firstAt }) => ({
      ...{ mac, vlan: plainText(vlan, 20), since: firstAt },
      ips: [...new Set((ips.get(mac) ?? []).map(({ ip }) => ip))].slice(0, 5),
      owner: owner(mac),
    })),
    more: found.length > ADDRESSES_MAX,
  }
}

/** Whose a MAC is, where exactly one device of ours has it. */
export function ownersByMac({ lines }: Network, owners: readonly StoredAddress[]) {
  const byMac = Map.groupBy(owners, ({ mac }) => mac)
  return (mac: string): { name: string; href: string } | null => {
    const uids = new Set((byMac.get(mac) ?? []).map(({ deviceUid }) => deviceUid))
    const [uid, another] = uids
    const line = uid === undefined || another !== undefined ? undefined : lines.get(uid)
    return line ? { name: line.name, href: line.href } : null
  }
}

function neighboursOn(
  { places, cables, lines }: Network,
  uid: number,
  port: { index: string; name: string },
): NeighbourLine[] {
  const here = placeId(uid)
  const isHere = (id: string, index: string, name: string) =>
    id === here && (index === '' ? isSamePort(name, port.name) : index === port.index)
  return cables.flatMap(({ a, b, aIndex, bIndex, aPort, bPort, isOneSided, seenAt }) => {
    const isA = isHere(a, aIndex, aPort)
    if (!isA && !isHere(b, bIndex, bPort)) return []
    const other = places.get(isA ? b : a)
    if (!other) return []
    const line = other.uid === null ? undefined : lines.get(other.uid)
    return {
      name: line?.name ?? plainText(other.name, 120),
      href: line?.href ?? null,
      port: plainText(isA ? bPort : aPort, 80),
      address: line?.address ?? plainText(other.address, 45),
      descr: plainText(other.descr, 200),
      isAmbiguous: other.isAmbiguous,
      // Of an unknown one nothing else can be expected.
      isOneSided: isOneSided && line !== undefined,
      seenAt,
    }
  })
}
