// Checks that stand beside what a device is read by: rows of its own page, but no word on its state. Pure.

import type { DeviceConfig, DeviceKind } from './device.ts'

/** The group of checks, and the profile that draws it (oids/check.json). */
export const CHECK_GROUP = 'check'
export const CHECK_PROFILE = 'check'

/** Is this what checks beside another read said? */
export function isBeside(kind: DeviceKind, group: string): boolean {
  return kind !== 'check' && group === CHECK_GROUP
}

/** Has it checks beside what it is? Those of a device of kind check are what it is. */
export function hasChecksBeside({ kind, checks }: Pick<DeviceConfig, 'kind' | 'checks'>): boolean {
  return kind !== 'check' && checks !== undefined
}

/** The profiles that a device is shown and judged by: those that it was found to have, and its checks'. */
export function shownProfiles(
  config: Pick<DeviceConfig, 'kind' | 'checks'>,
  profiles: readonly string[],
): readonly string[] {
  return hasChecksBeside(config) ? [...profiles, CHECK_PROFILE] : profiles
}

/** The host that its checks ask where they name none; null: it has none (a socket, no address). */
export function checkAddress({
  kind,
  address,
}: Pick<DeviceConfig, 'kind' | 'address'>): string | null {
  if (address === undefined) return null
  if (kind !== 'docker') return address
  const host = URL.parse(address)?.hostname ?? ''
  return host === '' ? null : host.replace(/^\[(.*)\]$/, '$1')
}
