// Where a device is reached, in the words of a transport.

import { isIP, SocketAddress } from 'node:net'
import type { Peer } from './transport.ts'

/** @param address resolved already; IPv6 in any of its spellings, with a zone or without */
export function peerOf(address: string, port: number, socketsPerFamily: number): Peer {
  const family = isIP(address) === 6 ? 6 : 4
  const canonical = family === 6 ? canonicalIpv6(address) : address
  return {
    address: canonical,
    port,
    family,
    socket: hash(`${canonical} ${port}`) % socketsPerFamily,
  }
}

/** As inet_ntop writes it, and so node:dgram the sender of a datagram. */
function canonicalIpv6(address: string): string {
  const [bare = '', zone] = address.split('%')
  const { address: canonical } = new SocketAddress({ address: bare, family: 'ipv6' })
  return zone === undefined ? canonical : `${canonical}%${zone}`
}

function hash(text: string): number {
  let value = 0
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value ^ (value >>> 15)) >>> 0
}
