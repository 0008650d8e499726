// What people see of a scan: never a secret, and beside each answer whether the device is known.

import { type DeviceConfig, SNMP_PORT } from '../model/device.ts'
import type { Directory } from './directory.ts'
import type { Newcomer } from './newcomer.ts'

export type ScanCredentials = NonNullable<DeviceConfig['credentials']>

/** What an address answered. */
export interface Found extends Newcomer {
  /** The device of this address and port, where there is one; null: it is new. */
  known: string | null
  /** A device of this name at another address: perhaps the same. */
  sameName: string | null
}

export interface ScanProgress {
  state: 'running' | 'done' | 'cancelled' | 'failed'
  ranges: string
  port: number
  /** Without secrets: `SNMP 2c, campus-ro`. */
  credentials: string[]
  addresses: number
  /** Questions sent, and how many there can be at most. */
  asked: number
  asks: number
  /** Addresses that refused what they were asked with, and why. */
  refused: { address: string; error: string }[]
  startedAt: number
  endedAt: number | null
  by: string
  /** Why it failed. */
  error: string
}

export interface ScanView extends ScanProgress {
  found: Found[]
}

const inOrder = new Intl.Collator('en', { numeric: true })
const byAddress = (a: Newcomer, b: Newcomer) => inOrder.compare(a.address, b.address)

export function scanView(
  progress: ScanProgress,
  found: readonly Newcomer[],
  directory: Pick<Directory, 'all'>,
): ScanView {
  const byPlace = new Map<string, string>()
  const byName = new Map<string, string>()
  for (const { config } of directory.all()) {
    if (config.kind !== 'snmp' || config.address === undefined) continue
    byPlace.set(placeOf(config.address, config.port), config.id)
    byName.set(config.name.toLowerCase(), config.id)
  }
  return {
    ...progress,
    refused: [...progress.refused],
    found: [...found].sort(byAddress).map(one => {
      const known = byPlace.get(placeOf(one.address, progress.port)) ?? null
      const sameName = known === null ? (byName.get(one.name.toLowerCase()) ?? null) : null
      return { ...one, known, sameName }
    }),
  }
}

export function placeOf(address: string, port: number = SNMP_PORT): string {
  return `${address.toLowerCase()} ${port}`
}

/** `SNMP 2c, campus-ro`; a community that was typed has no name to show. */
export function credentialsText(credentials: ScanCredentials): string {
  if (credentials.version === '3') return `SNMP 3, ${credentials.user}, ${credentials.level}`
  const { version, community } = credentials
  return `SNMP ${version}, ${typeof community === 'string' ? 'a typed community' : community.secret}`
}
