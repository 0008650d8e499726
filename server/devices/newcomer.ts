// A device that answered a scan, and the id that it gets when it is added. Pure.

import type { DeviceConfig, DeviceIdentity } from '../model/device.ts'

const idCharsMax = 63

export interface Newcomer {
  address: string
  /** sysName; empty: it has none. */
  name: string
  /** sysDescr. */
  descr: string
  /** sysLocation. */
  location: string
  profiles: string[]
  /** The place of the credentials that it answered to. */
  credential: number
}

export function newcomerOf(
  address: string,
  credential: number,
  { facts, sysDescr = '', profiles }: DeviceIdentity,
): Newcomer {
  const { name = '', location = '' } = facts
  return { address, credential, name, location, descr: sysDescr, profiles: [...profiles] }
}

/** `Core-SW.1 (new)` → `core-sw.1-new`; of an address where nothing is left; `-2` where it is taken. */
export function freeId({ name, address }: Newcomer, taken: ReadonlySet<string>): string {
  const base = idOf(name) || idOf(address.replaceAll(':', '-')) || 'device'
  for (let number = 1; ; number++) {
    const end = number === 1 ? '' : `-${number}`
    const id = `${base.slice(0, idCharsMax - end.length)}${end}`
    if (!taken.has(id)) return id
  }
}

function idOf(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, idCharsMax)
}

/** What is added of it: the rest has its defaults. */
export function newcomerDocument(
  newcomer: Newcomer,
  id: string,
  {
    port,
    credentials,
    every,
    location,
    tags,
  }: {
    port: number
    credentials: DeviceConfig['credentials']
    every?: string | undefined
    location?: string | undefined
    tags?: readonly string[] | undefined
  },
): Record<string, unknown> {
  const place = location || newcomer.location.slice(0, 100)
  return {
    id,
    name: newcomer.name.slice(0, 100) || newcomer.address,
    kind: 'snmp',
    address: newcomer.address,
    port,
    credentials,
    ...(every && { every }),
    ...(place && { location: place }),
    ...(tags && tags.length > 0 && { tags: [...tags] }),
  }
}
