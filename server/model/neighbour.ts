// What hangs on whom: links that a device knows of by LLDP or CDP, and the hardware and IP addresses
// that it has seen or has itself. They come as rows of groups with `inventory`; here they get a form.

import type { RowInfo } from './collection.ts'
import { cleanText } from './text.ts'

/**
 * What the rows of such a group are: `links` to other devices, `forwarding` (which MAC behind which
 * port, IEEE 802.1D), `arp` (which MAC has which IP), `own` (addresses of the device itself).
 */
export const INVENTORIES = ['links', 'forwarding', 'arp', 'own'] as const
export type Inventory = (typeof INVENTORIES)[number]
export type AddressKind = Exclude<Inventory, 'links'>

/** Of one read of one group; what is more is left out. */
export const linksMax = 2000
export const addressesMax = 20_000
/** Letters of a neighbour's name, port and description. */
export const linkTextMax = 200

/** A neighbour as one read of a device gave it. Empty texts: nothing is known. */
export interface Link {
  /** ifIndex of our end, as text, and what the port is called. */
  portIndex: string
  port: string
  /** How the neighbour names its chassis: a MAC in small letters with colons, or any text. */
  chassis: string
  remotePort: string
  remoteName: string
  /** Its management address. */
  address: string
  descr: string
}

/** An address as one read of a device gave it. */
export interface SeenAddress {
  /** Small letters with colons; empty: not known. */
  mac: string
  ip: string
  portIndex: string
  port: string
  vlan: string
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/

/** The links of a group's rows; a row that names nobody is none. Two rows of one neighbour are one. */
export function linksOf(rows: readonly RowInfo[]): Link[] {
  const found = new Map<string, Link>()
  for (const { labels } of rows) {
    if (found.size >= linksMax) break
    const text = (name: string) => cleanText(labels[name] ?? '', linkTextMax)
    const link = {
      portIndex: text('port_index').slice(0, 20),
      port: text('port'),
      chassis: macOf(text('chassis')) ?? text('chassis'),
      remotePort: text('remote_port'),
      remoteName: text('remote_name'),
      address: text('address').slice(0, 45),
      descr: text('descr'),
    }
    if (link.chassis === '' && link.remoteName === '' && link.address === '') continue
    found.set(linkKey(link), link)
  }
  return [...found.values()]
}

/** What a link is over time: its ends. Names and descriptions may change. */
export function linkKey({ portIndex, port, chassis, remotePort, remoteName }: Link): string {
  return JSON.stringify([portIndex || port, chassis || remoteName, remotePort])
}

/** The addresses of a group's rows. Group addresses (IEEE 802, I/G bit) and all-zero ones are nobody's. */
export function addressesOf(rows: readonly RowInfo[]): SeenAddress[] {
  const found = new Map<string, SeenAddress>()
  for (const { labels } of rows) {
    if (found.size >= addressesMax) break
    const mac = macOf(labels.mac ?? '') ?? ''
    const ip = ipOf(labels.ip ?? '')
    if (mac === '' && ip === '') continue
    const portIndex = cleanText(labels.port_index ?? '', 20)
    const port = cleanText(labels.port ?? '', linkTextMax)
    const address = { mac, ip, portIndex, port, vlan: cleanText(labels.vlan ?? '', 20) }
    found.set(addressKey(address), address)
  }
  return [...found.values()]
}

export function addressKey({ mac, ip, portIndex, port, vlan }: SeenAddress): string {
  return `${mac} ${ip} ${portIndex || port} ${vlan}`
}

/** A whole MAC address in any notation, as we write it; null: it is none, or nobody's. */
export function macOf(text: string): string | null {
  const digits = text.toLowerCase().replaceAll(/[:.\s-]/g, '')
  if (!/^[0-9a-f]{12}$/.test(digits)) return null
  const mac = digits.match(/../g)?.join(':') ?? ''
  const first = Number.parseInt(mac.slice(0, 2), 16)
  return !MAC.test(mac) || (first & 1) === 1 || /^[0:]+$/.test(mac) ? null : mac
}

/** An IP address in small letters, without its zone; empty: it says nothing of where anybody is. */
function ipOf(text: string): string {
  const ip = text.toLowerCase().split('%')[0] ?? ''
  if (!/^[0-9a-f:.]{2,45}$/.test(ip)) return ''
  const isNobody =
    /^(127\.|0\.|255\.255\.255\.255$|22[4-9]\.|23\d\.)/.test(ip) || /^(::1?|ff.*)$/.test(ip)
  return isNobody ? '' : ip
}
