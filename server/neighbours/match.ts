// Which of our devices a neighbour is: by its chassis' MAC, its management address, or its name, each
// exactly. Where a key names several of ours it decides nothing. Pure.

import type { Link } from '../model/neighbour.ts'
import { macOf } from '../model/neighbour.ts'

/** One of our devices, with what it may be known by. */
export interface Known {
  uid: number
  /** Its name, id and sysName. */
  names: readonly string[]
  /** Where it is polled. */
  address: string
}

/** An address that a device has itself. */
export interface OwnAddress {
  deviceUid: number
  mac: string
  ip: string
}

/** `ambiguous`: several of ours are called so, and nothing tells which it is. */
export type Match = { uid: number } | { ambiguous: readonly number[] } | null

export type Matcher = (link: Pick<Link, 'chassis' | 'address' | 'remoteName'>) => Match

/** Addresses that many have: link-local and loopback ones (RFC 3927, RFC 4291). */
const SHARED = /^(127\.|169\.254\.|fe80:|::1$)/i

/** @param own addresses of devices themselves; more than are asked for does no harm */
export function createMatcher(devices: readonly Known[], own: readonly OwnAddress[]): Matcher {
  const byMac = new Map<string, Set<number>>()
  const byIp = new Map<string, Set<number>>()
  const byName = new Map<string, Set<number>>()
  const add = (map: Map<string, Set<number>>, key: string, uid: number) => {
    if (key === '') return
    const uids = map.get(key)
    if (uids) uids.add(uid)
    else map.set(key, new Set([uid]))
  }
  for (const { uid, names, address } of devices) {
    for (const name of names) add(byName, name.trim().toLowerCase(), uid)
    if (!SHARED.test(address)) add(byIp, address.toLowerCase(), uid)
  }
  const ours = new Set(devices.map(({ uid }) => uid))
  for (const { deviceUid, mac, ip } of own) {
    if (!ours.has(deviceUid)) continue
    add(byMac, mac, deviceUid)
    if (!SHARED.test(ip)) add(byIp, ip, deviceUid)
  }
  return ({ chassis, address, remoteName }) => {
    const found = [
      byMac.get(macOf(chassis) ?? ''),
      byIp.get(address.toLowerCase()),
      byName.get(remoteName.trim().toLowerCase()),
      byName.get(chassis.trim().toLowerCase()),
    ]
    for (const uids of found) {
      const [uid, another] = uids ?? []
      if (uid !== undefined && another === undefined) return { uid }
    }
    const several = found.find(uids => uids !== undefined)
    return several ? { ambiguous: [...several] } : null
  }
}
