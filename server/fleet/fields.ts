// The small texts of a fleet: ports and sizes. Pure.

import type { PortBinding } from '../docker/deploy.ts'

const memoryBytesMin = 6 * 1024 ** 2
const SIZES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** `8080:80`, `127.0.0.1:8080:80`, `[::1]:8080:80/udp`; null for anything else. */
export function portOf(text: string): PortBinding | null {
  const match =
    /^(?:(?<address>[0-9.]+|\[[0-9a-f:]+\]):)?(?<host>\d{1,5}):(?<port>\d{1,5})(?:\/(?<protocol>tcp|udp|sctp))?$/.exec(
      text,
    )
  if (!match?.groups) return null
  const { address = '', host, port, protocol = 'tcp' } = match.groups
  const [hostPort, inside] = [Number(host), Number(port)]
  const isPort = (number: number) => number >= 1 && number <= 65535
  if (!isPort(hostPort) || !isPort(inside)) return null
  return {
    hostAddress: address.replace(/^\[(.*)\]$/, '$1'),
    hostPort,
    port: inside,
    protocol: protocol === 'udp' || protocol === 'sctp' ? protocol : 'tcp',
  }
}

/** Bytes of `256m`, `2g`; null for anything else, and for less than an engine takes. */
export function memoryBytesOf(text: string): number | null {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([kmg]?)b?$/i.exec(text.trim())
  const bytes = Math.round(Number(match?.[1]) * (SIZES[(match?.[2] ?? '').toLowerCase()] ?? 1))
  return match && bytes >= memoryBytesMin && bytes <= Number.MAX_SAFE_INTEGER ? bytes : null
}
